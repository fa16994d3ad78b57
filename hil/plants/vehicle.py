"""Vehicles in a lane: they queue, brake at a red light, tailgate, and lie over loops as metal."""

from collections.abc import Callable
from dataclasses import dataclass, field

BRAKES_M_PER_S2 = 5.0
ACCELERATION_M_PER_S2 = 2.5
QUEUE_GAP_M = 1.0
TAILGATE_GAP_M = 0.4
LANE_M = (-25.0, 25.0)
STOP_LINE_M = -1.01  # on the first loop, short of the post at 0


@dataclass(frozen=True)
class Model:
    """A kind of vehicle.

    `metal` is how strongly its ends show over a loop, `middle` how strongly what is between them
    does: the frame of a high trailer is too far above the ground. 1 is a car; see `LoopDetector`.
    """

    length_m: float
    width_m: float
    clearance_m: float
    metal: float = 1.0
    middle: float = 1.0
    axle_m: float = 2.0
    """From either end up to here it counts as an end."""


MODELS = {
    "car": Model(4.5, 1.8, 0.15),
    "van": Model(6.0, 2.0, 0.20),
    "bus": Model(12.0, 2.5, 0.30, middle=0.8),
    "trailer": Model(16.0, 2.5, 0.60, middle=0.05, axle_m=3.0),
    "bicycle": Model(1.8, 0.6, 0.30, metal=0.15, middle=0.15),
}


@dataclass(eq=False)
class Vehicle:
    """A vehicle; `front_m` is where its front bumper is, 0 the line of the posts. Drives forward.

    `halt_at_m`: it stops there by itself, until `go`. `creep_m_per_s` limits its speed. One that
    is not `obedient` drives on at a red light while the post is down.
    """

    front_m: float
    speed_m_per_s: float
    model: Model = MODELS["car"]
    across_m: float = 0.0
    halt_at_m: float | None = None
    obedient: bool = True
    tailgates: bool = False
    waits: bool = False  # at the red light ahead
    cruise_m_per_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.cruise_m_per_s = self.speed_m_per_s

    @property
    def rear_m(self) -> float:
        """Where its rear bumper is."""
        return self.front_m - self.model.length_m

    def covers(self, from_m: float, to_m: float) -> bool:
        """Whether some of it is above that stretch of the lane."""
        return self.front_m >= from_m and self.rear_m <= to_m

    def is_beside(self, across_m: float, width_m: float = 0.0) -> bool:
        """Whether a strip of the lane of that width around `across_m` is under it."""
        return abs(self.across_m - across_m) < (self.model.width_m + width_m) / 2

    def go(self, speed_m_per_s: float | None = None) -> None:
        """Drive on from where it halted, as fast as before or as said."""
        self.halt_at_m = None
        if speed_m_per_s is not None:
            self.cruise_m_per_s = speed_m_per_s

    def halt(self) -> None:
        """Stop at once, wherever it is, until `go`."""
        self.halt_at_m = self.front_m
        self.speed_m_per_s = 0.0

    def metal_over(self, from_m: float, to_m: float) -> float:
        """How strongly it shows over that stretch: the covered share, weighted by its parts."""
        model = self.model
        share = 0.0
        rear_axle_m = self.rear_m + model.axle_m
        front_axle_m = max(rear_axle_m, self.front_m - model.axle_m)
        parts = (
            (self.rear_m, rear_axle_m, model.metal),
            (rear_axle_m, front_axle_m, model.middle),
            (front_axle_m, self.front_m, model.metal),
        )
        for start_m, end_m, strength in parts:
            covered_m = min(end_m, to_m, self.front_m) - max(start_m, from_m)
            share += max(0.0, covered_m) * strength
        return share / (to_m - from_m)


