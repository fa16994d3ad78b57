"""Records that wait for a common commit are published meanwhile; old boots are forgotten."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.errors import StoreReadOnlyError
from gateway.outbox import PutResult
from gateway.records import GapNotice
from gateway.store import Store
from tests.gateway.samples import UNIT, alarm, record
from tests.gateway.test_store import rows


async def test_old_boots_are_forgotten_when_complete_and_the_sums_still_agree(
    tmp_path: Path,
) -> None:
    async with Store(tmp_path / "s.db") as store:
        await store.put([record(1, boot=1), record(3, boot=1)])
        for boot in range(2, 60):
            lost = GapNotice(UNIT, boot, 3, 5, "ring_overflow")
            await store.put([record(n, boot=boot) for n in (1, 2, 5, 6)], [lost])
            await store.put([alarm(1, boot=boot)])
            waiting = [*await rows(store), *await rows(store, urgent=True)]
            await store.delete([row.id for row in waiting])
        ledger = await store.ledger()
    boots = {stream.key.boot for stream in ledger.streams}
    assert boots == {1, *range(44, 60)}, "the incomplete one and the newest 16"
    assert ledger.findings == ()
    assert (ledger.missing, ledger.lost) == (1, 58 * 3)
    async with Store(tmp_path / "s.db") as store:
        await store.put([record(1, boot=60)])
        ledger = await store.ledger()
        assert (ledger.findings, ledger.counters["received"]) == ((), 2 + 58 * 5 + 1)
        assert store.resume(UNIT, 59) == (7, 0x20000002)


async def test_a_boot_with_a_lower_number_than_all_before_is_kept_like_any_other(
    tmp_path: Path,
) -> None:
    """A controller that lost its counter draws the number of its next boot by lot."""
    async with Store(tmp_path / "s.db") as store:
        for boot in range(40_000, 40_040):
            await store.put([record(1, boot=boot)])
            await store.delete([row.id for row in await rows(store)])
        await store.put([record(n, boot=33_000) for n in (1, 2)])
        assert [row.record.boot for row in await rows(store)] == [33_000, 33_000]
        assert store.resume(UNIT, 33_000) == (3, 0x20000001)
        await store.put([record(1, boot=500)])
        assert (await store.ledger()).findings == ()
    async with Store(tmp_path / "s.db") as store:
        assert [row.record.boot for row in await rows(store)] == [33_000, 33_000, 500]


async def test_with_a_linger_records_can_be_read_before_they_are_durable(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db", linger_s=3600) as store:
        waiting = asyncio.create_task(store.put([record(1), record(2), record(3)]))
        await asyncio.wait_for(store.new_rows.wait(), 20)
        early = await rows(store)
        assert [row.record.sequence for row in early] == [1, 2, 3]
        assert not waiting.done()
        assert store.resume(UNIT, 1) == (1, 0x20000001), "nothing may be acknowledged yet"
        deleting = asyncio.create_task(store.delete([early[0].id]))
        await asyncio.sleep(0)
        store.flush()
        assert await waiting == PutResult(3, 0)
        assert await deleting == 1
        assert [row.record.sequence for row in await rows(store)] == [2, 3]
        ledger = await store.ledger()
        assert (ledger.findings, ledger.counters["delivered"], ledger.pending) == ((), 1, 2)


async def test_what_is_confirmed_before_the_commit_never_reaches_the_disk(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db", linger_s=3600) as store:
        waiting = asyncio.create_task(store.put([record(n) for n in range(1, 101)]))
        await asyncio.wait_for(store.new_rows.wait(), 20)
        deleting = asyncio.create_task(store.delete([row.id for row in await rows(store)]))
        await asyncio.sleep(0)
        store.flush()
        assert (await waiting, await deleting) == (PutResult(100, 0), 100)
        assert store._connection.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
    async with Store(tmp_path / "s.db") as store:
        assert await store.put([record(1)]) == PutResult(0, 1)


async def test_while_commits_fail_nothing_is_shown_early(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db", linger_s=3600) as store:
        store._connection.execute("PRAGMA query_only=1")
        with pytest.raises(StoreReadOnlyError):
            await store.put([alarm(1)])
        store._connection.execute("PRAGMA query_only=0")
        waiting = asyncio.create_task(store.put([record(1)]))
        await asyncio.sleep(0.1)
        assert await rows(store) == []
        store.flush()
        await waiting
        assert len(await rows(store)) == 1
