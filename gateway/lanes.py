"""Posts of one lane: none goes up while another is not clear. Pure; times are monotonic ms.

The gateway can only withhold its permission: each poll of a post carries it or does not, and the
post's own controller stops an upward drive that has had none for half a second.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.controller import Controller
from protocol.generated import messages as m

FRESH_MS = 500
"""So old may be what is known of another post; without anything newer it is not clear."""
FORGOTTEN_MS = 5_000
"""A post that moved when it was heard last hurries its lane for so long."""
SILENT = "does not answer"

_LOOPS = m.BollardInput.LOOP_A | m.BollardInput.LOOP_B
_UNSAFE = (
    _LOOPS
    | m.BollardInput.LOOP_FAULT
    | m.BollardInput.OBSTACLE
    | m.BollardInput.EMERGENCY
    | m.BollardInput.EMERGENCY_LOWER
    | m.BollardInput.POWER_LOST
)
_OUT_OF_ORDER = frozenset(
    {
        m.BollardState.BOOT,
        m.BollardState.INVERTING,
        m.BollardState.EMERGENCY_DOWN,
        m.BollardState.POWER_FAIL,
        m.BollardState.MANUAL,
        m.BollardState.FAULT,
    }
)
_CANNOT_RISE = frozenset(
    {
        m.Guard.OCCUPIED,
        m.Guard.OBSTACLE,
        m.Guard.EMERGENCY,
        m.Guard.FAULT,
        m.Guard.DOOR_OPEN,
        m.Guard.DUTY_CYCLE,
        m.Guard.LOCKED,
        m.Guard.SENSOR_INVALID,
        m.Guard.MOTION_DISABLED,
        m.Guard.POWER,
        m.Guard.INVERSIONS,
        m.Guard.LOCAL,
        m.Guard.OVERLOAD,
    }
)
"""Guards that keep a post from beginning to rise. `lease`, `group` and `position` come and go with
the others' own motion, so they keep nobody back."""
_BUSY = frozenset(
    {
        m.BollardState.PREWARN,
        m.BollardState.RISING,
        m.BollardState.GRANTED,
        m.BollardState.PASSING,
        m.BollardState.LOWERING,
        m.BollardState.INVERTING,
    }
)


class Blocker(NamedTuple):
    """Why a post may not go up: the other post of its lane, and what it has."""

    slot: str
    why: str


def permits(controller: Controller, now_ms: int) -> bool:
    """Whether an upward drive of this post may go on, as far as the others of its lane tell."""
    return all(_not_clear(mate, now_ms) is None for mate in controller.mates)


def blocker(controller: Controller, now_ms: int, *, for_passage: bool = False) -> Blocker | None:
    """The first other post of its lane that keeps this one from beginning to rise.

    `for_passage`: it is to let somebody pass first, who may stand on the loops already.
    """
    cannot = _CANNOT_RISE - {m.Guard.OCCUPIED} if for_passage else _CANNOT_RISE
    for mate in controller.mates:
        why = _not_clear(mate, now_ms, _UNSAFE & ~_LOOPS if for_passage else _UNSAFE)
        if why is None and mate.status is not None and mate.status.raise_guard in cannot:
            why = f"would refuse: {mate.status.raise_guard.name.lower()}"
        if why is not None:
            return Blocker(mate.slot, why)
    return None


def is_hurried(controller: Controller, now_ms: int) -> bool:
    """Whether this post, or another of its lane, moves or is about to: it is asked first then."""
    return controller.kind == "bollard" and any(
        _is_busy(one, now_ms) for one in (controller, *controller.mates)
    )


def _is_busy(post: Controller, now_ms: int) -> bool:
    if now_ms < post.hurry_until_ms or post.is_carrying_out:
        return True
    if post.status is None or post.known_ms is None or now_ms - post.known_ms > FORGOTTEN_MS:
        return False
    return post.status.state in _BUSY


def _not_clear(post: Controller, now_ms: int, judged: m.BollardInput = _UNSAFE) -> str | None:
    known_ms = post.known_ms
    if post.status is None or known_ms is None or now_ms - known_ms > FRESH_MS:
        return SILENT
    unsafe = post.status.inputs & judged
    if unsafe:
        names = [one.name.lower() for one in m.BollardInput if one & unsafe and one.name]
        return f"senses {' and '.join(names)}"
    if post.status.state in _OUT_OF_ORDER:
        return f"is in {post.status.state.name.lower()}"
    return None
