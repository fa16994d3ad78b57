"""A smart bin: waste in bursts through a lid, an echo, a press, fire, a battery with a panel."""

import math
import random
from dataclasses import dataclass

from hil.pins import (
    DISTANCE_INTERFERENCE,
    DISTANCE_NO_OBJECT,
    DISTANCE_REGISTER,
    I2C_PRESENT,
    BinPin,
    Kind,
)
from hil.plants.board import Plant, approach
from hil.plants.press import PRESS_FULL_SCALE_A, Ram
from hil.plants.sensors import Failure

EMPTY_DISTANCE_MM = 1200  # from the sensor to the floor
FULL_DISTANCE_MM = 250
EYE_ABOVE_FULL_MM = 100  # the eye is interrupted this much before the bin is full
LID_OPEN_S = 3.0
BATTERY_FULL_SCALE_V = 16.0
TEMPERATURE_RANGE_C = (-50.0, 150.0)
DAY_S = 86_400.0
YEAR_S = 365.0 * DAY_S

# Loose waste settles by a share of its height.
SETTLING_SHARE, SETTLING_S = 0.15, 1200.0
# A bag here and there: its height, and how often.
DEPOSIT_MM = (10.0, 60.0)
BAG_MM, BAG_SHARE = (80.0, 140.0), 0.04

PING_S = 0.1  # the sensor measures ten times a second
PING_NOISE_MM = 4.0
INTERFERENCE_SHARE = 0.02
NO_OBJECT_SHARE = 0.01
# Of an open lid the sensor sees the underside, or nothing.
LID_ECHO_SHARE, LID_ECHO_MM = 0.5, 160.0
# A bag that leans into the beam gives some echoes, until something falls on it.
LEANING_SHARE, LEANING_ECHO_SHARE = 0.1, 0.2
REFERENCE_C = 20.0
NOISY_MM = 45.0
DRIFT_MM_PER_DAY = 3.0  # of real sensors it is less than that a year

FIRE_C, FIRE_LAG_S = 400.0, 120.0
INSIDE_LAG_S = 1800.0
# Brussels, about: mean, summer above winter, noon above midnight.
MEAN_C, SEASON_C, DAILY_C = 11.0, 8.0, 5.0

BATTERY_WH = 12.0 * 18.0
FLAT_V, CHARGED_V = 11.2, 12.9
SAG_V_PER_A = 0.05
PANEL_W = 10.0  # at noon in midsummer
ELECTRONICS_W = 0.15


@dataclass(frozen=True)
class Habits:
    """How a bin is used: people an hour on average, by day and night, in some weather."""

    deposits_per_hour: float = 20.0
    nights: bool = False
    """few people come at night, and more at noon"""
    weather: bool = False
    """seasons and days in temperature and sun; else 15 °C and no sun"""


