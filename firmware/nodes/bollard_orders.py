"""What became of an order to move: which states it goes through, and what ended it."""

from firmware.logic import bollard
from protocol.generated.wire import (
    GUARD_FAULT,
    GUARD_NONE,
    STATUS_ACCEPTED,
    STATUS_CANCELLED,
    STATUS_DONE,
    STATUS_FAILED,
    STATUS_IN_PROGRESS,
)
from protocol.generated.wire_bollard import (
    GUARD_EMERGENCY,
    GUARD_INVERSIONS,
    GUARD_LOCAL,
    GUARD_NO_PASSAGE,
    GUARD_OCCUPIED,
    GUARD_OVERLOAD,
    GUARD_POSITION,
    GUARD_POWER,
    VERB_GRANT,
    VERB_HOLD,
    VERB_LOWER,
    VERB_RAISE,
)

RISES = (bollard.PREWARN, bollard.RISING, bollard.INVERTING)


def goal_of(verb):
    """The state in which an order is done; -1 for a verb that moves nothing."""
    if verb in (VERB_RAISE, VERB_GRANT):
        return bollard.UP
    if verb == VERB_LOWER:
        return bollard.DOWN
    return bollard.LOCKED_DOWN if verb == VERB_HOLD else -1


def is_under_way(verb, state):
    """Whether that state leads to what was ordered."""
    if state == bollard.LOWERING:
        return verb != VERB_RAISE
    if verb == VERB_GRANT and state in (bollard.GRANTED, bollard.PASSING):
        return True
    return verb in (VERB_RAISE, VERB_GRANT) and state in RISES


def ended_by(state, sample, blocked_by):
    """(status, guard) of an order that ended in a state it was not given for.

    `blocked_by` is the last guard that kept the post from rising, GUARD_NONE when there was none.
    """
    if state == bollard.MANUAL:
        return STATUS_CANCELLED, GUARD_LOCAL
    if sample & bollard.EMERGENCY or state == bollard.EMERGENCY_DOWN:
        guard = GUARD_EMERGENCY
    elif state == bollard.FAULT:
        guard = GUARD_OVERLOAD if sample & bollard.OVERLOAD else GUARD_FAULT
    elif state == bollard.POWER_FAIL:
        guard = GUARD_POWER
    elif state == bollard.LOCKED_DOWN:
        guard = GUARD_INVERSIONS
    elif state in (bollard.DOWN, bollard.LOWERING):
        guard = blocked_by or GUARD_OCCUPIED
    else:
        guard = GUARD_POSITION
    return STATUS_FAILED, guard


class Order:
    """A motion that somebody ordered, from its acceptance on."""

    def __init__(self, verb, transaction, operator, second):
        self.verb = verb
        self.transaction = transaction
        self.operator = operator
        self.second = second
        self.blocked_by = GUARD_NONE
        self.unused = False

    def outcome(self, state, sample):
        """(status, guard) in that state; in progress while it leads to what was ordered."""
        if state == goal_of(self.verb):
            if self.unused:
                return STATUS_FAILED, GUARD_NO_PASSAGE
            return STATUS_DONE, GUARD_NONE
        if is_under_way(self.verb, state):
            status = STATUS_ACCEPTED if state == bollard.PREWARN else STATUS_IN_PROGRESS
            return status, GUARD_NONE
        return ended_by(state, sample, self.blocked_by)
