"""Each guard of link.receive and link.accept: without it, the test named here fails."""

from __future__ import annotations

import pytest

from protocol import link, link_gateway
from protocol.errors import ProtocolError
from tests.architecture import rooms
from tests.dual import test_protocol_link as checks
from tests.protocol.mutants import mutant

GUARDS = [
    (
        "flags & framing.VERSION_MASK != framing.VERSION_BITS",
        "False",
        "a_frame_of_another_protocol_version_is_counted_and_ignored",
    ),
    ("if flags & FLAG_REPLY or frame[3]", "if frame[3]", "a_reply_on_the_bus_is_no_request"),
    (
        "if frame[1] & FLAG_SECURED or kind in (SESSION_OPEN, SESSION_CONFIRM):",
        "if False:",
        "a_controller_without_keys_refuses_secured_frames_and_sessions",
    ),
    (
        "if security is None or not security.has_group():",
        "if security is not None and not security.has_group():",
        "a_controller_without_keys_ignores_secured_broadcasts",
    ),
    ("or frame[3] != ADDRESS_GATEWAY:", "or False:", "what_another_controller_says_is_ignored"),
    (
        "if frame[2] == ADDRESS_BROADCAST:",
        "if False:",
        "a_broadcast_is_heard_by_all_and_answered_by_none",
    ),
    ("if frame[2] != self.address:", "if False:", "a_request_for_another_address_is_ignored"),
    (
        "if exchange.is_repeated_by(frame, size):",
        "if False:",
        "the_same_request_twice_acts_once_and_answers_byte_for_byte_the_same",
    ),
    (
        "return size == self._size and bool(",
        "return size == self._size or bool(",
        "another_request_with_the_same_counter_is_not_taken_for_a_repetition",
    ),
    (
        "if not kind:\n            return 0",
        "if False:\n            return 0",
        "a_request_without_a_reply_says_nothing_of_the_one_before",
    ),
    (
        "except WireError:\n            self.malformed += 1\n            return self._refuse(f",
        "except IndexError:\n            self.malformed += 1\n            return self._refuse(f",
        "a_malformed_request_is_refused_and_counted_and_the_link_goes_on",
    ),
    (
        "except WireError:\n            self.malformed += 1\n        return 0",
        "except IndexError:\n            self.malformed += 1\n        return 0",
        "a_malformed_broadcast_is_counted",
    ),
    (
        "frame[1] & framing.VERSION_MASK == framing.VERSION_BITS",
        "True",
        "a_reply_for_somebody_else_or_from_somebody_else_is_not_taken",
    ),
    (
        "and frame[1] & FLAG_REPLY != 0",
        "",
        "the_gateways_own_request_heard_back_is_no_reply",
    ),
    (
        "if awaited is None:\n                return None",
        'if awaited is None:\n                return frame[4], frame[1], b""',
        "a_secured_reply_to_a_plain_request_is_not_taken",
    ),
    (
        "if not _is_reply(frame) or frame[1] & FLAG_SECURED:",
        "if frame[1] & FLAG_SECURED:",
        "only_replies_to_the_gateway_answer_a_broadcast",
    ),
    (
        "if not _is_reply(frame) or frame[1] & FLAG_SECURED:",
        "if not _is_reply(frame):",
        "only_replies_to_the_gateway_answer_a_broadcast",
    ),
    (
        "if frame[5] | frame[6] << 8 != counter & 0xFFFF:",
        "if False:",
        "a_search_is_answered_by_broadcast_every_time_and_from_the_new_address",
    ),
    (
        "elif kind in ANSWERED_BROADCASTS:",
        "elif False:",
        "a_search_is_answered_by_broadcast_every_time_and_from_the_new_address",
    ),
    (
        "and frame[2] == ADDRESS_GATEWAY",
        "",
        "a_reply_for_somebody_else_or_from_somebody_else_is_not_taken",
    ),
    (
        "or frame[3] != self.address",
        "",
        "a_reply_for_somebody_else_or_from_somebody_else_is_not_taken",
    ),
    (
        "or frame[5] | frame[6] << 8 != self._open_counter",
        "",
        "a_reply_to_an_earlier_request_is_not_taken",
    ),
    ("or not self._size", "", "nothing_is_taken_before_anything_was_asked"),
    ("self._size = 0\n        return", "return", "a_reply_is_taken_once"),
    (
        "self.counter = counter = (self.counter + 1) & 0xFFFF",
        "self.counter = counter = self.counter + 1",
        "counters_pass_their_end",
    ),
    (
        "if size > MAX_PAYLOAD:",
        "if False:",
        "a_payload_that_does_not_fit_is_refused_before_it_is_sent",
    ),
]


@pytest.mark.parametrize(("guard", "without", "noticed_by"), GUARDS, ids=[g[2] for g in GUARDS])
def test_without_this_guard_a_named_test_fails(
    guard: str, without: str, noticed_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = getattr(checks, f"test_{noticed_by}")
    check()
    module = link if guard in rooms.read("protocol/link.py") else link_gateway
    name = module.__name__.rpartition(".")[2]
    monkeypatch.setattr(checks, name, mutant(module, (guard, without)))
    with pytest.raises((AssertionError, AttributeError, ValueError, IndexError, ProtocolError)):
        check()
