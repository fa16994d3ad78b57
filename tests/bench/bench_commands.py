"""A command from the broker to a lamp and its result back: `python -m tests.bench.bench_commands`.

Real MicroPython lamps on the emulated line, the real gateway and a broker, each in a process of
its own; an operator sends one command after the other to any of the lamps, which all report every
second meanwhile. The limit is what nothing can beat: command and result on the wire, and before
them, at most, the one exchange that is under way. What comes on top is Python, MQTT both ways, and
two commits to a disk, which are measured beside it: the command is durable before it acts, its
result before it is told.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from gateway.outbox import CommandEntry, Note
from gateway.store import Store
from hil import precise
from hil.broker import EmbeddedBroker
from hil.line import GATEWAY
from hil.street import Options, Street
from protocol import codec
from protocol.generated import messages as m
from tests.bench.whole_street import plan_of, running_gateway, write_site
from tests.gateway.brokers import BrokerUnderTest, Mosquitto

SIZES = (1, 32)
COMMANDS = 200
BAUD = 115_200
FRAME_BYTES = 6 + 8 + 2 + 1 + 1
"""Header, tag, CRC, COBS byte and delimiter."""
GOAL_P50_MS, GOAL_P99_MS = 15, 50


def wire_ms(size: int) -> float:
    """Time of so many bytes on the line."""
    return size * 10_000 / BAUD


def exchange_bytes() -> int:
    """A command and its result."""
    command = m.Command(1, m.Verb.SET, 4000, 60, 60, b"")
    result = m.CommandResult(1, m.Status.DONE, m.Guard.NONE, 100)
    return sum(len(codec.encode_message(one)) + FRAME_BYTES for one in (command, result))


@dataclass
class Meter:
    """Bytes and frames on the line, by who sends them."""

    size: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    frames: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})

    def tap(self, talker: str, data: bytes) -> None:
        self.size[talker == GATEWAY] += len(data)
        self.frames[talker == GATEWAY] += data.count(0)

    @property
    def exchange_ms(self) -> float:
        """Mean time of an exchange on the line."""
        return sum(wire_ms(self.size[who]) / max(self.frames[who], 1) for who in (True, False))


@dataclass(frozen=True)
class Found:
    """What came of one size."""

    times_ms: list[float]
    poll_ms: float
    commits_ms: float

    @property
    def limit_ms(self) -> float:
        """One exchange under way, then the command's own."""
        return self.poll_ms + wire_ms(exchange_bytes())


async def measure(lamps: int, commands: int) -> Found:
    """Times of commands to a street of so many lamps."""
    # On a disk: what is mounted at /tmp may be memory.
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="stoep-bench-") as name:
        folder = Path(name)
        broker: BrokerUnderTest = Mosquitto() if Mosquitto.installed() else EmbeddedBroker()
        await broker.start()
        try:
            async with Street(plan_of(lamps), folder, Options(arrivals_per_hour=0.0)) as street:
                await street.booted()
                site = write_site(street, lamps, broker.url)
                meter = Meter()
                street.line("bus").tap = meter.tap
                times_ms = await _send(site, broker.port, lamps, commands, meter)
        finally:
            await broker.stop()
        return Found(times_ms, meter.exchange_ms, await commits_ms(folder))


async def _send(site: Path, port: int, lamps: int, commands: int, meter: Meter) -> list[float]:
    """Runs the gateway and the operator; the times."""
    operator = [sys.executable, "-m", "tests.bench.command_sender"]
    async with running_gateway(site):
        sender = await asyncio.create_subprocess_exec(
            *operator, *map(str, (port, lamps, commands, lamps)), stdout=subprocess.PIPE
        )
        try:
            assert sender.stdout is not None
            begun = await sender.stdout.readline()
            meter.__init__()
            found = json.loads(await sender.stdout.readline() or "null") if begun else None
            await sender.wait()
        finally:
            if sender.returncode is None:
                sender.terminate()
                await sender.wait()
        if found is None:
            raise RuntimeError(f"no results from {lamps} lamps")
    return found["times_ms"]


async def commits_ms(folder: Path, count: int = 50) -> float:
    """What it takes to keep a command and its result, with their journal entries; the median."""
    found: list[float] = []
    async with Store(folder / "commits.db") as store:
        for number in range(count):
            name = f"c-{number}"
            entry = CommandEntry(name, "t", "set", "an", "bench", 0, 1 << 50)
            note = Note("command", {"id": name, "slot": "lamp-1"})
            began_s = time.perf_counter()
            await store.begin_command(entry, note)
            await store.finish_command(name, b"{}", note)
            found.append((time.perf_counter() - began_s) * 1000)
    return statistics.median(found)


def report(lamps: int, found: Found) -> None:
    """Print the row of one size."""
    ordered = sorted(found.times_ms)
    p50, p99 = statistics.median(ordered), ordered[round(0.99 * (len(ordered) - 1))]
    print(
        f"{lamps:6} {len(ordered):9} {wire_ms(exchange_bytes()):8.1f} {found.limit_ms:9.1f}"
        f" {p50:8.1f} {p99:8.1f} {p50 - found.limit_ms:14.1f} {p99 - found.limit_ms:14.1f}"
        f" {found.commits_ms:16.1f}"
    )


def main(sizes: tuple[int, ...] = SIZES, commands: int = COMMANDS) -> None:
    """Print the table."""
    print(
        f"command, broker to result at the broker, ms; goal: p50 within {GOAL_P50_MS}, p99 within"
        f" {GOAL_P99_MS} over the limit"
    )
    print(
        f"{'lamps':>6} {'commands':>9} {'on wire':>8} {'limit':>9} {'p50':>8} {'p99':>8}"
        f" {'p50 over limit':>14} {'p99 over limit':>14} {'of it 2 commits':>16}"
    )
    for lamps in sizes:
        report(lamps, precise.run(measure(lamps, commands)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lamps", type=int, action="append", help="only this many")
    parser.add_argument("--commands", type=int, default=COMMANDS)
    chosen = parser.parse_args()
    main(tuple(chosen.lamps or SIZES), chosen.commands)
