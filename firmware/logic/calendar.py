"""Local time from UTC, with the summer time of the European Union. Pure, integers only.

Seconds count from 2020-01-01T00:00:00Z, a Wednesday; right until 2099.
"""

DAY_S = 86400
DAY_MIN = 1440
FOUR_YEARS = 1461  # days, from a leap year on
SUMMER_MIN = 60
# The days of a common year on which March and October end, from 0.
MARCH_ENDS = 89
OCTOBER_ENDS = 303
CHANGE_S = 3600  # the clocks change at 01:00 UTC


def is_summer(seconds):
    """Whether it is between the last Sundays of March and October."""
    day = seconds // DAY_S
    in_cycle = day % FOUR_YEARS
    year = (in_cycle - 1) // 365 if in_cycle else 0
    leap = 0 if year else 1
    first = day - in_cycle + 365 * year + (0 if leap else 1)
    begins = _sunday(first + MARCH_ENDS + leap) * DAY_S + CHANGE_S
    ends = _sunday(first + OCTOBER_ENDS + leap) * DAY_S + CHANGE_S
    return begins <= seconds < ends


def minute_of_day(seconds, offset_min, summer):
    """Minutes since local midnight, `offset_min` ahead of UTC; `summer`: with summer time."""
    minute = seconds // 60 + offset_min
    if summer and is_summer(seconds):
        minute += SUMMER_MIN
    return minute % DAY_MIN


def _sunday(day):
    """The last Sunday up to a day."""
    return day - (day + 3) % 7
