"""What the journal is told of commands, and how it gets there when nobody waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from gateway.commands import MAX_PAYLOAD_BYTES, MAX_TEXT_LENGTH, Command, Outcome, Refusal
from gateway.contract import Address, timestamp
from gateway.errors import StoreError
from gateway.outbox import Note
from gateway.store import Store

log = logging.getLogger(__name__)

MAX_UNWRITTEN_NOTES = 256
"""Refusals that may wait for the journal; what exceeds them is told by its number."""

_READABLE = ("verb", "actor", "reason", "ticket", "issued", "not_after")


class NoteWriter:
    """Brings to the journal what nobody has to wait for; bounded, however many there are."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: set[asyncio.Future[None]] = set()
        self._left_out = 0

    def write(self, note: Note) -> None:
        """Queue a note; one that finds too many before it is counted, not kept."""
        if len(self._waiting) >= MAX_UNWRITTEN_NOTES:
            self._left_out += 1
            return
        if self._left_out:
            note = note._replace(fields={**note.fields, "not_noted_before": self._left_out})
            self._left_out = 0
        try:
            future = self._store.note(note)
        except StoreError as error:
            log.error("not journaled: %s of %s: %s", note.what, note.fields.get("id"), error)
            return
        self._waiting.add(future)
        future.add_done_callback(self._written)

    async def close(self) -> None:
        """Wait until what is queued is durable or lost."""
        await asyncio.gather(*self._waiting, return_exceptions=True)

    def _written(self, future: asyncio.Future[None]) -> None:
        self._waiting.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            log.error("not journaled: %s", error)


def taken(command: Command) -> Note:
    """A command that is going to be carried out under its transaction."""
    return Note(
        "command",
        {
            **_place(command.address),
            "id": command.id,
            "verb": command.verb,
            "args": dict(command.args),
            "actor": command.actor,
            "reason": command.reason,
            "ticket": command.ticket,
            "issued": timestamp(command.issued_ms),
            "not_after": timestamp(command.not_after_ms),
            "transaction": command.transaction,
            "words": command.words or None,
            "auth": None if command.auth is None else command.auth.told,
            "dry_run": command.dry_run or None,
        },
    )


def refused(topic: str, address: Address | None, told: Mapping[str, str], refusal: Refusal) -> Note:
    """A message that was not carried out: `told` as far as it can be read, and why."""
    place = {"topic": topic} if address is None else _place(address)
    fields = {**place, **told, "id": refusal.id, **_outcome(refusal.outcome)}
    # A topic may have 64 KB, and nothing that is in the journal ever leaves it.
    cut = {n: v[:MAX_TEXT_LENGTH] if isinstance(v, str) else v for n, v in fields.items()}
    return Note("refused", cut)


def ended(address: Address | None, command_id: str, outcome: Outcome) -> Note:
    """A result of a command, with the receipt of the controller if it gave one."""
    place: dict[str, Any] = {} if address is None else _place(address)
    return Note("result", {**place, "id": command_id, **_outcome(outcome)})


def _place(address: Address) -> dict[str, Any]:
    return {"slot": address.slot, "kind": address.kind}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    receipt = outcome.receipt
    return {
        "status": str(outcome.status),
        "guard": None if outcome.guard is None else str(outcome.guard),
        "detail": outcome.detail,
        "progress": outcome.progress,
        "receipt": None if receipt is None else msgspec.to_builtins(receipt),
    }


def readable(payload: bytes) -> dict[str, str]:
    """What can be read of a message on a command topic, whatever it is."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        return {}
    try:
        fields: Any = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    if not isinstance(fields, dict):
        return {}
    found = cast("dict[str, Any]", fields)
    texts = {name: found.get(name) for name in _READABLE}
    return {
        name: value[:MAX_TEXT_LENGTH] for name, value in texts.items() if isinstance(value, str)
    }