class BinPlant(Plant):
    """A bin. People put waste in at random.

    The distances are from the sensor: to the floor, and to the waste when nothing more goes in.
    `fail("distance", …)` lets the sensor's echo fail, see `Failure`.
    """

    PINS = BinPin
    now_s: float
    _failed_s: float

    def __init__(
        self,
        *,
        deposits_per_hour: float = 20.0,
        seed: int = 0,
        empty_mm: float = EMPTY_DISTANCE_MM,
        full_mm: float = FULL_DISTANCE_MM,
        habits: Habits | None = None,
    ) -> None:
        super().__init__()
        self.empty_mm = empty_mm
        self.full_mm = full_mm
        self.habits = habits or Habits(deposits_per_hour)
        self.ram = Ram()
        self.loose_mm = 0.0
        self.packed_mm = 0.0
        self.door_open = False
        self.lid_stuck = False
        self.tilted = False
        self.wet = False
        self.burning = False
        self.charge = 0.9
        self.free_running = True  # the distance sensor measures by itself, not only at `ping`
        self.echo_failure: Failure | None = None
        self._random = random.Random(seed)
        self._echoes = random.Random(seed + 1)
        self.ambient_c = self._weather_c() if self.habits.weather else 15.0
        self.inside_c = self.ambient_c
        self._settling_mm = 0.0
        self._leaning_mm: float | None = None
        self._failed_s = 0.0
        self._held_echo = DISTANCE_NO_OBJECT
        self._lid_s = 0.0
        self._ping_s = 0.0
        self._next_s = self._pause_s()
        self._sense()
        self.ping()

    @property
    def waste_mm(self) -> float:
        """Height of the waste."""
        return self.loose_mm + self.packed_mm

    @property
    def fill(self) -> float:
        """How full it is: 0 at the floor, 1 at the full mark."""
        return self.waste_mm / (self.empty_mm - self.full_mm)

    @property
    def lid_open(self) -> bool:
        """Whether somebody holds the lid open, or it is stuck."""
        return self._lid_s > 0.0 or self.lid_stuck

    @property
    def plate(self) -> float:
        """Where the plate of the press is: 0 retracted, 1 as far down as it gets."""
        return self.ram.plate

    @property
    def jammed(self) -> bool:
        """Whether something blocks the press."""
        return self.ram.jammed

    @jammed.setter
    def jammed(self, jammed: bool) -> None:
        self.ram.jammed = jammed

    @property
    def rest_v(self) -> float:
        """Voltage of the battery without load."""
        return FLAT_V + (CHARGED_V - FLAT_V) * self.charge

    @property
    def change_s(self) -> float:
        """How long until somebody opens or closes the lid, unless something else happens."""
        return min(self._next_s, self._lid_s) if self._lid_s > 0.0 else self._next_s

    def deposit(self, height_mm: float = 40.0) -> None:
        """Somebody opens the lid and drops in that much (as far as there is room)."""
        self._lid_s = LID_OPEN_S
        room_mm = self.empty_mm - self.full_mm - self.waste_mm
        height_mm = max(0.0, min(height_mm, room_mm))
        self.loose_mm += height_mm
        self._settling_mm += height_mm * SETTLING_SHARE
        self._leaning_mm = None
        if self._random.random() < LEANING_SHARE:
            reach_mm = self.empty_mm - self.waste_mm
            self._leaning_mm = self._random.uniform(0.4, 0.7) * reach_mm

    def leave_alone(self) -> None:
        """Nobody comes any more."""
        self._next_s = math.inf

    def empty(self) -> None:
        """The crew takes everything out; they open and close the door themselves."""
        self.loose_mm = self.packed_mm = self._settling_mm = 0.0
        self._leaning_mm = None

    def fail(self, sensor: str, failure: str | None) -> None:
        """See `Plant`; `distance` is the ultrasonic sensor."""
        if sensor != "distance":
            super().fail(sensor, failure)
            return
        self.echo_failure = None if failure is None else Failure(failure)
        self._failed_s = self.now_s

    def step(self, dt_s: float) -> None:
        """See `Plant`."""
        self.now_s += dt_s
        self._lid_s = max(0.0, self._lid_s - dt_s)
        self._next_s -= dt_s
        while self._next_s <= 0.0:
            big = self._random.random() < BAG_SHARE
            self.deposit(self._random.uniform(*(BAG_MM if big else DEPOSIT_MM)))
            self._next_s += self._pause_s()
        left_mm = approach(self._settling_mm, 0.0, dt_s, SETTLING_S)
        self.loose_mm = max(0.0, self.loose_mm - (self._settling_mm - left_mm))
        self._settling_mm = left_mm
        self._press(dt_s)
        if self.habits.weather:
            self.ambient_c = self._weather_c()
        warm_c, lag_s = (FIRE_C, FIRE_LAG_S) if self.burning else (self.ambient_c, INSIDE_LAG_S)
        self.inside_c = approach(self.inside_c, warm_c, dt_s, lag_s)
        watts = ELECTRONICS_W + self.ram.current_a * self.rest_v - self._sun() * PANEL_W
        self.charge = min(1.0, max(0.0, self.charge - watts * dt_s / 3600.0 / BATTERY_WH))
        self._sense()
        self._ping_s -= dt_s
        if self._ping_s <= 0.0 and self.free_running:
            self._ping_s = PING_S
            self.ping()

    def snapshot(self) -> dict[str, object]:
        """See `Plant`."""
        return {
            "waste_mm": round(self.waste_mm),
            "fill": round(self.fill, 3),
            "lid_open": self.lid_open,
            "door_open": self.door_open,
            "plate": round(self.plate, 2),
            "burning": self.burning,
            "inside_c": round(self.inside_c, 1),
            "battery_v": round(self.rest_v, 2),
            "identify": self.identifying,
        }

    def ping(self) -> None:
        """Let the sensor measure now."""
        self.inputs[Kind.I2C, I2C_PRESENT] = int(self.echo_failure is not Failure.DISCONNECTED)
        self.inputs[Kind.I2C, DISTANCE_REGISTER] = self._echo()

    def _press(self, dt_s: float) -> None:
        drive = int(self.digital_out(BinPin.PRESS)) - int(self.digital_out(BinPin.RETRACT))
        before_mm = self.loose_mm
        self.loose_mm, self.packed_mm = self.ram.step(
            drive, dt_s, self.loose_mm, self.packed_mm, self.empty_mm
        )
        if self.loose_mm < before_mm:
            self._settling_mm = 0.0
            self._leaning_mm = None

    def _sense(self) -> None:
        self.set_digital(BinPin.LID, self.lid_open)
        self.set_digital(BinPin.DOOR, self.door_open)
        self.set_digital(BinPin.TILT, self.tilted)
        self.set_digital(BinPin.WATER, self.wet)
        eye_mm = self.empty_mm - self.full_mm - EYE_ABOVE_FULL_MM
        self.set_digital(BinPin.EYE, self.waste_mm >= eye_mm or self.plate > 0.0)
        self.set_analog(BinPin.PRESS_CURRENT, self.ram.current_a, 0.0, PRESS_FULL_SCALE_A)
        battery_v = self.rest_v - SAG_V_PER_A * self.ram.current_a
        self.set_analog(BinPin.BATTERY, battery_v, 0.0, BATTERY_FULL_SCALE_V)
        self.set_analog(BinPin.TEMPERATURE, self.inside_c, *TEMPERATURE_RANGE_C)

    def _echo(self) -> int:
        """What the sensor measures, as distance in air of REFERENCE_C, or a code."""
        chance = self._echoes.random()
        if self.echo_failure in (Failure.FROZEN, Failure.STUCK_0, Failure.STUCK_1):
            return self._held_echo
        if chance < NO_OBJECT_SHARE:
            return DISTANCE_NO_OBJECT
        if chance < NO_OBJECT_SHARE + INTERFERENCE_SHARE:
            return DISTANCE_INTERFERENCE
        distance_mm = self.empty_mm - self.waste_mm
        if self.lid_open:
            if self._echoes.random() >= LID_ECHO_SHARE:
                return DISTANCE_NO_OBJECT
            distance_mm = LID_ECHO_MM
        elif self.plate > 0.0:
            distance_mm = min(distance_mm, self.ram.depth_mm(self.empty_mm))
        elif self._leaning_mm is not None and self._echoes.random() < LEANING_ECHO_SHARE:
            distance_mm = self._leaning_mm
        raw_mm = distance_mm * sound_m_s(REFERENCE_C) / sound_m_s(self.inside_c)
        noise_mm = PING_NOISE_MM
        if self.echo_failure is Failure.NOISY:
            noise_mm = NOISY_MM
        elif self.echo_failure is Failure.DRIFTING:
            raw_mm -= DRIFT_MM_PER_DAY * (self.now_s - self._failed_s) / DAY_S
        self._held_echo = max(0, round(raw_mm + self._echoes.gauss(0.0, noise_mm)))
        return self._held_echo

    def _pause_s(self) -> float:
        """Until the next deposit; by night a twentieth of the people come."""
        rate_per_s = self.habits.deposits_per_hour / 3600.0
        if rate_per_s <= 0.0:
            return math.inf
        pause_s = self._random.expovariate(rate_per_s)
        if self.habits.nights:
            busy = max(0.05, -1.5 * math.cos(2.0 * math.pi * self.now_s / DAY_S))
            pause_s = min(pause_s / busy, 1800.0 + pause_s)
        return pause_s

    def _weather_c(self) -> float:
        season = -math.cos(2.0 * math.pi * self.now_s / YEAR_S)
        hour = -math.cos(2.0 * math.pi * (self.now_s - 2.0 * 3600.0) / DAY_S)
        return MEAN_C + SEASON_C * season + DAILY_C * hour

    def _sun(self) -> float:
        """Sunshine on the panel: 1 at noon in midsummer."""
        if not self.habits.weather:
            return 0.0
        season = 0.6 - 0.4 * math.cos(2.0 * math.pi * self.now_s / YEAR_S)
        return max(0.0, -math.cos(2.0 * math.pi * self.now_s / DAY_S)) * season


def sound_m_s(air_c: float) -> float:
    """Speed of sound in air."""
    return 331.3 + 0.606 * air_c