class Lane:
    """One roadway; all its posts see the same vehicles.

    `is_closed(vehicle)` and `is_red()` are what drivers see ahead, `centre_m` is where they drive;
    the street sets them. Vehicles that wait stop at the line, one that has passed it drives on.
    """

    def __init__(self) -> None:
        self.vehicles: list[Vehicle] = []
        self.centre_m = 0.0
        self.is_closed: Callable[[Vehicle], bool] = lambda _: False
        self.is_red: Callable[[], bool] = lambda: False

    def arrive(
        self,
        speed_m_per_s: float = 4.0,
        model: str = "car",
        *,
        across_m: float | None = None,
        halt_at_m: float | None = None,
        obedient: bool = True,
        tailgates: bool = False,
    ) -> Vehicle:
        """A vehicle enters, behind whoever is there. ValueError for an unknown model."""
        if model not in MODELS:
            raise ValueError(f"no vehicle {model!r}; there are {', '.join(MODELS)}")
        entry_m = LANE_M[0]
        if self.vehicles:
            entry_m = min(entry_m, min(v.rear_m for v in self.vehicles) - QUEUE_GAP_M)
        if across_m is None:
            across_m = self.centre_m
        vehicle = Vehicle(
            entry_m, speed_m_per_s, MODELS[model], across_m, halt_at_m, obedient, tailgates
        )
        self.vehicles.append(vehicle)
        return vehicle

    def step(self, dt_s: float) -> None:
        """Let `dt_s` seconds pass: everybody drives as far as what is ahead allows."""
        for number, vehicle in enumerate(self.vehicles):
            limit_m = self._limit_m(vehicle, self.vehicles[:number])
            allowed = vehicle.cruise_m_per_s
            if limit_m is not None:
                allowed = min(allowed, (2 * BRAKES_M_PER_S2 * max(0.0, limit_m)) ** 0.5)
            if allowed > vehicle.speed_m_per_s:
                faster = vehicle.speed_m_per_s + ACCELERATION_M_PER_S2 * dt_s
                allowed = min(allowed, faster)
            vehicle.speed_m_per_s = allowed
            ahead_m = allowed * dt_s
            vehicle.front_m += ahead_m if limit_m is None else min(ahead_m, max(0.0, limit_m))
        self.vehicles = [v for v in self.vehicles if v.rear_m < LANE_M[1]]

    def _limit_m(self, vehicle: Vehicle, ahead: list[Vehicle]) -> float | None:
        """How far it may still drive; None for as far as it likes."""
        limits: list[float] = []
        if vehicle.halt_at_m is not None:
            limits.append(vehicle.halt_at_m - vehicle.front_m)
        gap_m = TAILGATE_GAP_M if vehicle.tailgates else QUEUE_GAP_M
        limits += [
            other.rear_m - gap_m - vehicle.front_m
            for other in ahead
            if other.is_beside(vehicle.across_m, vehicle.model.width_m)
        ]
        to_line_m = STOP_LINE_M - vehicle.front_m
        if to_line_m >= 0.0 and self._must_wait(vehicle, to_line_m):
            limits.append(to_line_m)
        return min(limits) if limits else None

    def _must_wait(self, vehicle: Vehicle, to_line_m: float) -> bool:
        if self.is_closed(vehicle):
            return True
        if not (vehicle.obedient and self.is_red()):
            vehicle.waits = False
        elif not vehicle.waits:
            # Who cannot stop any more at a light that turns red drives on.
            vehicle.waits = to_line_m >= vehicle.speed_m_per_s**2 / (2 * BRAKES_M_PER_S2)
        return vehicle.waits


class LoopDetector:
    """An induction loop with its detector: metal above it, a threshold, and two delays.

    It finds a car anywhere, a bicycle only when all of it is above, and loses the middle of a high
    trailer: the detector drops out while the vehicle is still there. `extent_m` is along the lane.
    """

    FINDS, LOSES = 0.12, 0.10
    FIND_S, LOSE_S = 0.03, 0.15

    def __init__(self, extent_m: tuple[float, float], across_m: float, width_m: float) -> None:
        self.extent_m = extent_m
        self.across_m = across_m
        self.width_m = width_m
        self.occupied = False
        self._differs_s = 0.0

    def step(self, vehicles: list[Vehicle], dt_s: float) -> None:
        """Let `dt_s` seconds pass with those vehicles in the lane."""
        near = (v for v in vehicles if v.is_beside(self.across_m, self.width_m))
        metal = max((v.metal_over(*self.extent_m) for v in near), default=0.0)
        differs = metal < self.LOSES if self.occupied else metal >= self.FINDS
        self._differs_s = self._differs_s + dt_s if differs else 0.0
        if self._differs_s >= (self.LOSE_S if self.occupied else self.FIND_S):
            self.occupied = not self.occupied
            self._differs_s = 0.0
