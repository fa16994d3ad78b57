"""What the store acknowledges stays, once; what it cannot keep is counted or refused in words."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import database
from gateway.errors import (
    StoreDamagedError,
    StoreFullError,
    StoreInUseError,
    StoreReadOnlyError,
    StoreUnavailableError,
    StoreVersionError,
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


# --- when the disk does not cooperate ---------------------------------------------------------


async def test_a_second_gateway_on_the_same_store_is_refused(store: Store) -> None:
    with pytest.raises(StoreInUseError, match="another Stoep gateway runs on this store"):
        await Store(store.path).open()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailableError, match="closed"):
        await store.put([record(1)])


async def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="does not exist; create it"):
        await Store(tmp_path / "absent" / "s.db").open()


async def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreDamagedError, match="nothing was deleted"):
        await Store(path).open()
    assert path.read_bytes() == b"not a database at all" * 100
    aside = database.set_aside(path)
    assert aside.read_bytes() == b"not a database at all" * 100
    async with Store(path) as store:
        assert await store.put([record(1)]) == PutResult(1, 0)


async def test_a_torn_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with Store(path) as store:
        await store.put([record(n) for n in range(1, 2001)])
    content = bytearray(path.read_bytes())
    for page in range(5, len(content) // 4096, 2):
        content[page * 4096 : page * 4096 + 4096] = os.urandom(4096)
    path.write_bytes(content)
    with pytest.raises(StoreDamagedError, match="Keep the file"):
        await Store(path).open()
    assert path.read_bytes() == content


async def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreVersionError, match="schema version 99"):
        await Store(path).open()


async def test_a_full_disk_refuses_and_recovers_by_itself(store: Store) -> None:
    await store.put([record(1)])
    connection = store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")
    many = [record(n) for n in range(2, 3000)]
    with pytest.raises(StoreFullError, match="free some space"):
        await store.put(many)
    assert isinstance(store.last_error, StoreFullError)
    assert (await store.ledger()).counters["received"] == 1
    connection.execute("PRAGMA max_page_count=1000000")
    assert await store.put(many) == PutResult(len(many), 0)
    assert store.last_error is None
    assert (await store.ledger()).findings == ()


async def test_a_store_that_became_read_only_refuses_and_recovers_by_itself(store: Store) -> None:
    store._connection.execute("PRAGMA query_only=1")
    with pytest.raises(StoreReadOnlyError, match="owner and mode"):
        await store.put([record(1)])
    store._connection.execute("PRAGMA query_only=0")
    assert await store.put([record(1)]) == PutResult(1, 0)


async def test_one_impossible_record_does_not_harm_its_neighbours(store: Store) -> None:
    good, bad = store.put([record(1)]), store.put([record(2)._replace(time_ms=2**70)])
    results = await asyncio.gather(good, bad, store.put([record(3)]), return_exceptions=True)
    assert results[0] == PutResult(1, 0)
    assert isinstance(results[1], OverflowError)
    assert results[2] == PutResult(1, 0)
    assert (await store.ledger()).findings == ()


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
