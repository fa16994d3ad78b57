"""A bollard: judges orders, hands them to its post, and tells what became of each.

This is a supervisor, not the safety function: emergency stop, presence and force limit must also
cut power in hardware.
"""

from firmware.logic import bollard
from firmware.nodes.bollard_orders import Order
from firmware.nodes.bollard_post import TURN_MS, Post
from firmware.services.commands import DONE, MAX_DURATION_S
from protocol.generated.wire import (
    GUARD_BAD_ARGUMENT,
    GUARD_DUTY_CYCLE,
    GUARD_NONE,
    GUARD_UNSUPPORTED,
    SEVERITY_ALARM,
    SEVERITY_WARNING,
    STATUS_ACCEPTED,
    STATUS_CANCELLED,
    STATUS_DONE,
    STATUS_IN_PROGRESS,
    STATUS_REJECTED,
)
from protocol.generated.wire_bollard import (
    EVENT_CODE_BYPASS,
    EVENT_CODE_MOTION_REFUSED,
    GUARD_GROUP,
    GUARD_LEASE,
    GUARD_MOTION_DISABLED,
    GUARD_SUPERSEDED,
    VERB_BYPASS,
    VERB_GRANT,
    VERB_HOLD,
    VERB_LOWER,
    VERB_RAISE,
    VERB_RESET,
)

MAX_BYPASS_S = 3600
MOTIONS = (VERB_RAISE, VERB_LOWER, VERB_HOLD, VERB_GRANT)


