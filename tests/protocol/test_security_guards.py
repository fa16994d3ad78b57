"""Each guard of the secured link matters: without it, the test named here fails."""

from __future__ import annotations

from types import ModuleType

import pytest

from protocol import ccm_host, link, link_gateway, orders, security, security_gateway
from protocol.errors import ProtocolError
from tests.dual import (
    protocol_rig,
    test_protocol_handshake,
    test_protocol_orders,
    test_protocol_security,
)
from tests.protocol import test_ccm
from tests.protocol.mutants import mutant, plant

SAME_DIRECTION = "TO_CONTROLLER = TO_GATEWAY = TO_ALL = 0"

# What is taken out: where, which expression, what stands there instead, and who notices.
GUARDS: dict[str, tuple[ModuleType, str | list[tuple[str, str]], str, str]] = {
    "the counter check": (
        security,
        "if counter <= last:\n        counter += 0x1_0000",
        "",
        "an_old_request_is_never_taken_again",
    ),
    "the counter check of broadcasts": (
        security,
        "            self._group_last = counter\n",
        "            pass\n",
        "a_broadcast_under_the_group_key_is_heard_once",
    ),
    "the memory of the last counter": (
        security,
        "            self._last = counter\n",
        "            pass\n",
        "an_old_request_is_never_taken_again",
    ),
    "the end of the counters": (
        security,
        "return counter if counter <= LAST_COUNTER else -1",
        "return counter",
        "a_controller_takes_no_counter_behind_the_last",
    ),
    "the tag check": (
        security,
        "size = self._requests.open(frame, size, counter)\n",
        "self._requests.open(frame, size, counter)\n        size -= 8\n",
        "a_request_with_any_byte_changed_does_nothing",
    ),
    "the tag check of replies": (
        security_gateway,
        "return self._replies.open(frame, size, self.counter)",
        "self._replies.open(frame, size, self.counter)\n        return size - 8",
        "a_reply_with_any_byte_changed_is_not_taken",
    ),
    "the tag check of broadcasts": (
        security,
        "size = self._group.open(frame, size, counter)\n",
        "self._group.open(frame, size, counter)\n        size -= 8\n",
        "a_changed_broadcast_is_not_heard",
    ),
    "a key a direction": (
        security,
        "self.to_gateway = material[16:32]",
        "self.to_gateway = material[:16]",
        "the_two_directions_the_pad_and_the_proofs_have_keys_of_their_own",
    ),
    "the direction in key and nonce": (
        security,
        [
            ("self.to_gateway = material[16:32]", "self.to_gateway = material[:16]"),
            ("TO_CONTROLLER, TO_GATEWAY, TO_ALL = range(3)", SAME_DIRECTION),
        ],
        "",
        "a_request_and_its_reply_share_no_key_stream",
    ),
    "the hardware id in the keys": (
        security,
        "identities = gateway + hardware_id",
        "identities = gateway",
        "two_units_with_the_same_link_key_have_different_sessions",
    ),
    "the gateway's id in the keys": (
        security,
        "identities = gateway + hardware_id",
        "identities = hardware_id",
        "every_identity_is_bound_into_the_keys",
    ),
    "the boot in the keys": (
        security,
        ' + identities + boot.to_bytes(2, "little") + ',
        " + identities + ",
        "every_identity_is_bound_into_the_keys",
    ),
    "the controller's nonce in the keys": (
        security,
        "return gateway_nonce + device_nonce + identities",
        "return gateway_nonce + bytes(16) + identities",
        "every_identity_is_bound_into_the_keys",
    ),
    "the gateway's nonce in the keys": (
        security,
        "return gateway_nonce + device_nonce + identities",
        "return bytes(16) + device_nonce + identities",
        "every_identity_is_bound_into_the_keys",
    ),
    "the handshakes in a nonce": (
        security,
        "self._handshakes += 1",
        "self._handshakes += 0",
        "no_nonce_of_a_controller_comes_twice_even_without_any_chance",
    ),
    "the controller's proof": (
        security_gateway,
        "if not keys.same(mac, secrets.accept_mac()):",
        "if False:",
        "a_controller_with_another_link_key_is_found_out",
    ),
    "the gateway's proof": (
        security,
        "not keys.same(mac, pending.confirm_mac(group_sealed, group_counter))",
        "False",
        "a_gateway_with_another_link_key_opens_nothing",
    ),
    "a confirmation serves once": (
        security,
        "        self._pending = None\n        self.session =",
        "        self.session =",
        "an_old_confirmation_opens_nothing",
    ),
    "the end of a session": (
        security,
        "now_ms - session.opened_ms > SESSION_LIMIT_MS",
        "False",
        "a_session_ends_by_itself_after_its_time",
    ),
    "counters that are used up": (
        security_gateway,
        'if self.counter >= LAST_COUNTER:\n            raise SecurityError("the session',
        'if False:\n            raise SecurityError("the session',
        "a_session_whose_counters_are_used_up_says_nothing_more",
    ),
    "the refusal to go back to plain": (
        link,
        "if kind > PLAIN_TYPE_MAX:",
        "if False:",
        "a_provisioned_controller_takes_nothing_in_plain_that_acts",
    ),
    "no broadcast in plain": (
        link,
        "elif security is not None and kind > PLAIN_TYPE_MAX:",
        "elif False:",
        "a_broadcast_in_plain_is_not_heard_by_a_provisioned_controller",
    ),
    "no answer in plain to a gateway with a session": (
        link_gateway,
        "elif awaited is not None and not _is_hint(frame, size):",
        "elif False:",
        "a_gateway_with_a_session_takes_no_answer_in_plain_but_that_hint",
    ),
    "a request is kept only once it is genuine": (
        link,
        "size = session.open_request(frame, size)\n",
        "size = session.open_request(frame, size)\n            exchange.open()\n",
        "a_repetition_after_a_strangers_question_is_still_answered_the_same",
    ),
    "plain and secured exchanges apart": (
        link,
        "exchange = self._plain if session is None else self._secured",
        "exchange = self._plain",
        "a_repetition_after_a_strangers_question_is_still_answered_the_same",
    ),
    "the old session's exchange is forgotten": (
        link,
        "        self._secured.forget()\n",
        "",
        "a_new_session_ends_the_old_one",
    ),
    "only proof renews the lease": (
        link,
        "            self.repeats += 1\n",
        "            self.last_heard_ms = now_ms\n",
        "a_replayed_request_does_not_renew_the_proof_that_the_gateway_is_there",
    ),
    "a plain question renews no lease": (
        link,
        "        if kind > PLAIN_TYPE_MAX:\n",
        "        self.last_heard_ms = now_ms\n        if kind > PLAIN_TYPE_MAX:\n",
        "a_request_in_plain_proves_nothing_about_the_gateway",
    ),
}
TESTS = (test_protocol_handshake, test_protocol_security)
NOTICES = (AssertionError, AttributeError, IndexError, TypeError, ValueError, ProtocolError)


