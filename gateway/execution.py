"""A northbound command in the words of the wire, and its result back. Pure."""

from __future__ import annotations

from gateway.commands import Command, Guard, Outcome, Receipt, Status
from protocol.generated import messages as m
from protocol.generated.wire import LEVEL_UNCHANGED


def to_wire(command: Command) -> m.Command:
    """The command as its controller hears it; the lifetime is filled in when it is sent."""
    level = command.args.get("level", command.args.get("on", LEVEL_UNCHANGED))
    return m.Command(
        transaction=command.transaction,
        verb=m.Verb[command.verb.upper()],
        lifetime_ms=0,
        level_percent=int(level),
        duration_s=int(command.args.get("duration_s", 0)),
        authority=b"",
    )


def outcome(result: m.CommandResult | None, unit: str, *, expired: bool) -> Outcome:
    """What the sender is told of what `unit` said; None is a controller that gave no answer.

    No answer is FAILED or, past the end of validity, EXPIRED; the controller may have acted, so
    the words say to look at the state.
    """
    if result is None:
        words = "the controller did not answer; look at the state before you try again"
        status = Status.EXPIRED if expired else Status.FAILED
        return Outcome(status, Guard.UNREACHABLE, words)
    guard = None if result.guard is m.Guard.NONE else result.guard.name.lower()
    progress = result.progress_percent
    receipt = Receipt(unit, result.transaction, result.status.name, guard, progress)
    return Outcome(Status[result.status.name], guard, progress=progress, receipt=receipt)
