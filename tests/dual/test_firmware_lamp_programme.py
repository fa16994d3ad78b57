"""What the hour asks of a lamp: the sun, the steps of the night, a photocell, a clock or none."""

from firmware import config
from firmware.logic import dali
from firmware.nodes.lamp_programme import DOUBT_S, IMPLAUSIBLE_S, PHOTOCELL_S, Programme
from firmware.services.clock import Clock
from protocol.generated.wire import TIME_TRUST_SYNCHRONISED
from protocol.generated.wire_lamp import LAMP_FAULT_CLOCK, LAMP_FAULT_PHOTOCELL

HOUR_S = 3600
# 2027-01-15T00:00:00Z in Brussels: sunrise 07:39 UTC, sunset 16:04 UTC.
JANUARY = 222048000
SUNRISE_MIN = 7 * 60 + 39
SUNSET_MIN = 16 * 60 + 4
# 2027-06-21T00:00:00Z, for a place north of the polar circle.
JUNE = 235612800
DECEMBER = 251424000
BRUSSELS = {"programme": 2, "latitude_mdeg": 50847, "longitude_mdeg": 4353}
TROMSO = {"programme": 2, "latitude_mdeg": 69650, "longitude_mdeg": 18960}


class Hours:
    """A programme, its clock, and a photocell that sees `lux`."""

    def __init__(self, parameters, seconds=None):
        self.lux = 0
        self.now_ms = 0
        self.clock = Clock()
        document = {"kind": "lamp", "address": 5, "parameters": parameters}
        self.programme = Programme(config.validate(document).parameters, self.clock, self)
        if seconds is not None:
            self.set(seconds)
        self.run(1)

    def photocell_lux(self):
        return self.lux

    def set(self, seconds):
        """The gateway tells the time."""
        self.clock.tell(seconds, 0, TIME_TRUST_SYNCHRONISED, self.now_ms)

    def run(self, duration_s):
        for _ in range(duration_s):
            self.programme.look(self.now_ms)
            self.now_ms += 1000

    def at(self, seconds):
        """Look at another time; the gateway has told it."""
        self.set(seconds)
        self.run(1)
        return self.programme


def minutes_of_night(parameters, midnight):
    """The minutes of a UTC day at which it is night."""
    hours = Hours(parameters, midnight)
    return [minute for minute in range(1440) if hours.at(midnight + minute * 60).night]


def changes(minutes):
    """(first minute of the day, first minute of the evening) of a night."""
    day = [minute for minute in range(1440) if minute not in minutes]
    assert day == list(range(day[0], day[-1] + 1))
    return day[0], day[-1] + 1


def test_night_is_from_sunset_to_sunrise():
    dawn, dusk = changes(minutes_of_night(BRUSSELS, JANUARY))
    assert abs(dawn - SUNRISE_MIN) <= 2
    assert abs(dusk - SUNSET_MIN) <= 2


def test_night_begins_and_ends_later_or_sooner_by_its_offsets():
    parameters = dict(BRUSSELS)
    parameters["dusk_offset_min"] = 20
    parameters["dawn_offset_min"] = -30
    dawn, dusk = changes(minutes_of_night(parameters, JANUARY))
    assert abs(dawn - (SUNRISE_MIN - 30)) <= 2
    assert abs(dusk - (SUNSET_MIN + 20)) <= 2


def test_without_sunset_there_is_no_night_and_without_sunrise_no_day():
    for offset_min in (0, 60, -60):
        parameters = dict(TROMSO)
        parameters["dusk_offset_min"] = offset_min
        parameters["dawn_offset_min"] = -offset_min
        assert minutes_of_night(parameters, JUNE) == []
        assert minutes_of_night(parameters, DECEMBER) == list(range(1440))


def test_the_constant_programmes_need_no_clock():
    for mode, night in ((0, False), (1, True)):
        programme = Hours({"programme": mode}).programme
        assert programme.night is night
        assert programme.faults == 0
        assert not programme.ruled
        assert not programme.lost


