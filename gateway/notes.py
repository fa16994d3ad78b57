"""What the journal is told of commands: pure, from a command or an outcome to an entry."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from gateway.commands import MAX_PAYLOAD_BYTES, MAX_TEXT_LENGTH, Command, Outcome, Refusal
from gateway.contract import Address, timestamp
from gateway.outbox import Note

_READABLE = ("verb", "actor", "reason", "ticket", "issued", "not_after")


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
            "auth": command.auth,
        },
    )


def refused(topic: str, address: Address | None, payload: bytes, refusal: Refusal) -> Note:
    """A message that was not carried out: as much of it as can be read, and why."""
    place = {"topic": topic} if address is None else _place(address)
    return Note(
        "refused", {**place, **_read(payload), "id": refusal.id, **_outcome(refusal.outcome)}
    )


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


def _read(payload: bytes) -> dict[str, Any]:
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
