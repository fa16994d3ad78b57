"""A command on its way to a controller, and what becomes of it. Sans-I/O."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

from protocol.generated import messages as m

FINAL = frozenset(
    {
        m.Status.DONE,
        m.Status.FAILED,
        m.Status.REJECTED,
        m.Status.EXPIRED,
        m.Status.CANCELLED,
    }
)


class Loss(StrEnum):
    """Why a controller says nothing, or nothing more, of a command."""

    UNREACHABLE = "unreachable"
    RESTARTED = "restarted"
    REFUSED = "refused"
    """It answered, and not with a result."""


Update = m.CommandResult | Loss


@dataclass(eq=False)
class PendingCommand:
    """A command, or a question what it would be answered, until its last update.

    `updates` gets what the controller answers, then what it tells later; `not_after_ms` ends the
    time in which it may be sent for the first time.
    """

    request: m.Command | m.Explain
    not_after_ms: int
    boot: int | None = None
    """The boot in which it was first sent; None before."""
    sent_ms: int | None = None
    is_closed: bool = False
    updates: asyncio.Queue[Update] = field(default_factory=asyncio.Queue[Update])

    def tell(self, update: Update) -> None:
        """Hand an update to whoever waits; nothing counts behind a final one."""
        if self.is_closed:
            return
        self.is_closed = isinstance(update, Loss) or update.status in FINAL
        self.updates.put_nowait(update)
