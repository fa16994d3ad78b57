"""What durability costs: put → read → acknowledge, store → PUBACK, and bytes written in a day.

`python -m tests.bench.bench_store` prints it; `--json` for machines. The store commits with
synchronous=FULL. ThingsBoard Gateway's own SQLite storage runs the same cycle, not durable, when
`--thingsboard` or STOEP_THINGSBOARD names the folder of
`pip install --no-deps --target FOLDER thingsboard-gateway`. Bare aiomqtt publishes the same
payloads from memory with the same window, over the same mosquitto. Medians of several rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiomqtt

from gateway import contract
from gateway.broker import WINDOW
from gateway.contract import Topics
from gateway.records import Record
from gateway.site_model import Broker, StoreTable
from gateway.store import Store
from gateway.uplink import Uplink
from hil.broker import HOST, EmbeddedBroker
from protocol.generated import messages as m
from tests.gateway.brokers import BrokerUnderTest, Mosquitto
from tests.gateway.samples import LAMP, encode

RECORDS = 20_000
ROUNDS = 5
GROUP = 100
BATCH = 16
CONTROLLERS = 256
RATE_HZ = 0.1
DAY_S = 86_400
BODY = encode(LAMP)
UNCONFIRMED = 20
"""Records on their way to the broker while a group commits: a window of single ones."""


def record(controller: int, sequence: int) -> Record:
    """A routine record of 28 bytes on the wire."""
    unit = f"{controller:016x}"
    return Record(
        *(f"L{controller}", "lamp", unit, 1, sequence, m.LampStatus.ID, 0),
        *(1_764_000_000_250, BODY),
    )


async def stoep_cycle(folder: Path) -> float:
    """Records a second through put, read and delete, in groups of 100; all durable."""
    async with Store(folder / "cycle.db") as store:
        started_s, done = time.perf_counter(), 0

        async def put() -> None:
            for first in range(1, RECORDS + 1, GROUP):
                await store.put(
                    [record(first // GROUP % 20, n) for n in range(first, first + GROUP)]
                )

        async def take() -> None:
            nonlocal done
            after = 0
            while done < RECORDS:
                rows = await store.read(urgent=False, after_id=after, limit=1000)
                if rows:
                    after = rows[-1].id
                    done += await store.delete([row.id for row in rows])
                else:
                    store.new_rows.clear()
                    await store.new_rows.wait()

        await asyncio.gather(put(), take())
        return RECORDS / (time.perf_counter() - started_s)


def thingsboard_cycle(folder: Path) -> float:
    """The same by ThingsBoard Gateway's SQLiteEventStorage: no wait for any disk."""
    theirs: Any = importlib.import_module("thingsboard_gateway.storage.sqlite.sqlite_event_storage")

    class Quiet(logging.Logger):
        def trace(self, *_: Any, **__: Any) -> None:
            return

    messages = [contract.tele([(record(1, n), False)]).decode() for n in range(1, RECORDS + 1)]
    target = folder / "thingsboard"
    target.mkdir(exist_ok=True)
    storage: Any = theirs.SQLiteEventStorage(
        {"data_file_path": f"{target}/"}, Quiet("tb", logging.CRITICAL), threading.Event()
    )
    started_s, done = time.perf_counter(), 0
    for message in messages:
        storage.put(message)
    while done < RECORDS:
        done += len(storage.get_event_pack())
        storage.event_pack_processing_done()
    seconds = time.perf_counter() - started_s
    storage.stop()
    return RECORDS / seconds


async def stoep_uplink(folder: Path, broker: BrokerUnderTest) -> float:
    """Records a second from a durable backlog to PUBACK and deletion."""
    async with Store(folder / "uplink.db") as store:
        for first in range(1, RECORDS + 1, 1000):
            await store.put([record(n % 20, n) for n in range(first, first + 1000)])
        uplink = Uplink(
            Broker(url=broker.url), Topics("bench", "gw"), store, lambda _: None, folder
        )
        started_s = time.perf_counter()
        task = asyncio.create_task(uplink.run())
        while (await store.counters())["delivered"] < RECORDS:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.002)
        seconds = time.perf_counter() - started_s
        await uplink.close()
        await asyncio.gather(task, return_exceptions=True)
    return RECORDS / seconds


async def bare(broker: BrokerUnderTest, per_publish: int) -> float:
    """Records a second by aiomqtt alone, from memory, with the same window."""
    payloads = [
        contract.tele([(record(1, n), False) for n in range(first, first + per_publish)])
        for first in range(1, RECORDS + 1, per_publish)
    ]
    async with aiomqtt.Client(
        *(HOST, broker.port), protocol=aiomqtt.ProtocolVersion.V5, max_inflight_messages=WINDOW
    ) as client:
        window = asyncio.Semaphore(WINDOW)

        async def publish(payload: bytes) -> None:
            try:
                await client.publish("bench/bare", payload, qos=1)
            finally:
                window.release()

        started_s = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for payload in payloads:
                await window.acquire()
                group.create_task(publish(payload))
        return RECORDS / (time.perf_counter() - started_s)


