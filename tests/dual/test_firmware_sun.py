"""Sun, summer time and the lamp's table give the same on every interpreter, number for number.

What is right is judged on the host, against `astral`, the time zones and the rules of a lamp; the
sums here are those of that run.
"""

import binascii

from firmware.logic import calendar, lamp, sun

BRUSSELS = (50847, 4353)
PLACES = (BRUSSELS, (65000, 25000), (-65000, -70000), (0, 179999), (78000, 15000))
# 2026-01-01 and 2036-01-01 as days since 2020-01-01.
FIRST, LAST = 2192, 5845
DAY_S = 86400


def test_sunrise_and_sunset_of_a_day_in_brussels():
    # 2027-01-15 by astral: 07:39:14 and 16:04:59 UTC; local mean solar time is 1045 s ahead.
    day = 2571
    assert abs(sun.sunrise(day, *BRUSSELS) - (7 * 3600 + 39 * 60 + 14 + 1045)) < 15
    assert abs(sun.sunset(day, *BRUSSELS) - (16 * 3600 + 4 * 60 + 59 + 1045)) < 15


def test_ten_years_of_sunrises_and_sunsets_at_five_places():
    total = 0
    for place in PLACES:
        for day in range(FIRST, LAST, 11):
            for second in (sun.sunrise(day, *place), sun.sunset(day, *place)):
                total = binascii.crc32(second.to_bytes(4, "little"), total)
    assert total & 0xFFFFFFFF == 0x60EF9DD6


def test_summer_time_of_eighty_years():
    total = 0
    for day in range(0, 29000, 3):
        hours = [int(calendar.is_summer(day * DAY_S + hour * 3600)) for hour in (0, 1, 2)]
        total = binascii.crc32(bytes(hours), total)
    assert total & 0xFFFFFFFF == 0x501ADC15


def test_every_state_of_a_lamp_under_every_sample():
    steps = [lamp.step(state, sample) for state in range(9) for sample in range(64)]
    assert binascii.crc32(bytes(steps)) & 0xFFFFFFFF == 0xC9EE1742
