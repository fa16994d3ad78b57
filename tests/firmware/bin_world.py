"""Every way that the shipped table and press of a bin can go, with time in steps of the timers.

A world is the state of the bin and what its press remembers; an environment is what it senses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from firmware.logic import bin as logic
from firmware.nodes import bin_press
from firmware.nodes.bin_press import Press

STEP_MS = 500
PARAMETERS = {
    "press": 1,
    "press_limit_ma": 12000,
    "press_ms": 2000,
    "dwell_ms": 500,
    "retract_ms": 2000,
    "retries": 1,
    "compact_per_hour": 3600,
    "compact_pause_s": 0,
}
HAZARDS = (
    0,
    logic.BURNING,
    logic.DOOR,
    logic.IN_SERVICE,
    logic.LID,
    logic.TILTED,
    logic.UNSETTLED,
    logic.BLIND,
    logic.LOW,
)
WANTS = (
    0,
    logic.KNOWN,
    logic.KNOWN | logic.HEAPED,
    logic.KNOWN | logic.DUE,
    logic.KNOWN | logic.DUE | logic.READY,
)
CURRENTS = (0, 5000, 16000)
ENVIRONMENTS = tuple(hazard | want for hazard in HAZARDS for want in WANTS)
COUNTERS = ("cycles", "jams", "_since_ms", "_credit_ms")


class World(NamedTuple):
    """A state and the memory of the press, without its counters."""

    state: int
    memory: tuple[Any, ...]


class Step(NamedTuple):
    """One step from `before`: what was sensed, and what came of it."""

    before: World
    environment: int
    current_ma: int
    sample: int
    after: World
    jammed_now: bool


FIELDS = tuple(sorted(set(vars(Press(PARAMETERS))) - set(COUNTERS)))
STATE_FIELDS = tuple(name for name in FIELDS if name != "_fitted")


def field(world: World, name: str) -> Any:
    """What the press of a world remembers under a name."""
    return world.memory[STATE_FIELDS.index(name)]


def remember(press: Press) -> tuple[Any, ...]:
    """The memory of a press, bounded: ages past every limit are all the same."""
    return tuple(getattr(press, name) for name in STATE_FIELDS)


def start() -> World:
    """The world after power-on."""
    return World(logic.BOOT, remember(Press(PARAMETERS)))


def step(
    world: World,
    environment: int,
    current_ma: int,
    table: Callable[[int, int], tuple[int, int]] = logic.step,
) -> Step:
    """One step of STEP_MS, in the order of nodes.bin."""
    press = Press(PARAMETERS)
    for name, value in zip(STATE_FIELDS, world.memory, strict=True):
        setattr(press, name, value)
    press.watch(STEP_MS, current_ma if press.driving != logic.OFF else 0)
    sample = environment | press.bits(world.state)
    state, drive = table(world.state, sample)
    if state != world.state:
        press.follow(world.state, state)
    press.drive(drive)
    after = World(state, remember(press))
    return Step(world, environment, current_ma, sample, after, press.jams > 0)


def explore(
    table: Callable[[int, int], tuple[int, int]] = logic.step,
) -> Iterator[Step]:
    """Every step from every world that can be reached."""
    seen = {start()}
    edge = [start()]
    while edge:
        world = edge.pop()
        driven = field(world, "driving") != logic.OFF
        for environment in ENVIRONMENTS:
            for current_ma in CURRENTS if driven else CURRENTS[:1]:
                taken = step(world, environment, current_ma, table)
                yield taken
                if taken.after not in seen:
                    seen.add(taken.after)
                    edge.append(taken.after)


def broken(taken: Step) -> str | None:
    """The invariant that a step breaks, or None."""
    for what, holds in INVARIANTS.items():
        if not holds(taken):
            return what
    return None


def _drive(world: World) -> int:
    return field(world, "driving")


def _starts(taken: Step) -> bool:
    return _drive(taken.after) not in (_drive(taken.before), logic.OFF)


def _seen(taken: Step, bit: int, above: int, *states: int) -> bool:
    """Whether a bit that nothing more urgent covers ends in one of the states."""
    return not taken.sample & bit or bool(taken.sample & above) or taken.after.state in states


SHOWN = {
    logic.FIRE: logic.BURNING,
    logic.DOOR_OPEN: logic.DOOR,
    logic.SERVICE: logic.IN_SERVICE,
    logic.JAM: logic.JAMMED,
    logic.FILLING: logic.LID,
    logic.ARMED: logic.DUE | logic.READY,
}
INVARIANTS: dict[str, Callable[[Step], bool]] = {
    "presses only with everything closed, upright, cool, seeing, and charged": lambda t: (
        _drive(t.after) != logic.PRESS or not t.sample & (logic.NO_PRESSING | logic.HELD)
    ),
    "moves only with everything closed, upright and cool": lambda t: (
        _drive(t.after) == logic.OFF or not t.sample & logic.STILL
    ),
    "presses in a stroke only": lambda t: (
        _drive(t.after) != logic.PRESS or t.after.state == logic.COMPACTING
    ),
    "returns in its state only": lambda t: (
        _drive(t.after) != logic.RETRACT or t.after.state == logic.RETRACTING
    ),
    "changes direction through off": lambda t: not _starts(t) or _drive(t.before) == logic.OFF,
    "starts after a rest only": lambda t: (
        not _starts(t) or field(t.before, "_off_ms") + STEP_MS >= bin_press.REST_MS
    ),
    "drives for no longer than its limit": lambda t: (
        field(t.after, "_on_ms") <= max(PARAMETERS["press_ms"], PARAMETERS["retract_ms"])
    ),
    "knows that the plate is out": lambda t: (
        _drive(t.before) != logic.PRESS or field(t.after, "out")
    ),
    "is armed before it presses": lambda t: (
        t.after.state != logic.COMPACTING or t.before.state in (logic.ARMED, logic.COMPACTING)
    ),
    "tells of a fire": lambda t: _seen(t, logic.BURNING, 0, logic.FIRE),
    "tells of its door": lambda t: _seen(t, logic.DOOR, logic.BURNING, logic.DOOR_OPEN),
    "tells that it is serviced": lambda t: _seen(
        t, logic.IN_SERVICE, logic.BURNING | logic.DOOR, logic.SERVICE
    ),
    "tells of a jam": lambda t: _seen(
        t, logic.JAMMED, logic.BURNING | logic.DOOR | logic.IN_SERVICE, logic.JAM
    ),
    "tries no more often than it may": lambda t: (
        field(t.after, "_tries") <= PARAMETERS["retries"] or field(t.after, "jammed")
    ),
    "forgets a jam only when somebody has looked": lambda t: (
        field(t.after, "jammed")
        or not field(t.before, "jammed")
        or t.after.state in (logic.DOOR_OPEN, logic.SERVICE)
    ),
    "is in no state of motion when it may not move": lambda t: (
        not t.sample & (logic.LID | logic.TILTED | logic.JAMMED)
        or t.after.state not in (logic.ARMED, logic.COMPACTING, logic.RETRACTING)
    ),
    "returns only from where it may be out": lambda t: (
        not _starts(t) or _drive(t.after) != logic.RETRACT or field(t.after, "away")
    ),
    "shows what it senses": lambda t: (
        t.after.state not in SHOWN or bool(t.sample & SHOWN[t.after.state])
    ),
    "presses only while it is ready": lambda t: (
        t.after.state != logic.COMPACTING or bool(t.sample & logic.READY)
    ),
    "is on its way back only from where it may be out": lambda t: (
        t.after.state != logic.RETRACTING
        or bool(t.sample & logic.RETURN)
        or t.before.state == logic.COMPACTING
    ),
    "shows an open lid": lambda t: _seen(
        t,
        logic.LID,
        logic.BURNING | logic.DOOR | logic.IN_SERVICE | logic.JAMMED,
        logic.FILLING,
        logic.FULL,
    ),
    "shows a full bin": lambda t: _seen(
        t, logic.HEAPED, ~(logic.HEAPED | logic.KNOWN | logic.HELD), logic.FULL, logic.RETRACTING
    ),
    "knows what it has known": lambda t: (
        t.after.state != logic.BOOT or not t.sample & logic.KNOWN or t.before.state == logic.BOOT
    ),
    "is full only at the mark": lambda t: (
        t.after.state != logic.FULL or bool(t.sample & logic.HEAPED) or t.before.state == logic.FULL
    ),
}
"""What holds in every step."""
