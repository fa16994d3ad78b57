"""A retractable bollard: a post with mass, drive, travel and end stops, in a lane with vehicles.

The plant has none of the hardware cut-outs that a real installation must have beside this
firmware, so that what the firmware does wrong shows as harm: `lifted`, `rammed`, `squeezed`.
"""

from hil.pins import BollardPin, Kind
from hil.plants.board import Plant
from hil.plants.bodies import Body, Touched, person, thing
from hil.plants.vehicle import Lane, LoopDetector, Vehicle

TRAVEL_M = 0.7
MASS_KG = 80.0
GRAVITY_M_PER_S2 = 9.81
WEIGHT_N = MASS_KG * GRAVITY_M_PER_S2
# The hydraulic drive lifts with 1300 N; throttles settle the speed near 0.3 m/s both ways.
DRIVE_UP_N = 1300.0
SPARE_N = DRIVE_UP_N - WEIGHT_N  # what is left for somebody in the way
THROTTLE_UP_N_S_PER_M = 1700.0
THROTTLE_DOWN_N_S_PER_M = 2600.0
LOCK_N_S_PER_M = 200_000.0  # closed valve: what holds the post when nothing drives it
END_SWITCH_M = 0.005
STEP_S = 0.002  # the damping and the springs need small steps

CURRENT_FULL_SCALE_A = 20.0
RUNNING_A, STALLED_A = 6.0, 15.0
PRESSURE_FULL_SCALE_BAR = 250.0
RUNNING_BAR, STALLED_BAR = 60.0, 180.0
# Gibidi DPT260: 40 kg on the head. Less here, since 40 kg and the way to stop are over 400 N.
EDGE_TRIPS_N = 300.0

LOOP_A_M = (-3.0, -1.0)  # before the post
LOOP_B_M = (1.0, 3.0)
LOOP_WIDTH_M = 1.6
VISIBLE_M = 0.05  # of a post that a driver sees