def test_the_sun_without_a_clock_means_night_and_says_so():
    programme = Hours(BRUSSELS).programme
    assert programme.night
    assert programme.lost
    assert not programme.ruled
    assert programme.faults == LAMP_FAULT_CLOCK
    assert not Hours(BRUSSELS, JANUARY + 12 * HOUR_S).programme.faults


def test_the_clock_is_believed_while_the_gateway_is_away_and_not_for_ever():
    hours = Hours(BRUSSELS, JANUARY + 12 * HOUR_S)
    hours.now_ms += 24 * HOUR_S * 1000
    hours.run(1)
    assert not hours.programme.night
    hours.now_ms += 40 * 24 * HOUR_S * 1000
    hours.run(1)
    assert hours.programme.night
    assert hours.programme.lost


def test_a_photocell_takes_over_when_there_is_no_clock():
    parameters = dict(BRUSSELS)
    parameters["photocell_lux"] = 20
    hours = Hours(parameters)
    programme = hours.programme
    assert programme.night
    hours.lux = 200
    hours.run(PHOTOCELL_S - 1)
    assert programme.night
    hours.run(1)
    assert not programme.night
    assert programme.ruled
    assert not programme.lost
    assert programme.faults == LAMP_FAULT_CLOCK
    hours.lux = 30  # between dusk and full day nothing changes
    hours.run(10 * PHOTOCELL_S)
    assert not programme.night
    hours.lux = 19
    hours.run(PHOTOCELL_S)
    assert programme.night


def test_headlights_are_no_day_to_a_photocell():
    parameters = dict(BRUSSELS)
    parameters["photocell_lux"] = 20
    hours = Hours(parameters)
    for _ in range(20):
        hours.lux = 200
        hours.run(30)
        assert hours.programme.night
        hours.lux = 0
        hours.run(1)


def test_a_photocell_that_is_dark_at_noon_is_told_and_there_is_light():
    parameters = dict(BRUSSELS)
    parameters["photocell_lux"] = 20
    hours = Hours(parameters, JANUARY + 11 * HOUR_S)
    programme = hours.programme
    hours.run(DOUBT_S - 10)
    assert not programme.night
    hours.run(20)
    assert programme.night
    assert programme.ruled
    hours.run(IMPLAUSIBLE_S - DOUBT_S - 20)
    assert not programme.faults
    hours.run(20)
    assert programme.faults == LAMP_FAULT_PHOTOCELL
    assert programme.night
    # That it is dark at night proves nothing.
    hours.at(JANUARY + 22 * HOUR_S)
    hours.run(HOUR_S)
    assert programme.faults == LAMP_FAULT_PHOTOCELL
    assert programme.night
    hours.lux = 200
    hours.at(JANUARY + 35 * HOUR_S)
    hours.run(PHOTOCELL_S + 1)
    assert not programme.faults
    assert not programme.night


def test_with_a_clock_that_is_wrong_by_half_a_day_there_is_light_in_the_night():
    parameters = dict(BRUSSELS)
    parameters["photocell_lux"] = 20
    # It is trusted, and begins at its own midnight: that is noon in the street.
    hours = Hours(parameters, JANUARY)
    dark_s = lit_by_day_s = 0
    for minute in range(2 * 1440):
        is_day = SUNRISE_MIN <= (minute + 720) % 1440 < SUNSET_MIN
        hours.lux = 200 if is_day else 0
        hours.run(60)
        if not is_day and not hours.programme.night:
            dark_s += 60
        if is_day and hours.programme.night:
            lit_by_day_s += 60
    # By day it burns by the wrong clock; by night it is dark for one dawn of its own at most.
    assert lit_by_day_s > 8 * HOUR_S
    assert dark_s <= HOUR_S + 2 * DOUBT_S


def test_a_photocell_that_is_bright_at_night_is_told():
    parameters = dict(BRUSSELS)
    parameters["photocell_lux"] = 20
    hours = Hours(parameters, JANUARY + 22 * HOUR_S)
    hours.lux = 200
    hours.run(IMPLAUSIBLE_S + PHOTOCELL_S + 1)
    assert hours.programme.faults == LAMP_FAULT_PHOTOCELL
    assert hours.programme.night


