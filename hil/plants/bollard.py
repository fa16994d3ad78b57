"""A retractable bollard: a post with mass, travel and end stops, and vehicles over two loops."""

from dataclasses import dataclass

from hil.pins import BollardPin
from hil.plants.board import Plant

TRAVEL_M = 0.7
MASS_KG = 80.0
GRAVITY_M_PER_S2 = 9.81
# The hydraulic drive pushes with 1600 N and is damped so that it settles near 0.2 m/s both ways.
DRIVE_UP_N = 1600.0
DAMPING_N_S_PER_M = 4000.0
LOCK_N_S_PER_M = 200_000.0  # closed valve: what holds the post when nothing drives it
END_SWITCH_M = 0.005
STEP_S = 0.002  # the damping needs small steps

CURRENT_FULL_SCALE_A = 20.0
RUNNING_A, STALLED_A = 6.0, 15.0
PRESSURE_FULL_SCALE_BAR = 250.0
RUNNING_BAR, STALLED_BAR = 60.0, 180.0

VEHICLE_LENGTH_M = 4.5
LOOP_A_M = (-3.0, -1.0)  # before the post, which is at 0
LOOP_B_M = (1.0, 3.0)
LANE_M = (-25.0, 25.0)


@dataclass
class Vehicle:
    """A vehicle in the lane; `front_m` is where its front bumper is, it moves forward."""

    front_m: float
    speed_m_per_s: float

    def covers(self, from_m: float, to_m: float) -> bool:
        """Whether some of it is above that stretch of the lane."""
        return self.front_m >= from_m and self.front_m - VEHICLE_LENGTH_M <= to_m


class BollardPlant(Plant):
    """A bollard. With `falls` the post sinks without power, else a closed valve holds it."""

    def __init__(self, *, falls: bool = False) -> None:
        super().__init__()
        self.falls = falls
        self.height_m = 0.0
        self.velocity_m_per_s = 0.0
        self.vehicles: list[Vehicle] = []
        self.obstacle = False
        self.emergency = False
        self.door_open = False
        self.loop_fault = False
        self.local_key = False
        self.lifted = 0  # vehicles that a rising post met: must stay 0
        self._blocked = False
        self._sense()

    @property
    def driving(self) -> int:
        """1 up, -1 down, 0 off; both outputs at once cancel each other."""
        up = self.digital_out(BollardPin.DRIVE_UP)
        return int(up) - int(self.digital_out(BollardPin.DRIVE_DOWN))

    def arrive(self, speed_m_per_s: float = 4.0) -> Vehicle:
        """A vehicle enters the lane; it stops before a post that is not down."""
        vehicle = Vehicle(LANE_M[0], speed_m_per_s)
        self.vehicles.append(vehicle)
        return vehicle

    def step(self, dt_s: float) -> None:
        """See `Plant`."""
        self._move_vehicles(dt_s)
        above = any(v.covers(0.0, 0.0) for v in self.vehicles)
        if above and self.driving > 0 and not self._blocked:
            self.lifted += 1
        self._blocked = above and self.driving > 0
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
            "identify": self.identifying,
        }

    def _move_vehicles(self, dt_s: float) -> None:
        for vehicle in self.vehicles:
            ahead_m = vehicle.front_m + vehicle.speed_m_per_s * dt_s
            waits = self.height_m > END_SWITCH_M and vehicle.front_m <= LOOP_A_M[1] <= ahead_m
            # It stops on loop A, short of the post.
            vehicle.front_m = min(ahead_m, LOOP_A_M[1] - 0.01) if waits else ahead_m
        self.vehicles = [v for v in self.vehicles if v.front_m - VEHICLE_LENGTH_M < LANE_M[1]]

    def _move_post(self, dt_s: float) -> None:
        drive = 0 if self._blocked else self.driving
        weight_n = MASS_KG * GRAVITY_M_PER_S2
        if drive:
            force_n = DRIVE_UP_N if drive > 0 else 0.0
            damping = DAMPING_N_S_PER_M
        else:
            force_n = 0.0 if self.falls else weight_n
            damping = DAMPING_N_S_PER_M if self.falls else LOCK_N_S_PER_M
        # Damping implicitly: stable however stiff it is.
        push = self.velocity_m_per_s + (force_n - weight_n) / MASS_KG * dt_s
        self.velocity_m_per_s = push / (1.0 + damping / MASS_KG * dt_s)
        self.height_m += self.velocity_m_per_s * dt_s
        if not 0.0 < self.height_m < TRAVEL_M:
            self.height_m = min(TRAVEL_M, max(0.0, self.height_m))
            self.velocity_m_per_s = 0.0

    def _sense(self) -> None:
        at_top = self.height_m >= TRAVEL_M - END_SWITCH_M
        at_bottom = self.height_m <= END_SWITCH_M
        contacts = {
            BollardPin.LOOP_A: any(v.covers(*LOOP_A_M) for v in self.vehicles),
            BollardPin.LOOP_B: any(v.covers(*LOOP_B_M) for v in self.vehicles),
            BollardPin.LOOP_FAULT: self.loop_fault,
            BollardPin.OBSTACLE: self.obstacle or self._blocked,
            BollardPin.EMERGENCY: self.emergency,
            BollardPin.DOOR: self.door_open,
            BollardPin.AT_TOP: at_top,
            BollardPin.AT_BOTTOM: at_bottom,
            BollardPin.LOCAL_KEY: self.local_key,
        }
        for pin, level in contacts.items():
            self.set_digital(pin, level)
        drive = self.driving
        stalled = self._blocked or (drive > 0 and at_top) or (drive < 0 and at_bottom)
        current_a = (STALLED_A if stalled else RUNNING_A) if drive else 0.0
        pressure_bar = (STALLED_BAR if stalled else RUNNING_BAR) if drive else 0.0
        self.set_analog(BollardPin.MOTOR_CURRENT, current_a, 0.0, CURRENT_FULL_SCALE_A)
        self.set_analog(BollardPin.PRESSURE, pressure_bar, 0.0, PRESSURE_FULL_SCALE_BAR)
