"""Who or what is in the way of a rising post, and the harm done to them."""

from dataclasses import dataclass

from hil.plants.vehicle import Vehicle

# EN 12453 (gates; whether it binds rising posts is unverified): at most 400 N, and after 0.75 s
# at most 150 N.
SQUEEZE_N = 400.0
LONG_SQUEEZE_N, LONG_SQUEEZE_S = 150.0, 0.75
# A vehicle gives way on its springs; pressed harder than this for so long it counts as lifted.
SPRINGS_N_PER_M = 30_000.0
LIFT_N, LIFT_S = 420.0, 0.3

PERSON_N_PER_M = 10_000.0
OBJECT_N_PER_M = 50_000.0


@dataclass(eq=False)
class Body:
    """Something above the head; `underside_m` above the ground.

    It pushes back by `stiffness_n_per_m` with up to `most_n`: its weight when it is free to rise,
    without limit when it is held from above.
    """

    underside_m: float
    stiffness_n_per_m: float
    most_n: float = float("inf")
    is_person: bool = False
    squeezed: bool = False
    _pressed_s: float = 0.0

    def force_n(self, height_m: float) -> float:
        """What a post of that height presses it with."""
        return max(0.0, min(self.most_n, (height_m - self.underside_m) * self.stiffness_n_per_m))

    def suffer(self, height_m: float, dt_s: float) -> None:
        """Note what `dt_s` seconds at that height do to it."""
        force_n = self.force_n(height_m)
        self._pressed_s = self._pressed_s + dt_s if force_n > LONG_SQUEEZE_N else 0.0
        if force_n > SQUEEZE_N or self._pressed_s > LONG_SQUEEZE_S:
            self.squeezed = self.is_person


@dataclass(eq=False)
class Touched:
    """A vehicle above the head of a post."""

    vehicle: Vehicle
    lifted: bool = False
    _pressed_s: float = 0.0

    def force_n(self, height_m: float) -> float:
        """What a post of that height presses its underside with."""
        return max(0.0, (height_m - self.vehicle.model.clearance_m) * SPRINGS_N_PER_M)

    def suffer(self, height_m: float, dt_s: float) -> None:
        """Note what `dt_s` seconds at that height do to it."""
        self._pressed_s = self._pressed_s + dt_s if self.force_n(height_m) > LIFT_N else 0.0
        self.lifted = self.lifted or self._pressed_s > LIFT_S


def person(underside_m: float) -> Body:
    """Somebody bent over the post, held from above."""
    return Body(underside_m, PERSON_N_PER_M, is_person=True)


def thing(underside_m: float, weight_n: float) -> Body:
    """A free thing, which the post lifts when it pushes with more than its weight."""
    return Body(underside_m, OBJECT_N_PER_M, most_n=weight_n)
