"""Each guard of a bin's controller: without it, the test named here fails."""

from __future__ import annotations

from types import ModuleType

import pytest

from firmware.logic import bin as logic
from firmware.nodes import bin as node
from firmware.nodes import bin_alarms, bin_demand, bin_level, bin_press
from tests.dual import test_firmware_bin, test_firmware_bin_press, test_firmware_bin_sleep
from tests.firmware.test_guards import put_in
from tests.protocol.mutants import mutant

LEVEL, PRESS, SLEEP = test_firmware_bin, test_firmware_bin_press, test_firmware_bin_sleep

# What is taken out of which module, what stands there instead, and who notices.
GUARDS: dict[str, tuple[ModuleType, str, str, ModuleType, str]] = {
    "the codes of the sensor": (
        bin_level,
        "if not good:",
        "if raw_mm == logic.UNKNOWN:",
        LEVEL,
        "a_sensor_that_sees_nothing_half_of_the_time_still_measures",
    ),
    "the noise of a sensor": (
        bin_level,
        "stuck or spread_mm > SPREAD_MM or",
        "stuck or",
        LEVEL,
        "a_noisy_sensor_is_found_out_by_its_noise",
    ),
    "a sensor that repeats itself": (
        bin_level,
        "stuck or spread_mm > SPREAD_MM or",
        "spread_mm > SPREAD_MM or",
        LEVEL,
        "a_sensor_that_always_moved_and_stops_moving_is_stuck",
    ),
    "a sensor that nothing moves": (
        bin_level,
        "self._openings >= UNMOVED_OPENINGS and",
        "False and",
        LEVEL,
        "a_sensor_that_never_moves_is_stuck_when_waste_does_not_move_it",
    ),
    "a second measurement that agrees": (
        bin_level,
        "if self._agreeing < (AGREEING if opened or near else AGREEING_UNOPENED):",
        "if False:",
        LEVEL,
        "a_few_wild_pings_change_nothing",
    ),
    "waste that comes through a closed lid": (
        bin_level,
        "if not opened and self._quiet_mm - distance_mm > SAME_MM:",
        "if False:",
        LEVEL,
        "waste_that_comes_through_a_closed_lid_is_not_believed",
    ),
    "what was measured before a lid opened": (
        bin_level,
        "self._disturbed = True\n        self.good = False",
        "self._disturbed = True",
        LEVEL,
        "a_level_is_not_of_now_from_a_lid_that_opens_to_the_next_measurement",
    ),
    "the floor of the emptied bin": (
        bin_level,
        "self.drifted = not self._is_floor(self.distance_mm)",
        "pass",
        LEVEL,
        "a_floor_that_has_moved_is_a_sensor_that_has_drifted",
    ),
    "what the press leaves at best": (
        bin_level,
        "if self._packed:",
        "if False:",
        PRESS,
        "a_cycle_is_no_emptying_even_with_the_lid_open_before_and_after",
    ),
    "an emptying needs an opening": (
        logic,
        "return bool(opened & BY_LID) and drop",
        "return drop",
        LEVEL,
        "a_drop_is_an_emptying_by_what_was_open",
    ),
    "what a lid alone must show": (
        logic,
        "drop >= EMPTIED_BY_LID_PERMILLE",
        "drop >= EMPTIED_PERMILLE",
        LEVEL,
        "a_drop_is_an_emptying_by_what_was_open",
    ),
    "what a tilt or a lid must leave": (
        logic,
        "if after_permille > NEARLY_EMPTY_PERMILLE:",
        "if False:",
        LEVEL,
        "a_drop_is_an_emptying_by_what_was_open",
    ),
    "the speed of sound": (
        bin_level,
        'logic.distance(raw_mm, temperature_dc, parameters["sensor_reference_dc"])',
        "raw_mm",
        LEVEL,
        "cold_air_shortens_the_measured_distance",
    ),
    "a fire that has burnt its sensor": (
        bin_alarms,
        "self._hot = self._cool_ms = 0",
        "self._hot = self._cool_ms = self.faults = 0",
        LEVEL,
        "a_fire_that_burns_its_sensor_is_still_one_and_ends_when_it_has_cooled",
    ),
    "a fire that has cooled for a while": (
        bin_alarms,
        "(burning and self._cool_ms < COOL_MS)",
        "(burning and not cool)",
        LEVEL,
        "a_fire_that_burns_its_sensor_is_still_one_and_ends_when_it_has_cooled",
    ),
    "three readings of a fire": (
        bin_alarms,
        "fire = self._hot >= READINGS or",
        "fire = self._hot >= 1 or",
        LEVEL,
        "sun_and_a_single_wild_reading_are_no_fire",
    ),
    "the rise of a temperature": (
        bin_alarms,
        "and logic.rises(",
        "and False and logic.rises(",
        LEVEL,
        "a_fast_rise_is_fire_long_before_it_is_hot",
    ),
    "a tilt that lasts": (
        bin_alarms,
        "return closed and (self.faults & bit or age_ms >= CONTACT_MS)",
        "return closed",
        LEVEL,
        "a_bump_is_no_tilt",
    ),
    "the eye that is blocked for long": (
        bin_demand,
        "EYE_MS = 5000",
        "EYE_MS = 2000",
        PRESS,
        "the_eye_calls_the_press_once_and_not_for_a_hand",
    ),
    "what came on top of packed waste": (
        bin_demand,
        "mark_permille = max(self._mark_permille, self.packed_permille + PACK_AGAIN_PERMILLE)",
        "mark_permille = self._mark_permille",
        PRESS,
        "packed_waste_at_the_mark_is_what_full_means",
    ),
    "the pause between two cycles": (
        bin_press,
        "self._since_ms >= self._pause_ms and",
        "",
        PRESS,
        "a_cycle_needs_a_pause_and_an_hour_has_so_many",
    ),
    "so many strokes an hour": (
        bin_press,
        " and self._credit_ms >= self._cost_ms",
        "",
        PRESS,
        "a_cycle_needs_a_pause_and_an_hour_has_so_many",
    ),
    "the retries": (
        bin_press,
        "if self._tries > self._retries:",
        "if False:",
        PRESS,
        "a_plate_that_is_blocked_at_once_is_tried_again_and_then_it_is_a_jam",
    ),
    "an early stop is a failure": (
        bin_press,
        "self._failed = self._stroke_ms < EARLY_MS",
        "self._failed = False",
        PRESS,
        "a_plate_that_is_blocked_at_once_is_tried_again_and_then_it_is_a_jam",
    ),
    "a return that is blocked half-way": (
        bin_press,
        "if not stopped or 2 * self._on_ms < self._out_ms:",
        "if not stopped:",
        PRESS,
        "a_plate_that_does_not_come_back_is_a_jam",
    ),
    "the longest stroke": (
        bin_press,
        "elif self._stroke_ms >= self._press_ms:",
        "elif False:",
        PRESS,
        "a_stroke_without_end_and_a_return_without_end_have_failed",
    ),
    "the longest return": (
        bin_press,
        "if not stopped and self._on_ms < self._retract_ms:",
        "if not stopped:",
        PRESS,
        "a_stroke_without_end_and_a_return_without_end_have_failed",
    ),
    "a motor without current": (
        bin_press,
        "if self._dead_ms >= DEAD_MS:",
        "if False:",
        PRESS,
        "a_press_that_draws_nothing_is_a_fault_and_the_level_still_comes",
    ),
    "a stroke that was ended is no cycle": (
        bin_press,
        "complete = self.stroke and self._held and not self._failed",
        "complete = self.stroke and not self._failed",
        PRESS,
        "a_battery_at_its_floor_ends_pressing_but_not_the_way_home_nor_telemetry",
    ),
    "the rest between two directions": (
        logic,
        "return wanted if driving == OFF and off_ms >= rest_ms else OFF",
        "return wanted",
        PRESS,
        "a_change_of_direction_goes_through_off_for_a_while",
    ),
    "inputs that have settled": (
        node,
        "if self._settled_ms < SETTLE_MS:",
        "if False:",
        PRESS,
        "a_start_brings_the_plate_home_wherever_it_was",
    ),
    "the second after something has closed": (
        node,
        "            self._settled_ms = 0\n",
        "            pass\n",
        PRESS,
        "the_press_does_not_start_as_soon_as_something_closes_nor_while_its_contact_bounces",
    ),
    "the wake by a contact": (
        node,
        "return fire or changed & WAKING or",
        "return fire or",
        SLEEP,
        "fire_tilt_door_and_water_end_a_sleep_within_a_slice",
    ),
    "the wake by a fire": (
        node,
        "fire = alarms.suspicious or alarms.faults & BIN_FAULT_FIRE",
        "fire = 0",
        SLEEP,
        "fire_tilt_door_and_water_end_a_sleep_within_a_slice",
    ),
    "the slices of a sleep": (
        node,
        "return min(max(self._wake_due_ms - now_ms, 1), SLICE_MS)",
        "return max(self._wake_due_ms - now_ms, 1)",
        SLEEP,
        "it_sleeps_in_slices_that_the_watchdog_allows",
    ),
    "to be found after a start": (
        node,
        "BOOT_AWAKE_MS = 10000",
        "BOOT_AWAKE_MS = 0",
        SLEEP,
        "it_stays_up_after_its_start_so_that_it_can_be_found",
    ),
    "to listen after the report": (
        node,
        "if now_ms < self._awake_until_ms:",
        "if False:",
        SLEEP,
        "it_listens_after_the_report_and_not_before",
    ),
}


@pytest.mark.parametrize("guard", GUARDS)
def test_without_this_guard_a_named_test_fails(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, taken_out, instead, tests, noticed_by = GUARDS[guard]
    check = getattr(tests, f"test_{noticed_by}")
    check()
    put_in(module, mutant(module, (taken_out, instead)), monkeypatch)
    with pytest.raises((AssertionError, IndexError)):
        check()
