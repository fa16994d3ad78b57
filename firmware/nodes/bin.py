"""A bin: sense, measure, press, report. Behaviour is in logic.bin."""

from firmware.logic import bin as logic
from firmware.logic import filters
from firmware.nodes import bin_report
from firmware.nodes.bin_alarms import Alarms
from firmware.nodes.bin_demand import OPENINGS, Demand
from firmware.nodes.bin_demand import guard as guard_of
from firmware.nodes.bin_level import LevelMeter
from firmware.nodes.bin_press import Press
from firmware.services.commands import BAD_ARGUMENT, DONE, UNSUPPORTED
from protocol.generated.wire import (
    EVENT_CODE_SENSOR_FAULT,
    EVENT_CODE_STATE_CHANGE,
    GUARD_BUSY,
    GUARD_DUTY_CYCLE,
    GUARD_NONE,
    SEVERITY_ALARM,
    SEVERITY_CRITICAL,
    SEVERITY_INFO,
    SEVERITY_WARNING,
    STATUS_DONE,
    STATUS_FAILED,
    STATUS_IN_PROGRESS,
    STATUS_REJECTED,
)
from protocol.generated.wire_bin import (
    BIN_FAULT_BATTERY_FLOOR,
    BIN_FAULT_DISTANCE_SENSOR,
    BIN_FAULT_FIRE,
    BIN_FAULT_JAM,
    BIN_FAULT_PRESS,
    BIN_FAULT_TEMPERATURE_SENSOR,
    BIN_INPUT_DOOR_OPEN,
    BIN_INPUT_EYE,
    BIN_INPUT_LID_OPEN,
    BIN_INPUT_TILT,
    BIN_INPUT_WATER,
    EVENT_CODE_COMPACTED,
    EVENT_CODE_EMPTIED,
    EVENT_CODE_JAM,
    VERB_COMPACT,
    VERB_SERVICE,
)

# Between two turns: while the press is about to move or moves, otherwise, and when only a command
# may come.
TURN_MS = 50
IDLE_TURN_MS = 100
LISTEN_MS = 250
SENSE_MS = 500
SETTLE_MS = 1000
ARM_MS = 3000
# The battery is itself again this long after the press.
UNLOADED_MS = 2000
METERS_MS = 600000
# A sleeper looks up this often, and stays up for this long after its start, to be found.
SLICE_MS = 1000
BOOT_AWAKE_MS = 10000
MEASUREMENTS = 6
WAKING = BIN_INPUT_DOOR_OPEN | BIN_INPUT_TILT | BIN_INPUT_WATER | BIN_INPUT_EYE
BUSY = (logic.ARMED, logic.COMPACTING, logic.RETRACTING, logic.FIRE)
NOBODY = -1
PRESSING = (STATUS_IN_PROGRESS, GUARD_NONE, 0)


