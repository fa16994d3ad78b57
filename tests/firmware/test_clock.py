"""The wall clock stamps records; it eases towards the gateway's time and never runs backwards."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firmware.services.clock import HOLDOVER_S, STEP_MS, Clock
from protocol.generated.wire import QUALITY_CLOCK_UNTRUSTED, TIME_TRUST_SYNCHRONISED


def at(clock: Clock, now_ms: int) -> int:
    clock.stamp(now_ms)
    assert 0 <= clock.milliseconds < 1000
    return clock.seconds * 1000 + clock.milliseconds


def test_the_first_time_is_taken_and_is_no_jump() -> None:
    clock = Clock()
    assert at(clock, 1500) == 1500
    assert clock.quality == QUALITY_CLOCK_UNTRUSTED
    assert clock.tell(300_000_000, 123, TIME_TRUST_SYNCHRONISED, 2000) == 0
    assert clock.quality == 0
    assert at(clock, 3000) == 300_000_001_123


def test_a_far_time_is_a_jump_and_is_counted() -> None:
    clock = Clock()
    clock.tell(1000, 0, TIME_TRUST_SYNCHRONISED, 0)
    assert clock.tell(1010, 0, TIME_TRUST_SYNCHRONISED, 0) == 10_000
    assert clock.tell(2**32 - 1, 0, TIME_TRUST_SYNCHRONISED, 0) == 10**9
    assert clock.steps == 2
    assert at(clock, 0) == (2**32 - 1) * 1000


@given(st.integers(1, 2**31), st.lists(st.integers(-40, 40), min_size=40, max_size=40))
def test_jitter_of_the_line_is_smoothed_and_drift_is_followed(
    start_s: int, jitters_ms: list[int]
) -> None:
    clock = Clock()
    clock.tell(start_s, 0, TIME_TRUST_SYNCHRONISED, 0)
    drift_ppm = 100
    for beat, jitter_ms in enumerate(jitters_ms, 1):
        true_ms = start_s * 1000 + beat * 60_000
        local_ms = beat * 60_000 * (1_000_000 + drift_ppm) // 1_000_000
        seconds, milliseconds = divmod(true_ms + jitter_ms, 1000)
        assert clock.tell(seconds, milliseconds, TIME_TRUST_SYNCHRONISED, local_ms) == 0
        assert abs(at(clock, local_ms) - true_ms) < 150


@given(st.lists(st.integers(0, 5000), max_size=50))
def test_without_news_it_counts_with_the_monotonic_clock(steps_ms: list[int]) -> None:
    clock = Clock()
    now_ms = 0
    for step_ms in steps_ms:
        now_ms += step_ms
        assert at(clock, now_ms) == now_ms
        assert at(clock, now_ms - STEP_MS) == now_ms


def test_a_gateway_without_the_time_cannot_move_a_clock_that_has_it() -> None:
    clock = Clock()
    clock.tell(300_000_000, 0, TIME_TRUST_SYNCHRONISED, 0)
    assert clock.tell(5, 0, 0, 1000) == 0
    assert at(clock, 2000) == 300_000_002_000
    assert clock.quality == 0


def test_a_clock_without_news_is_trusted_for_as_long_as_its_crystal_is_good() -> None:
    clock = Clock()
    clock.tell(300_000_000, 0, TIME_TRUST_SYNCHRONISED, 0)
    clock.stamp(HOLDOVER_S * 1000 - 1)
    assert clock.quality == 0
    clock.stamp(HOLDOVER_S * 1000)
    assert clock.quality == QUALITY_CLOCK_UNTRUSTED
    # Then any time is better than none.
    assert clock.tell(302_419_500, 0, 0, HOLDOVER_S * 1000) == 300_000
    assert clock.quality == QUALITY_CLOCK_UNTRUSTED
    assert clock.tell(302_419_500, 0, TIME_TRUST_SYNCHRONISED, HOLDOVER_S * 1000) == 0
    assert clock.quality == 0
