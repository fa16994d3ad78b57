"""What is read from the store, on a read-only connection: rows, ledger, counters, open commands."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway import ledger
from gateway.database import open_reader, translated
from gateway.ledger import CausedRange, Intervals, StreamKey, StreamReport
from gateway.outbox import RECEIVED, CommandEntry, LevelRow
from gateway.pruning import PRUNED
from gateway.records import Record, Row, first_sequence, is_urgent

_ROWS = (
    "SELECT id, received_ms, place, session, sequence, type, quality, time_ms, body, priority "
    "FROM outbox WHERE id > ? AND priority {} 0 ORDER BY id LIMIT ?"
)
COUNTERS = ("received", "stored", "duplicates", "delivered")
"""Those that are always there."""
_PRUNED = PRUNED + RECEIVED
_LAST_ROUTINE = first_sequence(urgent=True) - 1


@dataclass(frozen=True)
class Ledger:
    """What became of every record. `findings` is empty exactly when all the sums agree."""

    counters: dict[str, int]
    dropped: dict[str, int]
    pending: int
    streams: tuple[StreamReport, ...]
    findings: tuple[str, ...]

    @property
    def lost(self) -> int:
        """Numbers in gaps and drops: records that no one will ever see."""
        old = (PRUNED + "gap:", PRUNED + "dropped:")
        forgotten = sum(size for name, size in self.counters.items() if name.startswith(old))
        known = (part for one in self.streams for part in (*one.gaps, *one.dropped))
        return sum(part.size for part in known) + forgotten

    @property
    def missing(self) -> int:
        """Numbers without any fate so far."""
        return sum(part.size for stream in self.streams for part in stream.missing)


class Reader:
    """Queries on one read-only connection; methods raise StoreErrors."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._sql = connection
        self._path = path
        self._sessions: dict[int, tuple[str, int]] = {}
        self._places: dict[int, tuple[str, str]] = {}

    def close(self) -> None:
        """Closes the connection."""
        self._sql.close()

    def rows(self, urgent: bool, after_id: int, limit: int) -> list[Row]:
        """Up to `limit` rows of one class with ids above `after_id`, in the order of arrival."""
        with translated(self._path):
            query = _ROWS.format(">" if urgent else "=")
            found = self._sql.execute(query, (after_id, limit)).fetchall()
            rows: list[Row] = []
            for number, received_ms, place, session, *rest in found:
                slot, kind = self._places.get(place) or self._find_place(place)
                unit, boot = self._sessions.get(session) or self._find_session(session)
                rows.append(Row(number, received_ms, Record(slot, kind, unit, boot, *rest)))
            return rows

    def _find_place(self, number: int) -> tuple[str, str]:
        self._places.update(
            {row[0]: (row[1], row[2]) for row in self._sql.execute("SELECT * FROM place")}
        )
        return self._places[number]

    def _find_session(self, number: int) -> tuple[str, int]:
        self._sessions.update(
            {row[0]: (row[1], row[2]) for row in self._sql.execute("SELECT * FROM session")}
        )
        return self._sessions[number]

    def places(self) -> list[tuple[str, str]]:
        """Every (slot, kind) that a record ever came from."""
        with translated(self._path):
            return self._sql.execute("SELECT slot, kind FROM place ORDER BY id").fetchall()

    def counters(self) -> dict[str, int]:
        """Every counter of the store; the four standard ones are always there."""
        counts: dict[str, int] = dict.fromkeys(COUNTERS, 0)
        with translated(self._path):
            counts.update(self._sql.execute("SELECT name, value FROM counter"))
        return counts

    def open_commands(self) -> list[CommandEntry]:
        """Commands whose final result has not reached the broker, oldest first."""
        with translated(self._path):
            found = self._sql.execute(
                "SELECT id, topic, verb, actor, reason, received_ms, not_after_ms, "
                "response_topic, correlation, result FROM command WHERE answered = 0 "
                "ORDER BY received_ms, id"
            )
            return [CommandEntry(*row) for row in found]

    def bin_levels(self) -> list[LevelRow]:
        """The levels that are kept of all bins, by slot and hour."""
        with translated(self._path):
            return self._sql.execute("SELECT * FROM bin_level ORDER BY slot, hour").fetchall()

    def known_commands(self, limit: int) -> list[str]:
        """The newest `limit` ids that are remembered, oldest first."""
        with translated(self._path):
            found = self._sql.execute(
                "SELECT id FROM command ORDER BY rowid DESC LIMIT ?", (limit,)
            )
            return [row[0] for row in found][::-1]

    def journal_before(self, before: int | None, limit: int) -> Iterator[tuple[int, bytes]]:
        """Number and JSON of the newest entries below `before`, the newest first."""
        with translated(self._path):
            yield from self._sql.execute(
                "SELECT id, CAST(entry AS BLOB) FROM journal WHERE id < ? ORDER BY id DESC LIMIT ?",
                (2**63 - 1 if before is None else before, limit),
            )

    def ledger(self) -> Ledger:
        """The fate of every number, from one consistent view of the database."""
        with translated(self._path):
            self._sql.execute("BEGIN")
            try:
                return self._ledger()
            finally:
                self._sql.execute("ROLLBACK")

    def _ledger(self) -> Ledger:
        pending: dict[int, Intervals] = {}
        for session, sequence in self._sql.execute(
            "SELECT session, sequence FROM outbox ORDER BY session, sequence"
        ):
            pending.setdefault(session, Intervals()).add(sequence)
        received: dict[int, Intervals] = {}
        caused: dict[tuple[int, str], list[CausedRange]] = {}
        for session, fate, first, last in self._sql.execute("SELECT * FROM ledger"):
            if fate == RECEIVED:
                received.setdefault(session, Intervals()).add(first, last)
            else:
                sort, _, cause = fate.partition(":")
                caused.setdefault((session, sort), []).append(CausedRange(first, last, cause))
        streams: list[StreamReport] = []
        for session, unit, boot in self._sql.execute("SELECT * FROM session ORDER BY unit, boot"):
            streams += _streams(
                (unit, boot),
                received.get(session, Intervals()),
                pending.get(session, Intervals()),
                caused.get((session, "dropped"), []),
                caused.get((session, "gap"), []),
            )
        counters = self.counters()
        dropped = {
            name.removeprefix("dropped:"): value
            for name, value in counters.items()
            if name.startswith("dropped:")
        }
        waiting = sum(numbers.size for numbers in pending.values())
        ever = sum(numbers.size for numbers in received.values()) + counters.get(_PRUNED, 0)
        findings = _findings(counters, sum(dropped.values()), waiting, ever)
        return Ledger(counters, dropped, waiting, tuple(streams), findings)


