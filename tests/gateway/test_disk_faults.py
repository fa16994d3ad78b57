"""A full, read-only, failing or damaged disk is told in words, and healed when it can be."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import apsw
import pytest

from gateway.commands import Command, Outcome, Status
from gateway.contract import Address, Topics, timestamp
from gateway.desk import Desk, Incoming, Progress, Reply
from gateway.errors import (
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnavailableError,
)
from gateway.outbox import PutResult
from gateway.records import unix_ms
from gateway.store import Store
from tests.gateway.brokers import until
from tests.gateway.disks import Disk, Operation, lay_under
from tests.gateway.samples import command, record

TOPICS = Topics("park", "gw")
L1 = Address("lamp", "L1")
_numbers = itertools.count(1)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """The disk that stores are on."""
    one = Disk(f"faults-{next(_numbers)}")
    with lay_under(one, monkeypatch):
        yield one
    one.unregister()


@pytest.fixture
async def faulty(disk: Disk, tmp_path: Path) -> AsyncIterator[Store]:
    """An open store on that disk, with one record."""
    async with Store(tmp_path / "s.db") as store:
        await store.put([record(1)])
        yield store
        disk.fault = None


async def numbers(store: Store) -> list[int]:
    return [row.record.sequence for row in await store.read(urgent=False, after_id=0, limit=10_000)]


@pytest.mark.parametrize(
    ("code", "error", "says"),
    [
        (apsw.SQLITE_FULL, StoreFullError, "free some space"),
        (apsw.SQLITE_READONLY, StoreReadOnlyError, "whether the disk went read-only"),
        (apsw.SQLITE_IOERR_WRITE, StoreUnavailableError, "check .store. path and the disk"),
        (apsw.SQLITE_IOERR_FSYNC, StoreUnavailableError, "check .store. path and the disk"),
    ],
)
async def test_a_disk_that_fails_is_told_and_storing_goes_on_when_it_works_again(
    disk: Disk, faulty: Store, code: int, error: type[StoreError], says: str
) -> None:
    sync_fails = code == apsw.SQLITE_IOERR_FSYNC
    disk.fault = lambda operation: code if (operation.what == "sync") is sync_fails else 0
    for _ in range(3):
        with pytest.raises(error, match=says):
            await faulty.put([record(2)])
    assert isinstance(faulty.last_error, error)
    assert await numbers(faulty) == [1]
    assert faulty.resume(record(1).unit, 1)[0] == 2
    disk.fault = None
    assert await faulty.put([record(2)]) == PutResult(1, 0)
    assert faulty.last_error is None
    assert (await faulty.ledger()).findings == ()


@pytest.mark.parametrize(
    "code", [apsw.SQLITE_FULL, apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_IOERR_FSYNC]
)
async def test_whichever_operation_fails_nothing_is_lost_or_stored_twice(
    disk: Disk, faulty: Store, code: int
) -> None:
    """One operation after the other fails once, in the middle of commits and of checkpoints."""
    chance, sent, failures = random.Random(code), 1, 0
    faulty._connection.execute("PRAGMA wal_autocheckpoint=8")
    for _ in range(150):
        countdown = itertools.count(chance.randint(-12, 0))
        disk.fault = lambda _, countdown=countdown: code if next(countdown) == 0 else 0
        many = [record(sent + n) for n in range(1, chance.randint(2, 60))]
        while True:
            try:
                assert await faulty.put(many) == PutResult(len(many), 0)
                break
            except StoreError:
                failures += 1
        sent += len(many)
        rows = await faulty.read(urgent=False, after_id=0, limit=chance.randint(1, 50))
        await until_deleted(faulty, [row.id for row in rows])
    disk.fault = None
    ledger = await faulty.ledger()
    assert failures > 50
    assert ledger.findings == ()
    assert ledger.counters["stored"] == sent
    assert ledger.missing == 0
    assert faulty._connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


async def until_deleted(store: Store, ids: list[int]) -> None:
    while True:
        try:
            await store.delete(ids)
        except StoreError:
            continue
        return


async def test_a_full_disk_stops_no_start_and_leaves_the_answers_for_later(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.desk.STORE_RETRY_S", 0.01)
    replies: list[Reply] = []

    async def never(_: Command, __: Progress) -> Outcome:
        await asyncio.Event().wait()
        raise AssertionError

    async with Store(tmp_path / "s.db") as store:
        desk = Desk(TOPICS, store, L1.__eq__, never, replies.append)
        await desk.recover()
        desk.take(Incoming(TOPICS.slot("lamp", "L1", "cmd"), command(id="c1"), retained=False))
        await until(lambda: len(replies) == 1)
        await desk.close()
    async with Store(tmp_path / "s.db") as store:
        monkeypatch.setattr("gateway.desk.RECOVER_LIMIT_S", 0.05)
        disk.fault = only_writes
        replies.clear()
        desk = Desk(TOPICS, store, L1.__eq__, never, replies.append)
        await desk.recover()
        assert replies == []
        disk.fault = None
        await until(lambda: len(replies) == 1)
        assert b"gateway_restarted" in replies[0].payload
        await desk.close()


async def test_a_result_that_cannot_be_stored_is_final_only_when_it_is(
    disk: Disk, faulty: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.desk.STORE_RETRY_S", 0.01)
    replies: list[Reply] = []

    async def fills_the_disk(_: Command, __: Progress) -> Outcome:
        disk.fault = only_writes
        return Outcome(Status.DONE)

    desk = Desk(TOPICS, faulty, L1.__eq__, fills_the_disk, replies.append)
    await desk.recover()
    desk.take(Incoming(TOPICS.slot("lamp", "L1", "cmd"), command(id="c1"), retained=False))
    await until(lambda: len(replies) == 2)
    assert b"IN_PROGRESS" in replies[1].payload
    assert b"final once it is stored" in replies[1].payload
    disk.fault = None
    await until(lambda: len(replies) == 3)
    assert b"DONE" in replies[2].payload
    await desk.close()


def only_writes(operation: Operation) -> int:
    return apsw.SQLITE_FULL if operation.what == "write" else 0


# --- damage -------------------------------------------------------------------------------------


async def spoilt(path: Path) -> bytes:
    """A store whose file was damaged while nobody looked; returns what the file holds."""
    async with Store(path) as store:
        await store.put([record(n) for n in range(1, 2001)])
    return spoil(path, every=2)


def spoil(path: Path, *, every: int) -> bytes:
    """Overwrites pages of the file, but not the first two; returns what it holds then."""
    content = bytearray(path.read_bytes())
    for page in range(2, len(content) // 4096, every):
        content[page * 4096 : page * 4096 + 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    return bytes(content)


async def test_a_damaged_store_is_set_aside_and_the_gateway_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    content = await spoilt(path)
    with pytest.raises(StoreDamagedError, match="nothing was deleted"):
        await Store(path).open()
    async with Store(path, replace_damaged=True) as store:
        assert store.set_aside is not None
        assert store.set_aside.read_bytes() == content
        assert await store.put([record(1)]) == PutResult(1, 0)
    async with Store(path, replace_damaged=True) as store:
        assert store.set_aside is None
        assert await numbers(store) == [1]


async def test_no_command_from_before_the_damage_is_carried_out_again(tmp_path: Path) -> None:
    path, replies, acted = tmp_path / "s.db", list[Reply](), list[str]()
    await spoilt(path)

    async def act(command: Command, _: Progress) -> Outcome:
        acted.append(command.id)
        return Outcome(Status.DONE)

    async with Store(path, replace_damaged=True) as store:
        desk = Desk(TOPICS, store, L1.__eq__, act, replies.append)
        await desk.recover()
        earlier = timestamp(unix_ms() - 1000)
        for payload in (command(id="old", issued=earlier), command(id="new")):
            desk.take(Incoming(TOPICS.slot("lamp", "L1", "cmd"), payload, retained=False))
        await until(lambda: len(replies) == 3)
        await desk.close()
    assert acted == ["new"]
    assert b"begun anew" in replies[0].payload


async def test_damage_under_a_running_store_is_told_and_nothing_is_acknowledged(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    async with Store(path) as store:
        await store.put([record(n) for n in range(1, 2001)])
        store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        # Nothing may be left of the good pages in memory.
        store._connection.execute("PRAGMA shrink_memory")
        spoil(path, every=1)
        with pytest.raises(StoreDamagedError, match="Keep the file"):
            await store.put([record(n) for n in range(2001, 2010)])
        assert isinstance(store.last_error, StoreDamagedError)
        with pytest.raises(StoreDamagedError):
            await store.read(urgent=False, after_id=0, limit=10_000)
