"""A post that does what it should is left in peace by its monitor."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hil.pins import BollardPin
from tests.hil.post_trace import DOWN, UP, Trace, presence_turns_it_round, up_and_down


def inversions_within_the_limit(t: Trace) -> None:
    presence_turns_it_round(t)
    t.warn(2.5)
    t.on(UP)
    t.clear(BollardPin.AT_BOTTOM)
    t.arrive()


def one_passage(t: Trace) -> None:
    t.rise()
    t.arrive()
    t.command()
    t.lower()
    t.land()
    t.set(BollardPin.LOOP_A)
    t.wait(2.0)
    t.clear(BollardPin.LOOP_A)
    t.warn(2.2)
    t.on(UP)
    t.clear(BollardPin.AT_BOTTOM)
    t.arrive()


def key_without_a_lease(t: Trace) -> None:
    t.lease = False
    t.wait(2.0)
    t.set(BollardPin.LOCAL_KEY)
    t.warn()
    t.on(UP)
    t.clear(BollardPin.AT_BOTTOM)
    t.wait(1.0)
    t.clear(BollardPin.LOCAL_KEY)
    t.off(UP, BollardPin.WARNING_LIGHT)
    t.wait(1.0)
    t.set(BollardPin.LOCAL_LOWER)
    t.lower()
    t.land()


def lease_is_lost_and_it_stops_in_time(t: Trace) -> None:
    t.rise()
    t.lease = False
    t.wait(0.5)
    t.off(UP)
    t.wait(1.0)


def bypassed(t: Trace) -> None:
    t.monitor.bypassed = True
    t.lease = False
    t.rise()
    t.arrive()


def emergency_stops_it(t: Trace) -> None:
    t.rise()
    t.set(BollardPin.EMERGENCY)
    t.wait(0.04)
    t.off(UP)
    t.wait(5)


def emergency_lowers_it(t: Trace) -> None:
    t.rise()
    t.arrive()
    t.wait(100)
    t.set(BollardPin.EMERGENCY_LOWER)
    t.lower()
    t.land()


def jammed_on_its_way_down(t: Trace) -> None:
    t.rise()
    t.arrive()
    t.command()
    t.lower()
    t.monitor.current(0.75)
    t.wait(0.2)
    t.off(DOWN)
    t.wait(1)


def restarted_and_left_alone(t: Trace) -> None:
    t.rise()
    t.off(UP, DOWN, BollardPin.RED, BollardPin.WARNING_LIGHT)
    t.monitor.booted(t.now_s)
    t.wait(20)


def loses_its_power_on_the_way_down(t: Trace) -> None:
    t.rise()
    t.arrive()
    t.command()
    t.lower()
    t.monitor.lost()
    t.off(DOWN, BollardPin.RED)
    t.wait(20)


def reset_after_a_fault(t: Trace) -> None:
    t.monitor.state("fault", t.now_s)
    t.wait(1)
    t.command()
    t.monitor.state("down", t.now_s)


def fault_is_forgotten_by_a_restart(t: Trace) -> None:
    t.monitor.state("fault", t.now_s)
    t.monitor.booted(t.now_s)
    t.monitor.state("down", t.now_s)


def audited(t: Trace) -> None:
    up_and_down(t)
    t.monitor.audit(2, t.now_s)


CLEAN = (
    up_and_down,
    presence_turns_it_round,
    inversions_within_the_limit,
    one_passage,
    key_without_a_lease,
    lease_is_lost_and_it_stops_in_time,
    bypassed,
    emergency_stops_it,
    emergency_lowers_it,
    jammed_on_its_way_down,
    restarted_and_left_alone,
    loses_its_power_on_the_way_down,
    reset_after_a_fault,
    fault_is_forgotten_by_a_restart,
    audited,
)


@pytest.mark.parametrize("life", CLEAN, ids=lambda life: life.__name__)
def test_a_life_without_fault_is_clean(life: Callable[[Trace], None]) -> None:
    trace = Trace()
    life(trace)
    assert trace.found == []
