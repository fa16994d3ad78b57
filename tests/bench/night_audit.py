"""A night in the park of the demo, in virtual time: `python -m tests.bench.night_audit`.

The lamps run the shipped code with the demo's parameters, at night by the sun. People, cyclists
and dogs pass, sensors trigger falsely, and the gateway's look-ahead tells the lamps ahead, as late
as its polling makes it. The verdict is worked out from the lamps' records; who really arrived
where is known from the park. Exit code 1 when the goal is missed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import heapq
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from firmware import config
from firmware.boards import emulated
from firmware.logic import dali, lamp
from firmware.nodes.lamp import LampNode
from firmware.services.clock import Clock
from firmware.services.outbox import Outbox, Ring
from gateway.presence import Lamp, PresenceRule
from gateway.records import Record, is_presence
from gateway.site import load_site
from gateway.site_model import Site, Slot
from hil.pins import Kind, LampPin
from hil.plants.lamp import LampPlant
from hil.plants.motion import PIR
from hil.plants.park import Park, Person
from protocol import codec
from protocol.generated import wire
from tests.bench.light_audit import Arrival, Audit, audit

SITE = Path(__file__).parents[2] / "tools" / "demo" / "site.toml"
EPOCH = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
SAVED_GOAL, DARK_GOAL = 0.60, 0.01

BUSY_MS, IDLE_MS = 40, 1000
_RESTING = (lamp.NIGHT_FLOOR, lamp.DAY)
POLL_MS = 120
"""Between two polls of one lamp: eleven controllers on one bus take about this."""
NEWS_MS = 25
"""From a poll's answer to the lamps ahead: an answer and a broadcast on the line."""
REACHED_M = 5.0
"""Who is so near to a lamp stands in its light: masts are 4 to 5 m high."""
AHEAD_M = 12.0
"""So far before a lamp its own sensor sees nobody: the light is there by look-ahead, or is not."""
GONE_M = 20.0
FALSE_TRIGGERS_PER_HOUR = 2.0
# People an hour at local hours, as shares of the busiest.
BUSY: dict[int, float] = {
    **dict.fromkeys(range(16, 20), 1.0),
    20: 0.7,
    21: 0.5,
    22: 0.35,
    23: 0.2,
    0: 0.1,
    1: 0.05,
    2: 0.03,
    3: 0.03,
    4: 0.05,
    5: 0.2,
    6: 0.5,
    7: 0.9,
    8: 1.0,
}


class Senses:
    """What the drivers of a lamp read from its plant, in their units."""

    def __init__(self, plant: LampPlant) -> None:
        self._plant = plant

    def presence(self) -> int:
        """1 when somebody is seen; so does an open wire."""
        return int(self._plant.inputs[Kind.DIGITAL, LampPin.PRESENCE] != 0)

    def current_ma(self) -> int:
        """Current of the lamp."""
        return self._scaled(LampPin.CURRENT, emulated.LAMP_CURRENT_MA)

    def temperature_c(self) -> int:
        """Of the driver."""
        return self._scaled(LampPin.TEMPERATURE, emulated.TEMPERATURE_DC) // 10

    def photocell_lux(self) -> int:
        """Daylight."""
        return self._scaled(LampPin.PHOTOCELL, emulated.LAMP_PHOTOCELL_LUX)

    def _scaled(self, pin: int, scale: tuple[int, int]) -> int:
        low, high = scale
        return low + ((self._plant.inputs[Kind.ADC, pin] >> 2) * (high - low) >> 14)


class Drive:
    """What a lamp drives, as its plant feels it."""

    def __init__(self, plant: LampPlant) -> None:
        self._plant = plant

    def dim(self, duty: int, level: int) -> None:  # noqa: ARG002 - as of every driver
        """PWM duty."""
        self._plant.output(Kind.PWM, LampPin.DIM, duty)

    def relay(self, on: int) -> None:
        """Mains."""
        self._plant.output(Kind.DIGITAL, LampPin.RELAY, on)


