"""Commands as they arrive at `cmd`, and their results: parsing and typed refusals, no I/O.

Nothing here acts. `parse` gives a `Command` that is fresh and well-formed, or a `Refusal` whose
`detail` tells the sender what to change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import msgspec

from gateway.authority import Authority, BadAuthority, read_authority
from gateway.contract import Address, parse_timestamp, timestamp
from gateway.people import name_of
from gateway.verbs import VERBS, BadArgument, listed, read_arguments, show, signed

MAX_PAYLOAD_BYTES = 8192
MAX_ID_LENGTH = 64
MAX_TEXT_LENGTH = 200

_TAG = re.compile(r"[0-9a-fA-F]{32}")
_encode = msgspec.json.Encoder().encode


class Status(StrEnum):
    """Where a command stands."""

    ACCEPTED = "ACCEPTED"
    IN_PROGRESS = "IN_PROGRESS"
    DONE = "DONE"
    FAILED = "FAILED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        """True when no other result follows."""
        return self not in (Status.ACCEPTED, Status.IN_PROGRESS)


class Guard(StrEnum):
    """Why the gateway itself refuses or ends a command; controllers add their own guards.

    `group` and `unsupported` are those of controllers, found out earlier.
    """

    RETAINED = "retained"
    MALFORMED = "malformed"
    NO_ID = "no_id"
    DUPLICATE = "duplicate"
    SIGNED_BEFORE = "signed_before"
    LATE = "late"
    UNKNOWN_SLOT = "unknown_slot"
    UNKNOWN_VERB = "unknown_verb"
    BAD_ARGUMENT = "bad_argument"
    UNAUTHORISED = "unauthorised"
    UNREACHABLE = "unreachable"
    CONTROLLER_RESTARTED = "controller_restarted"
    UNSUPPORTED = "unsupported"
    GROUP = "group"
    TIMEOUT = "timeout"
    GATEWAY_RESTARTED = "gateway_restarted"
    GATEWAY_FAULT = "gateway_fault"


@dataclass(frozen=True)
class Command:
    """A command that may be carried out until `not_after_ms` (Unix time), and not later."""

    id: str
    address: Address
    verb: str
    args: Mapping[str, int | bool]
    issued_ms: int
    not_after_ms: int
    actor: str
    reason: str
    auth: Authority | None = None
    """Carried to the controller, which judges it; None where none is needed."""
    ticket: str | None = None
    words: tuple[str, ...] = ()
    """A tag of each who signed, over reason and ticket: for the journal, nobody here can check."""
    dry_run: bool = False
    """Only asks what the controller would answer now."""
    transaction: int = 0
    """Its number at the controller, which all that it causes there carries; 0: none yet."""


@dataclass(frozen=True)
class Receipt:
    """What the controller itself answered; the guard is None when none stood in the way."""

    unit: str
    transaction: int
    status: str
    guard: str | None
    progress: int


@dataclass(frozen=True)
class Outcome:
    """A result: status, the guard that refused or ended it, progress in percent, words.

    `receipt` is for the journal: what the controller answered, None when it did not.
    """

    status: Status
    guard: str | None = None
    detail: str | None = None
    progress: int | None = None
    receipt: Receipt | None = None


@dataclass(frozen=True)
class Refusal:
    """A command that is not carried out; `id` is None when it could not be read."""

    id: str | None
    outcome: Outcome


def result(command_id: str | None, outcome: Outcome, at_ms: int) -> bytes:
    """The payload of `res`."""
    payload: dict[str, Any] = {"id": command_id, "status": str(outcome.status)}
    if outcome.guard is not None:
        payload["guard"] = str(outcome.guard)
    if outcome.progress is not None:
        payload["progress"] = outcome.progress
    if outcome.detail is not None:
        payload["detail"] = outcome.detail
    payload["ts"] = timestamp(at_ms)
    return _encode(payload)


class _Refused(Exception):
    def __init__(self, guard: Guard, detail: str, status: Status = Status.REJECTED) -> None:
        self.outcome = Outcome(status, guard, detail)


def parse(
    payload: bytes,
    address: Address | None,
    *,
    retained: bool,
    now_ms: int,
    known_slot: Callable[[Address], bool],
) -> Command | Refusal:
    """The command in `payload`, sent to `address`, if it may be carried out at `now_ms`.

    A lifetime that ends at `now_ms` has not passed. Never raises, whatever the payload is.
    """
    command_id: str | None = None
    try:
        fields = _decode(payload)
        command_id = _id_of(fields)
        _check_envelope(command_id, retained=retained)
        command = _command(command_id or "", fields, address, known_slot)
        _check_lifetime(command, now_ms)
    except _Refused as refused:
        return Refusal(command_id, refused.outcome)
    except (BadArgument, BadAuthority) as error:
        return Refusal(command_id, Outcome(Status.REJECTED, Guard.BAD_ARGUMENT, str(error)))
    return command


def _check_envelope(command_id: str | None, *, retained: bool) -> None:
    if retained:
        raise _Refused(Guard.RETAINED, "commands must not be retained; publish with retain off")
    if command_id is None:
        raise _Refused(
            Guard.NO_ID, f'"id" must be a text of 1 to {MAX_ID_LENGTH} characters, never reused'
        )


def _check_lifetime(command: Command, now_ms: int) -> None:
    if now_ms > command.not_after_ms:
        raise _Refused(
            Guard.LATE,
            f"not_after was {timestamp(command.not_after_ms)}, it is {timestamp(now_ms)}; "
            "send a new command, and compare the clocks if this one was not late",
            Status.EXPIRED,
        )


def _decode(payload: bytes) -> dict[str, Any]:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise _Refused(
            Guard.MALFORMED, f"{len(payload)} bytes are too many; at most {MAX_PAYLOAD_BYTES}"
        )
    try:
        return msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _Refused(Guard.MALFORMED, f"not a JSON object: {error}") from None


def _id_of(fields: Mapping[str, Any]) -> str | None:
    value = fields.get("id")
    if isinstance(value, str) and 1 <= len(value) <= MAX_ID_LENGTH and value.isprintable():
        return value
    return None


def _command(
    command_id: str,
    fields: Mapping[str, Any],
    address: Address | None,
    known_slot: Callable[[Address], bool],
) -> Command:
    if address is None or not known_slot(address):
        where = "this topic" if address is None else f"{address.kind}/{address.slot}"
        raise _Refused(Guard.UNKNOWN_SLOT, f"{where} is no slot of this gateway; see its site.toml")
    verb = fields.get("verb")
    verbs = VERBS.get(address.kind, {})
    if not isinstance(verb, str) or verb not in verbs:
        raise _Refused(
            Guard.UNKNOWN_VERB, f"{show(verb)} is no verb of a {address.kind}; use {listed(verbs)}"
        )
    dry_run = fields.get("dry_run", False)
    if not isinstance(dry_run, bool):
        raise BadArgument(f'"dry_run" must be true or false, not {show(dry_run)}')
    command = Command(
        id=command_id,
        address=address,
        verb=verb,
        args=read_arguments(verb, fields.get("args", {}), verbs[verb]),
        issued_ms=_time(fields, "issued"),
        not_after_ms=_time(fields, "not_after"),
        actor=_text(fields, "actor", "who gives the command"),
        reason=_text(fields, "reason", "why"),
        auth=None if fields.get("auth") is None else read_authority(fields["auth"]),
        ticket=_text(fields, "ticket", "a work order") if fields.get("ticket") else None,
        words=_words(fields),
        dry_run=dry_run,
    )
    _check_authority(command)
    return command


def _check_authority(command: Command) -> None:
    """That there is one exactly where it is needed, and that it is the actor's."""
    kind, verb, auth = command.address.kind, command.verb, command.auth
    if command.dry_run or not signed(kind, verb):
        if auth is not None:
            what = "a dry run" if command.dry_run else f"{verb} of a {kind}"
            raise BadArgument(f'{what} needs no "auth"; leave it out, since it could be misused')
        return
    if auth is None:
        raise _Refused(
            Guard.UNAUTHORISED, f'{verb} moves a bollard and must be signed; "auth" is missing'
        )
    signer = auth.signatures[0].operator
    if name_of(command.actor) != signer:
        raise _Refused(
            Guard.UNAUTHORISED,
            f"the actor is {show(command.actor)}, but the first signature is of {signer}",
        )


def _words(fields: Mapping[str, Any]) -> tuple[str, ...]:
    value = fields.get("words")
    if value is None:
        return ()
    tags: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [None]
    if len(tags) > 2 or not all(isinstance(tag, str) and _TAG.fullmatch(tag) for tag in tags):
        raise BadArgument('"words" must be one tag of 32 hex digits for each signature')
    return tuple(tags)


def _time(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    hint = "an RFC 3339 UTC time such as 2026-11-23T17:05:00.000Z"
    if not isinstance(value, str):
        raise _Refused(Guard.BAD_ARGUMENT, f'"{name}" must be {hint}')
    try:
        return parse_timestamp(value)
    except (ValueError, OverflowError):
        raise _Refused(Guard.BAD_ARGUMENT, f'"{name}" must be {hint}, not {show(value)}') from None


def _text(fields: Mapping[str, Any], name: str, meaning: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT_LENGTH:
        raise _Refused(
            Guard.BAD_ARGUMENT,
            f'"{name}" must tell {meaning} in 1 to {MAX_TEXT_LENGTH} characters',
        )
    return value