def _findings(
    counters: dict[str, int], dropped: int, pending: int, received_numbers: int
) -> tuple[str, ...]:
    """The sums that do not agree, in words."""
    stored, delivered = counters["stored"], counters["delivered"]
    sums = (
        ("received", counters["received"], "stored + duplicates + dropped",
         stored + counters["duplicates"] + dropped),
        ("stored", stored, "delivered + pending", delivered + pending),
        ("numbers received", received_numbers, "stored + dropped", stored + dropped),
    )  # fmt: skip
    return tuple(
        f"{left} is {have}, but {right} is {want}"
        for left, have, right, want in sums
        if have != want
    )


def _streams(
    session: tuple[str, int],
    received: Intervals,
    pending: Intervals,
    dropped: list[CausedRange],
    gaps: list[CausedRange],
) -> list[StreamReport]:
    """Splits the numbers of one boot into its routine and its urgent stream."""
    reports: list[StreamReport] = []
    for urgent in (False, True):
        other = (0, _LAST_ROUTINE) if urgent else (_LAST_ROUTINE + 1, 2**63 - 1)
        mine = [numbers.copy() for numbers in (received, pending)]
        for numbers in mine:
            numbers.discard(*other)
        my_drops = [part for part in dropped if is_urgent(part.first) == urgent]
        my_gaps = [part for part in gaps if is_urgent(part.first) == urgent]
        if mine[0] or my_gaps:
            reports.append(
                ledger.report(
                    StreamKey(*session, urgent),
                    first_sequence(urgent=urgent),
                    mine[0],
                    mine[1],
                    my_drops,
                    my_gaps,
                )
            )
    return reports


def read_ledger(path: Path) -> Ledger:
    """The ledger of a store file, whether or not a gateway runs on it. Raises a StoreError."""
    reader = Reader(open_reader(path), path)
    try:
        return reader.ledger()
    finally:
        reader.close()
