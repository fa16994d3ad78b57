"""A post without its orders: sample, step, permit, drive, report.

Behaviour is in logic.bollard, what time means in bollard_times.
"""

from firmware.logic import bollard, filters
from firmware.logic.duty import Duty
from firmware.nodes.bollard_load import Height, Load
from firmware.nodes.bollard_report import METERS_MS, Meters, Reporter, cause_of
from firmware.nodes.bollard_times import Times
from protocol.generated.wire import EVENT_CODE_SENSOR_FAULT, SEVERITY_WARNING
from protocol.generated.wire_bollard import (
    BOLLARD_FAULT_BYPASS,
    BOLLARD_FAULT_DRIVE,
    BOLLARD_FAULT_DUTY_CYCLE,
    BOLLARD_FAULT_IMPLAUSIBLE_ENDS,
    BOLLARD_FAULT_INVERSIONS,
    BOLLARD_FAULT_LOOP_FAULT,
    BOLLARD_FAULT_OVERLOAD_SENSOR,
    BOLLARD_FAULT_POWER,
    BOLLARD_FAULT_TRAVEL_LIMIT,
    EVENT_CODE_BYPASS,
    EVENT_CODE_DUTY_CYCLE,
    EVENT_CODE_INVERSION,
    EVENT_CODE_NO_PASSAGE,
    EVENT_CODE_OUTPUT_LEASE_LOST,
    EVENT_CODE_OVERLOAD,
    EVENT_CODE_TAILGATE,
    GUARD_MOTION_DISABLED,
)

TURN_MS = 10
INPUT_COUNT = 12
# An input counts as active at once, and as clear after this long without being so. End switches and
# keys say where the post is and what a hand does now, not what was unsafe a moment ago: a spark of
# one is neither. Until an end is believed the drive goes on, for no longer than a contactor takes
# to let go: switched off and on again, it would start anew, with an inrush that hides a load.
RELEASE_MS = 100
STEADY_MS = 20
PRESENT = bollard.BOTH_ENDS | bollard.KEYS
SETS_MS = bytes([STEADY_MS if 1 << i & PRESENT else 0 for i in range(INPUT_COUNT)])
CLEARS_MS = bytes(
    [
        0 if 1 << i & bollard.KEYS else STEADY_MS if 1 << i & PRESENT else RELEASE_MS
        for i in range(INPUT_COUNT)
    ]
)
# How old the gateway's permission may be. With a turn and what the line takes the drive is off half
# a second after the last one.
LEASE_MS = 450
NEVER_MS = -1
NO_NONCE = bytes(8)
PASSAGES = (bollard.GRANTED, bollard.PASSING)
LOWERINGS = (bollard.LOWERING, bollard.INVERTING)
ON_THE_WAY = LOWERINGS + PASSAGES + (bollard.PREWARN, bollard.RISING)
# Nothing moves in these, or is about to.
AT_REST = (bollard.DOWN, bollard.UP, bollard.LOCKED_DOWN, bollard.STOPPED, bollard.FAULT)


