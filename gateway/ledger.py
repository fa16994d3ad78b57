"""What happened to every sequence number: pure interval arithmetic, no storage and no clock.

A stream is one `(unit, boot, routine or urgent)` of a controller. Its sequence numbers are
received, or are gaps with a cause; a received one is delivered, pending, or dropped with a cause.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Range(NamedTuple):
    """Sequence numbers `first` to `last`, both included; `first <= last`."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """How many numbers the range holds."""
        return self.last - self.first + 1


class CausedRange(NamedTuple):
    """Sequence numbers `first` to `last`, both included, that are lost because of `cause`."""

    first: int
    last: int
    cause: str

    @property
    def exact(self) -> bool:
        """False when there may be more of them: nobody knows what a restart took with it."""
        return self.cause != "reboot"

    @property
    def size(self) -> int:
        """How many numbers the range holds."""
        return self.last - self.first + 1


class Intervals:
    """A set of integers kept as sorted, disjoint, non-adjacent closed ranges."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def copy(self) -> Intervals:
        """An independent set with the same members."""
        twin = Intervals()
        twin._firsts = self._firsts.copy()
        twin._lasts = self._lasts.copy()
        return twin

    def add(self, first: int, last: int | None = None) -> None:
        """Adds `first..last` (or `first` alone). Raises ValueError when `last < first`."""
        last = first if last is None else last
        if last < first:
            raise ValueError(f"a range cannot end ({last}) before it begins ({first})")
        firsts, lasts = self._firsts, self._lasts
        if lasts and first == lasts[-1] + 1:
            lasts[-1] = last
            return
        # Everything that touches or neighbours first..last melts into one range.
        low = bisect_right(lasts, first - 2)
        high = bisect_right(firsts, last + 1)
        if low < high:
            first, last = min(first, firsts[low]), max(last, lasts[high - 1])
        firsts[low:high] = [first]
        lasts[low:high] = [last]

    def discard(self, first: int, last: int) -> None:
        """Removes `first..last`; numbers that are not members are no error."""
        kept: list[Range] = []
        for low, high in self:
            if high < first or low > last:
                kept.append(Range(low, high))
                continue
            if low < first:
                kept.append(Range(low, first - 1))
            if high > last:
                kept.append(Range(last + 1, high))
        self._firsts = [low for low, _ in kept]
        self._lasts = [high for _, high in kept]

    def minus(self, other: Intervals) -> Intervals:
        """The members that are not members of `other`."""
        rest = self.copy()
        for first, last in other:
            rest.discard(first, last)
        return rest

    def holes(self, first: int, last: int) -> list[Range]:
        """The ranges of `first..last` that hold no member, ascending."""
        found: list[Range] = []
        position = first
        for low, high in self:
            if low > last:
                break
            if low > position:
                found.append(Range(position, low - 1))
            position = max(position, high + 1)
        if position <= last:
            found.append(Range(position, last))
        return found

    def next_missing(self, start: int) -> int:
        """The lowest number not below `start` that is not a member."""
        index = bisect_right(self._firsts, start) - 1
        if index >= 0 and self._lasts[index] >= start:
            return self._lasts[index] + 1
        return start

    def range_of(self, number: int) -> Range | None:
        """The range that holds `number`, or None."""
        index = bisect_right(self._firsts, number) - 1
        if index >= 0 and self._lasts[index] >= number:
            return Range(self._firsts[index], self._lasts[index])
        return None

    @property
    def size(self) -> int:
        """How many members there are."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    def __contains__(self, number: int) -> bool:
        lasts = self._lasts
        if not lasts or number > lasts[-1]:
            return False
        return self.range_of(number) is not None

    def __iter__(self) -> Iterator[Range]:
        return (Range(first, last) for first, last in zip(self._firsts, self._lasts, strict=True))

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Intervals):
            return NotImplemented
        return self._firsts == other._firsts and self._lasts == other._lasts

    __hash__ = None  # type: ignore[assignment]  # mutable, so it is no key

    def __repr__(self) -> str:
        return f"Intervals({[tuple(part) for part in self]})"


class StreamKey(NamedTuple):
    """Names one stream of records for ever."""

    unit: str
    boot: int
    urgent: bool


class EndedBoot(NamedTuple):
    """A boot of a unit that is over: numbers below the ends are known to have been given out."""

    slot: str
    kind: str
    unit: str
    boot: int
    routine_end: int
    urgent_end: int


@dataclass(frozen=True)
class StreamReport:
    """The fate of every sequence number of one stream, from its first to the highest known."""

    key: StreamKey
    delivered: tuple[Range, ...]
    pending: tuple[Range, ...]
    dropped: tuple[CausedRange, ...]
    gaps: tuple[CausedRange, ...]
    missing: tuple[Range, ...]

    @property
    def complete(self) -> bool:
        """True when every number is delivered, or lost with a known cause."""
        return not self.pending and not self.missing


def report(
    key: StreamKey,
    first: int,
    received: Intervals,
    pending: Intervals,
    dropped: Iterable[CausedRange],
    gaps: Iterable[CausedRange],
) -> StreamReport:
    """Accounts for a stream that counts from `first`; a number with no fate comes out as missing.

    Every number up to the highest known one has exactly one fate. A gap notice carries the number
    of the last record it reports, so that number belongs to the gap; any other number that was
    received before its loss was reported was received, and the gap shrinks around it.
    """
    dropped = sorted(dropped)
    lost = Intervals((part.first, part.last) for part in dropped)
    gaps = sorted(gaps)
    known = received.copy()
    for gap in gaps:
        known.discard(gap.last, gap.last)
    kept = known.copy()
    real_gaps: list[CausedRange] = []
    for gap in gaps:
        real_gaps += [
            CausedRange(hole.first, hole.last, gap.cause)
            for hole in known.holes(gap.first, gap.last)
        ]
        known.add(gap.first, gap.last)
    highest = max((part.last for part in known), default=first - 1)
    pending = kept.minus(kept.minus(pending))
    return StreamReport(
        key=key,
        delivered=tuple(kept.minus(pending).minus(lost)),
        pending=tuple(pending),
        dropped=tuple(dropped),
        gaps=tuple(real_gaps),
        missing=tuple(known.holes(first, highest)),
    )
