"""Every monitor bites: each planted violation is found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hil.pins import UNCONNECTED, BollardPin
from tests.hil.post_trace import DOWN, LIMITS, UP, Trace, presence_turns_it_round, up_and_down


def up_with(pin: BollardPin, level: int = 1) -> Callable[[Trace], None]:
    """It begins to rise although that sensor is active."""

    def live(t: Trace) -> None:
        t.set(pin, level)
        t.rise()

    live.__name__ = f"up_with_{pin.name}_{level}"
    return live


def keeps_driving(pin: BollardPin) -> Callable[[Trace], None]:
    """That input becomes active on the way up and changes nothing."""

    def live(t: Trace) -> None:
        t.rise()
        t.set(pin)
        t.wait(0.2)

    live.__name__ = f"keeps_driving_{pin.name}"
    return live


def presence_only_stops_it(t: Trace) -> None:
    t.rise()
    t.set(BollardPin.LOOP_B)
    t.wait(0.04)
    t.off(UP)
    t.wait(4)


def both_ends(t: Trace) -> None:
    t.rise()
    t.arrive()
    t.set(BollardPin.AT_BOTTOM)
    t.command()
    t.on(DOWN)
    t.wait(0.2)


def lease_runs_out(t: Trace) -> None:
    t.rise()
    t.lease = False
    t.wait(0.7)


def lease_was_never_there(t: Trace) -> None:
    t.lease = False
    t.rise(0.1)


def short_warning(t: Trace) -> None:
    t.command()
    t.warn(0.8)
    t.on(UP)


def no_warning(t: Trace) -> None:
    t.command()
    t.wait(2)
    t.on(UP)


def warning_goes_on_over_presence(t: Trace) -> None:
    t.command()
    t.warn()
    t.set(BollardPin.LOOP_A)
    t.wait(1)
    t.clear(BollardPin.LOOP_A)
    t.wait(0.3)
    t.on(UP)


def two_rises_of_one_command(t: Trace) -> None:
    t.rise()
    t.arrive()
    t.set(BollardPin.LOCAL_LOWER)
    t.lower()
    t.clear(BollardPin.LOCAL_LOWER)
    t.land()
    t.warn()
    t.on(UP)


def a_repeated_frame_is_no_new_command(t: Trace) -> None:
    t.rise()
    t.arrive()
    t.set(BollardPin.LOCAL_LOWER)
    t.lower()
    t.clear(BollardPin.LOCAL_LOWER)
    t.land()
    t.monitor.command(t.commands, t.now_s)
    t.warn()
    t.on(UP)


def inversions_beyond_the_limit(t: Trace) -> None:
    inverts = LIMITS.inversions
    presence_turns_it_round(t)
    for _ in range(inverts):
        t.warn(2.5)
        t.on(UP)
        t.clear(BollardPin.AT_BOTTOM)
        t.wait(1)
        t.set(BollardPin.OBSTACLE)
        t.off(UP)
        t.wait(0.4)
        t.lower()
        t.clear(BollardPin.OBSTACLE)
        t.land()
    assert t.found == []
    t.warn(2.5)
    t.on(UP)


def rises_after_a_boot(t: Trace) -> None:
    t.command()
    t.monitor.booted(t.now_s)
    t.warn()
    t.on(UP)


def lowers_after_a_boot(t: Trace) -> None:
    t.command()
    t.monitor.booted(t.now_s)
    t.on(BollardPin.RED, DOWN)


def travels_for_ever(t: Trace) -> None:
    t.rise()
    t.wait(LIMITS.travel_s)


def fault_goes_away_by_itself(t: Trace) -> None:
    t.monitor.state("fault", t.now_s)
    t.wait(1)
    t.monitor.state("fault", t.now_s)
    t.monitor.state("down", t.now_s)


def both_drives(t: Trace) -> None:
    t.rise()
    t.on(DOWN)


def no_dead_time(t: Trace) -> None:
    t.rise()
    t.set(BollardPin.LOOP_A)
    t.off(UP)
    t.wait(0.1)
    t.on(DOWN)


def lowers_without_a_cause(t: Trace) -> None:
    up_and_down(t)
    t.command()
    t.rise()
    t.arrive()
    t.lower()  # as the rise may end in one
    t.land()
    t.rise()
    t.arrive()
    t.lower()
    t.off(DOWN)
    t.on(DOWN)


def writes_flash_while_it_moves(t: Trace) -> None:
    t.rise()
    t.monitor.flash(t.now_s)


def moves_without_a_watchdog(t: Trace) -> None:
    t.monitor.booted(t.now_s)
    t.rise()


def moves_with_a_watchdog_that_the_chip_does_not_have(t: Trace) -> None:
    t.monitor.watchdog(9000)
    t.rise()


def bypass_drives_on_over_presence(t: Trace) -> None:
    t.monitor.bypassed = True
    t.rise()
    t.set(BollardPin.LOOP_A)
    t.wait(0.2)


def stops_lowering_on_the_way(t: Trace) -> None:
    t.rise()
    t.arrive()
    t.command()
    t.lower()
    t.off(DOWN)
    t.wait(1)


def moves_without_a_record(t: Trace) -> None:
    up_and_down(t)
    t.monitor.audit(1, t.now_s)


def green_while_it_is_up(t: Trace) -> None:
    t.rise()
    t.arrive()
    t.off(BollardPin.RED)
    t.on(BollardPin.GREEN)
    t.wait(1)


def moves_without_red(t: Trace) -> None:
    t.rise()
    t.off(BollardPin.RED)
    t.wait(1)


def red_and_green(t: Trace) -> None:
    t.on(BollardPin.RED)
    t.wait(1)


PLANTED: tuple[tuple[int, Callable[[Trace], None]], ...] = (
    (1, up_with(BollardPin.LOOP_A)),
    (1, up_with(BollardPin.LOOP_B)),
    (1, up_with(BollardPin.OBSTACLE)),
    (1, up_with(BollardPin.LOOP_FAULT)),
    (1, up_with(BollardPin.LOOP_A, UNCONNECTED)),
    (1, up_with(BollardPin.OBSTACLE, UNCONNECTED)),
    (2, keeps_driving(BollardPin.LOOP_A)),
    (2, keeps_driving(BollardPin.LOOP_B)),
    (2, keeps_driving(BollardPin.OBSTACLE)),
    (2, keeps_driving(BollardPin.LOOP_FAULT)),
    (2, presence_only_stops_it),
    (2, bypass_drives_on_over_presence),
    (3, keeps_driving(BollardPin.EMERGENCY)),
    (3, both_ends),
    (5, lease_runs_out),
    (5, lease_was_never_there),
    (6, short_warning),
    (6, no_warning),
    (6, warning_goes_on_over_presence),
    (7, two_rises_of_one_command),
    (7, a_repeated_frame_is_no_new_command),
    (7, inversions_beyond_the_limit),
    (8, rises_after_a_boot),
    (8, lowers_after_a_boot),
    (9, travels_for_ever),
    (10, fault_goes_away_by_itself),
    (11, both_drives),
    (11, no_dead_time),
    (12, keeps_driving(BollardPin.LOCAL_LOWER)),
    (12, keeps_driving(BollardPin.EMERGENCY_LOWER)),
    (13, lowers_without_a_cause),
    (14, writes_flash_while_it_moves),
    (15, moves_without_a_watchdog),
    (15, moves_with_a_watchdog_that_the_chip_does_not_have),
    (17, stops_lowering_on_the_way),
    (18, moves_without_a_record),
    (0, green_while_it_is_up),
    (0, moves_without_red),
    (0, red_and_green),
)


@pytest.mark.parametrize(
    ("invariant", "life"), PLANTED, ids=lambda each: getattr(each, "__name__", str(each))
)
def test_a_planted_violation_is_found(invariant: int, life: Callable[[Trace], None]) -> None:
    trace = Trace()
    life(trace)
    assert invariant in trace.broken, trace.found


def test_every_invariant_that_shows_outside_has_a_planted_violation() -> None:
    # 4 is 1 with an open wire or a loop fault; 16 is that a bypass relaxes nothing but 5.
    assert {number for number, _ in PLANTED} | {4, 16} == set(range(19))


def test_one_motion_reports_an_invariant_once() -> None:
    trace = Trace()
    trace.rise()
    trace.set(BollardPin.LOOP_A)
    trace.wait(3)
    assert [v.invariant for v in trace.found].count(2) == 1