class Post:
    """One lamp: the shipped node, its plant, and what its gateway has of it."""

    def __init__(self, slot: Slot, start_s: int, number: int) -> None:
        self.slot = slot
        self.plant = LampPlant(slot.position)
        clock = Clock()
        clock.tell(start_s, 0, wire.TIME_TRUST_SYNCHRONISED, 0)
        self._outbox = Outbox(clock)
        asked: dict[str, Any] = msgspec.to_builtins(slot.parameters)
        given = {name: int(value) for name, value in asked.items()} | {"programme": 2}
        document = {"kind": "lamp", "address": slot.address, "parameters": given}
        parameters = config.validate(document).parameters
        self.wanted = dali.level(parameters["presence_percent"])
        self.node = LampNode(Drive(self.plant), Senses(self.plant), self._outbox, parameters)
        self.node_due_ms = 0
        self.poll_due_ms = number * POLL_MS // 11
        self._buffer = bytearray(4096)

    def poll(self) -> Iterator[Record]:
        """Everything it has to say; it then forgets it."""
        for ring in (self._outbox.urgent, self._outbox.routine):
            yield from self._take(ring)

    def _take(self, ring: Ring) -> Iterator[Record]:
        while ring.first < ring.next:
            end = ring.read(ring.first, self._buffer, 0, len(self._buffer))
            for one in codec.decode_records(bytes(self._buffer[:end])):
                seconds, milliseconds = one.header.seconds, one.header.milliseconds
                yield Record(
                    slot=self.slot.name,
                    kind="lamp",
                    unit=self.slot.unit,
                    boot=1,
                    sequence=one.header.sequence,
                    type=one.header.type,
                    quality=one.header.quality,
                    time_ms=(wire.EPOCH_UNIX_S + seconds) * 1000 + milliseconds,
                    body=one.raw,
                )
            ring.acknowledge(ring.reached)


@dataclass
class Night:
    """The simulation. `records` and `arrivals` grow while it runs."""

    site: Site
    begins: dt.datetime
    hours: float
    arrivals_per_hour: float
    even: bool
    look_ahead: bool
    seed: int
    records: list[Record] = field(default_factory=list[Record])
    arrivals: list[Arrival] = field(default_factory=list[Arrival])
    approaches: list[Arrival] = field(default_factory=list[Arrival])
    """Who is AHEAD_M before a lamp and has passed another one."""

    def __post_init__(self) -> None:
        slots = [slot for slot in self.site.slots if slot.kind == "lamp"]
        start_s = int((self.begins - EPOCH).total_seconds())
        self.start_ms = (wire.EPOCH_UNIX_S + start_s) * 1000
        self.posts = [Post(slot, start_s, number) for number, slot in enumerate(slots)]
        self.by_name = {post.slot.name: post for post in self.posts}
        self.rule = PresenceRule(Lamp(s.name, s.position, s.neighbours) for s in slots)
        self.park = Park(
            [post.plant for post in self.posts],
            arrivals_per_hour=self.arrivals_per_hour,
            seed=self.seed,
            detector=PIR,
            false_triggers_per_hour=FALSE_TRIGGERS_PER_HOUR,
        )
        self._news: list[tuple[int, str, int]] = []
        self._near: dict[Person, set[str]] = {}
        self._nearing: dict[Person, set[str]] = {}

    @property
    def wanted(self) -> dict[str, int]:
        """The level that each lamp owes somebody."""
        return {name: post.wanted for name, post in self.by_name.items()}

    def run(self) -> None:
        """Let the night pass."""
        now_ms = 0
        while now_ms < self.hours * 3_600_000:
            step_ms = self._step_ms()
            now_ms += step_ms
            self._set_rate(now_ms)
            self.park.step(step_ms / 1000)
            self._watch_people(now_ms)
            while self._news and self._news[0][0] <= now_ms:
                _, name, hold_s = heapq.heappop(self._news)
                self.by_name[name].node.expect(hold_s, now_ms)
            for post in self.posts:
                post.plant.step(step_ms / 1000)
                if now_ms >= post.node_due_ms:
                    post.node_due_ms = now_ms + post.node.turn(now_ms, False)
                if now_ms >= post.poll_due_ms:
                    post.poll_due_ms = now_ms + POLL_MS
                    self._hear(post, now_ms)

    def _step_ms(self) -> int:
        """Short steps while anybody moves or any light; nothing is missed in the long ones."""
        resting = all(post.node.state in _RESTING for post in self.posts)
        if resting and not self._news and self.park.idle_s * 1000 > 2 * IDLE_MS:
            return IDLE_MS
        return BUSY_MS

    def _set_rate(self, now_ms: int) -> None:
        local = self.begins + dt.timedelta(milliseconds=now_ms, hours=1)
        share = 1.0 if self.even else BUSY.get(local.hour, 1.0)
        self.park.arrivals_per_hour = self.arrivals_per_hour * share

    def _hear(self, post: Post, now_ms: int) -> None:
        for record in post.poll():
            self.records.append(record)
            if self.look_ahead and is_presence(record):
                for item in self.rule.seen(record.slot, now_ms):
                    at_ms = now_ms + NEWS_MS + round(item.wait_s * 1000)
                    heapq.heappush(self._news, (at_ms, item.slot, item.hold_s))

    def _watch_people(self, now_ms: int) -> None:
        for person, at in zip(self.park.people, self.park.places(), strict=True):
            near = self._near.setdefault(person, set())
            nearing = self._nearing.setdefault(person, set())
            for name, post in self.by_name.items():
                away_m = math.dist(at, post.slot.position)
                arrival = Arrival(self.start_ms + now_ms, name, person.kind)
                if away_m > GONE_M:
                    near.discard(name)
                if away_m <= REACHED_M and name not in near:
                    near.add(name)
                    self.arrivals.append(arrival)
                if away_m <= AHEAD_M and name not in nearing:
                    if nearing:
                        self.approaches.append(arrival)
                    nearing.add(name)


