"""A process that is killed while it writes loses nothing that it acknowledged."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.queries import read_ledger
from gateway.store import Store
from tests.gateway.samples import UNIT

ROOT = Path(__file__).parents[2]
KILLS = 12

WRITER = """
import asyncio, sys
from pathlib import Path
from gateway.store import Store
from tests.gateway.samples import UNIT, record

async def write(store, first, step):
    number = first
    while True:
        await store.put([record(number + i * step) for i in range(3)])
        print("ack", *(number + i * step for i in range(3)), flush=True)
        number += 3 * step

async def publish(store):
    while True:
        rows = await store.read(urgent=False, after_id=0, limit=8)
        if not rows:
            await store.new_rows.wait()
            store.new_rows.clear()
        for row in rows:
            print("pub", row.record.sequence, flush=True)
        await store.delete([row.id for row in rows])

async def main():
    async with Store(Path(sys.argv[1])) as store:
        first = store.resume(UNIT, 1)[0]
        writers = [write(store, first + n, 4) for n in range(4)]
        print("ready", flush=True)
        await asyncio.gather(publish(store), *writers)

asyncio.run(main())
"""


def run_and_kill(path: Path, lines: int) -> list[list[str]]:
    """Starts the writer, kills it after so many lines, returns the whole lines it printed."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as process:
        assert process.stdout is not None
        output = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        output += process.stdout.readlines()
    return [line.split() for line in output if line.endswith("\n")]


@pytest.mark.timeout(180)
async def test_a_killed_writer_loses_no_acknowledged_record(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    chance = random.Random(20)
    acknowledged: set[int] = set()
    published: list[int] = []
    for _ in range(KILLS):
        for word, *numbers in run_and_kill(path, chance.randrange(5, 120)):
            if word == "ack":
                acknowledged.update(map(int, numbers))
            elif word == "pub":
                published += map(int, numbers)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()
    async with Store(path) as store:
        waiting = [
            row.record.sequence
            for row in await store.read(urgent=False, after_id=0, limit=1_000_000)
        ]
        ledger = await store.ledger()
    assert acknowledged
    assert acknowledged <= set(waiting) | set(published)
    assert len(set(waiting)) == len(waiting)
    assert ledger.findings == ()
    assert read_ledger(path).streams[0].key.unit == UNIT
