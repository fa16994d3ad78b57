"""The invariants hold in everything that a post can come to; the logic that ships is explored.

Time is abstracted to the clocks' own steps (see bollard_world), inputs to every combination that
the logic tells apart. The number of worlds is printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from firmware.logic import bollard as logic
from firmware.nodes.bollard_times import Times
from tests.dual.bollard_vectors import LETTERS
from tests.firmware import bollard_world, render_bollard
from tests.firmware.bollard_world import PARAMETERS, STEP_MS, World

# What cannot come about in a state, and so is not judged by the exploration; one reason a line.
NEVER = {
    "inputs are settled once, at boot": {
        "UNSETTLED": "DN PW RI UP LO IN LK EM MA PF FA GR PA ST",
    },
    "nothing is driven in these states, so no drive can run on or take too much": {
        "OVERRUN": "DN PW UP LK FA BO GR PA ST",
        "OVERLOAD": "DN PW UP LK FA BO GR PA ST",
    },
    "an overload while rising is TRAPPED, as the drive was on a moment ago": {
        "OVERLOAD": "RI",
    },
    "a rise ends long before the post can be in these states": {
        "TRAPPED": "LK BO GR PA",
    },
    "a reset is an event in FAULT and EMERGENCY_DOWN only": {
        "RESET": "DN PW RI UP LO IN LK MA PF BO GR PA ST",
    },
    "a key that is held on the way down does not count yet": {
        "KEYS": "LO IN",
    },
    "the guards refuse orders in these states": {
        "HOLD": "EM MA PF FA BO",
        "LOWER": "EM MA PF FA BO",
        "GRANT": "LO IN LK EM MA PF FA BO PA",
        "RAISE": "PW RI UP LO IN EM MA PF FA BO PA",
    },
    "these states have no patience that ends": {
        "TIME_OVER": "DN RI UP LO IN EM MA PF FA BO ST",
    },
    "there is a passage in GRANTED and PASSING only": {
        "PASSAGE": "DN PW RI UP LO IN LK EM MA PF FA BO ST",
    },
    "there is a warning in PREWARN, RISING and MANUAL only, and in MANUAL the key is held": {
        "WARNED": "DN UP LO IN LK EM MA PF FA BO GR PA ST",
    },
    "another state, or nothing, was meant to follow": {
        "BOTTOM_GRANT": "DN PW RI UP IN LK EM MA PF FA BO ST",
        "BOTTOM_LOCK": "DN PW RI UP EM MA PF FA BO GR PA ST",
        "BOTTOM_RAISE": "DN UP LO LK EM MA PF FA BO GR PA ST",
        "BOTTOM": "PW RI GR PA",
    },
}


def never() -> set[tuple[int, int]]:
    """(state, event) of NEVER."""
    letters = [str(letters) for letters in LETTERS.split()]
    names = list(render_bollard.EVENTS)
    return {
        (letters.index(state), names.index(event))
        for events in NEVER.values()
        for event, states in events.items()
        for state in states.split()
    }


@cache
def explore() -> tuple[dict[World, World | None], set[tuple[int, int]], int]:
    """Every world, with one that it follows; the (state, event) pairs met; the steps taken."""
    times = Times(PARAMETERS)
    first = bollard_world.begin(times)
    known: dict[World, World | None] = {first: None}
    pairs: set[tuple[int, int]] = set()
    given = bollard_world.inputs()
    steps = 0
    waiting = [first]
    while waiting:
        world = waiting.pop()
        try:
            for event, after in bollard_world.follow(times, world, given):
                steps += 1
                pairs.add((world.state, event))
                if after not in known:
                    known[after] = world
                    waiting.append(after)
        except bollard_world.Broken as broken:
            path = "\n".join(str(step) for step in way_to(known, world))
            raise AssertionError(f"{broken}\n{path}") from broken
    return known, pairs, steps


def way_to(known: dict[World, World | None], world: World | None) -> Iterator[World]:
    """The worlds that lead to one, the last first."""
    while world is not None:
        yield world
        world = known[world]


@pytest.mark.timeout(300)
def test_the_invariants_hold_in_every_world(capsys: pytest.CaptureFixture[str]) -> None:
    known, pairs, steps = explore()
    with capsys.disabled():
        print(f"\nbollard: {len(known)} worlds, {steps} steps, {len(pairs)} of 345 cells met")
    assert len(known) > 5000
    assert {world.state for world in known} == set(range(15))


@pytest.mark.timeout(300)
def test_what_is_said_never_to_come_about_does_not_and_everything_else_does() -> None:
    _, pairs, _ = explore()
    everything = {(state, event) for state in range(15) for event in range(23)}
    letters, names = LETTERS.split(), list(render_bollard.EVENTS)
    unlike = (everything - pairs) ^ never()
    assert not {(letters[state], names[event]) for state, event in unlike}


@pytest.mark.timeout(300)
def test_an_accepted_lower_reaches_the_bottom_within_the_travel_limit() -> None:
    """Invariant 17: from every world, with no fault, when the post sinks as fast as it must."""
    known, _, _ = explore()
    times = Times(PARAMETERS)
    tried = set[tuple[int, tuple[object, ...]]]()
    for world in known:
        if (world.state, world.clocks) not in tried:
            tried.add((world.state, world.clocks))
            _lower(times, world)
    assert len(tried) > 1000


def _lower(times: Times, world: World) -> None:
    """Order to lower and follow it; the lower end comes after the longest travel there may be."""
    bollard_world.unpack(times, world.clocks)
    state, command = world.state, logic.LOWER
    lowered = world.ghost.driven if world.drive == logic.DRIVE_DOWN else 0
    if world.ghost.driven >= bollard_world.TRAVEL_STEPS:
        return  # it should have arrived by now: a fault, see invariant 9
    most = bollard_world.TRAVEL_STEPS + bollard_world.DEAD_STEPS + 3
    for _ in range(most):
        travelled = lowered >= bollard_world.TRAVEL_STEPS - 1
        end = logic.AT_BOTTOM if travelled or state == logic.DOWN else 0
        sample = times.bits(state, end, STEP_MS)
        if command and not bollard_world.allowed(command, state, sample):
            return
        event = logic.event(sample | command)
        after, drive = logic.step(state, sample | command)
        times.note(state, after, event, drive)
        state, command = after, 0
        lowered += drive == logic.DRIVE_DOWN
        if state == logic.DOWN and end:
            return
    raise AssertionError(f"17: in state {state} after {most} steps, from {world}")


def test_the_page_is_what_the_logic_says() -> None:
    assert render_bollard.PAGE.read_text(encoding="utf-8") == render_bollard.render()
