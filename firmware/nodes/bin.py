"""A bin: pings, level, lids, fire, battery. Behaviour is in logic.bin; the press stays off."""

from firmware.logic import bin as logic
from firmware.logic import filters
from firmware.services.commands import DONE, UNSUPPORTED
from protocol.generated.wire import (
    EVENT_CODE_SENSOR_FAULT,
    EVENT_CODE_STATE_CHANGE,
    GUARD_BAD_ARGUMENT,
    QUALITY_INVALID,
    QUALITY_STALE,
    SEVERITY_ALARM,
    SEVERITY_CRITICAL,
    SEVERITY_INFO,
    SEVERITY_WARNING,
    STATUS_REJECTED,
)
from protocol.generated.wire_bin import (
    BIN_FAULT_BATTERY_LOW,
    BIN_FAULT_DISTANCE_SENSOR,
    BIN_FAULT_FIRE,
    BIN_FAULT_TEMPERATURE_SENSOR,
    BIN_INPUT_DOOR_OPEN,
    BIN_INPUT_LID_OPEN,
    BIN_INPUT_TILT,
    BIN_STATUS_SIZE,
    EVENT_CODE_BATTERY_LOW,
    EVENT_CODE_EMPTIED,
    EVENT_CODE_FIRE,
    EVENT_CODE_TILT,
    RECORD_BIN_STATUS,
    VERB_COMPACT,
    VERB_SERVICE,
    pack_bin_status,
)
from protocol.generated.wire_bollard import (
    GUARD_MOTION_DISABLED,
)

TURN_MS = 50
PINGS = 7
# Pings without one good echo until the sensor counts as broken.
LOST_PINGS = 20
# Ping periods without a good echo, open lids included, until the level counts as old.
STALE_PINGS = 4
COMPACT_REFUSED = (STATUS_REJECTED, GUARD_MOTION_DISABLED, 0)
SERVICE_REFUSED = (STATUS_REJECTED, GUARD_BAD_ARGUMENT, 0)
BATTERY_HYSTERESIS_MV = 200


