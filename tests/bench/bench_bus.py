"""The poll cycle on the modelled half-duplex line, beside Modbus masters on the same line.

`python -m tests.bench.bench_bus` prints it; `--controllers 8` only that size. Every contender
reads 28 bytes (one record of a lamp) from each address in turn, on one line with the same number
of real MicroPython controllers. `line` is the share of the time in which bits were on the line,
`model` the rate against `bare`, which sends the bytes of `stoep` with nothing but read and write:
what the line model itself can carry for these bytes and turnarounds. Medians of several rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hil import precise
from hil.line import GATEWAY, Line
from hil.street import Options, Street
from tests.bench.bus_talkers import payload_bytes
from tests.bench.whole_street import plan_of

SIZES = (1, 8, 32)
ROUNDS = 5
WINDOW_S = 2.0
SPARE = "responder"
CONTENDERS = {
    "stoep": "",
    "bare": "responder",
    "pymodbus": "modbus-responder",
    "minimalmodbus": "modbus-responder",
}


SAME_BYTES = ("stoep", "bare")


@dataclass
class Run:
    """What one contender did in one window."""

    exchanges_a_second: float
    line_share: float
    processor_share: float
    repeats: int
    bytes_an_exchange: float


@dataclass
class Bench:
    """One street; `bytes_of` counts what each side said since the last reset."""

    street: Street
    line: Line
    controllers: int
    said: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    sizes: tuple[int, int] = (0, 0)

    def tap(self, talker: str, data: bytes) -> None:
        """Count bytes of the gateway and of everybody else."""
        self.said[talker == GATEWAY] += len(data)

    async def run(self, contender: str) -> Run:
        """Let a contender talk for a window."""
        stations = self.line.addressee
        try:
            if CONTENDERS[contender]:
                # Who answers hears first, as with controllers, so that all have the same line.
                self.line.addressee = lambda talker, _: SPARE if talker == GATEWAY else GATEWAY
            return await self._run(contender)
        finally:
            self.line.addressee = stations

    async def _run(self, contender: str) -> Run:
        async with self.responder(CONTENDERS[contender]):
            process = await asyncio.create_subprocess_exec(
                *self.command(contender, str(self.street.port("bus"))),
                stdout=subprocess.PIPE,
            )
            assert process.stdout is not None
            await process.stdout.readline()
            self.said.update({True: 0, False: 0})
            busy_ns, began_ns = self.line.counters.busy_ns, time.monotonic_ns()
            found = json.loads(await process.stdout.readline() or "null")
            busy_ns = self.line.counters.busy_ns - busy_ns
            elapsed_ns = time.monotonic_ns() - began_ns
            await process.wait()
        if found is None:
            raise RuntimeError(f"{contender} with {self.controllers} controllers failed")
        exchanges = found["exchanges"]
        if contender == "stoep" and not self.sizes[0]:
            self.sizes = (round(self.said[True] / exchanges), round(self.said[False] / exchanges))
        return Run(
            exchanges / found["seconds"],
            busy_ns / elapsed_ns,
            found["processor_s"] / found["seconds"],
            found["repeats"],
            (self.said[True] + self.said[False]) / exchanges,
        )

    @asynccontextmanager
    async def responder(self, role: str) -> AsyncGenerator[None]:
        """A responder on a port of its own, for those who do not talk to the controllers."""
        if not role:
            yield
            return
        port = self.line.port(SPARE).open_slave()
        process = await asyncio.create_subprocess_exec(
            *self.command(role, str(port)), pass_fds=(port,), stdout=subprocess.PIPE
        )
        os.close(port)
        try:
            assert process.stdout is not None
            await process.stdout.readline()
            yield
        finally:
            process.kill()
            await process.wait()

    def command(self, role: str, port: str) -> list[str]:
        """How bus_talkers is started."""
        sizes = map(str, self.sizes)
        keys = str(self.street.folder / "keys" / "link.json")
        program = [sys.executable, "-m", "tests.bench.bus_talkers"]
        return [*program, role, port, str(self.controllers), *sizes, str(WINDOW_S), keys]


async def measure(controllers: int, rounds: int = ROUNDS) -> dict[str, list[Run]]:
    """Every contender once a round, on one street of lamps."""
    plan = plan_of(controllers)
    runs: dict[str, list[Run]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        async with Street(plan, Path(folder), Options(arrivals_per_hour=0.0)) as street:
            await street.booted()
            line = street.line("bus")
            line.add(SPARE, hold=True)
            bench = Bench(street, line, controllers)
            line.tap = bench.tap
            for _ in range(rounds):
                for name in CONTENDERS:
                    runs[name].append(await bench.run(name))
    return runs


def median_ratio(one: list[Run], other: list[Run], of: Callable[[Run], float]) -> float:
    """Median over the rounds of one's figure over the other's."""
    return statistics.median(of(a) / of(b) for a, b in zip(one, other, strict=True))


def report(controllers: int, runs: dict[str, list[Run]]) -> None:
    """Print the rows of one size."""
    for name, found in runs.items():
        cycle_ms = statistics.median(controllers / run.exchanges_a_second for run in found) * 1000
        model = median_ratio(found, runs["bare"], lambda run: run.exchanges_a_second)
        against = median_ratio(found, runs["minimalmodbus"], lambda run: run.line_share)
        print(
            f"{controllers:11} {name:14}"
            f" {statistics.median(run.bytes_an_exchange for run in found):5.0f}"
            f" {cycle_ms:8.1f}"
            f" {statistics.median(run.line_share for run in found):6.2f}"
            f" {f'{model:.2f}' if name in SAME_BYTES else '':>6}"
            f" {against:16.2f}"
            f" {statistics.median(run.processor_share for run in found):5.2f}"
            f" {sum(run.repeats for run in found):7}"
        )


def main(sizes: tuple[int, ...] = SIZES, rounds: int = ROUNDS) -> None:
    """Print the table."""
    print(
        f"poll cycle at 115200 baud, {payload_bytes()} bytes from each controller,"
        f" median of {rounds} rounds of {WINDOW_S:g} s"
    )
    print(
        f"{'controllers':>11} {'':14} {'bytes':>5} {'cycle ms':>8} {'line':>6} {'model':>6}"
        f" {'× minimalmodbus':>16} {'CPU':>5} {'repeats':>7}"
    )
    for controllers in sizes:
        report(controllers, precise.run(measure(controllers, rounds)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--controllers", type=int, action="append", help="only this many")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args()
    main(tuple(chosen.controllers or SIZES), chosen.rounds)
