"""How good the light of a night was, by its records: energy saved, and arrivals in the dark."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from firmware.logic import dali
from gateway.records import Record
from protocol.generated import messages as wire

LONGEST_GAP_S = 5.0
"""A lamp that was silent for longer is not counted for that time: nobody knows what it did."""


class Arrival(NamedTuple):
    """Somebody reached the lamp of `slot`; `kind` is a word for whom."""

    time_ms: int
    slot: str
    kind: str


class Shown(NamedTuple):
    """What a lamp's status says."""

    time_ms: int
    state: wire.LampState
    level: int
    target: int


@dataclass
class Audit:
    """The night. `dark`: those who arrived before the light was what they should have had."""

    lamp_hours: float = 0.0
    full_hours: float = 0.0
    """Hours of full light that would have taken the same energy."""
    arrivals: Counter[str] = field(default_factory=Counter[str])
    dark: list[Arrival] = field(default_factory=list[Arrival])
    unknown: list[Arrival] = field(default_factory=list[Arrival])
    """The lamp has told nothing of that time."""

    @property
    def saved_share(self) -> float:
        """Of the energy of full light all night."""
        return 1.0 - self.full_hours / self.lamp_hours if self.lamp_hours else 0.0

    def dark_share(self, kind: str | None = None) -> float:
        """Of the arrivals of a kind, or of all."""
        dark = sum(kind in (None, one.kind) for one in self.dark)
        whole = self.arrivals.total() if kind is None else self.arrivals[kind]
        return dark / whole if whole else 0.0


def audit(
    records: Iterable[Record], arrivals: Sequence[Arrival], wanted: Mapping[str, int]
) -> Audit:
    """Judge the night that these records tell of.

    `wanted` is the DALI level that each lamp owes somebody. Night is when a lamp's state is not
    DAY; arrivals by day do not count. An arrival is dark when the lamp's latest status before it
    shows less light than wanted, or light that goes down.
    """
    shown = {slot: _shown(records_of) for slot, records_of in _by_slot(records).items()}
    result = Audit()
    for statuses in shown.values():
        for one, following in pairwise(statuses):
            hours = (following.time_ms - one.time_ms) / 3_600_000
            if one.state is wire.LampState.DAY or hours * 3600 > LONGEST_GAP_S:
                continue
            result.lamp_hours += hours
            # The curve sags between two statuses of a fade, so this is rather too much than less.
            light = dali.DUTY[one.level] + dali.DUTY[following.level]
            result.full_hours += hours * light / 2 / dali.FULL_DUTY
    for arrival in arrivals:
        _judge(arrival, shown.get(arrival.slot, []), wanted[arrival.slot], result)
    return result


def _judge(arrival: Arrival, statuses: Sequence[Shown], wanted: int, result: Audit) -> None:
    after = bisect_right(statuses, arrival.time_ms, key=lambda one: one.time_ms)
    latest = statuses[after - 1] if after else None
    if latest is None or arrival.time_ms - latest.time_ms > LONGEST_GAP_S * 1000:
        result.unknown.append(arrival)
        return
    if latest.state is wire.LampState.DAY:
        return
    result.arrivals[arrival.kind] += 1
    if min(latest.level, latest.target) < wanted:
        result.dark.append(arrival)


def _by_slot(records: Iterable[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in records:
        if record.kind == "lamp" and record.type == wire.LampStatus.ID:
            found.setdefault(record.slot, []).append(record)
    return found


def _shown(records: Iterable[Record]) -> list[Shown]:
    decoded = ((record, wire.decode_lamp_status(record.body)) for record in records)
    told = (Shown(r.time_ms, status.state, status.level, status.target) for r, status in decoded)
    return sorted(told, key=lambda one: one.time_ms)
