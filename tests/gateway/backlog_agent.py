"""Store and uplink of an agent that fills up while its broker is away, and drains when it is back.

    python -m tests.gateway.backlog_agent STORE PORT RECORDS_PER_CONTROLLER

It says "filled" on a line of its own, and at the end tells its figures as JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path

from gateway.contract import Topics
from gateway.records import Record, unix_ms
from gateway.site_model import Broker
from gateway.store import Store
from gateway.uplink import Uplink
from tests.gateway.samples import alarm, record

CONTROLLERS = 20
PERIOD_MS = 10_000
START_MS = 1_764_000_000_000
ALARM_EVERY_S = 0.2
MEASURE_EVERY_S = 0.02
WARM_TICKS = 200
"""Ticks until every code path and cache of the filling has been used."""


def resident_kb() -> int:
    """Memory of this process that is in RAM."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def made(controller: int, number: int) -> Record:
    """What a controller says at its tick `number` (1, 2, ...) of virtual time."""
    one = record(number, slot=f"L{controller}", unit=f"{controller:016x}")
    return one._replace(time_ms=START_MS + number * PERIOD_MS)


class Agent:
    """The figures of one outage."""

    def __init__(self, store: Store, uplink: Uplink) -> None:
        self._store = store
        self._uplink = uplink
        self._highest_kb = 0
        self._alarms = 0

    async def run(self, ticks: int) -> dict[str, int]:
        measuring = asyncio.create_task(self._measure())
        await self._fill(1, WARM_TICKS)
        warm_kb, self._highest_kb = resident_kb(), 0
        await self._fill(WARM_TICKS + 1, ticks)
        filled_kb, self._highest_kb = max(self._highest_kb, resident_kb()), 0
        backlog = (await self._store.counters())["stored"]
        print("filled", flush=True)
        while not self._uplink.health.connected:
            await asyncio.sleep(0.01)
        alarming = asyncio.create_task(self._alarm())
        started_s = asyncio.get_running_loop().time()
        while self._uplink.health.published_records < backlog:
            await asyncio.sleep(0.01)
        seconds = asyncio.get_running_loop().time() - started_s
        alarming.cancel()
        while (await self._store.ledger()).pending:
            await asyncio.sleep(0.05)
        measuring.cancel()
        ledger = await self._store.ledger()
        return {
            "backlog": backlog,
            "alarms": self._alarms,
            "delivered": ledger.counters["delivered"],
            "lost": ledger.lost + ledger.missing + len(ledger.findings),
            "drained_ms": int(seconds * 1000),
            "warm_kb": warm_kb,
            "filled_kb": filled_kb,
            "draining_kb": self._highest_kb,
        }

    async def _fill(self, first: int, last: int) -> None:
        for number in range(first, last + 1):
            await self._store.put([made(one, number) for one in range(CONTROLLERS)])

    async def _alarm(self) -> None:
        while True:
            one = alarm(self._alarms + 1)._replace(time_ms=unix_ms())
            await self._store.put([one])
            self._alarms += 1
            await asyncio.sleep(ALARM_EVERY_S)

    async def _measure(self) -> None:
        while True:
            self._highest_kb = max(self._highest_kb, resident_kb())
            await asyncio.sleep(MEASURE_EVERY_S)


async def main() -> None:
    path, port, ticks = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    async with Store(path) as store:
        uplink = Uplink(
            Broker(url=f"mqtt://127.0.0.1:{port}"), Topics("park", "gw"), store, lambda _: None
        )
        running = asyncio.create_task(uplink.run())
        print(json.dumps(await Agent(store, uplink).run(ticks)))
        await uplink.close()
        await running


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(main())
