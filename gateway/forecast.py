"""How fast a bin fills, and when it will be full: an estimate with an interval. Pure.

The waste that comes in is a sum of bursts: its mean follows the hour and the day of the week, and
its variance grows with the mean (a compound Poisson process) and with the square of the mean (what
is not known of the rate). So, in four steps:

1. Levels are reduced to one an hour, the median of the good readings; a run goes from one emptying
   to the next. What is stale, invalid or of an unset clock is left out, never filled in. Where a
   press packs the waste, loose waste counts as what will be left of it: that share is the median
   of the presses seen, so a fall of the level with a press takes nothing from what has come.
2. A profile, hour of the day times day of the week, is learned from the increases of all runs and
   drawn towards 1 where little is known. Time is counted in hours of the profile from here on: one
   in a busy hour is longer than one at night.
3. The rate is that of the run since the last emptying by Theil-Sen (the median of the slopes of all
   pairs, which a quarter of wild levels does not move: Theil 1950, Sen, JASA 63, 1968), blended
   with the mean over the weeks before, each weighted by its days.
4. The level is at or above the mark by a time exactly when the sum until then is at least what
   remains. Its mean m and variance `dispersion * m + (doubt * m)**2` give the interval in closed
   form; the dispersion is measured over past days, beside a prior for bins that are new.

Levels are in permille, times in hours since 1970 (UTC).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

from gateway.bin_levels import Level

DAY_H = 24
WEEK_H = 168
HORIZON_H = 60 * DAY_H
"""Beyond it nothing is told."""
HISTORY_H = 35 * DAY_H
"""Older levels tell little of today's waste."""
HALF_LIFE_H = 14 * DAY_H
"""A day two weeks ago counts half as much as today."""
MOST_DAYS = 7.0
"""Weight of the weeks before, and of the current run, at most."""
LEAST_H = 6.0
"""Less than this says nothing about a rate."""
EARLY_DEVIATIONS, LATE_DEVIATIONS = 2.5, 1.8
"""Ends of the interval. 1.64 would leave 5 % outside of each were sums of bursts normal, and the
figures known; they are skewed, so what comes sooner is further from the mean."""
PRIOR_DISPERSION = 60.0
"""Permille: bags of some 4 % of a bin, of very different sizes."""
PRIOR_DAYS = 5.0
DOUBT = 0.1
"""Share of a rate that changes from week to week, which no history tells."""
LEVEL_NOISE = 8.0
"""Permille: standard deviation of an hour's level, from the shape of what the echo meets."""
MOST_POINTS = 60
"""Of a run in the regression: 1,770 slopes."""
DROP = 200
"""Permille: a fall that is an emptying whatever the counter says; firmware/logic/bin.py, too."""


@dataclass(frozen=True)
class Forecast:
    """Rate in permille a day, and when the bin is full: hours, None when beyond the horizon.

    It is full between `low` and `high` in at least nine of ten cases. The rate is the mean over a
    week, whatever the hour.
    """

    rate: float
    low: float | None
    likely: float | None
    high: float | None


def forecast(levels: Iterable[Level], full_permille: int) -> Forecast | None:
    """When the bin will hold `full_permille`, packed where it has a press; by levels in order.

    None while too little is known, and while it does not fill.
    """
    runs = _runs(levels)
    if not runs:
        return None
    share = _left_by_press(runs)
    runs = [_packed(run, share) for run in runs]
    now = runs[-1][-1]
    profile = _Profile(runs, now.hour)
    rate, seen = _rate(runs, profile, now.hour)
    if rate <= 0:
        return None
    dispersion = _dispersion(runs, profile, rate, PRIOR_DISPERSION * share)
    daily = rate * profile.week / 7
    remaining = full_permille - now.permille
    if remaining <= 0:
        return Forecast(daily, now.hour, now.hour, now.hour)
    early, late = _means(remaining, dispersion, math.sqrt(DOUBT**2 + dispersion / seen))
    start = now.hour + 0.5
    low, likely, high = (profile.after(start, mean / rate) for mean in (early, remaining, late))
    return Forecast(daily, low, likely, high)


