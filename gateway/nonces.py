"""Since when each bollard shows its nonce: signed lifetimes count from there. Pure."""

from __future__ import annotations

from typing import NamedTuple

from gateway.records import Record
from protocol.errors import WireError
from protocol.generated import messages as wire


class _Shown(NamedTuple):
    nonce: bytes
    unit: str
    since_ms: int


class Nonces:
    """The newest nonce of every slot. A status that comes late or again changes nothing before."""

    def __init__(self) -> None:
        self._shown: dict[str, _Shown] = {}

    def see(self, record: Record, now_ms: int) -> int | None:
        """When (Unix time) the nonce of this bollard's status was first seen; None for others."""
        if record.type != wire.BollardStatus.ID:
            return None
        try:
            nonce = wire.decode_bollard_status(record.body).nonce
        except WireError:
            return None
        shown = self._shown.get(record.slot)
        if shown is None or (shown.nonce, shown.unit) != (nonce, record.unit):
            shown = self._shown[record.slot] = _Shown(nonce, record.unit, now_ms)
        return shown.since_ms
