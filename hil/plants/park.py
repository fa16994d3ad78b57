"""People in the park: they walk and cycle along a path, past the lamps."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hil.plants.lamp import LampPlant

WALKING_M_PER_S = 1.4
CYCLING_M_PER_S = 5.5  # 20 km/h
CYCLIST_SHARE = 0.4
PIR_RANGE_M = 8.0
RUN_UP_M = 15.0  # people are made and removed this far beyond the ends of the path

Point = tuple[float, float]


@dataclass
class Person:
    """Somebody on the path, `along_m` from its start; the sign of the speed is the direction."""

    along_m: float
    speed_m_per_s: float


class Park:
    """A path past lamps. People arrive at either end, at random, `arrivals_per_hour` on average."""

    def __init__(
        self,
        lamps: Sequence[LampPlant],
        path: Sequence[Point] | None = None,
        *,
        arrivals_per_hour: float = 120.0,
        seed: int = 0,
    ) -> None:
        self.lamps = list(lamps)
        self.path = lengthened(path or [lamp.position_m for lamp in lamps], RUN_UP_M)
        self.length_m = sum(math.dist(a, b) for a, b in pairwise(self.path))
        self.people: list[Person] = []
        self.arrivals_per_hour = arrivals_per_hour
        self._random = random.Random(seed)
        self._next_s = self._pause_s()

    def step(self, dt_s: float) -> None:
        """Let `dt_s` seconds pass: people come, move and leave, lamps see them or not."""
        self._next_s -= dt_s
        while self._next_s <= 0.0:
            self._arrive()
            self._next_s += self._pause_s()
        for person in self.people:
            person.along_m += person.speed_m_per_s * dt_s
        self.people = [p for p in self.people if 0.0 <= p.along_m <= self.length_m]
        places = self.places()
        for lamp in self.lamps:
            lamp.seen = any(math.dist(lamp.position_m, at) <= PIR_RANGE_M for at in places)

    def send(self, *, cycling: bool = False, backwards: bool = False) -> Person:
        """Somebody sets out now from the start of the path (from its end when `backwards`)."""
        speed = CYCLING_M_PER_S if cycling else WALKING_M_PER_S
        person = Person(self.length_m if backwards else 0.0, -speed if backwards else speed)
        self.people.append(person)
        return person

    def places(self) -> list[Point]:
        """Where everybody is, in metres."""
        return [along(self.path, person.along_m) for person in self.people]

    def _arrive(self) -> None:
        self.send(
            cycling=self._random.random() < CYCLIST_SHARE, backwards=self._random.random() < 0.5
        )

    def _pause_s(self) -> float:
        if self.arrivals_per_hour <= 0.0 or len(self.path) < 2:
            return math.inf
        return self._random.expovariate(self.arrivals_per_hour / 3600.0)


def lengthened(path: Sequence[Point], by_m: float) -> list[Point]:
    """`path` with `by_m` metres more at both ends, straight on; shorter paths as they are."""
    points = list(dict.fromkeys(path))
    if len(points) < 2:
        return points
    return [_beyond(points[1], points[0], by_m), *points, _beyond(points[-2], points[-1], by_m)]


def _beyond(start: Point, end: Point, by_m: float) -> Point:
    share = 1.0 + by_m / math.dist(start, end)
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def along(path: Sequence[Point], distance_m: float) -> Point:
    """The point `distance_m` along a polyline of at least one point, clipped to its ends."""
    if distance_m <= 0.0:
        return path[0]
    for start, end in pairwise(path):
        length_m = math.dist(start, end)
        if distance_m <= length_m:
            share = distance_m / length_m
            return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
        distance_m -= length_m
    return path[-1]