def _runs(levels: Iterable[Level]) -> list[list[Level]]:
    """The levels of the last weeks, split where the bin was emptied."""
    known = list(levels)
    if not known:
        return []
    recent = [one for one in known if one.hour > known[-1].hour - HISTORY_H]
    runs: list[list[Level]] = []
    for _, group in groupby(recent, key=lambda one: one.run):
        run: list[Level] = []
        for one in _calm(group):
            fall = run[-1].permille - one.permille if run else 0
            if fall > DROP and run[-1].presses == one.presses:
                runs.append(run)
                run = []
            run.append(one)
        if run:
            runs.append(run)
    return runs


def _calm(run: Iterable[Level]) -> Iterator[Level]:
    """The levels without spikes; those before and after a press are no neighbours."""
    for _, part in groupby(run, key=lambda one: one.presses):
        yield from _without_spikes(list(part))


def _without_spikes(run: Sequence[Level]) -> Iterator[Level]:
    """Each level as the median of itself and its neighbours; no step is moved by that.

    A first or last one that is far from its neighbour is not believed before there is another.
    """
    for before, one, after in zip([None, *run], run, [*run[1:], None], strict=False):
        if before is not None and after is not None:
            yield one._replace(permille=median((before.permille, one.permille, after.permille)))
            continue
        other = before or after
        wild = other is not None and abs(other.permille - one.permille) > DROP
        if not wild:
            yield one


def _left_by_press(runs: Sequence[Sequence[Level]]) -> float:
    """Share of the height of loose waste that a press leaves; 1 without a press."""
    shares: list[float] = []
    for run in runs:
        packed = 0.0
        for before, after in pairwise(run):
            if before.presses != after.presses:
                if before.permille - packed > DROP / 4:
                    shares.append((after.permille - packed) / (before.permille - packed))
                packed = after.permille
    return min(max(median(shares), 0.05), 1.0) if shares else 1.0


def _packed(run: Sequence[Level], share: float) -> list[Level]:
    """The run with its loose waste as a press would leave it."""
    packed, presses, levels = 0.0, run[0].presses, list[Level]()
    for one in run:
        if one.presses != presses:
            packed, presses = one.permille, one.presses
        levels.append(one._replace(permille=packed + share * (one.permille - packed)))
    return levels


class _Profile:
    """How much more than the mean comes at an hour of the day, on a day of the week."""

    def __init__(self, runs: Sequence[Sequence[Level]], now: int) -> None:
        self._hours, self._days = [1.0] * DAY_H, [1.0] * 7
        gains = [(hour, gain, _weight(now - hour)) for run in runs for hour, gain in _gains(run)]
        total = sum(gain * weight for _, gain, weight in gains)
        seen = sum(weight for *_, weight in gains)
        self.week = float(WEEK_H)
        if total <= 0 or seen < DAY_H:
            return
        mean = total / seen
        self._hours = _factors(gains, mean, _hour_of_day, DAY_H, 4.0)
        self._days = _factors(gains, mean, _weekday, 7, 24.0)
        self.week = sum(self.at(hour) for hour in range(WEEK_H))

    def at(self, hour: int) -> float:
        """Length of this hour in hours of the profile."""
        return self._hours[hour % DAY_H] * self._days[_weekday(hour)]

    def between(self, first: int, last: int) -> float:
        """Length of the time from `first` to `last`."""
        return sum(self.at(hour) for hour in range(first, last))

    def after(self, start: float, length: float) -> float | None:
        """When so much of the profile's time has gone since `start`; None beyond the horizon."""
        hour = math.floor(start)
        position, end = start, hour + HORIZON_H
        while hour < end:
            part = self.at(hour) * (hour + 1 - position)
            if part >= length:
                return position + length / self.at(hour)
            length -= part
            hour += 1
            position = hour
        return None


def _hour_of_day(hour: int) -> int:
    return hour % DAY_H


def _weekday(hour: int) -> int:
    """Thursday is 0, as on 1970-01-01."""
    return hour // DAY_H % 7


