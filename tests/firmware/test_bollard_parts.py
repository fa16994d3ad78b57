"""Each guard of a bollard's clocks, node, orders and authority: without it, a named test fails."""

from __future__ import annotations

from types import ModuleType

import pytest

from firmware.logic import duty
from firmware.nodes import bollard as node
from firmware.nodes import bollard_load, bollard_orders, bollard_post, bollard_times
from firmware.services import authority, commands
from tests.dual import (
    test_firmware_bollard,
    test_firmware_bollard_hands,
    test_firmware_bollard_orders,
    test_firmware_bollard_sensors,
)
from tests.firmware.test_guards import put_in
from tests.protocol.mutants import mutant

MOVES, HANDS, ORDERS, SENSORS = (
    test_firmware_bollard,
    test_firmware_bollard_hands,
    test_firmware_bollard_orders,
    test_firmware_bollard_sensors,
)

# In which module, what is taken out, what stands there instead, and the test that notices.
PARTS: dict[str, tuple[ModuleType, str, str, ModuleType, str]] = {
    "a pause in looking": (
        bollard_times,
        "if elapsed_ms > STALE_MS:",
        "if False:",
        MOVES,
        "a_pause_in_looking_interrupts_a_warning",
    ),
    "inputs settle": (
        bollard_times,
        "if self._settled_ms >= self._settle_ms:",
        "if True:",
        MOVES,
        "a_post_knows_where_it_is_after_the_inputs_have_settled",
    ),
    "the inrush": (
        bollard_times,
        " or self.driven_ms < self._inrush_ms",
        "",
        MOVES,
        "the_inrush_of_a_drive_is_no_overload",
    ),
    "the length of a warning": (
        bollard_times,
        "if self._warned_ms >= self._warning_ms:",
        "if True:",
        MOVES,
        "a_raise_warns_for_three_seconds_then_rises_and_stops_at_the_top",
    ),
    "what interrupts a warning": (
        bollard_times,
        "        if inputs & bollard.OCCUPIED:\n            return False\n",
        "",
        MOVES,
        "presence_in_the_warning_restarts_it",
    ),
    "the door in a warning": (
        bollard_times,
        "if state == bollard.PREWARN and inputs & bollard.DOOR_OPEN:",
        "if False:",
        SENSORS,
        "behind_an_open_door_nothing_begins_to_rise_by_order",
    ),
    "the permission in a warning": (
        bollard_times,
        " and inputs & bollard.LEASE != 0",
        "",
        MOVES,
        "without_permission_a_rise_ends_within_half_a_second_and_lowers",
    ),
    "the key in a warning": (
        bollard_times,
        "return inputs & bollard.KEYS == bollard.LOCAL_KEY",
        "return False",
        HANDS,
        "the_local_key_warns_then_rises_without_permission_and_stops_when_released",
    ),
    "patience": (
        bollard_times,
        "if state in PATIENT and self._patience_ms >= 0:",
        "if False:",
        MOVES,
        "a_rise_that_cannot_begin_is_given_up_and_says_why",
    ),
    "the travel limit": (
        bollard_times,
        "if self.driven_ms > self._travel_ms:",
        "if False:",
        MOVES,
        "travel_over_its_limit_locks_and_a_reset_moves_nothing",
    ),
    "the dead time after up": (
        bollard_times,
        "if self._since_up_ms < dead_ms:",
        "if False:",
        HANDS,
        "emergency_lowering_cuts_then_lowers_after_the_dead_time_and_stays_locked",
    ),
    "who has passed": (
        bollard_times,
        "if inputs & bollard.LOOP_FAULT or seen == bollard.LOOPS:",
        "if inputs & bollard.LOOP_FAULT:",
        HANDS,
        "a_granted_vehicle_passes_and_the_post_closes_a_second_after_it",
    ),
    "a broken loop in a grant": (
        bollard_times,
        "if inputs & bollard.LOOP_FAULT or seen == bollard.LOOPS:",
        "if seen == bollard.LOOPS:",
        HANDS,
        "a_broken_loop_grants_nothing_and_ends_a_grant",
    ),
    "one loop and away": (
        bollard_times,
        "return seen != 0 and not inputs & bollard.LOOPS",
        "return False",
        HANDS,
        "a_short_vehicle_that_went_over_one_loop_has_passed",
    ),
    "clear for a second": (
        bollard_times,
        "if self._cleared_ms >= self._clear_ms:",
        "if True:",
        HANDS,
        "a_granted_vehicle_passes_and_the_post_closes_a_second_after_it",
    ),
    "the second vehicle": (
        bollard_times,
        "self.followed = True",
        "pass",
        HANDS,
        "a_second_vehicle_is_told_and_keeps_the_post_down",
    ),
    "the limit of inversions": (
        bollard_times,
        "if self.goal and self.inversions >= self.inversions_most:",
        "if False:",
        MOVES,
        "an_inversion_tries_again_and_the_third_stays_down_until_a_new_command",
    ),
    "an inversion lock needs a command alone": (
        bollard_times,
        "                self.goal = 0\n                self._patience_ms = FOREVER\n        elif",
        "                pass\n        elif",
        MOVES,
        "an_inversion_tries_again_and_the_third_stays_down_until_a_new_command",
    ),
    "the limit of current": (
        bollard_load,
        "if drive and self._most_ma and ma > self._most_ma:",
        "if False:",
        MOVES,
        "an_overload_while_rising_turns_round_and_one_while_lowering_locks",
    ),
    "the limit of pressure": (
        bollard_load,
        "if drive and self._most_kpa and kpa > self._most_kpa:",
        "if False:",
        MOVES,
        "an_overload_while_rising_turns_round_and_one_while_lowering_locks",
    ),
    "a sensor that feels nothing": (
        bollard_load,
        "if self._silent_ms >= SILENT_MS:",
        "if False:",
        MOVES,
        "a_rise_that_no_sensor_feels_is_not_trusted",
    ),
    "how old a permission may be": (
        bollard_post,
        "return at_ms >= 0 and now_ms - at_ms <= LEASE_MS",
        "return at_ms >= 0",
        MOVES,
        "without_permission_a_rise_ends_within_half_a_second_and_lowers",
    ),
    "a permission that is taken back": (
        bollard_post,
        "self._permitted_ms = now_ms if permission else NEVER_MS",
        "self._permitted_ms = now_ms",
        MOVES,
        "a_gateway_that_withholds_its_permission_is_the_group",
    ),
    "the end of a bypass": (
        bollard_post,
        "if self._bypass and now_ms >= self._bypass_until_ms:",
        "if False:",
        ORDERS,
        "a_bypass_relaxes_the_permission_alone_is_alarmed_and_ends",
    ),
    "inputs are let go slowly": (
        bollard_post,
        "RELEASE_MS = 100",
        "RELEASE_MS = 0",
        SENSORS,
        "a_loop_counts_as_occupied_at_once_and_as_clear_a_moment_later",
    ),
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
