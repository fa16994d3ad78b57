"""A northbound command in the words of the wire, and what its controller says back. Pure."""

from __future__ import annotations

from gateway.commands import Command, Guard, Outcome, Receipt, Status
from gateway.pending import Loss, Update
from protocol.generated import messages as m
from protocol.generated.wire import LEVEL_UNCHANGED

LONGEST_S = {"grant": 150, "compact": 300}
LONGEST_OTHER_S = 60
"""How long a command may stay in progress after its controller has accepted it."""

_LOOK = "look at the state before you try again"
_LOST = {
    Loss.UNREACHABLE: (Guard.UNREACHABLE, f"the controller did not answer; {_LOOK}"),
    Loss.RESTARTED: (
        Guard.CONTROLLER_RESTARTED,
        f"the controller started anew while the command was open; {_LOOK}",
    ),
    Loss.REFUSED: (Guard.UNREACHABLE, f"the controller could not read the command; {_LOOK}"),
}


def to_wire(command: Command) -> m.Command | m.Explain:
    """The command as its controller hears it; the lifetime is filled in when it is sent."""
    level = int(command.args.get("level", command.args.get("on", LEVEL_UNCHANGED)))
    duration_s = int(command.args.get("duration_s", 0))
    verb = m.Verb[command.verb.upper()]
    if command.dry_run:
        return m.Explain(verb=verb, level_percent=level, duration_s=duration_s)
    return m.Command(
        transaction=command.transaction,
        verb=verb,
        lifetime_ms=0,
        level_percent=level,
        duration_s=duration_s,
        authority=b"" if command.auth is None else command.auth.wire,
    )


def longest_s(command: Command) -> int:
    """How long the controller may be busy with a command that it has accepted."""
    return LONGEST_S.get(command.verb, LONGEST_OTHER_S)


def outcome(update: Update, unit: str, *, dry_run: bool = False, expired: bool = False) -> Outcome:
    """What the sender is told of what `unit` said, or did not say.

    `expired`: the end of validity came before the command could be sent. Where a command was sent
    and nothing came back, the controller may have acted, so the words say to look at the state.
    """
    if isinstance(update, Loss):
        if dry_run and update is Loss.REFUSED:
            words = "its firmware cannot tell what it would do"
            return Outcome(Status.REJECTED, Guard.UNSUPPORTED, words)
        guard, words = _LOST[update]
        if expired:
            words = "its lifetime ended before the controller could be asked; it did nothing"
        return Outcome(Status.EXPIRED if expired else Status.FAILED, guard, words)
    guard = None if update.guard is m.Guard.NONE else update.guard.name.lower()
    progress = update.progress_percent
    receipt = Receipt(unit, update.transaction, update.status.name, guard, progress)
    return Outcome(Status[update.status.name], guard, progress=progress, receipt=receipt)


def overdue(unit: str, last: m.CommandResult) -> Outcome:
    """The end of a command that its controller accepted and never ended."""
    words = f"it was accepted and has not ended in the time that it may take; {_LOOK}"
    receipt = outcome(last, unit).receipt
    return Outcome(Status.FAILED, Guard.TIMEOUT, words, receipt=receipt)
