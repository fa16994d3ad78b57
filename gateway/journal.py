"""The journal: who asked for what, what came of it, and what moved; nothing in it can be altered.

Every entry is chained to the one before by SHA-256, so a changed, removed or reordered entry is
found (`journal_check.py`). Entries are written in the transaction of what they tell, and no size
limit drops them.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gateway.contract import quality, timestamp
from gateway.database import open_reader, translated
from gateway.records import Record, person, result_of, unix_ms
from protocol.errors import WireError
from protocol.generated import messages as wire

_SAMPLES = 200
"""Entries, spread over the whole journal, that its size is reckoned from at the start."""
_BYTES_BESIDE = 60
"""Of an entry beside its text: hash, number, header, its share of pages and index; measured."""
GENESIS = bytes(hashlib.sha256().digest_size)
"""What the first entry is chained to."""

canonical = msgspec.json.Encoder(order="sorted").encode
"""The bytes that are hashed: JSON in UTF-8, keys sorted, no white space."""

_STATES: Mapping[str, type[wire.LampState | wire.BollardState | wire.BinState]] = {
    "lamp": wire.LampState,
    "bollard": wire.BollardState,
    "bin": wire.BinState,
}
_ALWAYS = frozenset({wire.EventCode.OUTPUT_LEASE_LOST, wire.EventCode.BAD_TAG})
_OF_WHAT_MOVES = frozenset(
    {
        wire.EventCode.BOOT,
        wire.EventCode.STATE_CHANGE,
        wire.EventCode.COMMAND_RESULT,
        wire.EventCode.MOTION_REFUSED,
        wire.EventCode.TAMPER,
        wire.EventCode.BYPASS,
        wire.EventCode.INVERSION,
        wire.EventCode.TAILGATE,
        wire.EventCode.POWER_FAIL,
        wire.EventCode.OVERLOAD,
        wire.EventCode.NO_PASSAGE,
    }
)
"""Kept of bollards and bins whatever caused them; of a lamp only what a command caused."""


class Head(NamedTuple):
    """The newest entry: its number (0 = there is none) and its hash."""

    number: int
    hash: bytes

    def __str__(self) -> str:
        return self.hash.hex()


class Entry(NamedTuple):
    """An entry as it is kept: number, canonical JSON, hash."""

    number: int
    text: bytes
    hash: bytes

    @property
    def fields(self) -> dict[str, Any]:
        """What the entry tells."""
        return msgspec.json.decode(self.text, type=dict[str, Any])

    @property
    def line(self) -> bytes:
        """The entry as a line of an export, with its end: {"entry": ..., "hash": ...}."""
        return canonical({"entry": msgspec.Raw(self.text), "hash": self.hash.hex()}) + b"\n"


def chained(previous: bytes, text: bytes) -> bytes:
    """The hash of an entry that follows the one with the hash `previous` (32 bytes)."""
    return hashlib.sha256(previous + text).digest()


class Journal:
    """Appends on the store's writing connection, inside its transaction.

    After the commit `committed` must be called, after a failure `rolled_back`.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection
        found = connection.execute(
            "SELECT id, hash FROM journal ORDER BY id DESC LIMIT 1"
        ).fetchone()
        self.head = Head(*found) if found else Head(0, GENESIS)
        """The newest durable entry."""
        self._next = self.head
        self.bytes = self._sampled_bytes()
        """What the journal takes of the file, about, the open transaction included."""
        self._durable_bytes = self.bytes

    def _sampled_bytes(self) -> int:
        """Looking at every entry of years would keep a gateway from its work for a minute."""
        number = self.head.number
        places = {1 + at * number // _SAMPLES for at in range(_SAMPLES)} if number else set[int]()
        sizes = [
            size
            for place in places
            for (size,) in self._sql.execute(
                "SELECT length(CAST(entry AS BLOB)) FROM journal WHERE id = ?", (place,)
            )
        ]
        mean = sum(sizes) / len(sizes) if sizes else 0.0
        return round(number * (mean + _BYTES_BESIDE))

    def append(self, what: str, fields: Mapping[str, Any]) -> None:
        """Adds an entry; those of `fields` that are None are left out."""
        number = self._next.number + 1
        told = {name: value for name, value in fields.items() if value is not None}
        text = canonical({**told, "n": number, "at": timestamp(unix_ms()), "what": what})
        digest = chained(self._next.hash, text)
        self._sql.execute("INSERT INTO journal VALUES (?, ?, ?)", (number, text.decode(), digest))
        self._next = Head(number, digest)
        self.bytes += len(text) + _BYTES_BESIDE

    def note(self, record: Record) -> None:
        """Adds what the record says of a motion or a transition; most records say nothing."""
        try:
            if record.type == wire.Motion.ID:
                self.append("motion", self._motion(record))
            elif record.type == wire.Event.ID and (fields := self._event(record)) is not None:
                self.append("event", fields)
        except WireError:
            return

    def committed(self) -> None:
        """What was appended is durable."""
        self.head, self._durable_bytes = self._next, self.bytes

    def rolled_back(self) -> None:
        """What was appended since the last commit is gone."""
        self._next, self.bytes = self.head, self._durable_bytes

    def _motion(self, record: Record) -> dict[str, Any]:
        """A drive that went on: who signed for it, and the command that carried the signature."""
        motion = wire.decode_motion(record.body)
        command = self._command(record.slot, motion.transaction) or {}
        told = {
            "drive": motion.drive.name.lower(),
            "cause": motion.cause.name.lower(),
            "state": motion.state.name.lower(),
            "operator": person(motion.operator),
            "second": person(motion.second),
            "transaction": motion.transaction or None,
        }
        return _place(record) | told | command

    def _event(self, record: Record) -> dict[str, Any] | None:
        event = wire.decode_event(record.body)
        moves = record.kind != "lamp" and event.code in _OF_WHAT_MOVES
        if not (moves or event.transaction or event.code in _ALWAYS):
            return None
        fields: dict[str, Any] = {
            **_place(record),
            "code": event.code.name.lower(),
            "severity": event.severity.name.lower(),
            "active": bool(event.active),
            "value": event.value,
            "state": _state(record.kind, event),
            "transaction": event.transaction,
        }
        if (result := result_of(event)) is not None:
            fields["status"] = result.status.name
            fields["guard"] = result.guard.name.lower() if result.guard else None
            fields["progress"] = result.progress_percent
        return fields | self._cause(record.slot, event.transaction)

    def _cause(self, slot: str, transaction: int) -> dict[str, Any]:
        """Whose command it was. `local`: the controller's own sensors, timers, or local key."""
        if not transaction:
            return {"cause": "local"}
        command = self._command(slot, transaction)
        return {"cause": "unknown_command"} if command is None else {"cause": "command", **command}

    def _command(self, slot: str, transaction: int) -> dict[str, Any] | None:
        """What the journal tells of the newest command of that number; None when nothing."""
        if not transaction:
            return None
        found = self._sql.execute(
            "SELECT entry FROM journal WHERE json_extract(entry, '$.what') = 'command' "
            "AND json_extract(entry, '$.slot') = ? AND json_extract(entry, '$.transaction') = ? "
            "ORDER BY id DESC LIMIT 1",
            (slot, transaction),
        ).fetchone()
        if found is None:
            return None
        command: dict[str, Any] = msgspec.json.decode(found[0])
        return {name: command.get(name) for name in ("id", "actor", "reason", "ticket")}


def _place(record: Record) -> dict[str, Any]:
    return {
        "slot": record.slot,
        "kind": record.kind,
        "unit": record.unit,
        "boot": record.boot,
        "seq": record.sequence,
        "ts": timestamp(record.time_ms),
        "q": quality(record.quality),
    }


def _state(kind: str, event: wire.Event) -> str | None:
    """The name of the state that a state change leads to."""
    states = _STATES.get(kind)
    if event.code is not wire.EventCode.STATE_CHANGE or states is None:
        return None
    try:
        return states(event.value).name.lower()
    except ValueError:
        return None


def read_entries(path: Path, after: int = 0) -> Iterator[Entry]:
    """The entries of a store file above number `after`, whether or not a gateway runs on it.

    As they stand in the file: in the order of their numbers, neither complete nor genuine before
    they are verified. Raises a StoreError.
    """
    connection = open_reader(path)
    try:
        with translated(path):
            for number, text, digest in connection.execute(
                "SELECT id, CAST(entry AS BLOB), CAST(hash AS BLOB) FROM journal "
                "WHERE id > ? ORDER BY id",
                (after,),
            ):
                yield Entry(number, text, digest)
    finally:
        connection.close()


def newest_number(path: Path) -> int:
    """The number of the newest entry of a store file; 0 when there is none. Raises a StoreError."""
    connection = open_reader(path)
    try:
        with translated(path):
            return connection.execute("SELECT ifnull(max(id), 0) FROM journal").fetchone()[0]
    finally:
        connection.close()
