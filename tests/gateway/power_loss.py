"""A workload on the store, and the judgement of what a power cut in the middle of it left."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.database import open_reader, open_writer
from gateway.errors import StoreError
from gateway.journal import GENESIS, chained
from gateway.ledger import Intervals
from gateway.outbox import CommandEntry, Note
from gateway.queries import Reader
from gateway.records import GapNotice
from gateway.store import Store
from tests.gateway.disks import Disk, Image, Operation, images, lay_under
from tests.gateway.samples import UNIT, alarm, record

LIMIT_BYTES = 120_000
"""Small, so that the workload runs into it."""
LINGER_S = 0.002


@dataclass
class Promised:
    """What the store said before the cut; the marks of a workload, added up."""

    stored: set[int] = field(default_factory=set[int])
    delete_asked: set[int] = field(default_factory=set[int])
    deleted: set[int] = field(default_factory=set[int])
    gaps: set[int] = field(default_factory=set[int])
    commands: set[str] = field(default_factory=set[str])
    results: dict[str, bytes] = field(default_factory=dict[str, bytes])
    entries: int = 0
    """Of the journal."""

    def hear(self, what: str, value: Any) -> None:
        if what == "result":
            self.results.update([value])
        elif what == "entries":
            self.entries = value
        elif what == "command":
            self.commands.add(value)
        else:
            getattr(self, what).update(value)


class Workload:
    """Everything the store does, in an order that chance gives; each promise is marked."""

    def __init__(self, disk: Disk, path: Path, chance: random.Random) -> None:
        self._disk = disk
        self._path = path
        self._chance = chance
        self._routine = self._urgent = self._commands = 0

    async def run(self, steps: int) -> None:
        store = await self._opened()
        doings = (
            *(self._put, self._put, self._many, self._alarm),
            *(self._delete, self._deliver_early, self._command),
        )
        for step in range(steps):
            await self._chance.choice(doings)(store)
            if step % 25 == 24:
                await store.close()
                store = await self._opened()
        await store.close()

    async def _opened(self) -> Store:
        linger_s = self._chance.choice((0.0, LINGER_S))
        store = Store(self._path, limit_bytes=LIMIT_BYTES, linger_s=linger_s)
        await store.open()
        # Often, so that most cuts hit a checkpoint or the first commits into a restarted log.
        store._connection.execute("PRAGMA wal_autocheckpoint=12")
        return store

    async def _put(self, store: Store) -> None:
        first = self._routine + 1
        self._routine += self._chance.randint(1, 40)
        numbers = range(first, self._routine + 1)
        gaps: list[GapNotice] = []
        if self._chance.random() < 0.2:
            self._routine += 2
            gaps = [GapNotice(UNIT, 1, self._routine - 1, self._routine, "ring_overflow")]
        await store.put([record(number) for number in numbers], gaps)
        self._disk.mark(("stored", numbers))
        self._disk.mark(("gaps", [number for gap in gaps for number in (gap.first, gap.last)]))

    async def _many(self, store: Store) -> None:
        await asyncio.gather(*(self._put(store) for _ in range(self._chance.randint(2, 6))))

    async def _alarm(self, store: Store) -> None:
        self._urgent += 1
        one = alarm(self._urgent)
        await store.put([one])
        self._disk.mark(("stored", [one.sequence]))

    async def _delete(self, store: Store) -> None:
        urgent = self._chance.random() < 0.3
        rows = await store.read(urgent=urgent, after_id=0, limit=self._chance.randint(1, 120))
        numbers = [row.record.sequence for row in rows]
        self._disk.mark(("delete_asked", numbers))
        await store.delete([row.id for row in rows])
        self._disk.mark(("deleted", numbers))

    async def _deliver_early(self, store: Store) -> None:
        """Reads and deletes while records are being put; with a linger, before their commit."""
        putting = asyncio.create_task(self._put(store))
        await asyncio.sleep(0)
        await self._delete(store)
        await putting

    async def _command(self, store: Store) -> None:
        self._commands += 1
        name = f"c{self._commands}"
        entry = CommandEntry(name, "t/res", "set", "an", "test", 1000, 2000)
        await store.begin_command(entry, Note("command", {"id": name}))
        self._disk.mark(("command", name))
        self._disk.mark(("entries", store.journal_head.number))
        if self._chance.random() < 0.8:
            result = b'{"id":"%s"}' % name.encode()
            await store.finish_command(name, result, Note("result", {"id": name}))
            self._disk.mark(("result", (name, result)))
            self._disk.mark(("entries", store.journal_head.number))


def record_workload(
    folder: Path, patch: pytest.MonkeyPatch, seed: int, *pragmas: str, steps: int, honest: bool
) -> list[Operation]:
    """What a disk is told while a workload runs."""
    disk = Disk(f"power-{seed}", honest=honest)
    path = folder / "store.db"
    with lay_under(disk, patch, *pragmas):
        asyncio.run(Workload(disk, path, random.Random(seed)).run(steps))
    disk.unregister()
    return disk.operations


def judge_all(
    operations: list[Operation], folder: Path, seed: int, cuts_per_operation: float
) -> tuple[int, Counter[str], list[str]]:
    """(images, kinds of findings, findings in words) of all cuts into the workload."""
    chance = random.Random(f"cuts {seed}")
    promised, heard, count = Promised(), 0, 0
    kinds: Counter[str] = Counter()
    findings: list[str] = []
    for image in images(operations, chance, cuts_per_operation):
        for what, value in image.marks[heard:]:
            promised.hear(what, value)
        heard = len(image.marks)
        count += 1
        found = judge(image, folder, promised)
        kinds.update(found)
        findings += [f"seed {seed}, cut before operation {image.moment}: {f}" for f in found]
    return count, kinds, findings


def judge(image: Image, folder: Path, promised: Promised) -> list[str]:
    """What the gateway finds wrong when it starts on the image; empty when all is there."""
    for old in folder.iterdir():
        old.unlink()
    for name, content in image.files.items():
        (folder / name).write_bytes(content)
    path = folder / "store.db"
    try:
        connection = open_writer(path)
    except StoreError as error:
        return [f"cannot be opened: {type(error).__name__}"]
    try:
        # What the check itself writes need not be safe.
        connection.execute("PRAGMA synchronous=OFF")
        state = connection.execute("PRAGMA integrity_check").fetchone()[0]
        if state != "ok":
            return ["the database is not sound"]
        return [*_judge_records(connection, path, promised), *_judge_commands(connection, promised)]
    finally:
        connection.close()


def _judge_records(connection: Any, path: Path, promised: Promised) -> Iterable[str]:
    reader = Reader(open_reader(path), path)
    ledger = reader.ledger()
    reader.close()
    if ledger.findings:
        yield "the sums do not agree"
    pending = {row[0] for row in connection.execute("SELECT sequence FROM outbox")}
    known: dict[str, Intervals] = {"received": Intervals(), "dropped": Intervals()}
    gaps = Intervals()
    for fate, first, last in connection.execute("SELECT fate, first, last FROM ledger"):
        (gaps if fate.startswith("gap") else known[fate.partition(":")[0]]).add(first, last)
    if any(number not in known["received"] for number in promised.stored):
        yield "an acknowledged record was never received"
    gone = (promised.stored - pending) - promised.delete_asked
    if any(number not in known["dropped"] for number in gone):
        yield "an acknowledged record is gone"
    if pending & promised.deleted:
        yield "a delivered record is back"
    if any(number not in gaps for number in promised.gaps):
        yield "a reported gap is forgotten"


def _judge_commands(connection: Any, promised: Promised) -> Iterable[str]:
    commands = dict(connection.execute("SELECT id, result FROM command"))
    if not promised.commands <= set(commands):
        yield "a command is forgotten"
    if any(commands.get(name) != result for name, result in promised.results.items()):
        yield "a result is forgotten"
    last = GENESIS
    entries = connection.execute("SELECT entry, hash FROM journal ORDER BY id").fetchall()
    for text, digest in entries:
        last = chained(last, text.encode())
        if last != digest:
            yield "the chain of the journal is broken"
            return
    if len(entries) < promised.entries:
        yield "an entry of the journal is gone"
