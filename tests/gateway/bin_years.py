"""Bins that never were: deposits with the pattern of a day and a week, bursts, crews, bad sensors.

A small seeded simulator for the forecast's tests. The level is that of the true waste; readings of
it are noisy, invalid, stale or missing as those of a real bin are.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from gateway.bin_levels import HOUR_MS, Collector, Level, Reading

START_H = 490_000
DAYS = 100
READINGS_AN_HOUR = 4
FULL = 850
PRESS_AT, PRESS_LEAST, PRESS_LEAVES = 800, 100, 0.3
"""A press that begins below the mark, while there is enough to pack."""


@dataclass(frozen=True)
class Habits:
    """What a bin's life is like; rates in permille an hour."""

    rate: float
    peak_hour: float
    swing: float
    weekend: float
    restless: float
    """Standard deviation of the logarithm of a day's rate."""
    bursts_a_week: float
    bag: float
    crew_every_h: int
    """0: the crew comes when it is nearly full."""
    press: bool

    @classmethod
    def of(cls, chance: random.Random) -> Habits:
        """A bin that is full within 1 to 10 days."""
        return cls(
            rate=FULL / (24 * math.exp(chance.uniform(0, math.log(10)))),
            peak_hour=chance.uniform(11, 20),
            swing=chance.uniform(0.3, 1.0),
            weekend=chance.choice([0.3, 0.7, 1.0, 1.5, 2.5]),
            restless=chance.uniform(0.1, 0.4),
            bursts_a_week=chance.choice([0.0, 0.0, 0.5, 1.0]),
            bag=chance.uniform(15, 60),
            crew_every_h=chance.choice([0, 0, 24, 48, 72]),
            press=chance.random() < 0.3,
        )


class Waste:
    """What is in a bin, loose and packed, in permille of its height."""

    def __init__(self, has_press: bool) -> None:
        self._has_press = has_press
        self._packed = self._loose = 0.0
        self.presses = 0

    @property
    def level(self) -> float:
        return self._packed + self._loose

    def add(self, height: float) -> None:
        self._loose += height
        if self._has_press and self.level >= PRESS_AT and self._loose >= PRESS_LEAST:
            self._packed += PRESS_LEAVES * self._loose
            self._loose = 0.0
            self.presses += 1


class BinYear:
    """One bin over `DAYS`: the true sum of its deposits, and what its readings tell."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.habits = Habits.of(self.chance)
        self.sums = self._deposits()
        """Permille that came since the start, at the beginning of every hour."""

    def _deposits(self) -> list[float]:
        habits, chance = self.habits, self.chance
        sums, mood, burst = [0.0], 1.0, 0.0
        for hour in range(START_H, START_H + DAYS * 24):
            if hour % 24 == 0:
                mood = math.exp(chance.gauss(0, habits.restless) - habits.restless**2 / 2)
                burst = habits.bursts_a_week / 7 / 24
            day = 1 + habits.swing * math.cos((hour % 24 - habits.peak_hour) * math.tau / 24)
            mean = habits.rate * mood * day
            if hour // 24 % 7 in (2, 3):  # Saturday, Sunday
                mean *= habits.weekend
            came = sum(_bag(chance, habits.bag) for _ in range(_poisson(chance, mean / habits.bag)))
            if chance.random() < burst:
                came += chance.uniform(80, 250)
            sums.append(sums[-1] + came)
        return sums

    @cached_property
    def emptied_h(self) -> list[int]:
        """When the crew comes."""
        hours, waste = [0], Waste(self.habits.press)
        for hour in range(1, len(self.sums)):
            waste.add(self.sums[hour] - self.sums[hour - 1])
            every = self.habits.crew_every_h
            is_due = hour % every == 7 if every else hour % 24 == 7
            if is_due and waste.level > self.chance.uniform(0.7, 1.0) * FULL:
                hours.append(hour)
                waste = Waste(self.habits.press)
        return hours

    def readings(self) -> Iterator[Reading]:
        """Every quarter of an hour, but for outages."""
        chance, emptyings, away_until, stuck_until = self.chance, 0, 0, 0
        crew = iter([*self.emptied_h[1:], 1 << 30])
        comes, waste, presses = next(crew), Waste(self.habits.press), 0
        for hour in range(len(self.sums) - 1):
            if hour >= comes:
                presses += waste.presses
                emptyings, waste, comes = emptyings + 1, Waste(self.habits.press), next(crew)
            if chance.random() < 0.004:
                away_until = hour + chance.randint(1, 24)
            if chance.random() < 0.003:
                stuck_until = hour + chance.randint(1, 12)
            for quarter in range(READINGS_AN_HOUR):
                waste.add((self.sums[hour + 1] - self.sums[hour]) / READINGS_AN_HOUR)
                level = self._sensed(waste.level)
                if hour < stuck_until:
                    level = None
                if hour >= away_until:
                    at_ms = round((START_H + hour + quarter / READINGS_AN_HOUR) * HOUR_MS)
                    yield Reading(at_ms, level, emptyings, presses + waste.presses)

    def _sensed(self, true: float) -> int | None:
        """With noise, an echo off a bag in the air now and then, and none sometimes."""
        chance = self.chance.random()
        if chance < 0.03:
            return None
        if chance < 0.05:
            return self.chance.randint(0, 1000)
        return round(min(max(true + self.chance.gauss(0, 5), 0), 1000))

    def hours(self) -> list[Level]:
        """What a gateway keeps of it."""
        collector = Collector()
        return [level for one in self.readings() if (level := collector.take(one)) is not None]

    def full_at(self, level: Level) -> float | None:
        """When this bin would be full were it not emptied after that hour; None: not in time."""
        hour = level.hour - START_H
        emptied = max(at for at in self.emptied_h if at <= hour)
        waste = Waste(self.habits.press)
        for at in range(emptied, len(self.sums) - 1):
            waste.add(self.sums[at + 1] - self.sums[at])
            if waste.level >= FULL and at >= hour:
                return START_H + at + 1
        return None


def _bag(chance: random.Random, mean: float) -> float:
    return chance.uniform(0.25, 1.75) * mean


def _poisson(chance: random.Random, mean: float) -> int:
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count


def moments(levels: Sequence[Level], chance: random.Random, count: int) -> list[int]:
    """Places in the list at which to ask, after three days."""
    first = next(i for i, one in enumerate(levels) if one.hour > START_H + 72)
    return sorted(chance.sample(range(first, len(levels) * 2 // 3), count))