def written_bytes() -> int:
    """What this process gave to the disk so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


async def bytes_a_day(folder: Path, linger_s: float, commits: int = 120) -> float:
    """Written in a day by 256 controllers at 0.1 Hz, extrapolated from so many commits."""
    each = max(1, round(CONTROLLERS * RATE_HZ * linger_s))
    async with Store(folder / f"day-{linger_s:g}.db", linger_s=3600 if linger_s else 0) as store:
        number, before, warm = 0, 0, 4
        for commit in range(commits + warm):
            if commit == warm:
                before = written_bytes()
            records = [
                record(n % CONTROLLERS, n // CONTROLLERS + 1) for n in range(number, number + each)
            ]
            number += each
            store.new_rows.clear()
            storing = asyncio.create_task(store.put(records))
            await store.new_rows.wait()
            rows = await store.read(urgent=False, after_id=0, limit=100_000)
            # Lingering, most are confirmed before the commit; else each one after it.
            confirmed = rows[: max(0, len(rows) - UNCONFIRMED)] if linger_s else rows
            deleting = asyncio.create_task(store.delete([row.id for row in confirmed]))
            await asyncio.sleep(0)
            store.flush()
            await asyncio.gather(storing, deleting)
        spent = written_bytes() - before
    return spent / (commits * each) * CONTROLLERS * RATE_HZ * DAY_S


Contenders = dict[str, Callable[[Path], Awaitable[float]]]


async def in_turn(count: int, contenders: Contenders) -> dict[str, list[float]]:
    """What each found in each round; in turn, so that a busy machine is busy for all of them."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(count):
        for name, run in contenders.items():
            # On a disk: what is mounted at /tmp may be memory.
            with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="stoep-bench-") as folder:
                found[name].append(await run(Path(folder)))
    return found


async def measure(count: int, thingsboard: Path | None) -> dict[str, list[float]]:
    """All figures by name, one a round."""
    contenders: Contenders = {"put_read_ack": stoep_cycle}
    if thingsboard is not None:
        sys.path.append(str(thingsboard))
        contenders["thingsboard"] = lambda folder: asyncio.to_thread(thingsboard_cycle, folder)
    broker: BrokerUnderTest = Mosquitto() if Mosquitto.installed() else EmbeddedBroker()
    await broker.start()
    contenders["store_to_puback"] = lambda folder: stoep_uplink(folder, broker)
    contenders["bare_1"] = lambda _: bare(broker, 1)
    contenders["bare_16"] = lambda _: bare(broker, BATCH)
    figures = await in_turn(count, contenders)
    await broker.stop()
    linger_s = StoreTable().linger_s
    return figures | await in_turn(
        1,
        {
            "bytes_a_day": lambda folder: bytes_a_day(folder, linger_s),
            "bytes_a_day_at_once": lambda folder: bytes_a_day(folder, 0),
        },
    )


def report(figures: dict[str, list[float]]) -> None:
    """The figures for people."""
    middle = {name: statistics.median(found) for name, found in figures.items()}

    def beside(one: str, other: str, text: str) -> None:
        ratio = statistics.median(a / b for a, b in zip(figures[one], figures[other], strict=True))
        print(f"  {text}: {middle[other]:,.0f}/s; ratio {ratio:.2f}")

    print(f"put -> read -> acknowledge, FULL, groups of {GROUP}: {middle['put_read_ack']:,.0f}/s")
    if "thingsboard" in figures:
        beside("put_read_ack", "thingsboard", "ThingsBoard Gateway, not durable")
    else:
        print("  beside ThingsBoard Gateway: not measured, see --thingsboard")
    print(f"store -> PUBACK -> delete: {middle['store_to_puback']:,.0f} records/s")
    beside("store_to_puback", "bare_1", "bare aiomqtt, one a publish")
    beside("store_to_puback", "bare_16", f"bare aiomqtt, {BATCH} a publish")
    day, at_once = middle["bytes_a_day"] / 1e6, middle["bytes_a_day_at_once"] / 1e6
    print(f"{CONTROLLERS} controllers at {RATE_HZ} Hz write {day:,.0f} MB a day", end="")
    print(f" with the linger of {StoreTable().linger_s:g} s, {at_once:,.0f} MB without")


def main(count: int = ROUNDS, thingsboard: Path | None = None, *, as_json: bool = False) -> None:
    """Print the figures."""
    named = os.environ.get("STOEP_THINGSBOARD")
    if thingsboard is None and named:
        thingsboard = Path(named)
    logging.getLogger("mqtt").setLevel(logging.ERROR)  # a full window is what is measured
    figures = asyncio.run(measure(count, thingsboard))
    if as_json:
        print(json.dumps(figures))
    else:
        report(figures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--thingsboard", type=Path, help="where thingsboard-gateway is installed")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    main(chosen.rounds, chosen.thingsboard, as_json=chosen.json)
