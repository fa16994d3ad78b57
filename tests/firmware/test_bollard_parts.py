"""Each guard of a bollard's clocks, node, orders and authority: without it, a named test fails."""

from __future__ import annotations

from types import ModuleType

import pytest

from firmware.logic import duty
from firmware.nodes import bollard as node
from firmware.nodes import bollard_orders, bollard_post
from firmware.services import authority, commands
from tests.firmware import bollard_parts
from tests.firmware.bollard_parts import HANDS, MOVES, ORDERS
from tests.firmware.test_guards import put_in
from tests.protocol.mutants import mutant

# In which module, what is taken out, what stands there instead, and the test that notices.
PARTS: dict[str, tuple[ModuleType, str, str, ModuleType, str]] = {
    **bollard_parts.PARTS,
    "no keys, no motion": (
        node,
        "if self.authority is None:\n            return GUARD_MOTION_DISABLED\n        state",
        "state",
        MOVES,
        "without_keys_every_motion_is_refused_and_no_drive_is_ever_on",
    ),
    "one order at a time": (
        node,
        "if before is not None:",
        "if False:",
        ORDERS,
        "a_lower_overtakes_a_raise",
    ),
    "the duty cycle": (
        node,
        "if self.duty.exhausted() and not self._bypass:",
        "if False:",
        ORDERS,
        "a_drive_rises_so_often_in_an_hour_and_then_waits",
    ),
    "the end of a duty cycle": (
        duty,
        "while now_ms >= self._ends_ms:",
        "while False:",
        ORDERS,
        "a_drive_rises_so_often_in_an_hour_and_then_waits",
    ),
    "a hold has an end": (
        node,
        "if not 1 <= duration_s <= MAX_DURATION_S:",
        "if False:",
        ORDERS,
        "arguments_have_limits",
    ),
    "a bypass has an end": (
        node,
        "return GUARD_NONE if 1 <= duration_s <= MAX_BYPASS_S else GUARD_BAD_ARGUMENT",
        "return GUARD_NONE",
        ORDERS,
        "arguments_have_limits",
    ),
    "nobody used the grant": (
        bollard_orders,
        "if self.unused:",
        "if False:",
        HANDS,
        "a_grant_that_nobody_uses_closes_after_its_time",
    ),
    "the form of a proof": (
        authority,
        "if parsed is None:\n            return GUARD_BAD_AUTHORITY",
        "if parsed is None:\n            return GUARD_NONE",
        ORDERS,
        "only_what_was_signed_is_obeyed",
    ),
    "the nonce": (
        authority,
        "if nonce != self.nonce:",
        "if False:",
        ORDERS,
        "an_order_acts_once_and_never_again",
    ),
    "the signature": (
        authority,
        "if not orders.covers(self._command_keys, signature, message):",
        "if False:",
        ORDERS,
        "only_what_was_signed_is_obeyed",
    ),
    "the role": (
        authority,
        "if not least_role <= role <= ROLE_TECHNICIAN:",
        "if False:",
        ORDERS,
        "a_role_may_do_what_it_may",
    ),
    "the top of the roles": (
        authority,
        "if not least_role <= role <= ROLE_TECHNICIAN:",
        "if role < least_role:",
        ORDERS,
        "a_role_may_do_what_it_may",
    ),
    "two names": (
        authority,
        "if len(signatures) > 1 and signatures[0][0] == signatures[1][0]:",
        "if False:",
        ORDERS,
        "a_bypass_takes_two_persons",
    ),
    "two signatures": (
        authority,
        "if verb in PAIRED and len(signatures) < orders.MAX_SIGNATURES:",
        "if False:",
        ORDERS,
        "a_bypass_takes_two_persons",
    ),
    "the age of an order": (
        authority,
        " or age_ms > lifetime_ms:",
        ":",
        ORDERS,
        "the_age_of_an_order_is_that_of_its_nonce",
    ),
    "the longest lifetime": (
        authority,
        "lifetime_ms > LONGEST_LIFETIME_MS or ",
        "",
        ORDERS,
        "a_late_order_renews_the_nonce_and_a_lifetime_has_an_end",
    ),
    "an order uses its nonce": (
        authority,
        "age_ms = now_ms - self._born_ms\n        self.renew(now_ms)",
        "age_ms = now_ms - self._born_ms",
        ORDERS,
        "an_order_that_a_guard_refused_is_used_up",
    ),
    "the life of a nonce": (
        authority,
        "if now_ms - self._born_ms >= NONCE_MS:",
        "if False:",
        ORDERS,
        "a_nonce_is_renewed_and_told_at_once",
    ),
    "one last word": (
        commands,
        "if transaction == self._taking:",
        "if False:",
        ORDERS,
        "what_is_so_already_is_done_at_once_and_told_once",
    ),
}


@pytest.mark.parametrize("part", PARTS)
def test_without_this_part_a_named_test_fails(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, taken_out, instead, tests, noticed_by = PARTS[part]
    put_in(module, mutant(module, (taken_out, instead)), monkeypatch)
    if module is bollard_post:
        # A class keeps the base that it was made with.
        put_in(node, mutant(node), monkeypatch)
    with pytest.raises((AssertionError, IndexError, TypeError, AttributeError)):
        getattr(tests, f"test_{noticed_by}")()