class BollardNode(Post):
    """One bollard.

    `outputs`: drive(direction), signals(bits). `inputs`: bits() of BOLLARD_INPUT_*, current_ma(),
    pressure_kpa(). `parameters` are those of parameters.bollard and parameters.common. `authority`,
    a services.authority.Authority, has judged who orders; without one the post does not move.
    `desk` takes what became of an order.
    """

    def __init__(self, outputs, inputs, outbox, parameters, authority=None, desk=None):
        self.authority = authority
        self.desk = desk
        super().__init__(outputs, inputs, outbox, parameters)

    def turn(self, now_ms, link_lost):  # noqa: ARG002 - the lease decides, not the link
        """Sample, step, drive, report; returns after how many ms to be called again."""
        sample = self._look(now_ms)
        self._act(sample, now_ms)
        self._settle_order(sample, now_ms)
        authority = self.authority
        if authority is not None:
            authority.turn(now_ms)
            if authority.nonce != self._nonce:
                self._nonce = authority.nonce
                self._unsaid = True
        self._keep_house(now_ms)
        return TURN_MS

    def command(self, verb, level_percent, duration_s, transaction, now_ms):  # noqa: ARG002 - the interface of a node
        """Take an order that `authority` has judged; returns (status, guard, progress)."""
        sample = self._look(now_ms)
        guard = self._judge(verb, duration_s, sample, now_ms)
        if guard:
            if guard != GUARD_UNSUPPORTED:
                self.refused(guard, transaction, now_ms)
            result = STATUS_REJECTED, guard, 0
        elif verb in MOTIONS:
            return self._move(verb, duration_s, transaction, sample, now_ms)
        else:
            if verb == VERB_RESET:
                sample = self._reset(sample)
            else:
                self._relax(duration_s, transaction, now_ms)
            result = DONE
        self._act(sample, now_ms)
        self._settle_order(sample, now_ms)
        return result

    def explain(self, verb, level_percent, duration_s, now_ms):  # noqa: ARG002 - the interface of a node
        """What `command` would answer now, rights aside; changes nothing."""
        guard = self._judge(verb, duration_s, self._sample, now_ms)
        return (STATUS_REJECTED, guard, 0) if guard else DONE

    def refused(self, guard, transaction, now_ms):
        """Count and tell an order that was refused."""
        self.meters.refusals += 1
        self.reporter.event(
            EVENT_CODE_MOTION_REFUSED, SEVERITY_WARNING, 1, guard, transaction, now_ms
        )

    def expect(self, duration_s, now_ms):
        """News of a neighbour's visitors is for lamps."""

    def _judge(self, verb, duration_s, sample, now_ms):
        """The guard that would refuse an order, GUARD_NONE for none."""
        if verb not in MOTIONS and verb not in (VERB_RESET, VERB_BYPASS):
            return GUARD_UNSUPPORTED
        if self.authority is None:
            return GUARD_MOTION_DISABLED
        state = self.state
        if verb == VERB_RESET:
            return bollard.reset_guard(sample)
        if verb == VERB_BYPASS:
            return GUARD_NONE if 1 <= duration_s <= MAX_BYPASS_S else GUARD_BAD_ARGUMENT
        if verb == VERB_LOWER:
            return bollard.lower_guard(state, sample)
        if verb == VERB_HOLD:
            if not 1 <= duration_s <= MAX_DURATION_S:
                return GUARD_BAD_ARGUMENT
            return bollard.lower_guard(state, sample)
        if verb == VERB_GRANT:
            return bollard.grant_guard(state, sample) or self._duty_guard()
        if state == bollard.UP:
            return bollard.lower_guard(state, sample)
        return self.raise_guard(sample, now_ms)

    def raise_guard(self, sample, now_ms):
        """What would refuse a raise, GUARD_NONE for nothing."""
        guard = self._group_or(bollard.raise_guard(self.state, sample), now_ms)
        if guard:
            return guard
        if self.authority is None:
            return GUARD_MOTION_DISABLED
        return self._duty_guard()

    def _group_or(self, guard, now_ms):
        """GUARD_GROUP for GUARD_LEASE when the gateway is there, and withholds its permission."""
        if guard == GUARD_LEASE and self._is_fresh(self._heard_ms, now_ms):
            return GUARD_GROUP
        return guard

    def _duty_guard(self):
        if self.duty.exhausted() and not self._bypass:
            return GUARD_DUTY_CYCLE
        return GUARD_NONE

    def _move(self, verb, duration_s, transaction, sample, now_ms):
        """Begin a motion that nothing refuses; it takes the place of the one before."""
        before = self.order
        if before is not None:
            self.order = None
            self._finish(before, STATUS_CANCELLED, GUARD_SUPERSEDED, now_ms)
        if verb == VERB_RAISE:
            bit = bollard.RAISE
        elif verb == VERB_LOWER:
            bit = bollard.LOWER
        elif verb == VERB_HOLD:
            bit = bollard.HOLD
            self.times.hold_ms = duration_s * 1000
        else:
            bit = bollard.GRANT
        operator, second = self.authority.signed_by  # pyright: ignore[reportOptionalMemberAccess] - _judge refuses without one
        order = Order(verb, transaction, operator, second)
        self.order = self.behind = order
        self._closes = False
        self._act(sample | bit, now_ms)
        self._settle_order(sample, now_ms)
        status, guard = order.outcome(self.state, sample)
        return status, guard, self._progress(status)

    def _reset(self, sample):
        self._latched = 0
        if self.state in (bollard.FAULT, bollard.EMERGENCY_DOWN):
            return sample | bollard.RESET
        return sample

    def _relax(self, duration_s, transaction, now_ms):
        self._bypass = True
        self._bypass_until_ms = now_ms + duration_s * 1000
        self.reporter.event(EVENT_CODE_BYPASS, SEVERITY_ALARM, 1, duration_s, transaction, now_ms)

    def _settle_order(self, sample, now_ms):
        """Tell what became of the order, once it is settled."""
        order = self.order
        if order is None:
            return
        guard = self._group_or(bollard.blocked_by(sample), now_ms)
        order.blocked_by = guard or order.blocked_by
        status, guard = order.outcome(self.state, sample)
        if status not in (STATUS_ACCEPTED, STATUS_IN_PROGRESS):
            self.order = None
            self._finish(order, status, guard, now_ms)

    def _finish(self, order, status, guard, now_ms):
        progress = self._progress(status)
        self.desk.finish(order.transaction, status, guard, progress, now_ms)  # pyright: ignore[reportOptionalMemberAccess] - the desk made itself known

    def _progress(self, status):
        """How far an order is, in percent: DONE is 100."""
        if status == STATUS_DONE:
            return 100
        return 0 if status != STATUS_IN_PROGRESS else 50
