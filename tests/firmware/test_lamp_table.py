"""Every state of a lamp under every sample, against what a lamp must do; no other table passes.

The rules below are written from the description of a lamp, not from the table. A mutant of the
table in one cell, or a rank of `event` turned round, must break one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise, product

import pytest

from firmware.logic import dali, lamp

STATES = range(len(lamp.NEXT))
SAMPLES = range(2 * lamp.DONE)
LIT_FOR_SOMEBODY = (lamp.RAMP_UP, lamp.HOLD)
AT_NIGHT_ALONE = (lamp.NIGHT_FLOOR, lamp.RAMP_DOWN)
PRESENCE_LEVELS = (lamp.LEVEL_PRESENCE, lamp.LEVEL_SAFE)
RANKED = (
    (lamp.FAILED, lamp.LAMP_FAULT),
    (lamp.ADRIFT, lamp.FAILSAFE),
    (lamp.ASKED, lamp.OVERRIDE),
    (lamp.DAYLIGHT, lamp.DAY),
)
ABOVE_PRESENCE = sum(bit for bit, _ in RANKED)

Step = Callable[[int, int], int]
Cell = tuple[int, int]
Rule = Callable[[Step], bool]


def every(samples: Callable[[int], bool]) -> Iterator[tuple[int, int]]:
    return ((s, bits) for s, bits in product(STATES, SAMPLES) if samples(bits))


def safety_over_override_over_programme_over_presence(step: Step) -> bool:
    """The highest bit that is set decides, from wherever."""
    for rank, (bit, state) in enumerate(RANKED):
        higher = sum(b for b, _ in RANKED[:rank])
        if any(
            step(before, bits) != state
            for before, bits in every(lambda b, h=higher, m=bit: not b & h and bool(b & m))
        ):
            return False
    return True


def somebody_at_night_is_lit(step: Step) -> bool:
    """Never dark on an occupied path: whatever was before, the light is for somebody."""
    return all(
        step(before, bits) in LIT_FOR_SOMEBODY
        and lamp.LEVEL[step(before, bits)] == lamp.LEVEL_PRESENCE
        for before, bits in every(lambda b: bool(b & lamp.PRESENT) and not b & ABOVE_PRESENCE)
    )


def light_has_arrived_before_it_holds(step: Step) -> bool:
    """HOLD means at full light: it is entered from a ramp that has arrived and nowhere else."""
    return all(
        before == lamp.HOLD or (before == lamp.RAMP_UP and bits & lamp.DONE)
        for before, bits in product(STATES, SAMPLES)
        if step(before, bits) == lamp.HOLD
    )


def light_that_has_arrived_is_held(step: Step) -> bool:
    """A ramp that has arrived goes on to HOLD, so that the time of holding runs."""
    quiet = (0, lamp.PRESENT)
    return all(step(lamp.RAMP_UP, lamp.DONE | bits) == lamp.HOLD for bits in quiet)


def a_ramp_for_somebody_is_finished(step: Step) -> bool:
    """Somebody who is gone before the light is up still gets it: it does not flicker."""
    return step(lamp.RAMP_UP, 0) == lamp.RAMP_UP == step(lamp.RAMP_UP, lamp.PRESENT)


def light_is_held_while_somebody_is_there_and_for_its_time(step: Step) -> bool:
    return all(
        step(lamp.HOLD, bits) == lamp.HOLD for bits in (0, lamp.PRESENT, lamp.PRESENT | lamp.DONE)
    )


def after_its_time_the_light_goes_down(step: Step) -> bool:
    return step(lamp.HOLD, lamp.DONE) == lamp.RAMP_DOWN


def what_is_over_leads_back_to_the_programme(step: Step) -> bool:
    """Overrides, faults, a lost link and the start end in the night's floor, by a ramp down."""
    ended = (lamp.BOOT, lamp.OVERRIDE, lamp.FAILSAFE, lamp.LAMP_FAULT)
    return all(step(s, bits) == lamp.RAMP_DOWN for s in ended for bits in (0, lamp.DONE))


def a_ramp_down_ends_at_the_floor_and_not_before(step: Step) -> bool:
    return (
        step(lamp.RAMP_DOWN, 0) == lamp.RAMP_DOWN
        and step(lamp.RAMP_DOWN, lamp.DONE) == lamp.NIGHT_FLOOR
    )


def the_floor_is_kept_and_dusk_leads_to_it(step: Step) -> bool:
    return all(
        step(before, bits) == lamp.NIGHT_FLOOR
        for before in (lamp.NIGHT_FLOOR, lamp.DAY)
        for bits in (0, lamp.DONE)
    )


