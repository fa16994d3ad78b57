"""Memory of a gateway with a week of records waiting: `python -m tests.bench.bench_memory`.

20 controllers at 0.1 Hz, no broker for 7 days of virtual time (1,209,600 records), then a broker
and the whole backlog drained. Resident memory of store and uplink in a process of their own: empty
but warm (every code path was used once), the highest while it fills, the highest while it drains.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from hil.broker import EmbeddedBroker
from tests.gateway.backlog_agent import CONTROLLERS
from tests.gateway.brokers import BrokerUnderTest, Mosquitto

WEEK_TICKS = 7 * 24 * 3600 // 10
GOAL_MB = 80
"""Of a whole gateway with 256 controllers."""


async def measure(ticks: int) -> dict[str, Any]:
    """The figures of one outage."""
    broker: BrokerUnderTest = Mosquitto() if Mosquitto.installed() else EmbeddedBroker()
    # On a disk: what is mounted at /tmp may be memory.
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="stoep-bench-") as name:
        path = Path(name) / "store.db"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.gateway.backlog_agent"),
            *map(str, (path, broker.port, ticks)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        filled = await process.stdout.readline()
        size = path.stat().st_size
        await broker.start()
        try:
            process.stdin.write(b"go\n")
            told = await process.stdout.read()
        finally:
            await broker.stop()
        if await process.wait() or not filled:
            raise RuntimeError("the agent failed")
    return {**json.loads(told), "file_bytes": size}


def report(found: dict[str, Any]) -> None:
    """Print the figures."""
    warm, filled, draining = (found[f"{when}_kb"] / 1024 for when in ("warm", "filled", "draining"))
    print(
        f"{found['backlog']:,} records waiting, a file of {found['file_bytes'] / 1e6:.0f} MB: "
        f"empty {warm:.1f} MB, while it fills {filled:.1f} MB ({filled / warm:.2f} ×), "
        f"while it drains {draining:.1f} MB ({draining / warm:.2f} ×); goal {GOAL_MB} MB"
    )
    seconds = found["drained_ms"] / 1000
    print(f"drained in {seconds:.1f} s, {found['backlog'] / seconds:,.0f} records/s to PUBACK")
    if found["lost"]:
        raise RuntimeError(f"{found['lost']} records are not accounted for")


def main(ticks: int = WEEK_TICKS) -> None:
    """Print the figures of a week."""
    print(f"memory of {CONTROLLERS} controllers' backlog, resident")
    report(asyncio.run(measure(ticks)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=WEEK_TICKS, help="records of each controller")
    main(parser.parse_args().ticks)
