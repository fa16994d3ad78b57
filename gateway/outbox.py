"""The statements behind the store: what one transaction does to outbox, ledger and counters.

`Outbox` belongs to the writing thread. What it remembers of the database changes only when a
transaction is committed, so that a failed one leaves no trace.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gateway import pruning
from gateway.journal import Journal
from gateway.ledger import Intervals, Range
from gateway.records import GapNotice, Priority, Record, Row, unix_ms

RECEIVED = pruning.RECEIVED
SIZE_LIMIT = "size_limit"
KEPT_COMMANDS = 1000
"""So many ids of answered commands are remembered however old they seem."""
_EVICTION_STEP = 1024
_SessionKey = tuple[str, int]


class PutResult(NamedTuple):
    """What became of the records of one put."""

    stored: int
    duplicates: int


class CommandEntry(NamedTuple):
    """A command as the store remembers it; `result` is the JSON of its final result, if any."""

    id: str
    topic: str
    verb: str
    actor: str
    reason: str
    received_ms: int
    not_after_ms: int
    response_topic: str | None = None
    correlation: bytes | None = None
    result: bytes | None = None


class Note(NamedTuple):
    """An entry for the journal: what sort it is, and what it tells."""

    what: str
    fields: Mapping[str, Any]


class _Staged(NamedTuple):
    """A row on its way to the table."""

    row: Row
    session: int
    place: int

    @property
    def columns(self) -> tuple[object, ...]:
        number, received_ms, record = self.row
        return (
            *(number, self.session, self.place, record.sequence, int(record.priority)),
            *(received_ms, record.type, record.quality, record.time_ms, record.body),
        )


LevelRow = tuple[str, int, float, int, int, int, int, str]
"""Slot, hour, permille, run, presses, emptyings, cycles and unit: a row of bin_level."""


class Outbox:
    """Outbox, ledger, counters, commands and journal of one writing connection."""

    def __init__(self, connection: sqlite3.Connection, limit_bytes: int) -> None:
        self.journal = Journal(connection)
        self._sql = connection
        self._limit_bytes = limit_bytes
        self._page_size: int = connection.execute("PRAGMA page_size").fetchone()[0]
        self._sessions: dict[_SessionKey, int] = {
            (unit, boot): number
            for number, unit, boot in connection.execute("SELECT id, unit, boot FROM session")
        }
        self._places: dict[tuple[str, str], int] = {
            (slot, kind): number
            for number, slot, kind in connection.execute("SELECT id, slot, kind FROM place")
        }
        self._fates: dict[tuple[int, str], Intervals] = {}
        for session, fate, first, last in connection.execute(
            "SELECT session, fate, first, last FROM ledger"
        ):
            self._fates.setdefault((session, fate), Intervals()).add(first, last)
        newest = connection.execute("SELECT ifnull(max(id), 0) FROM outbox").fetchone()
        self.last_id: int = newest[0]
        self._next_id = self.last_id + 1
        self.last_urgent_id = 0
        """The id of the newest alarm or audit record of this run, the open transaction included."""
        self.reading_to = 0
        self._lock = threading.Lock()  # guards what other threads may read: rows and counts
        self._totals = Counter(dict[str, int](connection.execute("SELECT * FROM counter")))
        self._rows: dict[int, _Staged] = {}
        self._counts: Counter[str] = Counter()
        self._reset()

    def _reset(self) -> None:
        self._new_sessions: dict[_SessionKey, int] = {}
        self._new_places: dict[tuple[str, str], int] = {}
        self._touched: dict[tuple[int, str], Intervals] = {}
        self._pruned: set[int] = set()
        with self._lock:
            self._rows = {}
            self._counts = Counter()

    # --- one transaction --------------------------------------------------------------------

    def begin(self) -> None:
        """Opens a transaction."""
        self._sql.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Makes everything since `begin` durable, within the size limit."""
        self._flush_rows()
        self._enforce_limit()
        self._flush_ledger()
        self._sql.executemany(
            "INSERT INTO counter VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            [(name, value) for name, value in self._counts.items() if value],
        )
        self._sql.execute("COMMIT")
        self.journal.committed()
        self._sessions |= self._new_sessions
        self._places |= self._new_places
        self._fates |= self._touched
        if self._pruned:
            gone = self._pruned
            self._fates = {key: r for key, r in self._fates.items() if key[0] not in gone}
            self._sessions = {key: n for key, n in self._sessions.items() if n not in gone}
        self.last_id = self._next_id - 1
        with self._lock:
            self._totals.update(self._counts)
            self._counts = Counter()
        self._reset()

    def rollback(self) -> None:
        """Forgets everything since `begin`; ids that were handed out are not used again."""
        self.journal.rolled_back()
        self._reset()
        if self._sql.in_transaction:
            self._sql.execute("ROLLBACK")

    # --- records ----------------------------------------------------------------------------

    def put(self, records: Sequence[Record], gaps: Iterable[GapNotice]) -> PutResult:
        """Takes records, each number of a session once, and notes what was reported lost."""
        received_ms = unix_ms()
        rows: dict[int, _Staged] = {}
        session_key: _SessionKey | None = None
        session, seen = 0, Intervals()
        for record in records:
            key = (record.unit, record.boot)
            if key != session_key:
                session_key, session = key, self._session(key)
                seen = self._touch(session, RECEIVED)
            sequence = record.sequence
            if sequence in seen:
                continue
            seen.add(sequence)
            self.journal.note(record)
            place = self._place((record.slot, record.kind))
            rows[self._next_id] = _Staged(Row(self._next_id, received_ms, record), session, place)
            if record.priority > Priority.ROUTINE:
                self.last_urgent_id = self._next_id
            self._next_id += 1
        for gap in gaps:
            fate = f"gap:{gap.cause}"
            self._touch(self._session((gap.unit, gap.boot)), fate).add(gap.first, gap.last)
        duplicates = len(records) - len(rows)
        with self._lock:
            self._rows |= rows
            self._counts.update(received=len(records), stored=len(rows), duplicates=duplicates)
        return PutResult(len(rows), duplicates)

    def delete(self, ids: Iterable[int]) -> int:
        """Removes rows that the broker has confirmed; returns how many were still there.

        What was put in the same transaction never reaches the disk.
        """
        with self._lock:
            written = [number for number in ids if self._rows.pop(number, None) is None]
            gone = len(tuple(ids)) - len(written)
        for first, last in Intervals((number, number) for number in sorted(written)):
            gone += self._sql.execute(
                "DELETE FROM outbox WHERE id BETWEEN ? AND ?", (first, last)
            ).rowcount
        with self._lock:
            self._counts["delivered"] += gone
        return gone

    # --- for other threads ------------------------------------------------------------------

    def staged(self, *, urgent: bool, after_id: int) -> list[Row]:
        """Rows of the open transaction above that id, in order; they may still be rolled back."""
        with self._lock:
            return [
                entry.row
                for number, entry in self._rows.items()
                if number > after_id and (entry.row.record.priority > 0) is urgent
            ]

    @property
    def staged_count(self) -> int:
        """Rows of the open transaction."""
        return len(self._rows)

    def counters(self) -> dict[str, int]:
        """Every counter, with what the open transaction adds."""
        with self._lock:
            return dict(self._totals + self._counts)

    def resume(self, unit: str, boot: int, first: int) -> int:
        """The lowest committed-missing number of a session, from `first` on."""
        session = self._sessions.get((unit, boot))
        if session is None:
            return first
        known = Intervals()
        for (number, fate), ranges in self._fates.copy().items():
            if number == session and not fate.startswith("dropped:"):
                for part in ranges.copy():
                    known.add(part.first, part.last)
        return known.next_missing(first)

    def unaccounted(self, unit: str, boot: int, first: int, last: int) -> list[Range]:
        """Of `first..last` what was neither received nor reported lost, this transaction included.

        None when `last < first`.
        """
        session = self._session((unit, boot))
        known = Intervals()
        for (number, fate), ranges in (self._fates | self._touched).items():
            if number == session and not fate.startswith("dropped:"):
                for part in ranges:
                    known.add(*part)
        return known.holes(first, last)

    def newest_boot(self, unit: str) -> int:
        """The highest boot of this unit that there ever was a record of; 0 when none."""
        return max((boot for name, boot in self._sessions if name == unit), default=0)

    def _session(self, key: _SessionKey) -> int:
        number = self._sessions.get(key) or self._new_sessions.get(key)
        if number is None:
            cursor = self._sql.execute("INSERT INTO session (unit, boot) VALUES (?, ?)", key)
            number = self._new_sessions[key] = cursor.lastrowid or 0
            self._prune(key[0])
        return number

    def _prune(self, unit: str) -> None:
        """Forgets the ledger of boots that are long over."""
        busy = {session for session, _ in self._touched} | {e.session for e in self._rows.values()}
        for session in pruning.old_boots(self._sql, unit):
            fates = {fate: r for (number, fate), r in self._fates.items() if number == session}
            if session not in busy and pruning.is_complete(fates):
                with self._lock:
                    self._counts.update(pruning.forget(self._sql, session, fates))
                self._pruned.add(session)

    def _place(self, key: tuple[str, str]) -> int:
        number = self._places.get(key) or self._new_places.get(key)
        if number is None:
            cursor = self._sql.execute("INSERT INTO place (slot, kind) VALUES (?, ?)", key)
            number = self._new_places[key] = cursor.lastrowid or 0
        return number

    def _touch(self, session: int, fate: str) -> Intervals:
        key = (session, fate)
        ranges = self._touched.get(key)
        if ranges is None:
            known = self._fates.get(key)
            ranges = self._touched[key] = known.copy() if known else Intervals()
        return ranges

    def _flush_rows(self) -> None:
        if not self._rows:
            return
        cursor = self._sql.executemany(
            "INSERT OR IGNORE INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [entry.columns for entry in self._rows.values()],
        )
        known = len(self._rows) - cursor.rowcount
        with self._lock:
            self._counts.update(stored=-known, duplicates=known)

    def _flush_ledger(self) -> None:
        for (session, fate), ranges in self._touched.items():
            old = set(self._fates.get((session, fate), ()))
            new = set(ranges)
            firsts = {part.first for part in new}
            self._sql.executemany(
                "DELETE FROM ledger WHERE session = ? AND fate = ? AND first = ?",
                [(session, fate, part.first) for part in old if part.first not in firsts],
            )
            self._sql.executemany(
                "INSERT OR REPLACE INTO ledger VALUES (?, ?, ?, ?)",
                [(session, fate, *part) for part in new - old],
            )

    # --- size limit -------------------------------------------------------------------------

    def used_bytes(self) -> int:
        """Bytes of the file that hold something."""
        pages = self._sql.execute("PRAGMA page_count").fetchone()[0]
        free = self._sql.execute("PRAGMA freelist_count").fetchone()[0]
        return (pages - free) * self._page_size

    def set_limit(self, limit_bytes: int) -> None:
        """Bounds the file anew from this transaction on."""
        self._limit_bytes = limit_bytes

    def _enforce_limit(self) -> None:
        """Drops routine rows, the oldest first and those being published last, while too big.

        The journal is not counted: it only grows, and would leave no room for records one day.
        """
        after = self.reading_to
        while self.used_bytes() - self.journal.bytes > self._limit_bytes:
            victims = self._sql.execute(
                "SELECT id, session, sequence FROM outbox "
                "WHERE priority = ? AND id > ? ORDER BY id LIMIT ?",
                (int(Priority.ROUTINE), after, _EVICTION_STEP),
            ).fetchall()
            if not victims:
                if not after:
                    return
                after = 0
                continue
            self._sql.executemany("DELETE FROM outbox WHERE id = ?", [(row[0],) for row in victims])
            for _, session, sequence in victims:
                self._touch(session, f"dropped:{SIZE_LIMIT}").add(sequence)
            with self._lock:
                self._counts["stored"] -= len(victims)
                self._counts[f"dropped:{SIZE_LIMIT}"] += len(victims)

    # --- levels of bins ---------------------------------------------------------------------

    def keep_level(self, row: LevelRow, oldest: int) -> None:
        """Keeps the level of an hour, and forgets those of the slot before the hour `oldest`."""
        self._sql.execute("INSERT OR REPLACE INTO bin_level VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._sql.execute("DELETE FROM bin_level WHERE slot = ? AND hour < ?", (row[0], oldest))

    # --- commands ---------------------------------------------------------------------------

    def begin_command(self, entry: CommandEntry, note: Note | None = None) -> bool:
        """Remembers the command and notes it in the journal; False when its id was seen before.

        Forgets answered ones that are past their lifetime: they would come back as expired. The
        newest are kept even so, since a clock that was wrong for a moment must not revive them.
        """
        self._sql.execute(
            "DELETE FROM command WHERE answered = 1 AND not_after_ms < ? "
            "AND rowid <= (SELECT max(rowid) FROM command) - ?",
            (entry.received_ms - 60_000, KEPT_COMMANDS),
        )
        cursor = self._sql.execute(
            "INSERT OR IGNORE INTO command (id, topic, verb, actor, reason, received_ms, "
            "not_after_ms, response_topic, correlation, result) VALUES (?,?,?,?,?,?,?,?,?,?)",
            entry,
        )
        fresh = cursor.rowcount == 1
        if fresh and note:
            self.journal.append(*note)
        return fresh

    def finish_command(self, command_id: str, result: bytes, note: Note | None = None) -> bool:
        """Keeps the final result, and notes it; False when the command already has one."""
        cursor = self._sql.execute(
            "UPDATE command SET result = ? WHERE id = ? AND result IS NULL", (result, command_id)
        )
        first = cursor.rowcount == 1
        if first and note:
            self.journal.append(*note)
        return first

    def command_answered(self, command_id: str) -> None:
        """Notes that the final result reached the broker."""
        self._sql.execute("UPDATE command SET answered = 1 WHERE id = ?", (command_id,))