class BinNode:
    """One bin.

    `outputs`: press(direction), logic.OFF, RETRACT or PRESS. `inputs`: bits() of BIN_INPUT_*,
    distance_mm() with codes and logic.UNKNOWN for no answer, temperature_dc() or
    logic.NO_TEMPERATURE, battery_mv(), press_ma(). `parameters` are those of parameters.bin and
    parameters.common. `desk`, where there is one, is told how a `compact` ended. `drive`: what
    is on. `dozing`: until the next turn nothing needs a processor or the line.
    """

    def __init__(self, outputs, inputs, outbox, parameters):
        self.state = logic.BOOT
        self.meter = LevelMeter(parameters)
        self.press = Press(parameters)
        self.demand = Demand(parameters)
        self.alarms = Alarms(outbox, parameters)
        self.dozing = False
        self.drive = logic.OFF
        self.desk = None
        self._outputs = outputs
        self._inputs = inputs
        self._outbox = outbox
        self._parameters = parameters
        self._sleep_ms = 1000 * parameters["sleep_s"]
        self._bits = 0
        self._service = False
        self._asked = NOBODY
        self._armed_ms = 0
        self._lid_openings = 0
        self._settled_ms = 0
        self._unloaded_ms = UNLOADED_MS
        self._last_ms = 0
        self._emptied_ms = 0
        self._ping_due_ms = 0
        self._sense_due_ms = 0
        self._status_due_ms = 0
        self._meters_due_ms = METERS_MS
        self._awake_until_ms = BOOT_AWAKE_MS
        self._wake_due_ms = 0
        self._measured = False
        outputs.press(logic.OFF)

    def turn(self, now_ms, link_lost):  # noqa: ARG002 - a bin needs no link
        """Sample, step, report; returns after how many ms to be called again."""
        elapsed_ms = now_ms - self._last_ms
        self._last_ms = now_ms
        changed = self._sense(elapsed_ms, now_ms)
        if self.dozing:
            if not self._wakes(changed, now_ms):
                self.press.watch(elapsed_ms, 0)
                return min(max(self._wake_due_ms - now_ms, 1), SLICE_MS)
            self._wake(now_ms)
        self._watch_press(elapsed_ms, now_ms)
        self._ping(now_ms)
        self.demand.look(self._bits, self.meter, elapsed_ms)
        if self._step(elapsed_ms, now_ms):
            changed = 1
        if now_ms >= self._status_due_ms:
            self._status_due_ms = filters.next_due(
                self._status_due_ms, self._parameters["status_period_ms"], now_ms
            )
            changed |= not self._sleep_ms or self.state == logic.FIRE
        if changed:
            self._report(now_ms)
        if now_ms >= self._meters_due_ms:
            self._report_meters(now_ms)
        return self._rest(now_ms)

    def command(self, verb, level_percent, duration_s, transaction, now_ms):
        """Take `compact` or `service`; returns (status, guard, progress)."""
        result = self.explain(verb, level_percent, duration_s, now_ms)
        if result[0] != STATUS_DONE:
            return result
        self.dozing = False
        self._awake_until_ms = max(self._awake_until_ms, now_ms + self._parameters["awake_ms"])
        if verb == VERB_SERVICE:
            self._service = level_percent == 1
            return DONE
        self.demand.due = True
        self._asked = transaction
        return PRESSING

    def explain(self, verb, level_percent, duration_s, now_ms):  # noqa: ARG002 - the interface of a node
        """What a command would be answered now: DONE, or REJECTED with its guard."""
        if verb == VERB_SERVICE:
            return BAD_ARGUMENT if level_percent > 1 else DONE
        if verb != VERB_COMPACT or not self._parameters["press"]:
            return UNSUPPORTED
        guard = guard_of(self._sample())
        if not guard:
            if self._asked != NOBODY or self.press.stroke or self.press.away:
                guard = GUARD_BUSY
            elif not self.press.rested():
                guard = GUARD_DUTY_CYCLE
        return (STATUS_REJECTED, guard, 0) if guard else DONE

    def expect(self, duration_s, now_ms):
        """News of a neighbour's visitors is for lamps."""

    def safe(self):
        """Outputs to their safe state: the press is off."""
        self.press.drive(logic.OFF)
        self._outputs.press(logic.OFF)

    def at_rest(self):
        """Whether the press is off and will stay so, and nothing burns: flash may be written."""
        return self.drive == logic.OFF and self.state not in BUSY

    def counters(self):
        """What the bin has done, as `resume` takes it after a restart."""
        return self.press.cycles, self.press.jams, self._lid_openings, self.meter.emptyings

    def resume(self, counters):
        """Go on from these counters."""
        self.press.cycles, self.press.jams, self._lid_openings, self.meter.emptyings = counters

    def _sense(self, elapsed_ms, now_ms):
        """Contacts each time, the rest when it is due; returns the contacts that changed."""
        bits = self._inputs.bits()
        changed = bits ^ self._bits
        opened = changed & bits
        self._bits = bits
        self._settled_ms = min(self._settled_ms + elapsed_ms, SETTLE_MS)
        if bits & OPENINGS:
            # A door that bounces, or a hand that lingers: nothing moves as soon as one closes.
            self._settled_ms = 0
        if opened & BIN_INPUT_LID_OPEN:
            self._lid_openings += 1
            self.meter.open(logic.BY_LID)
        if opened & BIN_INPUT_DOOR_OPEN:
            self.meter.open(logic.BY_DOOR)
        if opened & BIN_INPUT_TILT:
            self.meter.open(logic.BY_TILT)
        alarms = self.alarms
        alarms.contacts(bits, elapsed_ms, now_ms)
        if now_ms >= self._sense_due_ms or alarms.suspicious:
            self._sense_due_ms = filters.next_due(self._sense_due_ms, SENSE_MS, now_ms)
            alarms.temperature(self._inputs.temperature_dc(), now_ms)
            loaded = self._unloaded_ms < UNLOADED_MS
            alarms.battery(self._inputs.battery_mv(), loaded, now_ms)
        driving = self.press.driving != logic.OFF
        self._unloaded_ms = 0 if driving else min(self._unloaded_ms + elapsed_ms, UNLOADED_MS)
        return changed

    def _watch_press(self, elapsed_ms, now_ms):
        press = self.press
        driving = press.driving != logic.OFF
        if press.watch(elapsed_ms, self._inputs.press_ma() if driving else 0):
            self._measured = False
            self.demand.met(logic.UNKNOWN)
            self.meter.restart()
            self._tell(EVENT_CODE_COMPACTED, press.cycles, max(self._asked, 0), now_ms)
            self._finish(STATUS_DONE, GUARD_NONE, 100, now_ms)
            self._report_meters(now_ms)
        self.alarms.fault(BIN_FAULT_JAM, press.jammed, EVENT_CODE_JAM, SEVERITY_ALARM, 0, now_ms)
        self.alarms.fault(BIN_FAULT_PRESS, press.faulty, EVENT_CODE_JAM, SEVERITY_ALARM, 1, now_ms)

    def _ping(self, now_ms):
        if now_ms < self._ping_due_ms or self._measured:
            return
        self._ping_due_ms = filters.next_due(
            self._ping_due_ms, self._parameters["ping_period_ms"], now_ms
        )
        press = self.press
        if self._bits & OPENINGS or press.out or press.driving != logic.OFF:
            return
        meter = self.meter
        air_dc = self.alarms.air_dc
        if air_dc == logic.NO_TEMPERATURE:
            air_dc = self._parameters["sensor_reference_dc"]
        if not meter.ping(self._inputs.distance_mm(), air_dc):
            return
        if meter.emptied_from != logic.UNKNOWN:
            self._emptied_ms = now_ms
            self.demand.met(0)
            self.demand.due = self._asked != NOBODY
            self._tell(EVENT_CODE_EMPTIED, meter.emptied_from, 0, now_ms)
            self._report_meters(now_ms)
        self.alarms.fault(
            BIN_FAULT_DISTANCE_SENSOR,
            meter.lost or meter.drifted,
            EVENT_CODE_SENSOR_FAULT,
            SEVERITY_WARNING,
            1,
            now_ms,
        )

    def _sample(self):
        faults = self.alarms.faults
        press = self.press
        sample = press.bits(self.state)
        bits = self._bits
        if faults & BIN_FAULT_FIRE:
            sample |= logic.BURNING
        if bits & BIN_INPUT_DOOR_OPEN:
            sample |= logic.DOOR
        if self._service:
            sample |= logic.IN_SERVICE
        if bits & BIN_INPUT_LID_OPEN:
            sample |= logic.LID
        if bits & BIN_INPUT_TILT:
            sample |= logic.TILTED
        if self._settled_ms < SETTLE_MS:
            sample |= logic.UNSETTLED
        if faults & BIN_FAULT_BATTERY_FLOOR:
            sample |= logic.LOW
        meter = self.meter
        if meter.level_permille == logic.UNKNOWN:
            return sample | logic.BLIND
        sample |= logic.KNOWN
        if meter.lost or faults & BIN_FAULT_TEMPERATURE_SENSOR:
            sample |= logic.BLIND
        was_full = self.state == logic.FULL
        if (was_full or meter.good) and logic.heaped(
            was_full, meter.level_permille, self._parameters["full_permille"]
        ):
            sample |= logic.HEAPED
        if self.demand.due and press.rested():
            sample |= logic.DUE
            if self.state == logic.ARMED and self._armed_ms >= ARM_MS and meter.good:
                sample |= logic.READY
        return sample

    def _step(self, elapsed_ms, now_ms):
        before = self.state
        sample = self._sample()
        self.state, drive = logic.step(before, sample)
        if self.state != before:
            self._enter(before, now_ms)
        elif self.state == logic.ARMED:
            self._armed_ms = min(self._armed_ms + elapsed_ms, ARM_MS)
        self.drive = self.press.drive(drive)
        self._outputs.press(self.drive)
        if self._asked != NOBODY:
            # On its way back the press needs neither battery nor level.
            returns = before == logic.RETRACTING
            guard = guard_of(sample & logic.STILL if returns else sample)
            if guard:
                self.demand.due = False
                self._finish(STATUS_FAILED, guard, 0, now_ms)
        return self.state != before

    def _enter(self, before, now_ms):
        state = self.state
        self._armed_ms = 0
        self.press.follow(before, state)
        if state == logic.COMPACTING:
            self.meter.press()
        if state in (logic.DOOR_OPEN, logic.SERVICE):
            self.demand.due = False
        severity = SEVERITY_CRITICAL if state == logic.FIRE else SEVERITY_INFO
        self._outbox.event(EVENT_CODE_STATE_CHANGE, severity, 1, state, 0, now_ms)

    def _finish(self, status, guard, progress, now_ms):
        """The end of a `compact` that somebody asked for."""
        if self._asked != NOBODY and self.desk is not None:
            self.desk.finish(self._asked, status, guard, progress, now_ms)
        self._asked = NOBODY

    def _rest(self, now_ms):
        """Go to sleep when all is done; returns the ms to the next turn."""
        turn_ms = TURN_MS if self.state in BUSY else IDLE_TURN_MS
        if not self._sleep_ms:
            return turn_ms
        if not self._measured:
            self._measured = self._is_measured()
            if self._measured:
                self._report(now_ms)
                self._awake_until_ms = max(
                    self._awake_until_ms, now_ms + self._parameters["awake_ms"]
                )
        busy = self.state in BUSY or self.alarms.suspicious or self.demand.looking()
        if busy or not self._measured:
            return turn_ms
        if now_ms < self._awake_until_ms:
            return LISTEN_MS
        self.dozing = True
        self._wake_due_ms = now_ms + self._sleep_ms
        return SLICE_MS

    def _is_measured(self):
        meter = self.meter
        if self._bits & OPENINGS or self.press.out:
            return True
        return meter.measurements >= MEASUREMENTS or (meter.good and meter.measurements > 0)

    def _wakes(self, changed, now_ms):
        alarms = self.alarms
        fire = alarms.suspicious or alarms.faults & BIN_FAULT_FIRE
        return fire or changed & WAKING or now_ms >= self._wake_due_ms

    def _wake(self, now_ms):
        self.dozing = self._measured = False
        self.meter.restart()
        self._ping_due_ms = now_ms
        self._awake_until_ms = now_ms + self._parameters["awake_ms"]

    def _report(self, now_ms):
        bin_report.status(
            self._outbox,
            self.state,
            self._bits,
            self.meter,
            self.alarms,
            self.press,
            self._inputs.press_ma(),
            now_ms,
        )

    def _report_meters(self, now_ms):
        self._meters_due_ms = now_ms + METERS_MS
        since_s = (now_ms - self._emptied_ms) // 1000
        least_mv = self.alarms.least_battery_mv()
        bin_report.meters(
            self._outbox, self.press, self.meter, self._lid_openings, since_s, least_mv, now_ms
        )

    def _tell(self, code, value, transaction, now_ms):
        self._outbox.event(code, SEVERITY_INFO, 1, value, transaction, now_ms)
