"""What the store acknowledges stays, once; what it cannot keep is counted or refused in words."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import database
from gateway.errors import (
    StoreUnavailableError,
)
from gateway.ledger import CausedRange, Range
from gateway.outbox import CommandEntry, PutResult
from gateway.queries import read_ledger
from gateway.records import GapNotice, Priority, Row, gap_of
from gateway.store import Store
from protocol.generated import messages as wire
from tests.gateway.samples import UNIT, alarm, record


async def rows(store: Store, *, urgent: bool = False) -> list[Row]:
    return await store.read(urgent=urgent, after_id=0, limit=10_000)


async def test_records_come_back_in_the_order_of_arrival(store: Store) -> None:
    sent = [record(1), record(1, slot="L2", unit="ff" * 8), record(2), record(3)]
    assert await store.put(sent) == PutResult(4, 0)
    assert [row.record for row in await rows(store)] == sent
    assert await rows(store, urgent=True) == []


async def test_alarms_are_read_apart(store: Store) -> None:
    await store.put([record(1), alarm(1), record(2)])
    assert [row.record for row in await rows(store, urgent=True)] == [alarm(1)]
    assert [row.record for row in await rows(store)] == [record(1), record(2)]


async def test_a_record_is_stored_once_and_its_duplicates_are_counted(store: Store) -> None:
    assert await store.put([record(1), record(1), record(2)]) == PutResult(2, 1)
    assert await store.put([record(2), record(3)]) == PutResult(1, 1)
    assert len(await rows(store)) == 3


async def test_a_duplicate_is_known_after_its_row_is_deleted_and_after_a_restart(
    tmp_path: Path,
) -> None:
    async with Store(tmp_path / "s.db") as store:
        await store.put([record(1)])
        await store.delete([row.id for row in await rows(store)])
        assert await store.put([record(1)]) == PutResult(0, 1)
    async with Store(tmp_path / "s.db") as store:
        assert await store.put([record(1), record(2)]) == PutResult(1, 1)
        assert store.resume(UNIT, 1)[0] == 3


async def test_another_boot_or_unit_is_another_record(store: Store) -> None:
    sent = [record(1), record(1, boot=2), record(1, unit="00" * 8)]
    assert await store.put(sent) == PutResult(3, 0)


async def test_ids_grow_even_when_the_store_was_emptied(store: Store) -> None:
    await store.put([record(1)])
    first = (await rows(store))[0].id
    await store.delete([first])
    await store.put([record(2)])
    assert (await store.read(urgent=False, after_id=first, limit=9))[0].record == record(2)


async def test_resume_names_the_first_number_that_is_not_durable(store: Store) -> None:
    assert store.resume(UNIT, 1) == (1, 0x20000001)
    await store.put([record(1), record(2), record(4), alarm(1)])
    assert store.resume(UNIT, 1) == (3, 0x20000002)
    await store.put([], [GapNotice(UNIT, 1, 3, 3, "corrupt")])
    assert store.resume(UNIT, 1) == (5, 0x20000002)


async def test_the_ledger_knows_the_fate_of_every_number(store: Store) -> None:
    lost = record(5, wire.Gap(4, 2, wire.GapCause.RING_OVERFLOW))
    notice = gap_of(lost)
    assert notice is not None
    assert notice == GapNotice(UNIT, 1, 4, 5, "ring_overflow")
    await store.put([record(1), record(2), record(3), lost, record(6), record(8)], [notice])
    await store.delete([row.id for row in await rows(store)][:2])
    ledger = await store.ledger()
    (stream,) = ledger.streams
    assert stream.delivered == (Range(1, 2),)
    assert stream.pending == (Range(3, 3), Range(6, 6), Range(8, 8))
    assert stream.gaps == (CausedRange(4, 5, "ring_overflow"),)
    assert stream.missing == (Range(7, 7),)
    assert (ledger.lost, ledger.missing, ledger.findings) == (2, 1, ())


async def test_the_ledger_can_be_read_beside_a_running_gateway(store: Store) -> None:
    await store.put([record(1), record(1)])
    assert read_ledger(store.path).counters == {
        "received": 2,
        "stored": 1,
        "duplicates": 1,
        "delivered": 0,
    }


async def test_many_callers_share_commits(store: Store) -> None:
    results = await asyncio.gather(*(store.put([record(n)]) for n in range(1, 501)))
    assert all(result == PutResult(1, 0) for result in results)
    assert [row.record.sequence for row in await rows(store)] == list(range(1, 501))


async def test_routine_records_may_linger_but_alarms_do_not(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db", linger_s=3600) as store:
        waiting = asyncio.create_task(store.put([record(1)]))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await store.put([alarm(1)])
        assert await waiting == PutResult(1, 0)
        last = asyncio.create_task(store.put([record(2)]))
        await asyncio.sleep(0)
    assert await last == PutResult(1, 0)


async def test_over_the_limit_the_oldest_routine_records_go_and_alarms_stay(
    tmp_path: Path,
) -> None:
    async with Store(tmp_path / "s.db", limit_bytes=400_000) as store:
        await store.put([alarm(n) for n in range(1, 101)])
        for start in range(1, 20_001, 1000):
            await store.put([record(n) for n in range(start, start + 1000)])
        assert len(await rows(store, urgent=True)) == 100
        kept = [row.record.sequence for row in await rows(store)]
        assert kept
        assert kept == list(range(kept[0], 20_001))
        ledger = await store.ledger()
        assert ledger.dropped == {"size_limit": 20_000 - len(kept)}
        assert ledger.findings == ()
        assert CausedRange(1, kept[0] - 1, "size_limit") == ledger.streams[0].dropped[0]


async def test_alarms_are_kept_beyond_the_limit(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db", limit_bytes=60_000) as store:
        for start in range(1, 3001, 500):
            await store.put([alarm(n) for n in range(start, start + 500)])
        await store.put([record(1), record(2)])
        assert len(await rows(store, urgent=True)) == 3000
        assert await rows(store) == []
        ledger = await store.ledger()
        assert ledger.dropped == {"size_limit": 2}
        assert ledger.findings == ()


async def test_what_is_being_published_is_dropped_last(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db", limit_bytes=400_000) as store:
        await store.put([record(n) for n in range(1, 301)])
        reading = await store.read(urgent=False, after_id=0, limit=100)
        await store.put([record(n) for n in range(301, 20_001)])
        assert await store.delete([row.id for row in reading]) == 100


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 30), st.integers(1, 12), st.booleans()),
        st.tuples(st.just("delete"), st.integers(0, 5), st.integers(1, 9), st.just(value=False)),
        st.tuples(st.just("reopen"), st.just(0), st.just(0), st.just(value=False)),
    ),
    max_size=12,
)


@settings(max_examples=25)
@given(steps)
def test_the_sums_agree_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[str, int, int, bool]]
) -> None:
    path = tmp_path_factory.mktemp("sums") / "s.db"

    async def play() -> None:
        store = Store(path, limit_bytes=90_000)
        await store.open()
        for what, first, count, urgent in plan:
            if what == "put":
                make = alarm if urgent else record
                await store.put([make(n) for n in range(first, first + count)])
            elif what == "delete":
                found = await store.read(urgent=False, after_id=0, limit=100)
                await store.delete([row.id for row in found[first : first + count]])
            else:
                await store.close()
                store = Store(path, limit_bytes=90_000)
                await store.open()
        ledger = await store.ledger()
        await store.close()
        assert ledger.findings == ()

    asyncio.run(play())


# --- commands -------------------------------------------------------------------------------


def entry(command_id: str = "c1", **changes: object) -> CommandEntry:
    made = CommandEntry(command_id, "t/res", "set", "an", "test", 1000, 2000, "r/t", b"\x01")
    return made._replace(**changes)


async def test_a_command_id_is_new_once_even_after_a_restart(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db") as store:
        assert await store.begin_command(entry())
        assert not await store.begin_command(entry())
    async with Store(tmp_path / "s.db") as store:
        assert not await store.begin_command(entry())


async def test_a_command_has_one_final_result_and_stays_open_until_it_is_answered(
    store: Store,
) -> None:
    await store.begin_command(entry())
    assert await store.finish_command("c1", b"{}")
    assert not await store.finish_command("c1", b"other")
    assert await store.open_commands() == [entry(result=b"{}")]
    await store.command_answered("c1")
    assert await store.open_commands() == []
    assert not await store.begin_command(entry())


async def test_answered_commands_are_forgotten_once_they_could_only_expire(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.outbox.KEPT_COMMANDS", 0)
    await store.begin_command(entry())
    await store.finish_command("c1", b"{}")
    await store.command_answered("c1")
    await store.begin_command(entry("c2", received_ms=10_000_000, not_after_ms=10_000_000))
    assert await store.begin_command(entry())


async def test_a_clock_that_was_wrong_for_a_moment_does_not_revive_a_command(store: Store) -> None:
    await store.begin_command(entry())
    await store.finish_command("c1", b"{}")
    await store.command_answered("c1")
    await store.begin_command(entry("c2", received_ms=10**13, not_after_ms=10**13))
    assert not await store.begin_command(entry())


# --- migration ----------------------------------------------------------------------------------


def test_a_failed_migration_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    good = ["CREATE TABLE a (x);"]
    database.open_writer(path, good).close()
    with pytest.raises(StoreUnavailableError):
        database.open_writer(path, [*good, "CREATE TABLE b (x); CREATE TABLE a (x);"])
    connection = database.open_writer(path, good)
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master")]
    connection.close()
    assert names == ["a"]


def test_migrations_run_from_any_version_to_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    scripts = ["CREATE TABLE a (x);", "CREATE TABLE b (x);\n-- ; a comment\nDROP TABLE a;"]
    database.open_writer(path, scripts[:1]).close()
    connection = database.open_writer(path, scripts)
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master")]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    assert (names, version) == (["b"], 2)


def test_the_shipped_schema_is_the_newest_version() -> None:
    assert database.migrations()


async def test_every_commit_is_synced(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db") as store:
        assert store._connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert store._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_priorities_are_what_the_schema_says() -> None:
    assert [int(p) for p in (Priority.ROUTINE, Priority.ALARM, Priority.AUDIT)] == [0, 1, 2]


async def test_an_opening_that_is_cancelled_leaves_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    for _ in range(20):
        opening = asyncio.create_task(Store(path).open())
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        async with Store(path) as store:
            assert (await store.counters()).get("stored", 0) == 0