def show(found: Audit, ahead: Audit) -> str:
    """The table that is printed: of who reached a lamp, and of who was still before it."""
    lines = [
        f"lamp hours of the night      {found.lamp_hours:8.1f}",
        f"energy saved                 {found.saved_share:8.1%}   (goal {SAVED_GOAL:.0%})",
        f"{'':12} {f'within {REACHED_M:.0f} m of a lamp':>24} {f'{AHEAD_M:.0f} m before it':>24}",
        f"{'':12}" + f" {'arrivals':>9} {'dark':>6} {'share':>7}" * 2,
    ]
    for kind in (*sorted(found.arrivals), None):
        cells = "".join(
            f" {_count(one.arrivals, kind):9} {_count(Counter(d.kind for d in one.dark), kind):6}"
            f" {one.dark_share(kind):7.2%}"
            for one in (found, ahead)
        )
        lines.append(f"{kind or 'all':12}{cells}")
    lines.append(
        f"dark arrivals, goal: below {DARK_GOAL:.0%} of walking and of cycling, at the lamp"
    )
    if found.unknown:
        lines.append(f"{len(found.unknown)} arrivals at lamps that told nothing of that time")
    return "\n".join(lines)


def _count(counter: Counter[str], kind: str | None) -> int:
    return counter.total() if kind is None else counter[kind]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the night, print the verdict; 1 when the goal is missed."""
    parser = argparse.ArgumentParser(prog="night_audit", description=__doc__)
    parser.add_argument("--date", type=dt.date.fromisoformat, default=dt.date(2026, 11, 24))
    parser.add_argument("--arrivals-per-hour", type=float, default=60.0, help="in the busiest hour")
    parser.add_argument("--even", action="store_true", help="as busy all night")
    parser.add_argument("--without-look-ahead", action="store_true")
    parser.add_argument("--hours", type=float, default=18.0, help="from 14:30 UTC on")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    night = Night(
        load_site(SITE),
        dt.datetime.combine(options.date, dt.time(14, 30), dt.UTC),
        options.hours,
        options.arrivals_per_hour,
        options.even,
        not options.without_look_ahead,
        options.seed,
    )
    night.run()
    found = audit(night.records, night.arrivals, night.wanted)
    ahead = audit(night.records, night.approaches, night.wanted)
    print(show(found, ahead))
    dark = max(found.dark_share(kind) for kind in ("walking", "cycling"))
    kept = found.saved_share >= SAVED_GOAL and dark < DARK_GOAL
    return 0 if kept and not found.unknown else 1


if __name__ == "__main__":
    sys.exit(main())