def _weight(age_h: int) -> float:
    return 0.5 ** (age_h / HALF_LIFE_H)


def _gains(run: Sequence[Level]) -> Iterator[tuple[int, float]]:
    """(hour, increase in it) of a run, evenly over holes of a few hours; longer ones tell none."""
    for before, after in pairwise(run):
        hours = after.hour - before.hour
        if hours <= 3:
            for hour in range(before.hour, after.hour):
                yield hour, (after.permille - before.permille) / hours


def _factors(
    gains: Sequence[tuple[int, float, float]],
    mean: float,
    key: Callable[[int], int],
    count: int,
    prior_h: float,
) -> list[float]:
    """Rates of the classes that `key` makes of hours, against the mean, drawn towards 1."""
    sums, seen = [prior_h * mean] * count, [prior_h] * count
    for hour, gain, weight in gains:
        sums[key(hour)] += gain * weight
        seen[key(hour)] += weight
    return [max(total / hours / mean, 0.05) for total, hours in zip(sums, seen, strict=True)]


def _rate(runs: Sequence[Sequence[Level]], profile: _Profile, now: int) -> tuple[float, float]:
    """Permille in an hour of the profile, and how many were seen for it; 0 if unknown."""
    gained = length = 0.0
    for run in runs[:-1]:
        if len(run) > 1:
            weight = _weight(now - run[-1].hour)
            gained += weight * (run[-1].permille - run[0].permille)
            length += weight * profile.between(run[0].hour, run[-1].hour)
    run = runs[-1]
    here = profile.between(run[0].hour, run[-1].hour)
    before_days, here_days = min(length / DAY_H, MOST_DAYS), min(here / DAY_H, MOST_DAYS)
    if (before_days + here_days) * DAY_H < LEAST_H:
        return 0.0, 0.0
    total = here_days * _slope(run, profile) if here_days else 0.0
    total += before_days * gained / length if before_days else 0.0
    rate = total / (before_days + here_days)
    return rate, rate * (before_days + here_days) * DAY_H


def _slope(run: Sequence[Level], profile: _Profile) -> float:
    """Theil-Sen: the median of the slopes of all pairs of points."""
    step = -(-len(run) // MOST_POINTS)
    points = run[::-1][::step][::-1]
    at, position = [0.0], 0.0
    for before, after in pairwise(points):
        position += profile.between(before.hour, after.hour)
        at.append(position)
    slopes = [
        (points[j].permille - points[i].permille) / (at[j] - at[i])
        for j in range(len(points))
        for i in range(j)
    ]
    return median(slopes) if slopes else 0.0


def _dispersion(
    runs: Sequence[Sequence[Level]], profile: _Profile, rate: float, before: float
) -> float:
    """Variance of what comes in a day over its mean, in permille; `before` anything is known."""
    prior = PRIOR_DAYS * DAY_H * rate
    squares, expected = before * prior, prior
    for run in runs:
        first = run[0]
        for one in run:
            if one.hour - first.hour >= DAY_H:
                mean = rate * profile.between(first.hour, one.hour)
                squares += (one.permille - first.permille - mean) ** 2
                expected += mean
                first = one
    return squares / expected


def _means(remaining: float, dispersion: float, doubt: float) -> tuple[float, float]:
    """Expected sums at which what comes may, and must, have reached `remaining`."""
    early, _ = _roots(remaining, dispersion, doubt, EARLY_DEVIATIONS**2)
    _, late = _roots(remaining, dispersion, doubt, LATE_DEVIATIONS**2)
    return early, late


def _roots(remaining: float, dispersion: float, doubt: float, spread: float) -> tuple[float, float]:
    """What solves (remaining - m)² = spread·(dispersion·m + (doubt·m)² + the level's noise).

    When the doubt is great there is no second solution: then it is infinite.
    """
    a = 1 - spread * doubt**2
    b = 2 * remaining + spread * dispersion
    c = remaining**2 - spread * LEVEL_NOISE**2
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    return max(2 * c / (b + root), 0.0), (b + root) / (2 * a) if a > 0 else math.inf
