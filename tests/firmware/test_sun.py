"""Sunrise and sunset on the controller against `astral`, and local time against the time zones."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from astral import Observer
from astral import sun as reference
from hypothesis import given
from hypothesis import strategies as st

from firmware.logic import calendar, sun

EPOCH = dt.date(2020, 1, 1)
FIRST, LAST = dt.date(2026, 1, 1), dt.date(2035, 12, 31)
DAYS = (LAST - FIRST).days + 1
MOST_S = 120
UTC = dt.UTC


def error_s(day: dt.date, latitude: float, longitude: float, *, rising: bool) -> float:
    """How far the controller's sunrise or sunset is from that of `astral`, in seconds."""
    observer = Observer(latitude, longitude)
    true = (reference.sunrise if rising else reference.sunset)(observer, day)
    true_s = (true - dt.datetime(2020, 1, 1, tzinfo=UTC)).total_seconds()
    ours = sun.sunrise if rising else sun.sunset
    place = round(latitude * 1000), round(longitude * 1000)
    number = (day - EPOCH).days
    # The date of astral is that of Greenwich; here the day is local.
    errors_s = [
        local * sun.DAY_S + ours(local, *place) - longitude * 240 - true_s
        for local in (number - 1, number, number + 1)
    ]
    return min(errors_s, key=abs)


@pytest.mark.parametrize("latitude", [-65, -50, -30, 0, 30, 50.85, 58, 62, 65])
def test_sunrise_and_sunset_are_right_within_two_minutes_every_day_of_ten_years(
    latitude: float,
) -> None:
    days = [FIRST + dt.timedelta(number) for number in range(DAYS)]
    worst_s = max(
        abs(error_s(day, latitude, 4.35, rising=rising)) for day in days for rising in (True, False)
    )
    print(f"latitude {latitude}: at most {worst_s:.0f} s")
    assert worst_s <= MOST_S


@given(
    st.integers(0, DAYS - 1),
    st.floats(-65, 65, allow_nan=False),
    st.floats(-180, 180, allow_nan=False),
    st.booleans(),
)
def test_they_are_right_anywhere_up_to_65_degrees(
    number: int, latitude: float, longitude: float, rising: bool
) -> None:
    day = FIRST + dt.timedelta(number)
    assert abs(error_s(day, latitude, longitude, rising=rising)) <= MOST_S


def test_beyond_the_polar_circle_there_is_a_night_without_day_and_a_day_without_night() -> None:
    tromso = (69_650, 18_960)
    june, december = ((dt.date(2027, month, 21) - EPOCH).days for month in (6, 12))
    assert sun.sunrise(june, *tromso) == 0
    assert sun.sunset(june, *tromso) == sun.DAY_S
    assert sun.sunrise(december, *tromso) == sun.sunset(december, *tromso) == sun.NOON_S


@given(
    st.integers(0, 365 * 60),
    st.integers(-90_000, 90_000),
    st.integers(-180_000, 180_000),
)
def test_every_day_everywhere_begins_before_noon_and_ends_after_it(
    day: int, latitude: int, longitude: int
) -> None:
    rise_s, set_s = sun.sunrise(day, latitude, longitude), sun.sunset(day, latitude, longitude)
    assert 0 <= rise_s <= sun.NOON_S <= set_s <= sun.DAY_S
    assert (rise_s == sun.NOON_S) == (set_s == sun.NOON_S)


class Small(int):
    """A number that does not leave MicroPython's small ints on a 32-bit chip."""

    @staticmethod
    def of(value: int) -> Small:
        """`value`, which must be small."""
        assert -(2**30) <= value < 2**30
        return Small(value)


def _small(name: str) -> None:
    plain = getattr(int, name)

    def checked(self: int, *others: int) -> object:
        result = plain(self, *others)
        return result if result is NotImplemented or isinstance(result, bool) else Small.of(result)

    setattr(Small, name, checked)


OPERATIONS = ["add", "sub", "mul", "floordiv", "mod", "and", "or", "lshift", "rshift", "neg", "abs"]
for _operation in OPERATIONS:
    for _side in ("", "r"):
        if hasattr(int, f"__{_side}{_operation}__"):
            _small(f"__{_side}{_operation}__")


@given(
    st.integers(0, 365 * 60),
    st.integers(0, sun.DAY_S),
    st.sampled_from([-90_000, -65_000, -1, 0, 1, 50_850, 65_000, 90_000]),
    st.sampled_from([-180_000, -1, 0, 4350, 180_000]),
)
def test_its_arithmetic_stays_in_the_small_ints_of_a_32_bit_chip(
    day: int, second: int, latitude: int, longitude: int
) -> None:
    small = sun.is_up(Small(day), Small(second), Small(latitude), Small(longitude))
    assert small == sun.is_up(day, second, latitude, longitude)


def test_a_number_that_grows_is_noticed() -> None:
    with pytest.raises(AssertionError):
        _ = Small(2**20) * 2**10


@given(st.integers(86400, 80 * 365 * 86400))
def test_summer_time_is_that_of_brussels(seconds: int) -> None:
    moment = dt.datetime(2020, 1, 1, tzinfo=UTC) + dt.timedelta(seconds=seconds)
    local = moment.astimezone(ZoneInfo("Europe/Brussels"))
    expected = local.hour * 60 + local.minute
    assert calendar.minute_of_day(seconds, 60, 1) == expected


@pytest.mark.parametrize("year", range(2020, 2100))
def test_the_clocks_change_at_one_o_clock_utc_on_the_last_sundays(year: int) -> None:
    for month, summer_after in ((3, True), (10, False)):
        sunday = max(
            day
            for day in (dt.date(year, month, number) for number in range(25, 32))
            if day.weekday() == 6
        )
        change_s = (sunday - EPOCH).days * 86400 + 3600
        assert calendar.is_summer(change_s - 1) is not summer_after
        assert calendar.is_summer(change_s) is summer_after


def test_a_place_without_summer_time_has_none() -> None:
    july = (dt.date(2027, 7, 1) - EPOCH).days * 86400
    assert calendar.minute_of_day(july, 60, 0) == 60
    assert calendar.minute_of_day(july, -60, 0) == 23 * 60