@pytest.mark.parametrize("guard", GUARDS)
def test_without_this_guard_a_named_test_fails(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, taken_out, instead, noticed_by = GUARDS[guard]
    name = f"test_{noticed_by}"
    home = next(module for module in TESTS if hasattr(module, name))
    check = getattr(home, name)
    check()
    changes = taken_out if isinstance(taken_out, list) else [(taken_out, instead)]
    plant([protocol_rig, *TESTS], module, changes, monkeypatch)
    with pytest.raises(NOTICES):
        check()


COVERS_EVERYTHING = "a_signature_covers_every_part_of_an_order"
ORDER_GUARDS = {
    "the nonce": ("            + nonce\n", "", COVERS_EVERYTHING),
    "the verb": (
        "bytes([self.verb, self.level_percent])",
        "bytes([self.level_percent])",
        COVERS_EVERYTHING,
    ),
    "the level": (
        "bytes([self.verb, self.level_percent])",
        "bytes([self.verb])",
        COVERS_EVERYTHING,
    ),
    "the duration": (
        '            + self.duration_s.to_bytes(4, "little")\n',
        "",
        COVERS_EVERYTHING,
    ),
    "the lifetime": (
        '            + self.lifetime_ms.to_bytes(4, "little")\n',
        "",
        COVERS_EVERYTHING,
    ),
    "the transaction": (
        '            + self.transaction.to_bytes(4, "little")\n',
        "",
        COVERS_EVERYTHING,
    ),
    "the unit": ("            + hardware_id\n", "", COVERS_EVERYTHING),
    "the comparison": (
        "if same(sign(person_key(command_key, role, operator), message), tag):",
        "if len(tag) == TAG_SIZE:",
        COVERS_EVERYTHING,
    ),
    "the whole tag": (
        "message), tag):",
        "message)[: len(tag)], tag):",
        "a_tag_counts_only_whole",
    ),
    "the role in the key": (
        " + bytes([role]) + operator, DEVICE_KEY_SIZE)",
        " + operator, DEVICE_KEY_SIZE)",
        "a_signature_is_of_one_person_in_one_role_with_one_device_key",
    ),
    "the name in the key": (
        " + bytes([role]) + operator, DEVICE_KEY_SIZE)",
        " + bytes([role]), DEVICE_KEY_SIZE)",
        "a_signature_is_of_one_person_in_one_role_with_one_device_key",
    ),
    "the form of a name": (
        "        if not is_operator(operator):\n            return None\n",
        "",
        "a_name_has_one_form_on_the_wire",
    ),
    "the size of an authority": (
        "if size not in (SIGNATURE_SIZE, MAX_SIGNATURES * SIGNATURE_SIZE):",
        "if size <= 0:",
        "bytes_that_are_no_authority_are_told_and_raise_nothing",
    ),
}


@pytest.mark.parametrize("guard", ORDER_GUARDS)
def test_an_order_that_is_not_signed_whole_is_noticed(
    guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_out, instead, noticed_by = ORDER_GUARDS[guard]
    check = getattr(test_protocol_orders, f"test_{noticed_by}")
    check()
    monkeypatch.setattr(test_protocol_orders, "orders", mutant(orders, (taken_out, instead)))
    with pytest.raises((AssertionError, IndexError, ValueError)):
        check()


CIPHER_GUARDS = {
    "the header is authenticated": (
        ccm_host,
        "frame[PAYLOAD_AT:end], frame[HEADER_AT:PAYLOAD_AT]\n        )\n        return",
        'frame[PAYLOAD_AT:end], b""\n        )\n        return',
        test_ccm.test_both_implementations_seal_what_the_textbook_says,
    ),
    "the counter is in the nonce": (
        test_ccm.CCM,
        "put_counter(nonce, counter)\n        mac_blocks",
        "mac_blocks",
        test_ccm.test_both_implementations_seal_what_the_textbook_says,
    ),
    "the address is in the nonce": (
        test_ccm.CCM,
        "self._nonce[1] = address",
        "pass",
        test_ccm.test_both_implementations_seal_what_the_textbook_says,
    ),
    "the direction is in the nonce": (
        test_ccm.CCM,
        "self._nonce[0] = direction",
        "pass",
        test_ccm.test_both_implementations_seal_what_the_textbook_says,
    ),
    "a controller checks the tag": (
        test_ccm.CCM,
        "            return size\n        return -1\n",
        "            pass\n        return size\n",
        test_ccm.test_each_opens_what_the_other_sealed_and_nothing_that_was_changed,
    ),
    "a host checks the tag": (
        ccm_host,
        "except InvalidTag:\n            return -1",
        "except InvalidTag:\n            return size - TAG_SIZE",
        test_ccm.test_each_opens_what_the_other_sealed_and_nothing_that_was_changed,
    ),
    "the block before is taken out": (
        test_ccm.CCM,
        "self._last = bytearray(BLOCK_SIZE)",
        "self._last = memoryview(bytes(BLOCK_SIZE))",
        test_ccm.test_a_controllers_cipher_keeps_nothing_from_one_frame_to_the_next,
    ),
}


@pytest.mark.parametrize("guard", CIPHER_GUARDS)
def test_a_cipher_that_is_not_rfc_3610_is_noticed(
    guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, taken_out, instead, check = CIPHER_GUARDS[guard]
    monkeypatch.setitem(test_ccm.sys.modules, "cryptolib", test_ccm.fake_cryptolib)
    name = "CCM" if module is test_ccm.CCM else "ccm_host"
    monkeypatch.setattr(test_ccm, name, mutant(module, (taken_out, instead)))
    with pytest.raises((AssertionError, TypeError, ExceptionGroup)):
        check()
