"""The journal tells who asked for what and what moved, and shows when somebody altered it."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.commands import Command, Outcome, Receipt, Status
from gateway.contract import Address, Topics
from gateway.database import migrations
from gateway.desk import Desk, Incoming, Progress, Reply
from gateway.errors import StoreReadOnlyError
from gateway.journal import GENESIS, Entry, canonical, chained, read_entries
from gateway.journal_check import Report, entries_of_export, verify
from gateway.notes import MAX_UNWRITTEN_NOTES, NoteWriter
from gateway.outbox import Note
from gateway.queries import read_ledger
from gateway.records import Priority, Record
from gateway.store import Store
from protocol.generated import messages as wire
from tests.gateway.brokers import until
from tests.gateway.samples import FIRE, MOTION, alarm, command, record
from tests.gateway.test_store import rows

TOPICS = Topics("park", "gw")
RAISED = wire.Event(
    wire.EventCode.STATE_CHANGE, wire.Severity.INFO, 1, int(wire.BollardState.UP), 0
)
OLD_DATABASE = Path(__file__).parent / "databases" / "v1.db"


def fields(store: Store) -> list[dict[str, Any]]:
    return [entry.fields for entry in read_entries(store.path)]


def motion(number: int, transaction: int = 0, **place: Any) -> Record:
    """A bollard came up."""
    body = wire.Event(RAISED.code, RAISED.severity, 1, RAISED.value, transaction)
    return alarm(number, body, **{"slot": "B1", "kind": "bollard", **place})


def desk(store: Store, replies: list[Reply], answer: Outcome) -> Desk:
    async def execute(asked: Command, progress: Progress) -> Outcome:
        await progress(Outcome(Status.IN_PROGRESS, progress=50))
        receipt = Receipt("ab" * 8, asked.transaction, "DONE", None, 100)
        return Outcome(answer.status, answer.guard, receipt=receipt)

    return Desk(TOPICS, store, Address("lamp", "L1").__eq__, execute, replies.append)


# --- what is told ---------------------------------------------------------------------------------


async def test_a_command_is_told_with_who_why_and_what_the_controller_answered(
    store: Store,
) -> None:
    replies: list[Reply] = []
    room = desk(store, replies, Outcome(Status.DONE))
    await room.recover()
    payload = command(id="c1", actor="an", reason="dark corner", ticket="W-7")
    room.take(Incoming(TOPICS.slot("lamp", "L1", "cmd"), payload, retained=False))
    await until(lambda: len(replies) == 3)
    await room.close()
    asked, progress, result = fields(store)
    assert (asked["what"], asked["id"], asked["slot"], asked["verb"]) == (
        *("command", "c1", "L1"),
        "set",
    )
    assert (asked["actor"], asked["reason"], asked["ticket"]) == ("an", "dark corner", "W-7")
    assert asked["args"] == {"level": 60, "duration_s": 30}
    assert (progress["what"], progress["status"], progress["progress"]) == (
        *("result", "IN_PROGRESS"),
        50,
    )
    assert (result["what"], result["id"], result["status"]) == ("result", "c1", "DONE")
    assert result["receipt"] == {
        "unit": "ab" * 8,
        "transaction": asked["transaction"],
        "status": "DONE",
        "guard": None,
        "progress": 100,
    }


@pytest.mark.parametrize(
    ("payload", "guard", "told"),
    [
        (command(id="x", actor="eve", args={"level": 101, "duration_s": 1}), "bad_argument", "eve"),
        (command(id=None), "no_id", "an"),
        (b"{", "malformed", None),
        (b"\xff" * 9000, "malformed", None),
        (b"[[1]]", "malformed", None),
        (command(actor=["no text"]), "bad_argument", None),
    ],
)
async def test_a_refused_command_is_told_as_far_as_it_can_be_read(
    store: Store, payload: bytes, guard: str, told: str | None
) -> None:
    room = desk(store, [], Outcome(Status.DONE))
    await room.recover()
    room.take(Incoming(TOPICS.slot("lamp", "L1", "cmd"), payload, retained=False))
    await room.close()
    (entry,) = fields(store)
    assert (entry["what"], entry["status"], entry["guard"]) == ("refused", "REJECTED", guard)
    assert (entry["slot"], entry.get("actor")) == ("L1", told)


async def test_a_duplicate_is_told_as_refused(store: Store) -> None:
    replies: list[Reply] = []
    room = desk(store, replies, Outcome(Status.DONE))
    await room.recover()
    payload = command(id="c1")
    for _ in range(2):
        room.take(Incoming(TOPICS.slot("lamp", "L1", "cmd"), payload, retained=False))
    await until(lambda: len(replies) == 4)
    await room.close()
    assert sorted(entry["what"] for entry in fields(store)) == [
        *("command", "refused"),
        *("result", "result"),
    ]


async def test_notes_that_a_slow_disk_does_not_take_are_bounded_and_told_by_their_number(
    store: Store,
) -> None:
    writer = NoteWriter(store)
    for number in range(1000):
        writer.write(Note("result", {"id": str(number)}))
    await until(lambda: not writer._waiting)
    writer.write(Note("result", {"id": "last"}))
    await writer.close()
    assert fields(store)[-1]["not_noted_before"] == 1000 - MAX_UNWRITTEN_NOTES


async def test_what_a_stop_interrupted_is_told_at_the_next_start(tmp_path: Path) -> None:
    shutil.copy(OLD_DATABASE, tmp_path / "s.db")
    async with Store(tmp_path / "s.db") as store:
        await desk(store, [], Outcome(Status.DONE)).recover()
        (entry,) = fields(store)
    assert (entry["id"], entry["status"], entry["guard"]) == ("c-1", "FAILED", "gateway_restarted")
    assert entry["slot"] == "L1"


async def test_a_motion_is_told_with_the_command_that_caused_it(store: Store) -> None:
    asked = {"slot": "B1", "transaction": 7, "id": "c1", "actor": "an", "reason": "van"}
    await store.note(Note("command", {**asked, "id": "before"}))
    await store.note(Note("command", {**asked, "ticket": "W-7"}))
    await store.note(Note("command", {**asked, "slot": "B2", "id": "other"}))
    await store.put([motion(1, transaction=7)])
    entry = fields(store)[-1]
    assert (entry["what"], entry["code"], entry["state"]) == ("event", "state_change", "up")
    assert (entry["cause"], entry["id"], entry["actor"], entry["reason"], entry["ticket"]) == (
        *("command", "c1", "an", "van"),
        "W-7",
    )
    assert (entry["unit"], entry["boot"], entry["seq"]) == (motion(1).unit, 1, 0x20000001)


async def test_a_motion_without_a_known_command_is_told_as_what_it_is(store: Store) -> None:
    await store.put([motion(1), motion(2, transaction=99)])
    assert [entry["cause"] for entry in fields(store)] == ["local", "unknown_command"]


def drive(number: int, transaction: int = 0, **changes: Any) -> Record:
    """A drive went on."""
    body = msgspec.structs.replace(MOTION, transaction=transaction, **changes)
    return alarm(number, body, slot="B1", kind="bollard")


async def test_every_drive_is_told_with_who_signed_and_why_it_was_asked_for(store: Store) -> None:
    asked = {"slot": "B1", "transaction": 7, "id": "c1", "actor": "anna@office", "reason": "van"}
    await store.note(Note("command", {**asked, "ticket": "W-7"}))
    await store.put([drive(1, 7, second=b"bert\0\0\0\0")])
    entry = fields(store)[-1]
    assert (entry["what"], entry["drive"], entry["cause"], entry["state"]) == (
        *("motion", "up", "command"),
        "rising",
    )
    assert (entry["operator"], entry["second"], entry["transaction"]) == ("anna", "bert", 7)
    assert (entry["id"], entry["actor"], entry["reason"], entry["ticket"]) == (
        *("c1", "anna@office", "van"),
        "W-7",
    )


async def test_a_drive_that_nobody_asked_for_here_is_told_all_the_same(store: Store) -> None:
    closes = wire.MotionCause.GRANT_CLOSES
    nobody: dict[str, Any] = {
        "operator": bytes(8),
        "second": bytes(8),
        "cause": wire.MotionCause.LOCAL_KEY,
    }
    await store.put([drive(1, **nobody), drive(2, 99, cause=closes)])
    by_hand, elsewhere = fields(store)
    assert by_hand["cause"] == "local_key"
    assert not {"operator", "second", "transaction", "id"} & set(by_hand)
    assert (elsewhere["cause"], elsewhere["operator"], elsewhere["transaction"]) == (
        *("grant_closes", "anna"),
        99,
    )
    assert "id" not in elsewhere


async def test_the_end_of_a_command_is_told_in_words(store: Store) -> None:
    await store.note(Note("command", {"slot": "B1", "transaction": 7, "id": "c1"}))
    value = int(wire.Status.CANCELLED) | int(wire.Guard.SUPERSEDED) << 8 | 40 << 16
    ended = wire.Event(wire.EventCode.COMMAND_RESULT, wire.Severity.INFO, 1, value, 7)
    odd = wire.Event(wire.EventCode.COMMAND_RESULT, wire.Severity.INFO, 1, 99, 7)
    await store.put([alarm(1, ended, slot="B1", kind="bollard")])
    await store.put([alarm(2, odd, slot="B1", kind="bollard")])
    told, strange = fields(store)[-2:]
    assert (told["status"], told["guard"], told["progress"]) == ("CANCELLED", "superseded", 40)
    assert told["id"] == "c1"
    assert "status" not in strange


async def test_a_motion_that_cannot_be_read_stops_nothing(store: Store) -> None:
    await store.put([drive(1)._replace(body=b"\x00"), drive(2)._replace(body=b"\xff" * 23)])
    assert fields(store) == []


async def test_what_moves_nothing_and_nobody_asked_for_is_not_told(store: Store) -> None:
    lit = wire.Event(wire.EventCode.STATE_CHANGE, wire.Severity.INFO, 1, 2, 0)
    came = wire.Event(wire.EventCode.PRESENCE, wire.Severity.INFO, 1, 1, 0)
    broken = record(9)._replace(type=wire.Event.ID, body=b"\x00", priority=Priority.ALARM)
    await store.put([record(1), alarm(1, lit), alarm(2, came), alarm(3, FIRE), broken])
    assert fields(store) == []
    asked = wire.Event(wire.EventCode.STATE_CHANGE, wire.Severity.INFO, 1, 2, 5)
    await store.put([alarm(4, asked)])
    assert [entry["code"] for entry in fields(store)] == ["state_change"]


async def test_a_motion_that_comes_again_is_told_once(store: Store) -> None:
    await store.put([motion(1), motion(1)])
    await store.put([motion(1)])
    assert store.journal_head.number == len(fields(store)) == 1


# --- durable with what it tells -------------------------------------------------------------------


async def test_a_commit_that_failed_leaves_record_and_entry_out_and_the_chain_whole(
    store: Store,
) -> None:
    await store.put([motion(1)])
    head = store.journal_head
    store._connection.execute("PRAGMA query_only=1")
    with pytest.raises(StoreReadOnlyError):
        await store.put([motion(2)])
    store._connection.execute("PRAGMA query_only=0")
    assert store.journal_head == head
    bad = motion(3)._replace(time_ms=2**70)
    results = await asyncio.gather(
        store.put([motion(2)]), store.put([bad]), store.put([motion(4)]), return_exceptions=True
    )
    assert isinstance(results[1], OverflowError)
    report = verify(read_entries(store.path), head.hash)
    assert (report.findings, report.entries, report.after_known_head) == ([], 3, 2)
    assert [entry["seq"] - 0x20000000 for entry in fields(store)] == [1, 2, 4]


async def test_the_chain_goes_on_after_a_restart(tmp_path: Path) -> None:
    for number in range(1, 4):
        async with Store(tmp_path / "s.db") as store:
            await store.put([motion(number)])
            assert store.journal_head.number == number
    assert verify(read_entries(tmp_path / "s.db")).findings == []


async def test_the_size_limit_never_takes_from_the_journal(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db", limit_bytes=60_000) as store:
        for start in range(1, 401, 50):
            await store.put([motion(n) for n in range(start, start + 50)])
        await store.put([record(n) for n in range(1, 200)])
        assert store.journal_head.number == 400
        assert verify(read_entries(store.path)).entries == 400


async def test_a_journal_above_the_size_limit_takes_no_room_from_records(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db", limit_bytes=200_000) as store:
        for start in range(1, 2001, 250):
            await store.put([motion(n) for n in range(start, start + 250)])
            await store.delete([row.id for row in await rows(store, urgent=True)])
        assert store._outbox.used_bytes() > 2 * 200_000
        await store.put([record(n) for n in range(1, 201)])
        assert len(await rows(store)) == 200
    async with Store(tmp_path / "s.db", limit_bytes=200_000) as store:
        await store.put([record(n) for n in range(201, 401)])
        assert len(await rows(store)) == 400, "its size is known after a restart too"
        for start in range(401, 8001, 400):
            await store.put([record(n) for n in range(start, start + 400)])
        ledger = await store.ledger()
        assert ledger.dropped["size_limit"] > 1000, "and what waits is bounded all the same"
        assert abs(store._outbox.used_bytes() - store._outbox.journal.bytes - 200_000) < 40_000


async def test_a_database_of_version_1_keeps_everything_and_gets_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    shutil.copy(OLD_DATABASE, path)
    before = read_ledger(path)
    async with Store(path) as store:
        ledger = await store.ledger()
        assert (ledger.counters, ledger.streams) == (before.counters, before.streams)
        assert (ledger.findings, ledger.pending) == ((), 9)
        assert {entry.id: entry.result is None for entry in await store.open_commands()} == {
            "c-1": True,
            "c-2": False,
        }
        assert store.journal_head == (0, GENESIS)
        await store.put([motion(1)])
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(migrations())
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()


# --- proof against alteration ---------------------------------------------------------------------


def journal(count: int) -> list[Entry]:
    entries: list[Entry] = []
    previous = GENESIS
    for number in range(1, count + 1):
        text = canonical({"n": number, "at": "t", "what": "command", "actor": "Zoë", "level": 6.5})
        previous = chained(previous, text)
        entries.append(Entry(number, text, previous))
    return entries


COUNT = 5
EXPORT = b"".join(entry.line for entry in journal(COUNT))
HEAD = journal(COUNT)[-1].hash


def check(export: bytes, head: bytes | None = None) -> Report:
    return verify(entries_of_export(export.splitlines(keepends=True)), head)


def test_an_untouched_export_is_good() -> None:
    report = check(EXPORT, HEAD)
    assert (report.findings, report.entries, report.head) == ([], COUNT, HEAD)
    assert report.after_known_head == 0
    assert check(b"").findings == []
    assert json.loads(EXPORT.splitlines()[0])["entry"]["actor"] == "Zoë"


@given(st.integers(0, len(EXPORT) - 1), st.integers(1, 255))
def test_any_changed_byte_is_found(position: int, change: int) -> None:
    altered = bytearray(EXPORT)
    altered[position] ^= change
    assert check(bytes(altered)).findings


@given(st.integers(0, len(EXPORT)), st.binary(min_size=1, max_size=3))
def test_any_inserted_byte_is_found(position: int, inserted: bytes) -> None:
    altered = EXPORT[:position] + inserted + EXPORT[position:]
    assume(altered != EXPORT)
    assert check(altered).findings


@given(st.integers(0, len(EXPORT) - 1), st.integers(1, 400))
def test_any_removed_bytes_are_found(position: int, size: int) -> None:
    altered = EXPORT[:position] + EXPORT[position + size :]
    assert check(altered, HEAD).findings


@given(st.permutations(range(COUNT)), st.integers(0, COUNT))
def test_any_other_order_or_choice_of_entries_is_found(order: list[int], count: int) -> None:
    chosen = order[:count]
    assume(chosen != list(range(COUNT)))
    lines = EXPORT.splitlines(keepends=True)
    assert check(b"".join(lines[index] for index in chosen), HEAD).findings


@given(st.integers(0, COUNT - 1), st.integers(0, COUNT))
def test_any_repeated_entry_is_found(source: int, target: int) -> None:
    lines = EXPORT.splitlines(keepends=True)
    lines.insert(target, lines[source])
    assert check(b"".join(lines)).findings


@given(st.integers(0, COUNT - 1), st.dictionaries(st.text(max_size=5), st.integers(), max_size=3))
def test_an_entry_with_a_hash_of_its_own_is_found_by_the_next_or_the_known_head(
    index: int, content: dict[str, int]
) -> None:
    entries = journal(COUNT)
    text = canonical({**content, "n": index + 1})
    previous = entries[index - 1].hash if index else GENESIS
    entries[index] = Entry(index + 1, text, chained(previous, text))
    assert verify(entries, HEAD).findings


def test_a_tail_that_was_cut_off_is_found_by_the_known_head_alone() -> None:
    cut = b"".join(EXPORT.splitlines(keepends=True)[:-2])
    assert check(cut).findings == []
    assert check(cut, journal(3)[-1].hash).findings == []
    (finding,) = check(cut, HEAD).findings
    assert "cut off" in finding
    assert check(EXPORT, journal(3)[-1].hash).after_known_head == 2


@given(st.binary(max_size=200))
def test_no_file_is_too_odd_to_be_judged(content: bytes) -> None:
    assert bool(check(content).findings) == bool(content)


def test_findings_are_bounded() -> None:
    report = check(b"x\n" * 1000)
    assert len(report.findings) + report.more_findings == 1000
    assert len(report.findings) == 20


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE journal SET entry = replace(entry, '\"bollard\"', '\"lamp\"') WHERE id = 2",
        "UPDATE journal SET hash = zeroblob(32) WHERE id = 2",
        "DELETE FROM journal WHERE id = 1",
        "DELETE FROM journal WHERE id = 2",
        "UPDATE journal SET id = 9 WHERE id = 2",
        "UPDATE journal SET entry = entry || ' ' WHERE id = 3",
        "UPDATE journal SET entry = (SELECT entry FROM journal WHERE id = 2) WHERE id = 3",
    ],
)
async def test_an_altered_database_is_found(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "s.db"
    async with Store(path) as store:
        await store.put([motion(n) for n in range(1, 4)])
    with sqlite3.connect(path) as connection:
        connection.execute(sql)
    connection.close()
    assert verify(read_entries(path)).findings
