"""Somebody at a lamp, and its neighbours' light rises: `python -m tests.bench.bench_presence`.

Real MicroPython lamps on the emulated line, and the real gateway. Every third lamp has the two
beside it as neighbours; somebody appears below it at a random moment, and its neighbours' PWM is
watched, while all lamps report every second. Between the two lie the lamp's own turn, its next
poll, the gateway, an exchange that is under way, and the news on the line, twice.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path

from firmware.logic import dali
from hil import precise
from hil.broker import EmbeddedBroker
from hil.errors import ConditionTimeout
from hil.line import GATEWAY
from hil.street import Options, Street
from tests.bench.whole_street import plan_of, running_gateway, write_site
from tests.gateway.brokers import BrokerUnderTest, Mosquitto

SIZES = (3, 32)
TRIALS = 100
GOAL_MS = 500
SPACING_M = 4
"""So near that nobody is expected for longer than `gateway.presence.EXPECT_S`."""
PARAMETERS = {"hold_s": 1, "ramp_down_ms": 500, "floor_percent": 20}
FLOOR_DUTY = dali.DUTY[dali.level(20)]
FIRST_S, LIMIT_S, REST_S = 30.0, 5.0, 30.0
MOST_APART_S = 0.4
"""Trials begin at random moments, so that each meets the poll cycle elsewhere."""


@dataclass(frozen=True)
class Found:
    """What came of one size: a time of each neighbour in each trial, and the mean poll cycle."""

    times_ms: list[float]
    cycle_ms: float


class Trio:
    """A lamp and its two neighbours, addresses `middle` - 1 to `middle` + 1."""

    def __init__(self, street: Street, middle: int) -> None:
        self._street = street
        self._lamp = street.lamp(f"lamp-{middle}")
        self._near = [street.lamp(f"lamp-{at}") for at in (middle - 1, middle + 1)]

    def rests(self) -> bool:
        """Whether all three are at their floor, and nobody is there."""
        return all(lamp.pwm_duty == FLOOR_DUTY for lamp in (self._lamp, *self._near))

    async def trial(self, limit_s: float) -> list[float]:
        """Somebody comes, and goes when both neighbours rise; after how many ms each did.

        Infinity for one that does not within the limit.
        """
        risen_ms = [inf] * len(self._near)

        def both_rise() -> bool:
            for number, lamp in enumerate(self._near):
                if risen_ms[number] == inf and lamp.pwm_duty > FLOOR_DUTY:
                    risen_ms[number] = (time.monotonic() - began_s) * 1000
            return inf not in risen_ms

        began_s = time.monotonic()
        self._lamp.presence(True)
        self._street.touch()
        with suppress(ConditionTimeout):
            await self._street.until(both_rise, timeout_s=limit_s, what="neighbours rise")
        self._lamp.presence(False)
        return risen_ms


async def measure(lamps: int, trials: int) -> Found:
    """Times in a street of so many lamps; every third one is visited."""
    plan = plan_of(lamps, PARAMETERS)
    # On a disk: what is mounted at /tmp may be memory.
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="stoep-bench-") as name:
        broker: BrokerUnderTest = Mosquitto() if Mosquitto.installed() else EmbeddedBroker()
        await broker.start()
        try:
            async with Street(plan, Path(name), Options(arrivals_per_hour=0.0)) as street:
                await street.booted()
                middles = range(2, lamps, 3)
                site = write_site(
                    street,
                    lamps,
                    broker.url,
                    spacing_m=SPACING_M,
                    neighbours=lambda at: [at - 1, at + 1] if at in middles else [],
                )
                for at in range(1, lamps + 1):
                    street.lamp(f"lamp-{at}").presence(False)
                async with running_gateway(site):
                    return await _visit(street, [Trio(street, at) for at in middles], trials)
        finally:
            await broker.stop()


async def _first(street: Street, trio: Trio) -> None:
    """Once each before it counts: until the gateway has found them all, news are for nobody."""
    ends_s = time.monotonic() + FIRST_S
    while time.monotonic() < ends_s:
        await street.until(trio.rests, timeout_s=REST_S, what="rest")
        if inf not in await trio.trial(LIMIT_S):
            return
    raise RuntimeError("the neighbours stay dark")


async def _visit(street: Street, trios: list[Trio], trials: int) -> Found:
    for trio in trios:
        await _first(street, trio)
    requests, began_s = 0, time.monotonic()

    def tap(talker: str, data: bytes) -> None:
        nonlocal requests
        requests += data.count(0) if talker == GATEWAY else 0

    street.line("bus").tap = tap
    chance, times_ms = random.Random(1), list[float]()
    for number in range(trials):
        trio = trios[number % len(trios)]
        await street.until(trio.rests, timeout_s=REST_S, what="rest")
        await asyncio.sleep(chance.random() * MOST_APART_S)
        times_ms += await trio.trial(LIMIT_S)
    elapsed_ms = (time.monotonic() - began_s) * 1000
    return Found(times_ms, elapsed_ms * len(street.plan.slots) / requests)


def report(lamps: int, found: Found) -> None:
    """Print the row of one size."""
    ordered = sorted(found.times_ms)
    p99 = ordered[round(0.99 * (len(ordered) - 1))]
    within = sum(one <= GOAL_MS for one in ordered) / len(ordered)
    print(
        f"{lamps:6} {len(ordered):8} {found.cycle_ms:11.0f} {statistics.median(ordered):7.0f}"
        f" {p99:6.0f} {ordered[-1]:8.0f} {p99 / GOAL_MS:18.2f} {within:7.1%}"
    )


def main(sizes: tuple[int, ...] = SIZES, trials: int = TRIALS) -> None:
    """Print the table."""
    print(f"somebody at a lamp to its neighbours' PWM rising, ms; goal: p99 <= {GOAL_MS}")
    print(
        f"{'lamps':>6} {'times':>8} {'poll cycle':>11} {'median':>7} {'p99':>6} {'longest':>8}"
        f" {'p99, share of goal':>18} {'within':>7}"
    )
    for lamps in sizes:
        report(lamps, precise.run(measure(lamps, trials)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lamps", type=int, action="append", help="only this many")
    parser.add_argument("--trials", type=int, default=TRIALS)
    chosen = parser.parse_args()
    main(tuple(chosen.lamps or SIZES), chosen.trials)