class BollardPlant(Plant):
    """A bollard at `across_m` of its lane, `along_m` further on than the lane's line.

    `falls`: the post sinks when the mains are gone, else a closed valve holds it. With a `lane`
    of others somebody else steps that lane; without one it has its own.
    """

    PINS = BollardPin

    def __init__(
        self,
        *,
        falls: bool = False,
        lane: Lane | None = None,
        across_m: float = 0.0,
        along_m: float = 0.0,
    ) -> None:
        super().__init__()
        self.falls = falls
        self.across_m = across_m
        self.along_m = along_m
        self.height_m = 0.0
        self.velocity_m_per_s = 0.0
        self.mains = True
        self.obstacle = False  # somebody holds the edge down
        self.emergency = False
        self.emergency_lower = False
        self.door_open = False
        self.loop_fault = False
        self.local_key = False
        self.local_lower = False
        self.jammed = False  # a stone in the collar
        self.lifted = 0  # vehicles that a rising post pressed up: must stay 0
        self.rammed = 0  # vehicles that ran into a post that rose before them: must stay 0
        self.squeezed = 0  # persons pressed harder or longer than EN 12453 allows: must stay 0
        self.force_n = 0.0  # on the head
        self.bodies: list[Body] = []
        self.loop_a = LoopDetector(_shifted(LOOP_A_M, along_m), across_m, LOOP_WIDTH_M)
        self.loop_b = LoopDetector(_shifted(LOOP_B_M, along_m), across_m, LOOP_WIDTH_M)
        self._owns_lane = lane is None
        self.lane = lane or Lane()
        self._above: dict[Vehicle, Touched] = {}
        self._behind: set[Vehicle] = set()  # vehicles that have not reached the post yet
        if self._owns_lane:
            join(self.lane, [self])
        self._sense()

    @property
    def vehicles(self) -> list[Vehicle]:
        """Everybody in the lane, the first one ahead."""
        return self.lane.vehicles

    @property
    def driving(self) -> int:
        """1 up, -1 down, 0 off, as the outputs say; both at once cancel each other."""
        up = self.digital_out(BollardPin.DRIVE_UP)
        return int(up) - int(self.digital_out(BollardPin.DRIVE_DOWN))

    @property
    def at_top(self) -> bool:
        """Whether the post is up, as somebody in the street would see it."""
        return self.height_m >= TRAVEL_M - END_SWITCH_M

    @property
    def at_bottom(self) -> bool:
        """Whether the post is down, as somebody in the street would see it."""
        return self.height_m <= END_SWITCH_M

    @property
    def harm(self) -> int:
        """Vehicles and persons that this post has hurt."""
        return self.lifted + self.rammed + self.squeezed

    def arrive(
        self,
        speed_m_per_s: float = 4.0,
        model: str = "car",
        *,
        halt_at_m: float | None = None,
        obedient: bool = True,
        tailgates: bool = False,
    ) -> Vehicle:
        """A vehicle comes down the lane of this post; see `Lane.arrive`."""
        return self.lane.arrive(
            speed_m_per_s,
            model,
            halt_at_m=halt_at_m,
            obedient=obedient,
            tailgates=tailgates,
        )

    def obstruct(
        self, *, by_person: bool = False, underside_m: float = 0.3, weight_n: float = 800.0
    ) -> Body:
        """Somebody bends over the post, or a thing of that weight lies there; until `unblock`."""
        body = person(underside_m) if by_person else thing(underside_m, weight_n)
        self.bodies.append(body)
        return body

    def unblock(self) -> None:
        """Whoever and whatever was in the way goes away."""
        self.bodies.clear()

    def step(self, dt_s: float) -> None:
        """See `Plant`."""
        self.now_s += dt_s
        if self._owns_lane:
            self.lane.step(dt_s)
        self._meet_vehicles()
        self.loop_a.step(self.vehicles, dt_s)
        self.loop_b.step(self.vehicles, dt_s)
        if self._rests():
            self.force_n = 0.0
            dt_s = 0.0
        while dt_s > 0.0:
            self._move_post(min(dt_s, STEP_S))
            dt_s -= STEP_S
        self._sense()

    def snapshot(self) -> dict[str, object]:
        """See `Plant`."""
        return {
            "height_m": round(self.height_m, 3),
            "driving": self.driving,
            "red": self.digital_out(BollardPin.RED),
            "green": self.digital_out(BollardPin.GREEN),
            "warning": self.digital_out(BollardPin.WARNING_LIGHT),
            "vehicles": len(self.vehicles),
            "loops": self.loop_a.occupied or self.loop_b.occupied,
            "blocked": bool(self.bodies),
            "mains": self.mains,
            "force_n": round(self.force_n),
            "lifted": self.lifted,
            "rammed": self.rammed,
            "squeezed": self.squeezed,
            "failed_sensors": sorted(BollardPin(pin).name.lower() for pin in self.failed),
            "identify": self.identifying,
        }

    def _meet_vehicles(self) -> None:
        """Who is above the post now, and who has just run into it."""
        before, self._behind = self._behind, set()
        above: dict[Vehicle, Touched] = {}
        for vehicle in self.vehicles:
            if not vehicle.is_beside(self.across_m):
                continue
            if vehicle.front_m < self.along_m:
                self._behind.add(vehicle)
            elif vehicle.rear_m <= self.along_m:
                above[vehicle] = self._above.get(vehicle) or Touched(vehicle)
                if vehicle in before and self.height_m > vehicle.model.clearance_m:
                    self.rammed += 1
                    vehicle.halt()
        self._above = above

    def _rests(self) -> bool:
        return not (self.bodies or self._above or self.velocity_m_per_s or self._push_n()[0])

    def _push_n(self) -> tuple[float, float]:
        """Force on the post without whoever is in the way, and the damping of its hydraulics."""
        drive = self.driving
        if self.jammed:
            return 0.0, LOCK_N_S_PER_M
        if drive > 0 and self.mains:
            return SPARE_N, THROTTLE_UP_N_S_PER_M
        # To lower it a valve opens, which needs no mains; so it does in a post that falls.
        if drive < 0 or (self.falls and not self.mains):
            return -WEIGHT_N, THROTTLE_DOWN_N_S_PER_M
        return 0.0, LOCK_N_S_PER_M

    def _move_post(self, dt_s: float) -> None:
        touched: list[Body | Touched] = [*self.bodies, *self._above.values()]
        self.force_n = sum(each.force_n(self.height_m) for each in touched)
        push_n, damping = self._push_n()
        # Damping implicitly: stable however stiff it is.
        speed = self.velocity_m_per_s + (push_n - self.force_n) / MASS_KG * dt_s
        self.velocity_m_per_s = speed / (1.0 + damping / MASS_KG * dt_s)
        self.height_m += self.velocity_m_per_s * dt_s
        if not 0.0 < self.height_m < TRAVEL_M:
            self.height_m = min(TRAVEL_M, max(0.0, self.height_m))
            self.velocity_m_per_s = 0.0
        for body in self.bodies:
            known = body.squeezed
            body.suffer(self.height_m, dt_s)
            self.squeezed += body.squeezed and not known
        for each in self._above.values():
            known = each.lifted
            each.suffer(self.height_m, dt_s)
            self.lifted += each.lifted and not known

    def _sense(self) -> None:
        contacts = {
            BollardPin.LOOP_A: self.loop_a.occupied,
            BollardPin.LOOP_B: self.loop_b.occupied,
            BollardPin.LOOP_FAULT: self.loop_fault,
            BollardPin.OBSTACLE: self.obstacle or self.force_n > EDGE_TRIPS_N,
            BollardPin.EMERGENCY: self.emergency,
            BollardPin.EMERGENCY_LOWER: self.emergency_lower,
            BollardPin.DOOR: self.door_open,
            BollardPin.POWER_LOST: not self.mains,
            BollardPin.AT_TOP: self.at_top,
            BollardPin.AT_BOTTOM: self.at_bottom,
            BollardPin.LOCAL_KEY: self.local_key,
            BollardPin.LOCAL_LOWER: self.local_lower,
        }
        for pin, level in contacts.items():
            self.set_digital(pin, level)
        load = self._load()
        running = load is not None
        current_a = RUNNING_A + (STALLED_A - RUNNING_A) * load if load is not None else 0.0
        pressure_bar = RUNNING_BAR + (STALLED_BAR - RUNNING_BAR) * load if running else 0.0
        self.set_analog(BollardPin.MOTOR_CURRENT, current_a, 0.0, CURRENT_FULL_SCALE_A)
        self.set_analog(BollardPin.PRESSURE, pressure_bar, 0.0, PRESSURE_FULL_SCALE_BAR)

    def _load(self) -> float | None:
        """Load of the motor from 0 (free) to 1 (stalled); None when it does not run."""
        drive = self.driving
        if not drive or not self.mains:
            return None
        if self.jammed or (drive > 0 and self.at_top) or (drive < 0 and self.at_bottom):
            return 1.0
        return min(1.0, self.force_n / SPARE_N) if drive > 0 else 0.0


def join(lane: Lane, posts: list[BollardPlant]) -> None:
    """Let the drivers of a lane see those posts and their lights."""

    def is_closed(vehicle: Vehicle) -> bool:
        return any(
            post.height_m > VISIBLE_M and vehicle.is_beside(post.across_m, LOOP_WIDTH_M)
            for post in posts
        )

    lane.centre_m = sum(post.across_m for post in posts) / len(posts)
    lane.is_closed = is_closed
    lane.is_red = lambda: any((post.outputs.get((Kind.DIGITAL, BollardPin.RED))) for post in posts)


def _shifted(extent_m: tuple[float, float], by_m: float) -> tuple[float, float]:
    return extent_m[0] + by_m, extent_m[1] + by_m
