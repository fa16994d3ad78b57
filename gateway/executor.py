"""Carries a command out on its bus, from the first answer of the controller to its last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway import lanes
from gateway.commands import Command, Guard, Outcome, Status
from gateway.controller import Controller, Presence
from gateway.conversation import monotonic_ms
from gateway.desk import Progress
from gateway.execution import longest_s, outcome, overdue, to_wire
from gateway.pending import FINAL, Loss, PendingCommand, Update
from gateway.records import unix_ms
from protocol.generated import messages as m

ASK_AGAIN_MS = 8_000
"""How long a command is asked for again whose answer was lost; a restart takes about 3 s."""
UPWARD = ("raise", "grant")
"""Verbs that need the permission of the whole lane."""
PREPARE_MS = 1_500
"""How long a post may take to hear the permission, and the others of its lane to be known."""
PERMITTED_MS = 200
"""So old may the permission be when the command is sent; it holds for 500 ms at the post."""
HURRY_MS = 3_000
LOOK_EVERY_S = 0.02
LOOK_AT_LEAST_MS = 500


class CommandBus(Protocol):
    """What an execution needs of a bus."""

    def command(self, controller: Controller, pending: PendingCommand) -> PendingCommand:
        """Queue a command."""
        ...

    def hurry(self, controller: Controller, duration_ms: int) -> None:
        """Ask a lane before all others for so long."""
        ...


Place = tuple[CommandBus, Controller]


class Executor:
    """`find` gives the bus and the controller of a slot, None when there is none (any more)."""

    def __init__(self, find: Callable[[str], Place | None]) -> None:
        self._find = find

    async def run(self, command: Command, progress: Progress) -> Outcome:
        """The final outcome of a command; interim ones go to `progress` as they come."""
        place = self._find(command.address.slot)
        if place is None:  # a reload takes it away just now
            return outcome(Loss.UNREACHABLE, "")
        bus, controller = place
        # Nothing arrives before it was issued, however far this machine's clock is behind.
        now_ms = max(unix_ms(), command.issued_ms)
        not_after_ms = monotonic_ms() + command.not_after_ms - now_ms
        passage = command.verb == "grant"
        if command.verb in UPWARD and (
            refusal := await _prepare(bus, controller, not_after_ms, for_passage=passage)
        ):
            return refusal
        pending = bus.command(controller, PendingCommand(to_wire(command), not_after_ms))
        try:
            update = await _first(pending)
            expired = pending.sent_ms is None and monotonic_ms() >= not_after_ms
            deadline_ms = monotonic_ms() + longest_s(command) * 1000
            while not isinstance(update, Loss) and update.status not in FINAL:
                await progress(outcome(update, controller.unit))
                last, update = update, await _next(pending, deadline_ms)
                if update is None:
                    return await _ask_once_more(bus, controller, pending, last)
        finally:
            pending.is_closed = True
        return outcome(update, controller.unit, dry_run=command.dry_run, expired=expired)


async def _first(pending: PendingCommand) -> Update:
    """The controller's answer; one that is away is not waited for beyond the end of validity."""
    while True:
        # In steps, since the deadline is another one once it is sent.
        step_ms = monotonic_ms() + LOOK_AT_LEAST_MS
        update = await _next(pending, min(_deadline_ms(pending), step_ms))
        if update is not None:
            return update
        if monotonic_ms() >= _deadline_ms(pending):
            return Loss.UNREACHABLE


def _deadline_ms(pending: PendingCommand) -> int:
    return pending.not_after_ms if pending.sent_ms is None else pending.sent_ms + ASK_AGAIN_MS


async def _next(pending: PendingCommand, deadline_ms: int) -> Update | None:
    """The next update; None when there is none until then."""
    try:
        async with asyncio.timeout_at(deadline_ms / 1000):
            return await pending.updates.get()
    except TimeoutError:
        return None


async def _ask_once_more(
    bus: CommandBus, controller: Controller, pending: PendingCommand, last: m.CommandResult
) -> Outcome:
    """The end of a command whose event may be lost: without a lifetime it can only be told."""
    now_ms = monotonic_ms()
    again = PendingCommand(pending.request, now_ms, boot=pending.boot, sent_ms=now_ms)
    try:
        update = await _first(bus.command(controller, again))
    finally:
        again.is_closed = True
    if isinstance(update, Loss) or update.status in FINAL:
        return outcome(update, controller.unit)
    return overdue(controller.unit, last)


async def _prepare(
    bus: CommandBus, controller: Controller, not_after_ms: int, *, for_passage: bool
) -> Outcome | None:
    """Let the post hear the permission; the refusal when another one of its lane is not clear."""
    if controller.presence is not Presence.ONLINE or _is_bypassed(controller):
        return None
    bus.hurry(controller, HURRY_MS)
    end_ms = min(monotonic_ms() + PREPARE_MS, not_after_ms)
    while True:
        blocker = lanes.blocker(controller, monotonic_ms(), for_passage=for_passage)
        if blocker is None and _is_permitted(controller):
            return None
        is_known = blocker is not None and blocker.why != lanes.SILENT
        if is_known or monotonic_ms() >= end_ms:
            break
        await asyncio.sleep(LOOK_EVERY_S)
    if blocker is None:
        return None  # the post itself judges what it has heard
    return Outcome(Status.REJECTED, Guard.GROUP, f"{blocker.slot} {blocker.why}")


def _is_permitted(controller: Controller) -> bool:
    permitted_ms = controller.permitted_ms
    return permitted_ms is not None and monotonic_ms() - permitted_ms <= PERMITTED_MS


def _is_bypassed(controller: Controller) -> bool:
    """Two people have taken over from the lease, and so from the lane, for a while."""
    status = controller.status
    return status is not None and m.BollardFault.BYPASS in status.faults
