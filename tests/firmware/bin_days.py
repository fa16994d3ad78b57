"""Days of a bin in virtual time: the shipped node and the plant, a crew, and everything that fails.

The node sleeps between its wakes. A slice of sleep in which nothing changes changes nothing, so
that the clock jumps to the next change; `everything=True` lives through each of them.
"""

from __future__ import annotations

import random
import struct
from collections import Counter
from dataclasses import dataclass, field

from firmware import config
from firmware.logic import bin as logic
from firmware.nodes.bin import BinNode
from hil.pins import DISTANCE_REGISTER, I2C_PRESENT, BinPin, Kind
from hil.plants.bin import BinPlant, Habits
from hil.plants.press import PRESS_FULL_SCALE_A
from hil.plants.sensors import Failure
from protocol.generated import wire, wire_bin

DAY_S = 86_400
SLEEP_S = 1800
SLICE_MS = 1000
TOLERANCE = 0.03
SEEN_DROP = 0.2
"""A level that is so much lower after the door was open is an emptying."""
PACKED_AT_BEST = 4
TROUBLES: tuple[tuple[float, str, float, float], ...] = (
    (0.05, "inspection", 20.0, 120.0),
    (0.10, "lid stuck", 300.0, 7200.0),
    (0.05, "tilt", 0.5, 600.0),
    (0.03, "water", 60.0, 3600.0),
    (0.03, "jam", 3600.0, 20_000.0),
    (0.02, "fire", 600.0, 1200.0),
    (0.04, "thermometer", 100.0, 40_000.0),
    (0.08, Failure.FROZEN, 100.0, 60_000.0),
    (0.08, Failure.NOISY, 100.0, 60_000.0),
    (0.08, Failure.DISCONNECTED, 20.0, 60_000.0),
)
"""How often on a day, what, and how long in seconds."""
BITS = (BinPin.LID, BinPin.DOOR, BinPin.TILT, BinPin.WATER, BinPin.EYE)
FIRE_WITHIN_S = 180.0
STATUS = struct.Struct("<BHHBHhHHHH")


class Pins:
    """Inputs and outputs of the node on the plant's wires, scaled as the drivers do it."""

    def __init__(self, plant: BinPlant) -> None:
        self.plant = plant
        self.driven = 0

    def press(self, direction: int) -> None:
        self.driven = direction
        self.plant.output(Kind.DIGITAL, BinPin.RETRACT, int(direction == logic.RETRACT))
        self.plant.output(Kind.DIGITAL, BinPin.PRESS, int(direction == logic.PRESS))

    def bits(self) -> int:
        inputs = self.plant.inputs
        # An open wire reads as its pull-up.
        return sum(1 << place for place, pin in enumerate(BITS) if inputs[Kind.DIGITAL, pin] != 0)

    def distance_mm(self) -> int:
        self.plant.ping()
        if not self.plant.inputs[Kind.I2C, I2C_PRESENT]:
            return 0xFFFF
        return self.plant.inputs[Kind.I2C, DISTANCE_REGISTER]

    def temperature_dc(self) -> int:
        reading = self.plant.inputs[Kind.ADC, BinPin.TEMPERATURE]
        if not 0 < reading < 0xFFFF:
            return -32768
        return -500 + ((reading >> 2) * 2000 >> 14)

    def battery_mv(self) -> int:
        return (self.plant.inputs[Kind.ADC, BinPin.BATTERY] >> 2) * 16000 >> 14

    def press_ma(self) -> int:
        full_ma = round(PRESS_FULL_SCALE_A * 1000)
        return (self.plant.inputs[Kind.ADC, BinPin.PRESS_CURRENT] >> 2) * full_ma >> 14


class Ring:
    def __init__(self) -> None:
        self.data = bytearray(64)


class Paper:
    """An outbox that keeps the latest status and every event."""

    def __init__(self) -> None:
        self.routine = Ring()
        self.statuses = 0
        self.quality = wire.QUALITY_INVALID
        self.events: list[tuple[int, int, int, int]] = []
        self._status = bytearray(64)

    def begin(self, kind: int, _size: int, quality: int, _now_ms: int) -> int:
        if kind == wire_bin.RECORD_BIN_STATUS:
            self.statuses += 1
            self.quality = quality
            self.routine.data = self._status
        else:
            self.routine.data = bytearray(64)
        return 0

    def event(
        self, code: int, _severity: int, active: int, value: int, _number: int, now_ms: int
    ) -> None:
        self.events.append((code, active, value, now_ms))

    def level(self) -> float:
        """The reported level, 0 to 1."""
        return STATUS.unpack_from(self._status)[1] / 1000.0


