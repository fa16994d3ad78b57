"""A post that senses and tells, and does not move: every motion command is refused.

Sample, step, permit, drive, report; behaviour is in logic.bollard. This is a supervisor, not the
safety function: emergency stop, presence and force limit must also cut power in hardware.
"""

from firmware.logic import bollard, filters
from firmware.services.commands import UNSUPPORTED
from protocol.generated.wire import (
    EVENT_CODE_SENSOR_FAULT,
    EVENT_CODE_STATE_CHANGE,
    SEVERITY_ALARM,
    SEVERITY_INFO,
    SEVERITY_WARNING,
    STATUS_REJECTED,
)
from protocol.generated.wire_bollard import (
    BOLLARD_FAULT_IMPLAUSIBLE_ENDS,
    BOLLARD_FAULT_LOOP_FAULT,
    BOLLARD_STATUS_SIZE,
    EVENT_CODE_MOTION_REFUSED,
    EVENT_CODE_TAMPER,
    GUARD_MOTION_DISABLED,
    RECORD_BOLLARD_STATUS,
    VERB_GRANT,
    VERB_HOLD,
    VERB_LOWER,
    VERB_RAISE,
    VERB_RESET,
    pack_bollard_status,
)

TURN_MS = 10
# An input counts as active at once, and as clear after this long without being so.
RELEASE_MS = 100
INPUT_COUNT = 9
NO_NONCE = bytes(8)
MOTION_REFUSED = (STATUS_REJECTED, GUARD_MOTION_DISABLED, 0)


class BollardNode:
    """One post.

    `outputs`: drive(direction), signals(bits). `inputs`: bits() of BOLLARD_INPUT_*, current_ma(),
    pressure_kpa(). `parameters` are those of parameters.bollard and parameters.common.
    """

    def __init__(self, outputs, inputs, outbox, parameters):
        self.state = bollard.BOOT
        self.drive = bollard.OFF
        self.faults = 0
        self.inputs_held = 0
        self._outputs = outputs
        self._inputs = inputs
        self._outbox = outbox
        self._settle_ms = parameters["settle_ms"]
        self._status_period_ms = parameters["status_period_ms"]
        self._ages = [0] * INPUT_COUNT
        self._sampled_ms = -1
        self._settled_ms = 0
        self._signals = -1
        self._guard = GUARD_MOTION_DISABLED
        self._status_due_ms = 0

    def turn(self, now_ms, link_lost):  # noqa: ARG002 - a lost link moves nothing here
        """Sample, step, drive, report; returns after how many ms to be called again."""
        elapsed_ms = now_ms - self._sampled_ms if self._sampled_ms >= 0 else 0
        self._sampled_ms = now_ms
        sensed = self._sense(elapsed_ms, now_ms)
        moved = self._step(elapsed_ms, now_ms)
        self._outputs.drive(self.drive)
        signals = bollard.SIGNALS[self.state]
        if signals != self._signals:
            self._signals = signals
            self._outputs.signals(signals)
        due = now_ms >= self._status_due_ms
        if due:
            self._status_due_ms = filters.next_due(
                self._status_due_ms, self._status_period_ms, now_ms
            )
        if due or sensed or moved:
            self._report(now_ms)
        return TURN_MS

    def command(self, verb, level_percent, duration_s, transaction, now_ms):  # noqa: ARG002 - the interface of a node
        """Refuse every motion, and tell so; returns (status, guard, progress)."""
        if verb in (VERB_RAISE, VERB_LOWER, VERB_HOLD, VERB_GRANT, VERB_RESET):
            self._outbox.event(
                EVENT_CODE_MOTION_REFUSED,
                SEVERITY_WARNING,
                1,
                GUARD_MOTION_DISABLED,
                transaction,
                now_ms,
            )
            return MOTION_REFUSED
        return UNSUPPORTED

    def expect(self, duration_s, now_ms):
        """News of a neighbour's visitors is for lamps."""

    def safe(self):
        """Outputs to their safe state: no drive, red."""
        self._outputs.drive(bollard.OFF)
        self._outputs.signals(bollard.RED)

    def _sense(self, elapsed_ms, now_ms):
        """Take one sample of the inputs; True when what counts as active changed."""
        before = self.inputs_held
        raw = self._inputs.bits()
        held = filters.release_slowly(before, raw, self._ages, elapsed_ms, RELEASE_MS)
        # The end switches say where the post is now, not what was unsafe a moment ago.
        held = held & ~bollard.BOTH_ENDS | raw & bollard.BOTH_ENDS
        self.inputs_held = held
        if held == before:
            return False
        changed = held ^ before
        if changed & bollard.DOOR_OPEN:
            active = 1 if held & bollard.DOOR_OPEN else 0
            self._tell(EVENT_CODE_TAMPER, active, bollard.DOOR_OPEN, now_ms)
        if changed & bollard.LOOP_FAULT:
            active = 1 if held & bollard.LOOP_FAULT else 0
            self._tell(EVENT_CODE_SENSOR_FAULT, active, bollard.LOOP_FAULT, now_ms)
        return True

    def _step(self, elapsed_ms, now_ms):
        sample = self.inputs_held
        if self._settled_ms >= self._settle_ms:
            sample |= bollard.SETTLED
        else:
            self._settled_ms += elapsed_ms
        before = self.state
        self.state, self.drive = bollard.step(before, sample)
        self._guard = bollard.raise_guard(self.state, sample)
        self.faults = 0
        if self.state == bollard.FAULT:
            self.faults = BOLLARD_FAULT_IMPLAUSIBLE_ENDS
        if sample & bollard.LOOP_FAULT:
            self.faults |= BOLLARD_FAULT_LOOP_FAULT
        if self.state == before:
            return False
        urgent = self.state in (bollard.FAULT, bollard.EMERGENCY_DOWN)
        severity = SEVERITY_ALARM if urgent else SEVERITY_INFO
        self._outbox.event(EVENT_CODE_STATE_CHANGE, severity, 1, self.state, 0, now_ms)
        return True

    def _report(self, now_ms):
        at = self._outbox.begin(RECORD_BOLLARD_STATUS, BOLLARD_STATUS_SIZE, 0, now_ms)
        pack_bollard_status(
            self._outbox.routine.data,
            at,
            self.state,
            self.drive,
            self.inputs_held,
            self._signals,
            self.faults,
            self._guard,
            bollard.position_percent(self.inputs_held),
            self._inputs.current_ma(),
            self._inputs.pressure_kpa(),
            0,
            NO_NONCE,
        )

    def _tell(self, code, active, value, now_ms):
        self._outbox.event(code, SEVERITY_ALARM, active, value, 0, now_ms)
