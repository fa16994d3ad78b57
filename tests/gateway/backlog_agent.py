"""Store and uplink of an agent that fills up while its broker is away, and drains when it is back.

    python -m tests.gateway.backlog_agent STORE PORT RECORDS_PER_CONTROLLER

It says "filled", connects when it gets a line, and at the end tells its figures as JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.contract import Topics
from gateway.records import Record, unix_ms
from gateway.site_model import Broker
from gateway.store import Store
from gateway.uplink import Uplink
from tests.gateway.brokers import until
from tests.gateway.samples import alarm, record

CONTROLLERS = 20
PERIOD_MS = 10_000
START_MS = 1_764_000_000_000
ALARM_EVERY_S = 0.2
MEASURE_EVERY_S = 0.02
DRAIN_LIMIT_S = 3600.0
NOBODY = 1
"""A port of the loopback where no broker is."""
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
    """One outage, and its figures."""

    def __init__(self, store: Store, port: int) -> None:
        self._store = store
        self._port = port
        self._highest_kb = 0
        self._alarms = 0

    @asynccontextmanager
    async def _uplink(self, port: int) -> AsyncGenerator[Uplink]:
        broker = Broker(url=f"mqtt://127.0.0.1:{port}")
        uplink = Uplink(broker, Topics("park", "gw"), self._store, lambda _: None)
        running = asyncio.create_task(uplink.run())
        yield uplink
        await uplink.close()
        await running

    async def run(self, ticks: int) -> dict[str, int]:
        measuring = asyncio.create_task(self._measure())
        async with self._uplink(NOBODY):
            await self._fill(1, WARM_TICKS)
            warm_kb, self._highest_kb = resident_kb(), 0
            await self._fill(WARM_TICKS + 1, ticks)
            filled_kb, self._highest_kb = max(self._highest_kb, resident_kb()), 0
        backlog = (await self._store.counters())["stored"]
        print("filled", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        async with self._uplink(self._port) as uplink:
            drained_s = await self._drain(uplink, backlog)
        measuring.cancel()
        ledger = await self._store.ledger()
        return {
            "backlog": backlog,
            "alarms": self._alarms,
            "delivered": ledger.counters["delivered"],
            "lost": ledger.lost + ledger.missing + len(ledger.findings),
            "drained_ms": int(drained_s * 1000),
            "warm_kb": warm_kb,
            "filled_kb": filled_kb,
            "draining_kb": self._highest_kb,
        }

    async def _drain(self, uplink: Uplink, backlog: int) -> float:
        """Waits until the backlog is delivered, alarms in between; seconds it took."""
        clock = asyncio.get_running_loop().time
        started_s = clock()
        alarming = asyncio.create_task(self._alarm())
        async with asyncio.timeout(DRAIN_LIMIT_S):
            while uplink.health.published_records < backlog:  # noqa: ASYNC110 - measured finely
                await asyncio.sleep(0.01)
        took_s = clock() - started_s
        alarming.cancel()
        await asyncio.gather(alarming, return_exceptions=True)
        await until(self._is_empty)
        return took_s

    async def _is_empty(self) -> bool:
        return not (await self._store.ledger()).pending

    async def _fill(self, first: int, last: int) -> None:
        for number in range(first, last + 1):
            await self._store.put([made(one, number) for one in range(CONTROLLERS)])

    async def _alarm(self) -> None:
        while True:
            one = alarm(self._alarms + 1)._replace(time_ms=unix_ms())
            self._alarms += 1
            await self._store.put([one])
            await asyncio.sleep(ALARM_EVERY_S)

    async def _measure(self) -> None:
        while True:
            self._highest_kb = max(self._highest_kb, resident_kb())
            await asyncio.sleep(MEASURE_EVERY_S)


async def main() -> None:
    path, port, ticks = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    async with Store(path) as store:
        print(json.dumps(await Agent(store, port).run(ticks)))


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(main())