@dataclass
class Verdict:
    """What was found in all days."""

    days: int = 0
    reports: int = 0
    good_ms: int = 0
    """how long the latest report was a good one"""
    worst: float = 0.0
    """largest difference between a good level and the truth, in shares of the whole"""
    wrong: list[str] = field(default_factory=list[str])
    counts: Counter[str] = field(default_factory=Counter[str])

    def __str__(self) -> str:
        counts = ", ".join(f"{number} {what}" for what, number in sorted(self.counts.items()))
        return (
            f"{self.days} days: {self.reports} reports, a good level for"
            f" {self.good_ms / (self.days * DAY_S * 1000):.1%} of the time,"
            f" worst error {self.worst:.2%} of full; {counts}"
        )


class BinLife:
    """One bin from day 0 on; everything follows from `seed`. It is `spared` some troubles."""

    def __init__(
        self,
        seed: int,
        *,
        everything: bool = False,
        sleep_s: int = SLEEP_S,
        spared: tuple[str, ...] = (),
        weather: bool = True,
    ) -> None:
        self._spared = spared
        self.plant = BinPlant(
            seed=seed, habits=Habits(deposits_per_hour=2.5, nights=True, weather=weather)
        )
        self.plant.free_running = False
        self.paper = Paper()
        self.pins = Pins(self.plant)
        self.verdict = Verdict()
        document = {
            "kind": "bin",
            "address": 5,
            "parameters": {"sleep_s": sleep_s, "awake_ms": 1500, "compact_permille": 650},
        }
        parameters = config.validate(document).parameters
        self.node = BinNode(self.pins, self.pins, self.paper, parameters)
        self.now_ms = 0
        self._everything = everything
        self._random = random.Random(seed + 2)
        self._plans: list[tuple[float, str, object]] = []
        self._emptied: list[float] = []
        self._good_level = 0.0
        self._good_emptyings = 0
        self._pressed = False
        self._seen = 0
        self._events = 0
        self._fire_s: float | None = None
        self._heard_fire = False

    def live(self, days: int) -> Verdict:
        """Live so many more days; returns what was found since the beginning."""
        for _ in range(days):
            self._plan_day(self.verdict.days)
            end_ms = (self.verdict.days + 1) * DAY_S * 1000
            while self.now_ms < end_ms:
                self._turn(end_ms)
            self.verdict.days += 1
        self.verdict.counts["compactions"] = self.node.press.cycles
        self.verdict.counts["jams"] = self.node.press.jams
        self.verdict.counts["emptyings told"] = self.node.meter.emptyings
        return self.verdict

    # --- what happens -------------------------------------------------------------------------

    def _plan_day(self, day: int) -> None:
        """Who comes and what fails today, in seconds since the beginning."""
        draw = self._random
        noon_s = day * DAY_S + 43_200.0

        def plan(at_s: float, what: str, argument: object = None) -> None:
            self._plans.append((at_s, what, argument))

        if day % 2 or self.plant.fill > 0.6:
            at_s = noon_s + draw.uniform(-20_000.0, 20_000.0)
            plan(at_s, "door", True)
            plan(at_s + 40.0, "empty")
            plan(at_s + 90.0, "door", False)
        for share, what, least_s, most_s in TROUBLES:
            if draw.random() < share and what not in self._spared:
                at_s = day * DAY_S + draw.uniform(0.0, DAY_S - 1.0)
                plan(at_s, what, True)
                plan(at_s + draw.uniform(least_s, most_s), what, False)
        if day % 50 == 20:
            plan(noon_s, Failure.DRIFTING, True)
            plan(noon_s + 8.0 * DAY_S, Failure.DRIFTING, False)
        self._plans.sort(key=lambda entry: entry[0])

    def _happen(self, what: str, argument: object) -> None:
        plant = self.plant
        on = bool(argument)
        if on or what == "empty":
            self.verdict.counts[f"{what}"] += 1
        if what in tuple(Failure):
            drifting = plant.echo_failure is Failure.DRIFTING
            if what is Failure.DRIFTING or not drifting:
                plant.fail("distance", what if on else None)
        elif what in ("door", "inspection"):
            plant.door_open = on
            # Whoever opens the door clears a jam.
            plant.jammed = False
        elif what == "empty":
            self._emptied.append(plant.fill)
            plant.empty()
        elif what == "lid stuck":
            plant.lid_stuck = on
        elif what == "tilt":
            plant.tilted = on
        elif what == "water":
            plant.wet = on
        elif what == "jam":
            plant.jammed = on
        elif what == "thermometer":
            plant.fail("temperature", Failure.STUCK_0 if on else None)
        elif what == "fire":
            plant.burning = on
            self._fire_s = self.now_ms / 1000.0 if on else None
            self._heard_fire = False

    # --- time ---------------------------------------------------------------------------------

    def _turn(self, end_ms: int) -> None:
        while self._plans and self._plans[0][0] * 1000.0 <= self.now_ms:
            _, what, argument = self._plans.pop(0)
            self._happen(what, argument)
            self.plant.step(0.0)
        wait_ms = self.node.turn(self.now_ms, True)
        self._check()
        if self.node.dozing and not self._everything and not self.plant.burning:
            wait_ms = self._jump_ms(wait_ms, end_ms)
        self.plant.step(wait_ms / 1000.0)
        self.now_ms += wait_ms
        if not self.paper.quality:
            self.verdict.good_ms += wait_ms

    def _jump_ms(self, wait_ms: int, end_ms: int) -> int:
        """To the last slice that sees no change, so that the node's ages stay what they are."""
        if wait_ms < SLICE_MS:
            return wait_ms
        ahead_ms = min(self.node._wake_due_ms - 1, end_ms) - self.now_ms
        ahead_ms = min(ahead_ms, self.plant.change_s * 1000.0)
        if self._plans:
            ahead_ms = min(ahead_ms, self._plans[0][0] * 1000.0 - self.now_ms)
        return max(SLICE_MS, int(ahead_ms) // SLICE_MS * SLICE_MS)

    # --- what is right ------------------------------------------------------------------------

    def _check(self) -> None:
        plant, verdict = self.plant, self.verdict
        if self.pins.driven and (plant.lid_open or plant.door_open or plant.tilted):
            self._wrong("the press is driven with something open")
        self._pressed |= self.pins.driven == logic.PRESS
        self._check_events()
        if self._fire_s is not None and not self._heard_fire:
            burning_s = self.now_ms / 1000.0 - self._fire_s
            blind = bool(plant.failed)
            if burning_s > FIRE_WITHIN_S and not blind:
                self._wrong("a fire that nobody tells of")
                self._heard_fire = True
        if self.paper.statuses == self._seen:
            return
        self._seen = self.paper.statuses
        verdict.reports += 1
        if self.paper.quality:
            return
        error = abs(self.paper.level() - min(plant.fill, 1.0))
        verdict.worst = max(verdict.worst, error)
        if error > TOLERANCE:
            self._wrong(f"{self.paper.level():.3f} told, {plant.fill:.3f} true")
        self._check_emptyings()
        self._good_level = self.paper.level()

    def _check_emptyings(self) -> None:
        """Between two good levels an emptying is told, if the second is visibly below the first.

        It is not when the sensor failed before and worked again only when the bin was full again,
        or when the press may have done it.
        """
        told = self.node.meter.emptyings - self._good_emptyings
        self._good_emptyings = self.node.meter.emptyings
        if told > len(self._emptied):
            self._wrong("an emptying is told that was none")
        before = self._good_level / PACKED_AT_BEST if self._pressed else self._good_level
        if self._emptied and not told:
            if before - self.plant.fill >= SEEN_DROP + TOLERANCE:
                self._wrong("an emptying is missed")
            else:
                self.verdict.counts["emptyings nobody could see"] += 1
        self._emptied.clear()
        self._pressed = False

    def _check_events(self) -> None:
        events = self.paper.events
        for code, active, value, _ in events[self._events :]:
            if code == wire_bin.EVENT_CODE_FIRE and active:
                self._heard_fire = True
                if self._fire_s is None and self.plant.inside_c < 60.0:
                    self._wrong(f"a fire at {value / 10} °C that is none")
        self._events = len(events)

    def _wrong(self, what: str) -> None:
        day, second = divmod(self.now_ms // 1000, DAY_S)
        self.verdict.wrong.append(
            f"day {day} {second // 3600:02}:{second // 60 % 60:02}: {what}"
            f" (state {self.node.state}, faults {self.node.alarms.faults:#x},"
            f" sensor {self.plant.echo_failure}, quality {self.paper.quality & wire.QUALITY_STALE})"
        )
