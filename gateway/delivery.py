"""How a command reaches its controller: once, or not at all, however often it is asked.

A command whose answer was lost stays first in its queue and is asked for again with the same
transaction, under a new session too: the controller answers what became of it and does not act
twice. A controller that restarted has forgotten that, so it is never asked again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from gateway.controller import Controller
from gateway.pending import Loss, PendingCommand
from protocol import codec
from protocol.generated import messages as m
from protocol.generated import wire

Answer = tuple[int, int, bytes]

MOST_LIFETIME_MS = 0xFFFF_FFFF
"""What a command can say of its lifetime; the end of validity is the sender's, and may be any."""


class Line(Protocol):
    """The exchanges that a delivery needs."""

    def now_ms(self) -> int:
        """Monotonic milliseconds."""
        ...

    async def ask(
        self, controller: Controller, data: bytes, not_after_ms: int = 0
    ) -> Answer | None:
        """Put a request and repeat it until then; None when nobody answers."""
        ...

    def read(self, answer: Answer, wanted: type[m.Message]) -> m.Message | None:
        """The message in an answer when it is the one that was wanted."""
        ...


async def deliver(line: Line, controller: Controller) -> None:
    """Send the first command of the queue, or ask for its answer again. Raises PortError."""
    pending = controller.commands[0]
    now_ms = line.now_ms()
    if _is_over(controller, pending, now_ms):
        controller.commands.popleft()
        return
    if pending.sent_ms is None:
        pending.sent_ms, pending.boot = now_ms, controller.boot
    # With nothing left of its lifetime a command can only be asked for, not carried out any more.
    remaining_ms = min(max(pending.not_after_ms - now_ms, 0), MOST_LIFETIME_MS)
    answer = await line.ask(
        controller,
        controller.requester.request(*_request(pending, remaining_ms)),
        pending.not_after_ms if remaining_ms else 0,
    )
    if answer is None:
        return
    if not answer[1] & wire.FLAG_SECURED:
        # It says in plain that it has no session. Taken or not: see what a new session brings.
        controller.forget_session()
        return
    if pending in controller.commands:
        controller.commands.remove(pending)
    result = line.read(answer, m.CommandResult)
    if not isinstance(result, m.CommandResult) or result.transaction != _transaction(pending):
        pending.tell(Loss.REFUSED)
        return
    pending.tell(result)
    if not pending.is_closed:
        controller.follow(pending)


def _is_over(controller: Controller, pending: PendingCommand, now_ms: int) -> bool:
    """Whether there is nothing to send any more; tells why."""
    if pending.sent_ms is None and now_ms >= pending.not_after_ms:
        pending.tell(Loss.UNREACHABLE)
    elif pending.boot not in (None, controller.boot) and isinstance(pending.request, m.Command):
        pending.tell(Loss.RESTARTED)
    return pending.is_closed


def _request(pending: PendingCommand, remaining_ms: int) -> tuple[int, bytes]:
    request = pending.request
    if isinstance(request, m.Explain):
        return wire.EXPLAIN, codec.encode_message(request)
    return wire.COMMAND, codec.encode_message(replace(request, lifetime_ms=remaining_ms))


def _transaction(pending: PendingCommand) -> int:
    return pending.request.transaction if isinstance(pending.request, m.Command) else 0