def test_a_photocell_that_was_found_broken_does_not_stand_in_for_the_clock():
    parameters = dict(BRUSSELS)
    parameters["photocell_lux"] = 20
    hours = Hours(parameters, JANUARY + 22 * HOUR_S)
    hours.lux = 200
    hours.run(IMPLAUSIBLE_S + PHOTOCELL_S + 1)
    hours.now_ms += 40 * 24 * HOUR_S * 1000
    hours.run(1)
    assert hours.programme.faults == LAMP_FAULT_PHOTOCELL | LAMP_FAULT_CLOCK
    assert hours.programme.night
    assert hours.programme.lost


def test_around_dusk_and_dawn_a_photocell_may_differ():
    parameters = dict(BRUSSELS)
    parameters["photocell_lux"] = 20
    hours = Hours(parameters, JANUARY + SUNSET_MIN * 60 - HOUR_S + 60)
    hours.run(2 * HOUR_S - 120)
    assert not hours.programme.faults


STEPS = {
    "programme": 1,
    "floor_percent": 30,
    "presence_percent": 90,
    "step1_from": 2300,
    "step1_floor_percent": 10,
    "step1_presence_percent": 60,
    "step2_from": 530,
    "step2_floor_percent": 25,
    "step2_presence_percent": 80,
}


def test_the_steps_of_a_night_follow_the_local_clock():
    hours = Hours(STEPS, JANUARY)
    for hour, minute, floor, presence in (
        (13, 0, 30, 90),
        (22, 59, 30, 90),
        (23, 0, 10, 60),
        (0, 30, 10, 60),
        (5, 29, 10, 60),
        (5, 30, 25, 80),
        (11, 59, 25, 80),
        (12, 0, 30, 90),
    ):
        programme = hours.at(JANUARY + (hour * 60 + minute - 60) % 1440 * 60)
        assert programme.floor == dali.level(floor), (hour, minute)
        assert programme.presence == dali.level(presence), (hour, minute)
        assert programme.ruled == (floor != 30)


def test_the_steps_of_a_night_follow_the_local_clock_in_any_order():
    parameters = dict(STEPS)
    for name in ("from", "floor_percent", "presence_percent"):
        parameters["step3_" + name] = STEPS["step1_" + name]
    parameters["step1_from"] = 2200
    parameters["step1_floor_percent"] = 15
    parameters["step4_from"] = 1900
    hours = Hours(parameters, JANUARY)
    for hour, floor in ((18, 20), (20, 20), (21, 15), (22, 10), (3, 10), (5, 25)):
        parameters["step4_floor_percent"] = 20
        assert hours.at(JANUARY + hour * HOUR_S).floor == dali.level(floor), hour


def test_in_summer_the_steps_go_with_the_clocks_of_the_people():
    hours = Hours(STEPS, JUNE)
    assert hours.at(JUNE + 21 * HOUR_S - 60).floor == dali.level(30)
    assert hours.at(JUNE + 21 * HOUR_S).floor == dali.level(10)


def test_a_lamp_by_the_sun_must_know_where_it_is():
    told = ""
    try:
        Hours({"programme": 2})
    except config.ConfigurationError as error:
        told = str(error)
    assert "latitude_mdeg" in told


def test_without_a_clock_there_are_no_steps_and_that_is_told():
    programme = Hours(STEPS).programme
    assert programme.floor == dali.level(30)
    assert programme.faults == LAMP_FAULT_CLOCK
    assert not programme.lost


def test_once_a_day_a_lamp_burns_for_a_minute_to_show_that_it_does():
    parameters = dict(BRUSSELS)
    parameters["test_from"] = 1130
    hours = Hours(parameters, JANUARY)
    for minute, lit in ((1129, False), (1130, True), (1131, False)):
        programme = hours.at(JANUARY + (minute // 100 * 60 + minute % 100 - 60) * 60)
        assert programme.night is lit
        if lit:
            assert programme.floor == dali.FULL_LEVEL
            assert programme.ruled
