"""Motion sensors of lamps: what a PIR and a radar see of people, cyclists and dogs."""

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

Point = tuple[float, float]


class Body(NamedTuple):
    """Somebody who moves: where (metres), how fast (m/s along x and y), and how small.

    `size` is 1 for a grown person; a sensor sees a smaller body only from nearer by.
    """

    at: Point
    velocity: Point
    size: float = 1.0


@dataclass(frozen=True)
class Detector:
    """A kind of motion sensor, as it is mounted.

    It sees bodies within `range_m` and `half_angle_deg` of where it faces (180 = all around) that
    move by `least_m_per_s` at least; a radar counts only the motion towards it or away. Its output
    comes `delay_s` after the motion and stays for `on_s` after the last of it.
    """

    range_m: float
    delay_s: float
    on_s: float
    least_m_per_s: float
    half_angle_deg: float = 180.0
    facing_deg: float = 0.0
    radial: bool = False

    def sees(self, body: Body, from_m: Point) -> bool:
        """Whether it notices this body from that place."""
        to_x, to_y = body.at[0] - from_m[0], body.at[1] - from_m[1]
        distance_m = math.hypot(to_x, to_y)
        if distance_m > self.range_m * body.size:
            return False
        if self.half_angle_deg < 180.0 and distance_m > 0.0:
            away_deg = math.degrees(math.atan2(to_y, to_x)) - self.facing_deg
            if abs((away_deg + 180.0) % 360.0 - 180.0) > self.half_angle_deg:
                return False
        speed = math.hypot(*body.velocity)
        if self.radial and distance_m > 0.0:
            across = body.velocity[0] * to_x + body.velocity[1] * to_y
            speed = abs(across) / distance_m
        return speed >= self.least_m_per_s


PIR = Detector(range_m=8.0, delay_s=0.1, on_s=2.0, least_m_per_s=0.2)
"""A passive infrared sensor on a mast of 4 to 5 m; products reach 5 to 12 m."""
RADAR = Detector(
    range_m=15.0, delay_s=0.2, on_s=1.0, least_m_per_s=0.3, half_angle_deg=40.0, radial=True
)
"""A 24 GHz radar that looks along the path; products reach 10 to 20 m."""


class Eye:
    """One sensor of a lamp. `false_per_hour`: triggers by wind, rain, leaves and cats."""

    def __init__(
        self, detector: Detector, at_m: Point, *, false_per_hour: float = 0.0, seed: int = 0
    ) -> None:
        self.detector = detector
        self.at_m = at_m
        self.false_per_hour = false_per_hour
        self._random = random.Random(seed)
        self._moving_s = 0.0
        self._on_s = 0.0
        self._false_s = self._pause_s()

    @property
    def idle_s(self) -> float:
        """How long its output stays off at least while nobody comes near; 0 while it is on."""
        return 0.0 if self._on_s > 0.0 or self._moving_s > 0.0 else max(self._false_s, 0.0)

    def step(self, dt_s: float, bodies: Iterable[Body]) -> bool:
        """Its output after `dt_s` seconds more with these bodies around."""
        self._on_s -= dt_s
        self._false_s -= dt_s
        if self._false_s <= 0.0:
            self._false_s = self._pause_s()
            self._on_s = self.detector.on_s
        if any(self.detector.sees(body, self.at_m) for body in bodies):
            self._moving_s += dt_s
            if self._moving_s >= self.detector.delay_s:
                self._on_s = self.detector.on_s
        else:
            self._moving_s = 0.0
        return self._on_s > 0.0

    def _pause_s(self) -> float:
        if self.false_per_hour <= 0.0:
            return math.inf
        return self._random.expovariate(self.false_per_hour / 3600.0)
