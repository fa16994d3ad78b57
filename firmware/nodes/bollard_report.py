"""What a post tells: its state, each motion with its cause, alarms that come and go, its meters."""

from firmware.logic import bollard
from protocol.generated.wire import (
    EVENT_CODE_SENSOR_FAULT,
    EVENT_CODE_STATE_CHANGE,
    SEVERITY_ALARM,
    SEVERITY_INFO,
)
from protocol.generated.wire_bollard import (
    BOLLARD_METERS_SIZE,
    BOLLARD_STATUS_SIZE,
    EVENT_CODE_POWER_FAIL,
    EVENT_CODE_TAMPER,
    MOTION_CAUSE_COMMAND,
    MOTION_CAUSE_EMERGENCY_LOWER,
    MOTION_CAUSE_GRANT_CLOSES,
    MOTION_CAUSE_HOLD,
    MOTION_CAUSE_INVERSION,
    MOTION_CAUSE_LEASE_LOST,
    MOTION_CAUSE_LOCAL_KEY,
    MOTION_CAUSE_POWER_FAIL,
    MOTION_SIZE,
    RECORD_BOLLARD_METERS,
    RECORD_BOLLARD_STATUS,
    RECORD_MOTION,
    pack_bollard_meters,
    pack_bollard_status,
    pack_motion,
)

METERS_MS = 60000
NOBODY = bytes(8)
# What is wrong, as bits of logic.bollard, and what it is told as: a key to raise that is stuck, and
# a current with the drive off.
ALARMS = (
    (bollard.LOCAL_KEY, EVENT_CODE_SENSOR_FAULT),
    (bollard.OVERLOAD, EVENT_CODE_SENSOR_FAULT),
    (bollard.DOOR_OPEN, EVENT_CODE_TAMPER),
    (bollard.LOOP_FAULT, EVENT_CODE_SENSOR_FAULT),
    (bollard.POWER_LOST, EVENT_CODE_POWER_FAIL),
)
# Motions that no order is behind.
UNORDERED = (bollard.EMERGENCY_DOWN, bollard.MANUAL, bollard.POWER_FAIL)


class Meters:
    """What a post has done."""

    def __init__(self):
        self.rises = 0
        self.lowerings = 0
        self.inversions = 0
        self.driven_ms = 0  # beside drive_s
        self.drive_s = 0
        self.passages = 0
        self.emergencies = 0
        self.refusals = 0
        self.rise_ms = 0

    def drive(self, elapsed_ms):
        """A drive has been on for that long."""
        self.driven_ms += elapsed_ms
        while self.driven_ms >= 1000:
            self.driven_ms -= 1000
            self.drive_s += 1


class Reporter:
    """Puts the records of one post into its outbox."""

    def __init__(self, outbox):
        self._outbox = outbox

    def event(self, code, severity, active, value, transaction, now_ms):
        """An event, see Outbox."""
        self._outbox.event(code, severity, active, value, transaction, now_ms)

    def alarm(self, code, active, value, now_ms):
        """An alarm that is raised (1) or cleared (0)."""
        self._outbox.event(code, SEVERITY_ALARM, active, value, 0, now_ms)

    def alarms(self, before, wrong, now_ms):
        """Raise or clear the alarms among the bits that changed."""
        for bit, code in ALARMS:
            if (before ^ wrong) & bit:
                self.alarm(code, 1 if wrong & bit else 0, bit, now_ms)

    def motion(self, drive, state, cause, order, now_ms):
        """A drive goes on, because of `order` or without one."""
        transaction = 0
        operator = second = NOBODY
        if order is not None and state not in UNORDERED:
            transaction = order.transaction
            operator = order.operator
            second = order.second
        at = self._outbox.begin_urgent(RECORD_MOTION, MOTION_SIZE, now_ms)
        pack_motion(
            self._outbox.urgent.data, at, drive, cause, state, transaction, operator, second
        )

    def status(self, node, position_percent, nonce, now_ms):
        """The state of the post as it is."""
        at = self._outbox.begin(RECORD_BOLLARD_STATUS, BOLLARD_STATUS_SIZE, 0, now_ms)
        pack_bollard_status(
            self._outbox.routine.data,
            at,
            node.state,
            node.drive,
            node.inputs_held,
            node.shown,
            node.faults,
            node.guard,
            position_percent,
            node.load.current_ma,
            node.load.pressure_kpa,
            node.meters.rises & 0xFFFF,
            nonce,
        )

    def work(self, meters, now_ms):
        """What the post has done."""
        at = self._outbox.begin(RECORD_BOLLARD_METERS, BOLLARD_METERS_SIZE, 0, now_ms)
        pack_bollard_meters(
            self._outbox.routine.data,
            at,
            meters.rises,
            meters.lowerings,
            meters.inversions,
            meters.drive_s,
            meters.passages,
            meters.emergencies & 0xFFFF,
            meters.refusals & 0xFFFF,
            min(meters.rise_ms, 0xFFFF),
        )

    def state(self, state, now_ms):
        """The post is in another state now."""
        urgent = state in (bollard.FAULT, bollard.EMERGENCY_DOWN, bollard.POWER_FAIL)
        severity = SEVERITY_ALARM if urgent else SEVERITY_INFO
        self._outbox.event(EVENT_CODE_STATE_CHANGE, severity, 1, state, 0, now_ms)


def cause_of(state, goal, lost_warning, closes):
    """Why a post in that state begins to drive, as wire.MOTION_CAUSE_*.

    `goal`: what is meant to follow; `lost_warning`: it goes down as its permission to rise went;
    `closes`: it rises after a granted passage.
    """
    if state == bollard.INVERTING:
        return MOTION_CAUSE_INVERSION
    if state == bollard.EMERGENCY_DOWN:
        return MOTION_CAUSE_EMERGENCY_LOWER
    if state == bollard.MANUAL:
        return MOTION_CAUSE_LOCAL_KEY
    if state == bollard.POWER_FAIL:
        return MOTION_CAUSE_POWER_FAIL
    if state == bollard.RISING:
        return MOTION_CAUSE_GRANT_CLOSES if closes else MOTION_CAUSE_COMMAND
    if lost_warning:
        return MOTION_CAUSE_LEASE_LOST
    return MOTION_CAUSE_HOLD if goal & bollard.TO_LOCK else MOTION_CAUSE_COMMAND
