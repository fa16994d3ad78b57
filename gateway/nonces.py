"""Since when each bollard shows its nonce: signed lifetimes count from there. Pure."""

from __future__ import annotations

from typing import NamedTuple

from gateway.records import Record
from protocol.errors import WireError
from protocol.generated import messages as wire

LONGEST_LIFE_MS = 60_000
"""No nonce is older: its controller renews it."""


class _Shown(NamedTuple):
    nonce: bytes
    unit: str
    since_ms: int
    seen_ms: int
    """When it was seen last."""


class Nonces:
    """The newest nonce of every slot. A status that comes late or again changes nothing before.

    A nonce may have been made any time since the post was last seen with another one: while the
    gateway or its line was down nobody saw it change. So it counts as old as it can be, since an
    order that is signed for too short a time is refused as late. One that is signed for too long
    is not worth more for that: who holds it back could do so as well with the nonce's whole life.
    """

    def __init__(self) -> None:
        self._shown: dict[str, _Shown] = {}

    def see(self, record: Record, now_ms: int) -> int | None:
        """Since when (Unix time) at most this bollard's nonce is there; None for other records.

        That is exact to the time between two statuses, and never more than its longest life ago.
        """
        if record.type != wire.BollardStatus.ID:
            return None
        try:
            nonce = wire.decode_bollard_status(record.body).nonce
        except WireError:
            return None
        shown = self._shown.get(record.slot)
        since_ms = now_ms - LONGEST_LIFE_MS
        if shown is not None and shown.unit == record.unit:
            since_ms = shown.since_ms if shown.nonce == nonce else max(since_ms, shown.seen_ms)
        # A clock that was set back must not make a nonce of the future.
        since_ms = min(since_ms, now_ms)
        self._shown[record.slot] = _Shown(nonce, record.unit, since_ms, now_ms)
        return since_ms
