"""A smart bin: waste in bursts through a lid, a distance echo, a press, a battery."""

import math
import random

from hil.pins import (
    DISTANCE_INTERFERENCE,
    DISTANCE_NO_OBJECT,
    DISTANCE_REGISTER,
    I2C_PRESENT,
    BinPin,
    Kind,
)
from hil.plants.board import Plant, approach

EMPTY_DISTANCE_MM = 1200  # from the sensor to the floor
FULL_DISTANCE_MM = 250
EYE_ABOVE_FULL_MM = 100  # the eye is interrupted this much before the bin is full
COMPACTED_SHARE = 0.3  # height of loose waste after the press
PING_S = 0.1  # the sensor measures ten times a second
PING_NOISE_MM = 4.0
INTERFERENCE_SHARE = 0.02
NO_OBJECT_SHARE = 0.01
LID_OPEN_S = 3.0
PRESS_TRAVEL_S = 6.0
PRESS_FULL_SCALE_A = 20.0
PRESS_FREE_A, PRESS_PACKING_A, PRESS_JAMMED_A = 2.0, 7.0, 16.0
BATTERY_FULL_SCALE_V = 16.0
BATTERY_V, BATTERY_SAG_V_PER_A = 12.8, 0.05
TEMPERATURE_RANGE_C = (-50.0, 150.0)
FIRE_C, FIRE_LAG_S = 400.0, 120.0


class BinPlant(Plant):
    """A bin. People put waste in at random, `deposits_per_hour` on average.

    The distances are from the sensor: to the floor, and to the waste when nothing more goes in.
    """

    def __init__(
        self,
        *,
        deposits_per_hour: float = 20.0,
        seed: int = 0,
        empty_mm: float = EMPTY_DISTANCE_MM,
        full_mm: float = FULL_DISTANCE_MM,
    ) -> None:
        super().__init__()
        self.empty_mm = empty_mm
        self.full_mm = full_mm
        self.deposits_per_hour = deposits_per_hour
        self.loose_mm = 0.0
        self.packed_mm = 0.0
        self.plate = 0.0  # 0 retracted .. 1 down
        self.jammed = False
        self.door_open = False
        self.tilted = False
        self.burning = False
        self.sensor_dead = False
        self.ambient_c = 15.0
        self.inside_c = self.ambient_c
        self.charge_v = BATTERY_V
        self._random = random.Random(seed)
        self._lid_s = 0.0
        self._ping_s = 0.0
        self._next_s = self._pause_s()
        self._current_a = 0.0
        self._sense()
        self._ping()

    @property
    def waste_mm(self) -> float:
        """Height of the waste."""
        return self.loose_mm + self.packed_mm

    @property
    def lid_open(self) -> bool:
        """Whether somebody holds the lid open."""
        return self._lid_s > 0.0

    def deposit(self, height_mm: float = 40.0) -> None:
        """Somebody opens the lid and drops in that much (as far as there is room)."""
        self._lid_s = LID_OPEN_S
        room_mm = self.empty_mm - self.full_mm - self.waste_mm
        self.loose_mm += max(0.0, min(height_mm, room_mm))

    def empty(self) -> None:
        """The crew takes everything out; they open and close the door themselves."""
        self.loose_mm = self.packed_mm = 0.0

    def step(self, dt_s: float) -> None:
        """See `Plant`."""
        self._lid_s = max(0.0, self._lid_s - dt_s)
        self._next_s -= dt_s
        while self._next_s <= 0.0:
            self.deposit(self._random.uniform(10.0, 60.0))
            self._next_s += self._pause_s()
        self._press(dt_s)
        warm_c = FIRE_C if self.burning else self.ambient_c
        self.inside_c = approach(self.inside_c, warm_c, dt_s, FIRE_LAG_S)
        self._sense()
        self._ping_s -= dt_s
        if self._ping_s <= 0.0:
            self._ping_s += PING_S
            self._ping()

    def snapshot(self) -> dict[str, object]:
        """See `Plant`."""
        return {
            "waste_mm": round(self.waste_mm),
            "fill": round(self.waste_mm / (self.empty_mm - self.full_mm), 3),
            "lid_open": self.lid_open,
            "door_open": self.door_open,
            "plate": round(self.plate, 2),
            "battery_v": round(self.charge_v, 2),
            "identify": self.identifying,
        }

    def _press(self, dt_s: float) -> None:
        drive = int(self.digital_out(BinPin.PRESS)) - int(self.digital_out(BinPin.RETRACT))
        self._current_a = 0.0
        if not drive:
            return
        if self.jammed:
            self._current_a = PRESS_JAMMED_A
            return
        before = self.plate
        self.plate = min(1.0, max(0.0, before + drive * dt_s / PRESS_TRAVEL_S))
        packing = drive > 0 and self.loose_mm > 0.0
        self._current_a = PRESS_PACKING_A if packing else PRESS_FREE_A
        if self.plate == before:
            self._current_a = PRESS_JAMMED_A  # against an end stop
        elif self.plate == 1.0:
            self.packed_mm += self.loose_mm * COMPACTED_SHARE
            self.loose_mm = 0.0

    def _sense(self) -> None:
        distance_mm = self.empty_mm - self.waste_mm
        self.set_digital(BinPin.LID, self.lid_open)
        self.set_digital(BinPin.DOOR, self.door_open)
        self.set_digital(BinPin.TILT, self.tilted)
        self.set_digital(BinPin.EYE, distance_mm <= self.full_mm + EYE_ABOVE_FULL_MM)
        self.set_analog(BinPin.PRESS_CURRENT, self._current_a, 0.0, PRESS_FULL_SCALE_A)
        battery_v = self.charge_v - BATTERY_SAG_V_PER_A * self._current_a
        self.set_analog(BinPin.BATTERY, battery_v, 0.0, BATTERY_FULL_SCALE_V)
        self.set_analog(BinPin.TEMPERATURE, self.inside_c, *TEMPERATURE_RANGE_C)

    def _ping(self) -> None:
        """What the sensor measures: nothing behind an open lid, interference now and then."""
        self.inputs[Kind.I2C, I2C_PRESENT] = int(not self.sensor_dead)
        chance = self._random.random()
        distance_mm = self.empty_mm - self.waste_mm
        echo = round(distance_mm + self._random.gauss(0.0, PING_NOISE_MM))
        if self.lid_open or chance < NO_OBJECT_SHARE:
            echo = DISTANCE_NO_OBJECT
        elif chance < NO_OBJECT_SHARE + INTERFERENCE_SHARE:
            echo = DISTANCE_INTERFERENCE
        self.inputs[Kind.I2C, DISTANCE_REGISTER] = echo

    def _pause_s(self) -> float:
        if self.deposits_per_hour <= 0.0:
            return math.inf
        return self._random.expovariate(self.deposits_per_hour / 3600.0)
