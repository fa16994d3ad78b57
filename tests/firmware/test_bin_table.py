"""The shipped table of a bin, explored with its press; what notices when a cell is wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache

import pytest

from firmware.logic import bin as logic
from tests.firmware import bin_world, render_bin
from tests.firmware.bin_world import Step, World, broken, explore, field, start, step

STATES = tuple(range(11))
EVENTS = tuple(range(12))
Cell = tuple[int, int]
Table = Callable[[int, int], tuple[int, int]]
STEPS_A_CELL = 400
KNOWN = logic.KNOWN
WANTED = KNOWN | logic.DUE | logic.READY
FREE_MA, PRESSING_MA, STOPPED_MA = 2000, 5000, 16000

UNREACHABLE = {
    # A jam lasts until somebody opens the door or services the bin, and those are more urgent.
    *((logic.JAM, event) for event in range(logic.ON_LID, logic.ON_NOTHING + 1)),
    # It is found on the way back, and may still be there after a fire.
    *(
        (state, logic.ON_JAM)
        for state in STATES
        if state not in (logic.RETRACTING, logic.JAM, logic.FIRE)
    ),
    # Nothing is armed before the plate is home.
    (logic.ARMED, logic.ON_RETURN),
    # A stroke is READY until it is spent.
    (logic.COMPACTING, logic.ON_DUE),
    # After somebody has looked, the plate comes home before anything else.
    *((logic.DOOR_OPEN, event) for event in (logic.ON_READY, logic.ON_DUE)),
    *((logic.SERVICE, event) for event in (logic.ON_READY, logic.ON_DUE)),
}
"""Cells that no bin gets to, and why."""


@cache
def steps() -> tuple[int, dict[Cell, list[Step]], list[str], set[World]]:
    """How many steps there are, some for each cell, what they break, and every world."""
    cells: dict[Cell, list[Step]] = defaultdict(list)
    worlds: set[World] = set()
    wrong: list[str] = []
    count = 0
    for taken in explore():
        count += 1
        worlds.add(taken.before)
        if (what := broken(taken)) is not None:
            wrong.append(f"{what}: {taken}")
        cell = taken.before.state, logic.event(taken.sample)
        if len(cells[cell]) < STEPS_A_CELL:
            cells[cell].append(taken)
    return count, cells, wrong, worlds


def test_the_page_is_that_of_the_table() -> None:
    assert render_bin.PAGE.read_text(encoding="utf-8") == render_bin.render()


def test_every_sample_in_every_state_ends_in_a_state_with_a_permitted_drive() -> None:
    for state in STATES:
        for sample in range(1 << 16):
            after, drive = logic.step(state, sample)
            assert after in STATES
            assert drive in (logic.OFF, logic.DRIVE[after])
            if drive == logic.PRESS:
                assert not sample & (logic.NO_PRESSING | logic.HELD)
            if drive:
                assert not sample & logic.STILL


def test_every_invariant_holds_wherever_the_bin_and_its_press_can_get() -> None:
    count, cells, wrong, worlds = steps()
    print(f"{len(worlds)} worlds, {count} steps, {len(cells)} of {len(STATES) * len(EVENTS)} cells")
    assert not wrong, wrong[:5]
    assert len(worlds) > 5000
    every = {(state, event) for state in STATES for event in EVENTS}
    assert every - set(cells) == UNREACHABLE


def current_ma(world: World) -> int:
    """What a healthy press draws next: waste stops it after two steps, home after the way back."""
    if field(world, "driving") == logic.PRESS:
        return STOPPED_MA if field(world, "_stroke_ms") >= 2 * bin_world.STEP_MS else PRESSING_MA
    return STOPPED_MA if field(world, "_on_ms") >= field(world, "_out_ms") else FREE_MA


def go(world: World, environments: Iterable[int], table: Table = logic.step) -> list[World]:
    """The worlds on the way through these environments, with a healthy press."""
    worlds = [world]
    for environment in environments:
        world = step(world, environment, current_ma(world), table).after
        worlds.append(world)
    return worlds


def test_from_wherever_it_is_the_plate_comes_home_once_somebody_has_looked() -> None:
    _, _, _, worlds = steps()
    assert len(worlds) > 5000
    for world in worlds:
        quiet = go(world, [KNOWN] * 30)[-1]
        stays = field(quiet, "jammed") or field(quiet, "faulty")
        assert stays or (not field(quiet, "away") and quiet.state == logic.IDLE)
        looked = go(quiet, [KNOWN | logic.DOOR] * 2 + [KNOWN] * 30)[-1]
        assert not field(looked, "away")
        assert looked.state == logic.IDLE


JOURNEYS: dict[str, list[int]] = {
    "a start, a cycle, a full bin, its lid, its door": [
        *[0, 0, 0, 0, 0, KNOWN, *[WANTED] * 8, *[KNOWN] * 8],
        *[KNOWN | logic.HEAPED] * 2,
        *[KNOWN | logic.HEAPED | logic.LID, KNOWN | logic.HEAPED | logic.TILTED],
        *[KNOWN | logic.HEAPED, KNOWN | logic.HEAPED | logic.DOOR, KNOWN, KNOWN, KNOWN, KNOWN],
    ],
    "a start of a full bin": [
        *[KNOWN | logic.HEAPED | logic.UNSETTLED] * 2,
        *[KNOWN | logic.HEAPED] * 6,
    ],
    "a start that sees nothing": [
        *[logic.UNSETTLED, logic.TILTED, logic.LID, 0, *[0] * 5, logic.IN_SERVICE, 0],
    ],
}
for name, bit in {
    "lid": logic.LID,
    "door": logic.DOOR,
    "tilt": logic.TILTED,
    "service": logic.IN_SERVICE,
    "fire": logic.BURNING,
    "battery": logic.LOW,
    "sensor": logic.BLIND,
}.items():
    for pressed in (1, 2, 3, 4, 6, 7):
        JOURNEYS[f"{name} after {pressed} steps of a cycle"] = [
            *[KNOWN] * 5,
            *[WANTED] * pressed,
            *[WANTED | bit] * 3,
            *[KNOWN] * 8,
            *[WANTED] * 2,
            *[KNOWN | logic.HEAPED] * 12,
        ]


def states(environments: Iterable[int], table: Table = logic.step) -> list[int]:
    return [world.state for world in go(start(), environments, table)]


def test_a_cycle_goes_through_its_states_in_order() -> None:
    seen = states(JOURNEYS["a start, a cycle, a full bin, its lid, its door"])
    order = [state for place, state in enumerate(seen) if not place or seen[place - 1] != state]
    assert order[:7] == [
        *(logic.BOOT, logic.RETRACTING, logic.BOOT, logic.IDLE),
        *(logic.ARMED, logic.COMPACTING, logic.RETRACTING),
    ]
    assert order[7:] == [logic.IDLE, logic.FULL, logic.DOOR_OPEN, logic.RETRACTING, logic.IDLE]


def with_cell(cell: Cell, to: int) -> Table:
    """The shipped step with one wrong cell."""

    def mutant(state: int, sample: int) -> tuple[int, int]:
        if (state, logic.event(sample)) == cell:
            return to, logic.permit(logic.DRIVE[to], sample)
        return logic.step(state, sample)

    return mutant


def killer(cell: Cell, to: int, golden: dict[str, list[int]]) -> str | None:
    """What notices a wrong cell, but for the page; None when nothing does."""
    table = with_cell(cell, to)
    for taken in steps()[1].get(cell, ()):
        again = step(taken.before, taken.environment, taken.current_ma, table)
        if broken(again) is not None:
            return "invariants"
    for name, environments in JOURNEYS.items():
        if states(environments, table) != golden[name]:
            return "journeys"
    return None


def drives_otherwise(cell: Cell, to: int) -> bool:
    """Whether a wrong cell changes what the press does, wherever it can be reached."""
    table = with_cell(cell, to)
    return any(
        field(step(taken.before, taken.environment, taken.current_ma, table).after, "driving")
        != field(taken.after, "driving")
        for taken in steps()[1].get(cell, ())
    )


def test_every_wrong_cell_is_noticed_and_what_only_the_page_notices_is_no_danger() -> None:
    golden = {name: states(environments) for name, environments in JOURNEYS.items()}
    by: dict[str | None, list[tuple[Cell, int]]] = defaultdict(list)
    for state in STATES:
        for event in EVENTS:
            for to in STATES:
                if to != logic.NEXT[state][event]:
                    by[killer((state, event), to, golden)].append(((state, event), to))
    print({name or "the page only": len(mutants) for name, mutants in by.items()})
    assert sum(len(mutants) for mutants in by.values()) == len(STATES) * len(EVENTS) * 10
    # What is left shows a wrong state in a cell without a drive, or cannot be reached.
    assert not [mutant for mutant in by[None] if drives_otherwise(*mutant)]


@pytest.mark.parametrize("bit", [1 << place for place in range(10)])
def test_each_guard_of_the_permit_is_missed_when_it_is_taken_away(
    bit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logic, "STILL", logic.STILL & ~bit)
    monkeypatch.setattr(logic, "NO_PRESSING", logic.NO_PRESSING & ~bit)
    removed = [
        drive
        for drive in (logic.RETRACT, logic.PRESS)
        if logic.permit(drive, bit | logic.KNOWN) != logic.OFF
    ]
    assert logic.PRESS in removed