RULES: tuple[Rule, ...] = (
    safety_over_override_over_programme_over_presence,
    somebody_at_night_is_lit,
    light_has_arrived_before_it_holds,
    light_that_has_arrived_is_held,
    a_ramp_for_somebody_is_finished,
    light_is_held_while_somebody_is_there_and_for_its_time,
    after_its_time_the_light_goes_down,
    what_is_over_leads_back_to_the_programme,
    a_ramp_down_ends_at_the_floor_and_not_before,
    the_floor_is_kept_and_dusk_leads_to_it,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_shipped_table_keeps(rule: Rule) -> None:
    assert rule(lamp.step)


def test_every_single_cell_mutant_of_the_table_breaks_a_rule() -> None:
    survivors: list[tuple[int, int, int]] = []
    mutants = 0
    for state, row in enumerate(lamp.NEXT):
        for column, shipped in enumerate(row):
            for other in STATES:
                if other == shipped:
                    continue
                mutants += 1

                def step(s: int, bits: int, cell: Cell = (state, column), to: int = other) -> int:
                    event = lamp.event(bits)
                    return to if (s, event) == cell else lamp.NEXT[s][event]

                if all(rule(step) for rule in RULES):
                    survivors.append((state, column, other))
    print(f"{mutants} mutants of {len(lamp.NEXT)} x {len(lamp.NEXT[0])} cells")
    assert mutants == 9 * 8 * 8
    assert survivors == []


@pytest.mark.parametrize(("higher", "lower"), list(pairwise(range(6))))
def test_two_bits_that_change_their_ranks_break_a_rule(higher: int, lower: int) -> None:
    def turned(bits: int) -> int:
        pair = bits >> higher & 1, bits >> lower & 1
        rest = bits & ~(1 << higher | 1 << lower)
        return rest | pair[1] << higher | pair[0] << lower

    assert not all(rule(lambda state, bits: lamp.step(state, turned(bits))) for rule in RULES)


def reachable(samples: range) -> dict[int, set[int]]:
    """The states that follow a state by one sample or several."""
    found: dict[int, set[int]] = {}
    for start in STATES:
        seen: set[int] = set()
        edge = [start]
        while edge:
            after = {lamp.step(state, bits) for state in edge for bits in samples} - seen
            seen |= after
            edge = list(after)
        found[start] = seen
    return found


def test_no_state_is_dead_and_none_but_the_start_is_lost() -> None:
    everywhere = set(STATES) - {lamp.BOOT}
    found = reachable(SAMPLES)
    print(f"{len(STATES)} states x {len(SAMPLES)} samples = {len(STATES) * len(SAMPLES)} steps")
    assert all(states == everywhere for states in found.values())


@pytest.mark.parametrize("state", STATES)
def test_with_nobody_there_and_nothing_wrong_every_state_comes_to_the_floor(state: int) -> None:
    steps = 0
    while state != lamp.NIGHT_FLOOR:
        state = lamp.step(state, lamp.DONE)
        steps += 1
        assert steps <= 4


def test_only_day_gives_no_light_and_only_an_override_any_light() -> None:
    for state in STATES:
        assert (lamp.LEVEL[state] == lamp.LEVEL_OFF) == (state == lamp.DAY)
        assert (lamp.LEVEL[state] == lamp.LEVEL_ASKED) == (state == lamp.OVERRIDE)
        assert (lamp.LEVEL[state] == lamp.LEVEL_PRESENCE) == (state in LIT_FOR_SOMEBODY)
        assert (lamp.LEVEL[state] == lamp.LEVEL_FLOOR) == (state in AT_NIGHT_ALONE)


def test_the_reason_is_the_source_of_the_level() -> None:
    by = {
        lamp.LEVEL_OFF: lamp.BY_SCHEDULE,
        lamp.LEVEL_FLOOR: lamp.BY_SCHEDULE,
        lamp.LEVEL_PRESENCE: lamp.BY_PRESENCE,
        lamp.LEVEL_ASKED: lamp.BY_OVERRIDE,
        lamp.LEVEL_SAFE: lamp.BY_SAFETY,
    }
    assert [by[level] for level in lamp.LEVEL] == list(lamp.REASON)


@pytest.mark.parametrize("rated_dw", [0, 1, 250, 10_000])
def test_failure_and_day_burner_are_never_both_true_of_one_power(rated_dw: int) -> None:
    for power_dw in range(0, 12_000, 7):
        dark = lamp.judge(254, power_dw, rated_dw) == lamp.DARK
        assert not (dark and power_dw > rated_dw)
        assert lamp.burns(power_dw, rated_dw) == (power_dw > 20 and power_dw * 10 > rated_dw - 9)


@pytest.mark.parametrize(("begins_c", "ends_c", "least"), [(75, 95, 20), (1, 2, 100), (0, 125, 20)])
def test_derating_falls_straight_from_full_to_its_least(
    begins_c: int, ends_c: int, least: int
) -> None:
    allowed = [lamp.allowed_percent(c, begins_c, ends_c, least) for c in range(-128, 128)]
    assert allowed == sorted(allowed, reverse=True)
    assert allowed[0] == allowed[128 + begins_c] == 100
    assert allowed[-1] == allowed[128 + ends_c] == least
    assert dali.level(least) > 0