class BinNode:
    """One bin.

    `outputs`: press(direction), 0 = off. `inputs`: bits() of BIN_INPUT_*, distance_mm() with
    codes and logic.UNKNOWN for no answer, temperature_dc() or logic.NO_TEMPERATURE, battery_mv(),
    press_ma(). `parameters` are those of parameters.bin and parameters.common.
    """

    def __init__(self, outputs, inputs, outbox, parameters):
        self.state = logic.BOOT
        self.faults = 0
        self.level_permille = logic.UNKNOWN
        self.distance_mm = logic.UNKNOWN
        self.emptyings = 0
        self._outputs = outputs
        self._inputs = inputs
        self._outbox = outbox
        self._parameters = parameters
        self._status_period_ms = parameters["status_period_ms"]
        self._ping_period_ms = parameters["ping_period_ms"]
        self._bits = 0
        self._service = False
        self._pings = [0] * PINGS
        self._scratch = [0] * PINGS
        self._ping_count = 0
        self._ping_at = 0
        self._lost_pings = 0
        self._silent_pings = 0
        self._before_door = logic.UNKNOWN
        self._temperature_dc = logic.NO_TEMPERATURE
        self._battery_mv = 0
        self._ping_due_ms = 0
        self._status_due_ms = 0
        outputs.press(0)

    def turn(self, now_ms, link_lost):  # noqa: ARG002 - a bin needs no link
        """Sample, step, report; returns after how many ms to be called again."""
        changed = self._sense(now_ms)
        if now_ms >= self._ping_due_ms:
            self._ping_due_ms = filters.next_due(self._ping_due_ms, self._ping_period_ms, now_ms)
            self._measure(now_ms)
            self._ping()
            self._judge_emptying(now_ms)
        if self._step(now_ms):
            changed = True
        if now_ms >= self._status_due_ms:
            self._status_due_ms = filters.next_due(
                self._status_due_ms, self._status_period_ms, now_ms
            )
            changed = True
        if changed:
            self._report(now_ms)
        return TURN_MS

    def command(self, verb, level_percent, duration_s, transaction, now_ms):  # noqa: ARG002 - the interface of a node
        """Take a command: `service`; `compact` is refused. Returns (status, guard, progress)."""
        if verb == VERB_SERVICE:
            if level_percent > 1:
                return SERVICE_REFUSED
            self._service = level_percent == 1
            return DONE
        return COMPACT_REFUSED if verb == VERB_COMPACT else UNSUPPORTED

    def expect(self, duration_s, now_ms):
        """News of a neighbour's visitors is for lamps."""

    def safe(self):
        """Outputs to their safe state: the press is off."""
        self._outputs.press(0)

    def _sense(self, now_ms):
        bits = self._inputs.bits()
        changed = bits ^ self._bits
        if not changed:
            return False
        if changed & BIN_INPUT_TILT:
            active = 1 if bits & BIN_INPUT_TILT else 0
            self._tell(EVENT_CODE_TILT, SEVERITY_ALARM, active, 0, now_ms)
        if changed & bits & BIN_INPUT_DOOR_OPEN:
            self._before_door = self.level_permille
        if bits & BIN_INPUT_DOOR_OPEN:
            # What was measured before the door was opened says nothing about what is left behind.
            self._ping_count = 0
        self._bits = bits
        return True

    def _measure(self, now_ms):
        self._temperature_dc = self._inputs.temperature_dc()
        known = self._temperature_dc != logic.NO_TEMPERATURE
        if self._set_fault(BIN_FAULT_TEMPERATURE_SENSOR, not known):
            active = 0 if known else 1
            self._tell(EVENT_CODE_SENSOR_FAULT, SEVERITY_WARNING, active, 0, now_ms)
        fire = known and self._temperature_dc >= self._parameters["fire_dc"]
        if self._set_fault(BIN_FAULT_FIRE, fire):
            active = 1 if fire else 0
            self._tell(EVENT_CODE_FIRE, SEVERITY_CRITICAL, active, self._temperature_dc, now_ms)
        self._battery_mv = self._inputs.battery_mv()
        floor_mv = self._parameters["battery_low_mv"]
        if self.faults & BIN_FAULT_BATTERY_LOW:
            floor_mv += BATTERY_HYSTERESIS_MV
        low = self._battery_mv < floor_mv
        if self._set_fault(BIN_FAULT_BATTERY_LOW, low):
            active = 1 if low else 0
            self._tell(EVENT_CODE_BATTERY_LOW, SEVERITY_WARNING, active, self._battery_mv, now_ms)

    def _ping(self):
        self._silent_pings = min(self._silent_pings + 1, STALE_PINGS)
        if self._bits & (BIN_INPUT_LID_OPEN | BIN_INPUT_DOOR_OPEN):
            return
        parameters = self._parameters
        empty_mm = parameters["empty_mm"]
        distance_mm = self._inputs.distance_mm()
        good = logic.plausible(distance_mm, empty_mm, parameters["dead_zone_mm"])
        if good and self._temperature_dc != logic.NO_TEMPERATURE:
            distance_mm = logic.distance(
                distance_mm, self._temperature_dc, parameters["sensor_reference_dc"]
            )
        if not good:
            self._lost_pings = min(self._lost_pings + 1, LOST_PINGS)
            return
        self._lost_pings = self._silent_pings = 0
        self._pings[self._ping_at] = distance_mm
        self._ping_at = (self._ping_at + 1) % PINGS
        self._ping_count = min(self._ping_count + 1, PINGS)
        if self._ping_count < PINGS:
            return
        self.distance_mm = filters.median(self._pings, PINGS, self._scratch)
        self.level_permille = logic.level(self.distance_mm, empty_mm, parameters["full_mm"])

    def _judge_emptying(self, now_ms):
        """Compare the levels before and after the door was open, once enough pings came back."""
        lost = self._lost_pings >= LOST_PINGS
        if self._set_fault(BIN_FAULT_DISTANCE_SENSOR, lost):
            active = 1 if lost else 0
            self._tell(EVENT_CODE_SENSOR_FAULT, SEVERITY_WARNING, active, 1, now_ms)
        if self._before_door == logic.UNKNOWN or self._ping_count < PINGS:
            return
        if self._bits & BIN_INPUT_DOOR_OPEN:
            return
        if logic.emptied(self._before_door, self.level_permille):
            self.emptyings = (self.emptyings + 1) & 0xFFFF
            self._tell(EVENT_CODE_EMPTIED, SEVERITY_INFO, 1, self._before_door, now_ms)
        self._before_door = logic.UNKNOWN

    def _step(self, now_ms):
        sample = 0
        if self.faults & BIN_FAULT_FIRE:
            sample |= logic.BURNING
        if self._bits & BIN_INPUT_DOOR_OPEN:
            sample |= logic.DOOR
        if self._service:
            sample |= logic.IN_SERVICE
        if self._bits & BIN_INPUT_LID_OPEN:
            sample |= logic.LID
        if self.level_permille != logic.UNKNOWN:
            sample |= logic.KNOWN
            full_permille = self._parameters["full_permille"]
            was_full = self.state == logic.FULL
            measured = was_full or self._ping_count == PINGS
            if measured and logic.heaped(was_full, self.level_permille, full_permille):
                sample |= logic.HEAPED
        before = self.state
        self.state = logic.step(before, sample)
        if self.state == before:
            return False
        severity = SEVERITY_CRITICAL if self.state == logic.FIRE else SEVERITY_INFO
        self._outbox.event(EVENT_CODE_STATE_CHANGE, severity, 1, self.state, 0, now_ms)
        return True

    def _report(self, now_ms):
        quality = 0
        if self.level_permille == logic.UNKNOWN:
            quality = QUALITY_INVALID
        elif self._ping_count < PINGS or self._silent_pings >= STALE_PINGS:
            quality = QUALITY_STALE
        at = self._outbox.begin(RECORD_BIN_STATUS, BIN_STATUS_SIZE, quality, now_ms)
        pack_bin_status(
            self._outbox.routine.data,
            at,
            self.state,
            self.level_permille,
            self.distance_mm,
            self._bits,
            self.faults,
            self._temperature_dc,
            self._battery_mv,
            self._inputs.press_ma(),
            0,
            self.emptyings,
        )

    def _set_fault(self, bit, present):
        """Set or clear a fault bit; True when that changed it."""
        faults = self.faults | bit if present else self.faults & ~bit
        if faults == self.faults:
            return False
        self.faults = faults
        return True

    def _tell(self, code, severity, active, value, now_ms):
        self._outbox.event(code, severity, active, value, 0, now_ms)