class Post:
    """One post, see BollardNode. `drive` is what is on now, bollard.OFF for nothing."""

    def __init__(self, outputs, inputs, outbox, parameters):
        self.state = bollard.BOOT
        self.drive = bollard.OFF
        self.shown = bollard.RED
        self.faults = 0
        self.guard = GUARD_MOTION_DISABLED
        self.inputs_held = 0
        self.meters = Meters()
        self.load = Load(inputs, parameters)
        self.times = Times(parameters)
        self.duty = Duty(parameters["rises_per_hour"])
        self.height = Height()
        # The order that is not settled yet, and the one behind the present motion.
        self.order = None
        self.behind = None
        self.reporter = Reporter(outbox)
        self._outputs = outputs
        self._inputs = inputs
        self._status_period_ms = parameters["status_period_ms"]
        self._ages = [0] * INPUT_COUNT
        self._sampled_ms = NEVER_MS
        self._sample = 0
        self._heard_ms = NEVER_MS
        self._permitted_ms = NEVER_MS
        self._bypass_until_ms = NEVER_MS
        self._bypass = False
        self._latched = 0
        self._wrong = 0
        self._worn = False
        self._closes = False
        self._lost_warning = False
        self._nonce = NO_NONCE
        self._unsaid = True
        self._status_due_ms = 0
        self._meters_due_ms = METERS_MS
        self.safe()

    def permitted(self, now_ms, permission=True):
        """The gateway was heard, and it permits upward drive from now on, or no longer does."""
        self._heard_ms = now_ms
        self._permitted_ms = now_ms if permission else NEVER_MS

    def safe(self):
        """Outputs to their safe state: no drive, red."""
        self.drive = bollard.OFF
        self._outputs.drive(bollard.OFF)
        self._outputs.signals(bollard.RED)

    def at_rest(self):
        """Whether nothing drives or is about to: flash may be written."""
        return not self.drive and self.state in AT_REST

    def counters(self):
        """What the post has done, as `resume` takes it after a restart."""
        meters = self.meters
        return (
            meters.rises,
            meters.lowerings,
            meters.inversions,
            meters.drive_s,
            meters.passages,
            meters.emergencies,
            meters.refusals,
        )

    def resume(self, counters):
        """Go on from these counters."""
        meters = self.meters
        meters.rises, meters.lowerings, meters.inversions, meters.drive_s = counters[:4]
        meters.passages, meters.emergencies, meters.refusals = counters[4:]

    def _look(self, now_ms):
        """One sample of everything, as bits of logic.bollard."""
        elapsed_ms = now_ms - self._sampled_ms if self._sampled_ms >= 0 else 0
        self._sampled_ms = now_ms
        before = self.inputs_held
        raw = self._inputs.bits()
        held = filters.debounced(before, raw, self._ages, elapsed_ms, SETS_MS, CLEARS_MS)
        if raw & bollard.BOTH_ENDS == bollard.BOTH_ENDS:
            held |= bollard.BOTH_ENDS
        if held != before:
            self.inputs_held = held
            self._unsaid = True
        self.height.turn(held, self.drive, elapsed_ms)
        load = self.load
        arrives = raw & (bollard.AT_TOP if self.drive == bollard.DRIVE_UP else bollard.AT_BOTTOM)
        sample = held | load.measure(self.drive, arrives, elapsed_ms)
        if load.stuck:
            # What limits the force cannot be believed: as bad as a loop that cannot be.
            sample |= bollard.LOOP_FAULT
        if self._bypass or self._is_fresh(self._permitted_ms, now_ms):
            sample |= bollard.LEASE
        sample = self.times.bits(self.state, sample, elapsed_ms)
        wrong = held & ~bollard.LOCAL_KEY
        if self.times.key_stuck:
            wrong |= bollard.LOCAL_KEY
        if load.stuck:
            wrong |= bollard.OVERLOAD
        if wrong != self._wrong:
            self.reporter.alarms(self._wrong, wrong, now_ms)
            self._wrong = wrong
        if self.drive:
            self.meters.drive(elapsed_ms)
        if self.times.followed:
            self.times.followed = False
            self.reporter.alarm(EVENT_CODE_TAILGATE, 1, self.state, now_ms)
        self._sample = sample
        return sample

    def _is_fresh(self, at_ms, now_ms):
        return at_ms >= 0 and now_ms - at_ms <= LEASE_MS

    def _act(self, sample, now_ms):
        """Step on a sample, drive, show, and tell what changed."""
        before = self.state
        drive_before = self.drive
        event = bollard.event(sample)
        self.state, drive = bollard.step(before, sample)
        self.drive = drive
        self._outputs.drive(drive)
        driven_ms = self.times.driven_ms
        self.times.note(before, self.state, event, drive)
        shown = bollard.signals(self.state, sample)
        if shown != self.shown:
            self.shown = shown
            self._outputs.signals(shown)
            self._unsaid = True
        if self.state != before:
            self._unsaid = True
            self.reporter.state(self.state, now_ms)
            self._follow(before, event, sample, driven_ms, now_ms)
            if self.state not in ON_THE_WAY:
                self.behind = None
        if drive != drive_before:
            self._unsaid = True
            if drive:
                self._tell_motion(drive, now_ms)
        self._judge_itself(sample, now_ms)

    def _follow(self, before, event, sample, driven_ms, now_ms):
        """What a change of state means beside the state."""
        state = self.state
        meters = self.meters
        if state == bollard.UP and before == bollard.RISING:
            meters.rises += 1
            meters.rise_ms = driven_ms
            self.height.learn(driven_ms)
        elif before in LOWERINGS and sample & bollard.AT_BOTTOM:
            meters.lowerings += 1
        if state == bollard.PREWARN:
            seen = self.times.seen
            if before in PASSAGES and event != bollard.ON_RAISE:
                self._closes = True
                if before == bollard.PASSING and seen == bollard.LOOPS:
                    meters.passages += 1
                else:
                    self.reporter.event(EVENT_CODE_NO_PASSAGE, SEVERITY_WARNING, 1, seen, 0, now_ms)
                    if self.order is not None:
                        self.order.unused = True
        elif state not in (bollard.RISING, bollard.INVERTING):
            self._closes = False
        lost = before == bollard.RISING and event >= bollard.ON_BOTTOM_GRANT
        self._lost_warning = lost and state == bollard.LOWERING
        if lost and not sample & bollard.LEASE:
            self.reporter.alarm(EVENT_CODE_OUTPUT_LEASE_LOST, 1, state, now_ms)
        if state == bollard.INVERTING:
            meters.inversions += 1
            self.reporter.alarm(EVENT_CODE_INVERSION, 1, self.times.inversions, now_ms)
        if state in (bollard.INVERTING, bollard.FAULT):
            self._note_load(sample, now_ms)
        if state == bollard.EMERGENCY_DOWN or sample & bollard.EMERGENCY:
            meters.emergencies += 1
        if state == bollard.FAULT:
            self._latch(event, before, sample)

    def _note_load(self, sample, now_ms):
        if sample & bollard.OVERLOAD:
            faults = self.load.faults
            self._latched |= faults
            code = EVENT_CODE_OVERLOAD
            if faults & BOLLARD_FAULT_OVERLOAD_SENSOR:
                code = EVENT_CODE_SENSOR_FAULT
            self.reporter.alarm(code, 1, self.load.current_ma, now_ms)

    def _latch(self, event, before, sample):
        """Remember what led to FAULT until a reset."""
        if event == bollard.ON_IMPLAUSIBLE:
            self._latched |= BOLLARD_FAULT_IMPLAUSIBLE_ENDS
        elif event == bollard.ON_OVERRUN:
            self._latched |= BOLLARD_FAULT_TRAVEL_LIMIT
            stuck = bollard.AT_BOTTOM if before == bollard.RISING else bollard.AT_TOP
            if sample & stuck:
                self._latched |= BOLLARD_FAULT_DRIVE

    def _tell_motion(self, drive, now_ms):
        if drive == bollard.DRIVE_UP:
            self.duty.note()
        goal = self.times.goal
        cause = cause_of(self.state, goal, self._lost_warning, self._closes)
        self.reporter.motion(drive, self.state, cause, self.behind, now_ms)

    def raise_guard(self, sample, now_ms) -> int:  # noqa: ARG002 - BollardNode knows of time
        """What would refuse a raise now, GUARD_NONE for nothing."""
        return bollard.raise_guard(self.state, sample)

    def _judge_itself(self, sample, now_ms):
        """What would refuse a raise now, and what is wrong."""
        guard = self.raise_guard(sample, now_ms)
        faults = self._latched
        if self.inputs_held & bollard.LOOP_FAULT:
            faults |= BOLLARD_FAULT_LOOP_FAULT
        if self.load.stuck:
            faults |= BOLLARD_FAULT_OVERLOAD_SENSOR
        if sample & bollard.POWER_LOST:
            faults |= BOLLARD_FAULT_POWER
        if self.state == bollard.LOCKED_DOWN and not self.times.goal:
            faults |= BOLLARD_FAULT_INVERSIONS
        if self._worn:
            faults |= BOLLARD_FAULT_DUTY_CYCLE
        if self._bypass:
            faults |= BOLLARD_FAULT_BYPASS
        if guard != self.guard or faults != self.faults:
            self.guard = guard
            self.faults = faults
            self._unsaid = True

    def _keep_house(self, now_ms):
        """What is due by the clock: the duty cycle, the end of a bypass, records."""
        self.duty.turn(now_ms)
        worn = self.duty.exhausted()
        if worn != self._worn:
            self._worn = worn
            self.reporter.alarm(EVENT_CODE_DUTY_CYCLE, 1 if worn else 0, self.duty.used(), now_ms)
        if self._bypass and now_ms >= self._bypass_until_ms:
            self._bypass = False
            self.reporter.alarm(EVENT_CODE_BYPASS, 0, 0, now_ms)
        if now_ms >= self._status_due_ms:
            self._status_due_ms = filters.next_due(
                self._status_due_ms, self._status_period_ms, now_ms
            )
            self._unsaid = True
        if self._unsaid:
            self._unsaid = False
            percent = self.height.percent(self.inputs_held)
            self.reporter.status(self, percent, self._nonce, now_ms)
        if now_ms >= self._meters_due_ms:
            self._meters_due_ms = filters.next_due(self._meters_due_ms, METERS_MS, now_ms)
            self.reporter.work(self.meters, now_ms)
