"""Each guard of a lamp: without it, the test named here fails."""

from __future__ import annotations

from types import ModuleType

import pytest

from firmware.logic import lamp as logic
from firmware.nodes import lamp, lamp_meter, lamp_programme
from firmware.parameters import lamp as parameters
from firmware.services import clock
from tests.dual import test_firmware_lamp, test_firmware_lamp_faults, test_firmware_lamp_programme
from tests.firmware.test_guards import put_in
from tests.protocol.mutants import mutant

LAMP, FAULTS = test_firmware_lamp, test_firmware_lamp_faults
HOURS = test_firmware_lamp_programme

# Which module, what is taken out, what stands there instead, and who notices.
GUARDS: dict[str, tuple[ModuleType, str, str, ModuleType, str]] = {
    "an override ends": (
        lamp,
        "if now_ms < self._asked_until_ms:",
        "if self._asked_until_ms >= 0:",
        LAMP,
        "an_override_rules_over_presence_and_ends_by_itself",
    ),
    "the longest override": (
        lamp,
        "or not 1 <= duration_s <= MAX_DURATION_S",
        "",
        LAMP,
        "commands_that_are_late_wrong_or_foreign_are_refused_with_their_guard",
    ),
    "what cannot be explained is not done": (
        lamp,
        "        if result != DONE:\n            return result\n",
        "",
        FAULTS,
        "explain_answers_as_a_command_would_and_changes_nothing",
    ),
    "a lost link without a programme": (
        lamp,
        "(programme.lost or not self._autonomous)",
        "not self._autonomous",
        FAULTS,
        "without_a_clock_a_lost_link_means_the_safe_level_within_five_seconds",
    ),
    "a programme does without a link": (
        lamp,
        "(programme.lost or not self._autonomous)",
        "True",
        FAULTS,
        "with_clock_and_profile_the_night_goes_on_without_a_link",
    ),
    "light of a hot driver": (
        lamp,
        "target = min(target, self.meter.limit)",
        "",
        FAULTS,
        "derating_does_not_go_below_the_floor_and_rules_over_an_override",
    ),
    "the floor of a hot driver": (
        lamp_meter,
        'max(parameters["floor_percent"], lamp.DERATED_PERCENT)',
        "lamp.DERATED_PERCENT",
        FAULTS,
        "derating_does_not_go_below_the_floor_and_rules_over_an_override",
    ),
    "hot until it has cooled": (
        lamp_meter,
        "begins_c - lamp.COOLED_C if hot else begins_c",
        "begins_c",
        FAULTS,
        "a_hot_driver_gets_less_light_the_hotter_it_is_and_never_none",
    ),
    "a sensor that is not there": (
        lamp_meter,
        "        if not begins_c:\n            return\n",
        "",
        FAULTS,
        "a_missing_temperature_sensor_is_told_and_limits_nothing",
    ),
    "failures age": (
        lamp_meter,
        "now_ms - since_ms < HOUR_MS",
        "since_ms > 0",
        FAULTS,
        "failures_that_are_rare_are_no_cycling",
    ),
    "a failure is no blink": (
        lamp_meter,
        "self._failure_ms >= FAILURE_MS",
        "dark",
        FAULTS,
        "a_failure_lasts_until_power_is_drawn_and_is_no_blink",
    ),
    "a day burner burns for a while": (
        lamp_meter,
        "if not burns or self._day_burner_ms >= DAY_BURNER_MS:",
        "if True:",
        FAULTS,
        "a_lamp_that_draws_power_by_day_is_a_day_burner",
    ),
    "a day burner burns unasked": (
        lamp_meter,
        "        if level:\n            return\n",
        "",
        FAULTS,
        "a_lamp_that_is_lit_on_request_by_day_is_no_day_burner",
    ),
    "standby is no light": (
        logic,
        "max(STANDBY_DW, rated_power_dw // 10)",
        "0",
        FAULTS,
        "a_lamp_that_draws_power_by_day_is_a_day_burner",
    ),
    "news that come twice are one": (
        lamp,
        "        if now_ms >= self._expected_until_ms:\n            self._unanswered += 1",
        "        self._unanswered += 1",
        FAULTS,
        "a_presence_sensor_that_never_answers_news_is_blind",
    ),
    "a relay does not dim": (
        lamp,
        "dali.FULL_DUTY if self._switched and lit else dali.duty(self.level_fine)",
        "dali.duty(self.level_fine)",
        FAULTS,
        "a_relay_alone_is_on_or_off",
    ),
    "an unknown hour is no programme": (
        lamp,
        "if reason == lamp.BY_SCHEDULE and not self.programme.ruled:",
        "if False:",
        FAULTS,
        "the_reason_tells_a_programme_from_a_default",
    ),
    "a day without sunset": (
        lamp_programme,
        "evening = dusk_s < sun.DAY_S and ",
        "evening = ",
        HOURS,
        "without_sunset_there_is_no_night_and_without_sunrise_no_day",
    ),
    "a day without sunrise": (
        lamp_programme,
        "if dawn_s == dusk_s:",
        "if False:",
        HOURS,
        "without_sunset_there_is_no_night_and_without_sunrise_no_day",
    ),
    "a midnight with sun": (
        lamp_programme,
        "morning = dawn_s and ",
        "morning = ",
        HOURS,
        "without_sunset_there_is_no_night_and_without_sunrise_no_day",
    ),
    "a clock that is not trusted": (
        lamp_programme,
        "known = not clock.quality",
        "known = True",
        HOURS,
        "the_sun_without_a_clock_means_night_and_says_so",
    ),
    "headlights": (
        lamp_programme,
        "if self._other_s >= PHOTOCELL_S:",
        "if other:",
        HOURS,
        "headlights_are_no_day_to_a_photocell",
    ),
    "dusk and dawn": (
        lamp_programme,
        "TWILIGHT_S = 3600",
        "TWILIGHT_S = 0",
        HOURS,
        "around_dusk_and_dawn_a_photocell_may_differ",
    ),
    "a photocell that is broken": (
        lamp_programme,
        "believed = self._dusk_lux and not self.faults",
        "believed = self._dusk_lux",
        HOURS,
        "a_photocell_that_was_found_broken_does_not_stand_in_for_the_clock",
    ),
    "a photocell is not right by night alone": (
        lamp_programme,
        "self._dazzled_s = 0 if self._dark",
        "self._blind_s = self._dazzled_s = 0 if self._dark",
        HOURS,
        "a_photocell_that_is_dark_at_noon_is_told_and_there_is_light",
    ),
    "light while clock and photocell disagree": (
        lamp_programme,
        "if self._blind_s >= DOUBT_S:",
        "if False:",
        HOURS,
        "with_a_clock_that_is_wrong_by_half_a_day_there_is_light_in_the_night",
    ),
    "the newest step": (
        lamp_programme,
        "if best < begins <= since_noon:",
        "if begins <= since_noon:",
        HOURS,
        "the_steps_of_a_night_follow_the_local_clock_in_any_order",
    ),
    "summer time": (
        lamp_programme,
        "self._utc_offset_min, self._summer_time",
        "self._utc_offset_min, 0",
        HOURS,
        "in_summer_the_steps_go_with_the_clocks_of_the_people",
    ),
    "a night without its test": (
        lamp_programme,
        "if now_min == self._test_min and not self.night:",
        "if False:",
        HOURS,
        "once_a_day_a_lamp_burns_for_a_minute_to_show_that_it_does",
    ),
    "holdover ends": (
        clock,
        "            self.quality = QUALITY_CLOCK_UNTRUSTED\n\n    def",
        "            pass\n\n    def",
        HOURS,
        "the_clock_is_believed_while_the_gateway_is_away_and_not_for_ever",
    ),
    "a lamp by the sun knows where it is": (
        parameters,
        "and not somewhere",
        "and False",
        HOURS,
        "a_lamp_by_the_sun_must_know_where_it_is",
    ),
}


@pytest.mark.parametrize("guard", GUARDS)
def test_without_this_guard_a_named_test_fails(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, taken_out, instead, tests, noticed_by = GUARDS[guard]
    check = getattr(tests, f"test_{noticed_by}")
    check()
    put_in(module, mutant(module, (taken_out, instead)), monkeypatch)
    with pytest.raises(AssertionError):
        check()
