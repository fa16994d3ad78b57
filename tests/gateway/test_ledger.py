"""Intervals are sets of integers, and a report gives every number exactly one fate."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger import CausedRange, Intervals, Range, StreamKey, report

small = st.integers(0, 40)
ranges = st.lists(st.tuples(small, small).map(lambda pair: (min(pair), max(pair))), max_size=8)
KEY = StreamKey("0011223344556677", 1, urgent=False)


def members(intervals: Intervals) -> set[int]:
    return {n for first, last in intervals for n in range(first, last + 1)}


def as_set(pairs: list[tuple[int, int]]) -> set[int]:
    return {n for first, last in pairs for n in range(first, last + 1)}


@given(ranges)
def test_intervals_hold_what_was_added(pairs: list[tuple[int, int]]) -> None:
    intervals = Intervals(pairs)
    assert members(intervals) == as_set(pairs)
    assert intervals.size == len(as_set(pairs))
    assert all((n in intervals) == (n in as_set(pairs)) for n in range(-2, 45))


@given(ranges)
def test_intervals_are_sorted_and_do_not_touch(pairs: list[tuple[int, int]]) -> None:
    parts = list(Intervals(pairs))
    assert all(a.last + 1 < b.first for a, b in pairwise(parts))


@given(ranges, ranges)
def test_minus_and_discard_are_set_difference(
    left: list[tuple[int, int]], right: list[tuple[int, int]]
) -> None:
    assert members(Intervals(left).minus(Intervals(right))) == as_set(left) - as_set(right)


@given(ranges, small, small)
def test_holes_are_what_is_not_there(pairs: list[tuple[int, int]], a: int, b: int) -> None:
    first, last = min(a, b), max(a, b)
    holes = Intervals(Intervals(pairs).holes(first, last))
    assert members(holes) == set(range(first, last + 1)) - as_set(pairs)


@given(ranges, small)
def test_next_missing_is_the_lowest_absent_number(pairs: list[tuple[int, int]], start: int) -> None:
    expected = next(n for n in range(start, 99) if n not in as_set(pairs))
    assert Intervals(pairs).next_missing(start) == expected


def test_a_range_that_ends_before_it_begins_is_a_defect() -> None:
    with pytest.raises(ValueError, match="before it begins"):
        Intervals().add(3, 2)


def test_a_copy_is_independent() -> None:
    original = Intervals([(1, 3)])
    original.copy().add(9)
    assert list(original) == [Range(1, 3)]


@given(ranges, ranges, ranges, st.data())
def test_every_number_has_exactly_one_fate(
    received: list[tuple[int, int]],
    gaps: list[tuple[int, int]],
    pending: list[tuple[int, int]],
    data: st.DataObject,
) -> None:
    got = Intervals((a + 1, b + 1) for a, b in received)
    waiting = got.minus(got.minus(Intervals((a + 1, b + 1) for a, b in pending)))
    delivered = sorted(members(got.minus(waiting)))
    drops = data.draw(st.lists(st.sampled_from(delivered), unique=True)) if delivered else []
    lost = Intervals((a + 1, b + 1) for a, b in gaps)
    drops = [n for n in drops if n not in lost]
    result = report(
        KEY,
        1,
        got,
        waiting,
        [CausedRange(n, n, "size_limit") for n in drops],
        [CausedRange(part.first, part.last, "reboot") for part in lost],
    )
    fates = [
        n
        for part in (
            *result.delivered,
            *result.pending,
            *result.dropped,
            *result.gaps,
            *result.missing,
        )
        for n in range(part.first, part.last + 1)
    ]
    assert sorted(fates) == list(range(1, max(fates, default=0) + 1))


def test_a_gap_notice_s_own_number_is_a_loss() -> None:
    """Records 4 to 6 are lost; the notice travelled under number 6."""
    result = report(
        KEY, 1, Intervals([(1, 3), (6, 9)]), Intervals(), [], [CausedRange(4, 6, "ring_overflow")]
    )
    assert result.gaps == (CausedRange(4, 6, "ring_overflow"),)
    assert result.delivered == (Range(1, 3), Range(7, 9))
    assert result.complete


def test_a_number_that_arrived_before_it_was_called_lost_is_not_lost() -> None:
    result = report(KEY, 1, Intervals([(1, 5)]), Intervals(), [], [CausedRange(4, 8, "reboot")])
    assert result.gaps == (CausedRange(6, 8, "reboot"),)


def test_a_number_without_a_fate_is_missing() -> None:
    result = report(KEY, 1, Intervals([(3, 4)]), Intervals(), [], [])
    assert result.missing == (Range(1, 2),)
    assert not result.complete
