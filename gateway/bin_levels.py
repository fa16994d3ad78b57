"""The level of a bin hour by hour, from its statuses: what a forecast is made of. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

HOUR_MS = 3_600_000
MOST_READINGS = 120
"""Of an hour; of more every second one is forgotten."""


class Level(NamedTuple):
    """The level of one hour, the run (from one emptying to the next) and the presses until then."""

    hour: int
    permille: float
    run: int
    presses: int = 0


@dataclass(frozen=True)
class Reading:
    """One status of a bin; `permille` is None unless it is good, `life` is the unit.

    `emptyings` and `cycles` (of the press) as the unit counts them.
    """

    time_ms: int
    permille: int | None
    emptyings: int
    cycles: int = 0
    life: str = ""


class Known(NamedTuple):
    """Where a bin stands: its run and presses, and the unit's own counters when last heard."""

    run: int = 0
    presses: int = 0
    emptyings: int | None = None
    cycles: int = 0
    life: str = ""


class Collector:
    """Makes hours of readings; late ones of an hour that is closed are left out.

    The counters of a unit may step back when it restarts, which is neither a press nor an emptying.
    """

    def __init__(self, known: Known | None = None) -> None:
        self.known = known or Known()
        self._hour = 0
        self._levels: list[int] = []

    def take(self, reading: Reading) -> Level | None:
        """The hour that this reading closes, if it does."""
        hour = reading.time_ms // HOUR_MS
        if hour < self._hour:
            return None
        closed = None
        if hour > self._hour:
            closed = self.now()
            self._hour, self._levels = hour, []
        before = self.known
        run, presses = before.run, before.presses
        if before.emptyings is not None:
            run += before.life != reading.life or _counted(before.emptyings, reading.emptyings)
            presses += before.life == reading.life and _counted(before.cycles, reading.cycles)
        if (run, presses) != (before.run, before.presses):
            self._levels = []
        self.known = Known(run, presses, reading.emptyings, reading.cycles, reading.life)
        if reading.permille is not None:
            self._levels.append(reading.permille)
            if len(self._levels) > MOST_READINGS:
                del self._levels[::2]
        return closed

    def now(self) -> Level | None:
        """The hour that is not closed yet, as far as it is known."""
        if not self._levels:
            return None
        at = self.known
        return Level(self._hour, round(median(self._levels)), at.run, at.presses)


def _counted(before: int, after: int) -> bool:
    """Whether a counter, modulo 65536, went on rather than began anew."""
    return 0 < (after - before) % 65_536 < 32_768
