"""People in the park: they walk, cycle and let their dogs run along a path, past the lamps."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from hil.plants.lamp import LampPlant
from hil.plants.motion import PIR, Body, Detector, Eye

Kind = Literal["walking", "cycling", "dog"]

WALKING_M_PER_S = 1.4
CYCLING_M_PER_S = 5.5  # 20 km/h
# Those who arrive by themselves differ: standard deviation, slowest, fastest.
SPEEDS: Mapping[Kind, tuple[float, float, float, float]] = {
    "walking": (WALKING_M_PER_S, 0.25, 0.7, 2.2),
    "cycling": (CYCLING_M_PER_S, 1.0, 3.0, 9.0),
}
CYCLIST_SHARE = 0.4
DOG_SHARE = 0.1
# A dog runs ahead of its owner and back again.
DOG_REACH_M = 8.0
DOG_PERIOD_S = 15.0
DOG_SIZE = 0.6
PIR_RANGE_M = PIR.range_m
RUN_UP_M = 15.0  # people are made and removed this far beyond the ends of the path

Point = tuple[float, float]


@dataclass(eq=False)
class Person:
    """Somebody on the path, `along_m` from its start; the sign of the speed is the direction.

    A dog has an owner, whom it runs around.
    """

    along_m: float
    speed_m_per_s: float
    kind: Kind = "walking"
    owner: "Person | None" = None
    age_s: float = 0.0

    def step(self, dt_s: float) -> None:
        """Let `dt_s` seconds pass; an owner moves before his dog."""
        self.age_s += dt_s
        if self.owner is None:
            self.along_m += self.speed_m_per_s * dt_s
            return
        phase = 2.0 * math.pi * self.age_s / DOG_PERIOD_S
        before_m = self.along_m
        self.along_m = self.owner.along_m + DOG_REACH_M * math.sin(phase)
        if dt_s > 0.0:
            self.speed_m_per_s = (self.along_m - before_m) / dt_s


class Park:
    """A path past lamps. People arrive at either end, at random, `arrivals_per_hour` on average.

    Every lamp has a `detector`, which some trigger falsely so often an hour.
    """

    def __init__(
        self,
        lamps: Sequence[LampPlant],
        path: Sequence[Point] | None = None,
        *,
        arrivals_per_hour: float = 120.0,
        seed: int = 0,
        detector: Detector = PIR,
        false_triggers_per_hour: float = 0.0,
    ) -> None:
        self.lamps = list(lamps)
        self.path = lengthened(path or [lamp.position_m for lamp in lamps], RUN_UP_M)
        self.length_m = sum(math.dist(a, b) for a, b in pairwise(self.path))
        self.people: list[Person] = []
        self.arrivals_per_hour = arrivals_per_hour
        self.eyes = [
            Eye(
                detector,
                lamp.position_m,
                false_per_hour=false_triggers_per_hour,
                seed=seed * 1000 + number,
            )
            for number, lamp in enumerate(lamps)
        ]
        self._random = random.Random(seed)
        self._next_s = self._pause_s()

    @property
    def idle_s(self) -> float:
        """How long nothing happens here for certain."""
        if self.people:
            return 0.0
        return max(0.0, min([self._next_s, *(eye.idle_s for eye in self.eyes)]))

    def step(self, dt_s: float) -> None:
        """Let `dt_s` seconds pass: people come, move and leave, lamps see them or not."""
        self._next_s -= dt_s
        while self._next_s <= 0.0:
            self._arrive()
            self._next_s += self._pause_s()
        for person in self.people:
            person.step(dt_s)
        self.people = [p for p in self.people if self._is_here(p)]
        bodies = self._bodies()
        for lamp, eye in zip(self.lamps, self.eyes, strict=True):
            lamp.seen = eye.step(dt_s, bodies)

    def send(self, *, cycling: bool = False, backwards: bool = False) -> Person:
        """Somebody sets out now from the start of the path (from its end when `backwards`)."""
        speed = CYCLING_M_PER_S if cycling else WALKING_M_PER_S
        return self._enter("cycling" if cycling else "walking", speed, backwards=backwards)

    def walk_dog(self, *, backwards: bool = False) -> Person:
        """Somebody sets out with a dog that runs free; returns the dog."""
        owner = self.send(backwards=backwards)
        dog = Person(owner.along_m, 0.0, "dog", owner)
        self.people.append(dog)
        return dog

    def places(self) -> list[Point]:
        """Where everybody is, in metres."""
        return [along(self.path, person.along_m) for person in self.people]

    def _enter(self, kind: Kind, speed: float, *, backwards: bool) -> Person:
        person = Person(self.length_m if backwards else 0.0, -speed if backwards else speed, kind)
        self.people.append(person)
        return person

    def _arrive(self) -> None:
        lot = self._random.random()
        backwards = self._random.random() < 0.5
        if lot >= 1.0 - DOG_SHARE:
            self.walk_dog(backwards=backwards)
            return
        kind: Kind = "cycling" if lot < CYCLIST_SHARE else "walking"
        usual, spread, slowest, fastest = SPEEDS[kind]
        speed = min(fastest, max(slowest, self._random.gauss(usual, spread)))
        self._enter(kind, speed, backwards=backwards)

    def _is_here(self, person: Person) -> bool:
        where = person.owner or person
        return 0.0 <= where.along_m <= self.length_m

    def _bodies(self) -> list[Body]:
        bodies: list[Body] = []
        for person, at in zip(self.people, self.places(), strict=True):
            ahead = along(self.path, person.along_m + 0.1)
            behind = along(self.path, person.along_m - 0.1)
            length_m = math.dist(behind, ahead) or 1.0
            share = person.speed_m_per_s / length_m
            velocity = ((ahead[0] - behind[0]) * share, (ahead[1] - behind[1]) * share)
            bodies.append(Body(at, velocity, DOG_SIZE if person.kind == "dog" else 1.0))
        return bodies

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
