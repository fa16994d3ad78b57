"""Everything that a post can come to: the shipped logic and clocks under every input.

Time is real but coarse: the clocks run as shipped, with limits of a few steps. Beside the post's
own state a world holds what an observer remembers, so that rules about time can be judged in one
step. No rule reads the table: they are the invariants of the street's bollard, over inputs, signals
and drives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from firmware.logic import bollard as logic
from firmware.nodes.bollard_times import Times

STEP_MS = 10
WARNING_STEPS = 2
DEAD_STEPS = 2
TRAVEL_STEPS = 3
HOLD_STEPS = 7
PARAMETERS: dict[str, Any] = {
    "settle_ms": STEP_MS,
    "warning_ms": WARNING_STEPS * STEP_MS,
    "travel_ms": TRAVEL_STEPS * STEP_MS,
    "dead_time_ms": DEAD_STEPS * STEP_MS,
    "inrush_ms": STEP_MS,
    "clear_ms": STEP_MS,
    "raise_wait_s": 7 * STEP_MS / 1000,
    "grant_wait_s": 3 * STEP_MS / 1000,
    "passage_wait_s": 3 * STEP_MS / 1000,
    "unproven_wait_s": 2 * STEP_MS / 1000,
    "key_hold_s": HOLD_STEPS * STEP_MS / 1000,
    "inversions_most": 2,
    "power_fail_lower": 1,
}
HOLD_MS = 2 * STEP_MS
# The clocks that steer; `_entered` and `_before` only tell a second vehicle.
CLOCK_NAMES = (
    *("goal", "inversions", "driven_ms", "_settled_ms", "_warned_ms", "_cleared_ms", "seen"),
    *("_since_up_ms", "_since_down_ms", "_waited_ms", "_patience_ms", "_drive"),
    *("_held_ms", "_stale_key"),
)
COMMANDS = (0, logic.RESET, logic.HOLD, logic.LOWER, logic.GRANT, logic.RAISE)


class Ghost(NamedTuple):
    """What an observer remembers.

    `warned`: steps that warning light and clear lane have lasted; `credit`: a command to rise is
    open; `caused`: something since boot or reset asked for a motion; `lowered`: the last order was
    to lower or hold; `last` direction and `rested` steps since it was driven; `driven`: steps that
    the drive has been on; `before`: inputs of the step before; `held`: steps that the key to raise
    has been held; `fresh`: it was let go since the last boot, reset and way down.
    """

    warned: int = 0
    credit: bool = False
    caused: bool = False
    lowered: bool = False
    last: int = logic.OFF
    rested: int = 0
    driven: int = 0
    before: int = 0
    held: int = 0
    fresh: bool = False


class World(NamedTuple):
    """A post in a state, with its clocks and its observer."""

    state: int
    drive: int
    clocks: tuple[Any, ...]
    ghost: Ghost


class Broken(AssertionError):
    """An invariant does not hold."""


def inputs() -> list[int]:
    """The samples of the street: every presence at every end, with each order of a hand."""
    presences = (0, logic.LOOP_A, logic.LOOPS, logic.LOOP_FAULT, logic.OBSTACLE)
    ends = (0, logic.AT_TOP, logic.AT_BOTTOM)
    leases = (0, logic.LEASE)
    found = [p | e | lease for p in presences for e in ends for lease in leases]
    rare = (
        logic.EMERGENCY,
        logic.EMERGENCY_LOWER,
        logic.POWER_LOST,
        logic.LOCAL_KEY,
        logic.LOCAL_LOWER,
        logic.KEYS,
        logic.OVERLOAD,
        logic.BOTH_ENDS,
    )
    for bit in rare:
        for presence in (0, logic.LOOP_A):
            found += [bit | presence | end | logic.LEASE for end in ends]
    found += [logic.LOCAL_KEY | end for end in ends]
    return sorted(set(found))


def begin(times: Times) -> World:
    """Out of a boot."""
    return World(logic.BOOT, logic.OFF, pack(times), Ghost())


def pack(times: Times) -> tuple[Any, ...]:
    """What the clocks say, without what no later step can tell apart."""
    state = vars(times)
    if times._patience_ms >= 0:
        state["_waited_ms"] = min(state["_waited_ms"], times._patience_ms)
    else:
        state["_waited_ms"] = 0
    return tuple([state[name] for name in CLOCK_NAMES])


def unpack(times: Times, clocks: tuple[Any, ...]) -> None:
    """Set the clocks to what they said."""
    state = vars(times)
    for name, value in zip(CLOCK_NAMES, clocks, strict=True):
        state[name] = value


def allowed(command: int, state: int, sample: int) -> bool:
    """Whether the shipped guards let that command through."""
    if command == logic.RAISE:
        return state != logic.UP and not logic.raise_guard(state, sample)
    if command == logic.GRANT:
        return not logic.grant_guard(state, sample)
    if command == logic.RESET:
        stuck = (logic.FAULT, logic.EMERGENCY_DOWN)
        return state in stuck and not logic.reset_guard(sample)
    return not command or not logic.lower_guard(state, sample)


def follow(times: Times, world: World, given: list[int]) -> Iterator[tuple[int, World]]:
    """(event, world after it) for each input and each command that the guards let through."""
    for raw in given:
        unpack(times, world.clocks)
        sample = times.bits(world.state, raw, STEP_MS)
        looked = vars(times).copy()
        for command in COMMANDS:
            if not allowed(command, world.state, sample):
                continue
            vars(times).update(looked)
            asked = sample | command
            event = logic.event(asked)
            state, drive = logic.step(world.state, asked)
            times.hold_ms = HOLD_MS
            times.note(world.state, state, event, drive)
            ghost = judge(world, state, drive, asked, raw)
            yield event, World(state, drive, pack(times), ghost)


def judge(world: World, state: int, drive: int, sample: int, raw: int) -> Ghost:
    """The observer's memory after a step; Broken when an invariant does not hold in it.

    `raw` is what the post senses, before its clocks have judged the keys.
    """
    ghost = world.ghost
    up = drive == logic.DRIVE_UP
    _judge_sample(world, state, drive, sample)
    warned = _warned(world, sample)
    if up and warned < WARNING_STEPS:
        raise Broken(f"6: rises after {warned} steps of warning")
    if drive not in (logic.OFF, logic.DRIVE_UP, logic.DRIVE_DOWN):
        raise Broken(f"11: drives {drive}")
    rested = ghost.rested + 1
    if drive and ghost.last and drive != ghost.last and rested <= DEAD_STEPS:
        raise Broken(f"11: turns round after {rested} steps")
    local = bool(sample & logic.LOCAL_KEY)
    credit = (ghost.credit or bool(sample & (logic.RAISE | logic.GRANT))) and state not in (
        logic.UP,
        logic.DOWN,
        logic.LOCKED_DOWN,
        logic.FAULT,
        logic.STOPPED,
        logic.MANUAL,
    )
    if up and not local and not credit:
        raise Broken("7: rises without a command of its own")
    caused = ghost.caused or _asks(ghost.before, sample)
    if sample & logic.RESET:
        caused = False
    if drive and not caused:
        raise Broken("8: drives although nothing since boot or reset asked for it")
    ordered_down = bool(sample & (logic.LOWER | logic.HOLD))
    lowered = ghost.lowered and not sample & (logic.RAISE | logic.GRANT | logic.KEYS)
    if up and (lowered or ordered_down):
        raise Broken("12: rises after an order to lower")
    held, fresh = _key(ghost, drive, sample, raw)
    if up and not sample & logic.LEASE and (held > HOLD_STEPS or not fresh):
        raise Broken(f"5: rises on a key that was held for {held} steps, fresh: {fresh}")
    driven = ghost.driven + 1 if drive and drive == world.drive else 0
    if driven > TRAVEL_STEPS:
        raise Broken("9: drives for longer than a travel takes")
    known = logic.OFF if drive == logic.OFF and rested > DEAD_STEPS else ghost.last
    return Ghost(
        warned,
        credit,
        caused,
        lowered or ordered_down,
        drive or known,
        0 if drive or not known else rested,
        driven,
        sample & (logic.KEYS | logic.EMERGENCY_LOWER | logic.POWER_LOST),
        held,
        fresh,
    )


def _key(ghost: Ghost, drive: int, sample: int, raw: int) -> tuple[int, bool]:
    """(steps that the key to raise has been held, whether it was pressed where it counts)."""
    if not raw & logic.LOCAL_KEY:
        return 0, True
    spoiled = sample & logic.RESET or drive == logic.DRIVE_DOWN
    return min(ghost.held + 1, HOLD_STEPS + 1), ghost.fresh and not spoiled


def _judge_sample(world: World, state: int, drive: int, sample: int) -> None:
    """What holds in every single step: invariants 1 to 5, 10 and 16, and the signals."""
    if drive == logic.DRIVE_UP:
        if sample & logic.OCCUPIED:
            raise Broken("1: rises while occupied")
        if not sample & (logic.LEASE | logic.LOCAL_KEY):
            raise Broken("5: rises without permission")
        if sample & (logic.AT_TOP | logic.POWER_LOST | logic.EMERGENCY_LOWER):
            raise Broken("1: rises where it must not")
    if drive == logic.DRIVE_DOWN and sample & logic.AT_BOTTOM:
        raise Broken("9: drives against the lower end")
    ends = sample & logic.BOTH_ENDS
    if drive and (not sample & logic.SETTLED or sample & logic.OVERLOAD):
        raise Broken("4: drives without inputs to believe")
    if sample & logic.SETTLED and (sample & logic.EMERGENCY or ends == logic.BOTH_ENDS):
        if drive or state != logic.FAULT:
            raise Broken("3: an emergency stop or implausible ends do not lock")
    elif (
        sample & logic.EMERGENCY_LOWER
        and sample & logic.SETTLED
        and state not in (logic.EMERGENCY_DOWN, logic.FAULT)
    ):
        raise Broken("3: an emergency lowering is not obeyed")
    _judge_states(world, state, drive, sample)


def _judge_states(world: World, state: int, drive: int, sample: int) -> None:
    before = world.state
    if before in (logic.FAULT, logic.EMERGENCY_DOWN) and state not in (before, logic.FAULT):
        cause = logic.EMERGENCY | logic.EMERGENCY_LOWER
        if not sample & logic.RESET or sample & cause or drive:
            raise Broken("10: a lock is left without a reset, or with its cause, or moving")
    if world.drive == logic.DRIVE_UP and sample & logic.OCCUPIED and sample & logic.SETTLED:
        turned = (logic.INVERTING, logic.LOWERING, logic.EMERGENCY_DOWN, logic.POWER_FAIL)
        reached = sample & logic.AT_BOTTOM and state in (logic.DOWN, logic.LOCKED_DOWN)
        if state not in (*turned, logic.FAULT) and not reached:
            raise Broken("2: presence while rising does not turn it round")
    shown = logic.signals(state, sample)
    if bool(shown & logic.RED) == bool(shown & logic.GREEN):
        raise Broken("0: red and green are not opposites")
    if shown & logic.GREEN and (not sample & logic.AT_BOTTOM or drive):
        raise Broken("0: green while it is not down")


def _warned(world: World, sample: int) -> int:
    """Steps of uninterrupted warning up to this sample."""
    lit = logic.signals(world.state, 0) & logic.WARNING
    permitted = sample & logic.LEASE or sample & logic.LOCAL_KEY
    if not lit or sample & logic.OCCUPIED or not permitted:
        return -1
    return min(world.ghost.warned + 1, WARNING_STEPS)


def _asks(before: int, sample: int) -> bool:
    """Whether somebody or something asks for a motion that did not ask a step ago."""
    if not sample & logic.SETTLED:
        return False
    asking = logic.KEYS | logic.EMERGENCY_LOWER | logic.POWER_LOST
    commands = logic.RAISE | logic.LOWER | logic.HOLD | logic.GRANT
    return bool(sample & commands or sample & asking & ~before)
