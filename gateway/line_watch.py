"""Notices who talks unasked on a bus, and names it as far as its bytes tell. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

WINDOW_MS = 1000
UNASKED_BYTES = 64
"""More in a window than line noise and late answers bring."""
WINDOWS = 3
"""So many windows in a row begin an alarm, and so many quiet ones end it."""


@dataclass(frozen=True)
class Babble:
    """An alarm that begins or ends; `source` is the address in most unasked frames, if any."""

    active: bool
    source: int | None


@dataclass
class LineWatch:
    """Counts unasked bytes per window; times are monotonic milliseconds."""

    babbling: bool = False
    source: int | None = None
    _window_ends_ms: int = 0
    _bytes: int = 0
    _streak: int = 0
    _sources: Counter[int] = field(default_factory=Counter[int])

    def unasked(self, count: int) -> None:
        """So many bytes came although nobody was asked."""
        self._bytes += count

    def unasked_frame(self, source: int) -> None:
        """A good frame from this address came that answers nothing."""
        self._sources[source] += 1

    def look(self, now_ms: int) -> Babble | None:
        """Close the window when it is over; the alarm that begins or ends with it."""
        if now_ms < self._window_ends_ms:
            return None
        self._window_ends_ms = now_ms + WINDOW_MS
        loud = self._bytes >= UNASKED_BYTES
        self._bytes = 0
        if loud == self.babbling:
            self._streak = 0
            if not loud:
                self._sources.clear()
            return None
        self._streak += 1
        if self._streak < WINDOWS:
            return None
        self._streak = 0
        self.babbling = loud
        common = self._sources.most_common(1)
        self._sources.clear()
        if loud:
            self.source = common[0][0] if common else None
        return Babble(loud, self.source)
