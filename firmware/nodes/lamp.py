"""A lamp: sample, step, drive, report. Behaviour is in logic.lamp, the curve in logic.dali."""

from firmware.logic import dali, filters, lamp
from firmware.nodes.lamp_meter import HOUR_MS, MEASURE_MS, Meter
from firmware.nodes.lamp_programme import Programme
from firmware.services.commands import BAD_ARGUMENT, DONE, MAX_DURATION_S, UNSUPPORTED
from protocol.generated.wire import (
    EVENT_CODE_SENSOR_FAULT,
    EVENT_CODE_STATE_CHANGE,
    SEVERITY_ALARM,
    SEVERITY_INFO,
    SEVERITY_WARNING,
)
from protocol.generated.wire_lamp import (
    EVENT_CODE_CYCLING,
    EVENT_CODE_DAY_BURNER,
    EVENT_CODE_DRIVER_HOT,
    EVENT_CODE_LAMP_FAILURE,
    EVENT_CODE_PHOTOCELL,
    EVENT_CODE_PRESENCE,
    LAMP_FAULT_CYCLING,
    LAMP_FAULT_DAY_BURNER,
    LAMP_FAULT_DRIVER_HOT,
    LAMP_FAULT_LAMP_FAILURE,
    LAMP_FAULT_LINK_LOST,
    LAMP_FAULT_PHOTOCELL,
    LAMP_FAULT_PRESENCE_SENSOR,
    LAMP_FAULT_TEMPERATURE_SENSOR,
    LAMP_METERS_SIZE,
    LAMP_STATUS_SIZE,
    RECORD_LAMP_METERS,
    RECORD_LAMP_STATUS,
    VERB_AUTO,
    VERB_SET,
    pack_lamp_meters,
    pack_lamp_status,
)

FADING_MS = 20  # between steps of a fade: 50 a second, which nobody sees
RESTING_MS = 40
METERS_MS = 60000
# Sensors drop out for a moment; nobody is gone before this long.
PRESENCE_GONE_MS = 1500
# So often somebody was to come and nobody was seen: this sensor sees nobody at all.
BLIND_NEWS = 200

# What is told when a fault comes and goes; the others show in the status.
TOLD_FAULTS = (
    (LAMP_FAULT_LAMP_FAILURE, EVENT_CODE_LAMP_FAILURE, SEVERITY_ALARM),
    (LAMP_FAULT_CYCLING, EVENT_CODE_CYCLING, SEVERITY_ALARM),
    (LAMP_FAULT_DAY_BURNER, EVENT_CODE_DAY_BURNER, SEVERITY_WARNING),
    (LAMP_FAULT_DRIVER_HOT, EVENT_CODE_DRIVER_HOT, SEVERITY_WARNING),
    (LAMP_FAULT_PHOTOCELL, EVENT_CODE_PHOTOCELL, SEVERITY_WARNING),
    (LAMP_FAULT_PRESENCE_SENSOR, EVENT_CODE_SENSOR_FAULT, SEVERITY_WARNING),
    (LAMP_FAULT_TEMPERATURE_SENSOR, EVENT_CODE_SENSOR_FAULT, SEVERITY_WARNING),
)


class LampNode:
    """One lamp.

    `outputs`: dim(duty, level), relay(on). `inputs`: presence(), current_ma(), temperature_c(),
    photocell_lux(). `parameters` are those of parameters.lamp and parameters.common.
    """

    def __init__(self, outputs, inputs, outbox, parameters):
        self.state = lamp.BOOT
        self.faults = 0
        self.presence_count = 0
        self._outputs = outputs
        self._inputs = inputs
        self._outbox = outbox
        self.programme = Programme(parameters, outbox.clock, inputs)
        self.meter = Meter(inputs, parameters)
        self._safe = dali.level(parameters["safe_percent"])
        self._ramp_up_ms = parameters["ramp_up_ms"]
        self._ramp_down_ms = parameters["ramp_down_ms"]
        self._hold_ms = parameters["hold_s"] * 1000
        self._autonomous = parameters["autonomous"]
        self._switched = parameters["switched"]
        self._stuck_ms = parameters["presence_stuck_s"] * 1000
        self._status_period_ms = parameters["status_period_ms"]
        # Light, not dark: a lamp starts at its safe level, as DALI's power-on level asks for.
        self.level_fine = self._safe << dali.FINE_SHIFT
        self._target = self._safe
        self._fade_from = self.level_fine
        self._fade_began_ms = 0
        self._duty = -1
        self._lit = -1
        self._asked_level = 0
        self._asked_until_ms = -1
        self._asked_by = 0
        self._somebody = False
        self._seen_ms = -1
        self._somebody_since_ms = 0
        self._expected_until_ms = -1
        self._unanswered = 0
        self._present_ms = 0
        self._switchings = 0
        self._hour_count = 0
        self._hour_before = 0
        self._hour_ends_ms = HOUR_MS
        self._measure_due_ms = 0
        self._status_due_ms = 0
        self._meters_due_ms = METERS_MS

    def turn(self, now_ms, link_lost):
        """Sample, step, drive, report; returns after how many ms to be called again."""
        self._sense_presence(now_ms)
        if now_ms >= self._measure_due_ms:
            self._measure_due_ms = filters.next_due(self._measure_due_ms, MEASURE_MS, now_ms)
            self._measure(now_ms)
        self._find_faults(now_ms, link_lost)
        changed = self._step(now_ms, link_lost)
        self._drive(now_ms)
        if now_ms >= self._status_due_ms:
            self._status_due_ms = filters.next_due(
                self._status_due_ms, self._status_period_ms, now_ms
            )
            changed = True
        if changed:
            self._report(now_ms)
        if now_ms >= self._meters_due_ms:
            self._meters_due_ms = filters.next_due(self._meters_due_ms, METERS_MS, now_ms)
            self._report_meters(now_ms)
        return RESTING_MS if self._arrived() else FADING_MS

    def explain(self, verb, level_percent, duration_s, now_ms):  # noqa: ARG002 - as of every node
        """What `command` would answer now, without acting: (status, guard, progress)."""
        if verb == VERB_SET:
            if level_percent > 100 or not 1 <= duration_s <= MAX_DURATION_S:
                return BAD_ARGUMENT
        elif verb != VERB_AUTO:
            return UNSUPPORTED
        return DONE

    def command(self, verb, level_percent, duration_s, transaction, now_ms):
        """Take a command: `set` and `auto`; returns (status, guard, progress)."""
        result = self.explain(verb, level_percent, duration_s, now_ms)
        if result != DONE:
            return result
        if verb == VERB_SET:
            self._asked_level = dali.level(level_percent)
            self._asked_until_ms = now_ms + duration_s * 1000
            self._asked_by = transaction
        else:
            self._asked_until_ms = -1
        return result

    def expect(self, duration_s, now_ms):
        """Somebody will be here within `duration_s`: a neighbour's news."""
        if now_ms >= self._expected_until_ms:
            self._unanswered += 1
        self._expected_until_ms = max(self._expected_until_ms, now_ms + duration_s * 1000)

    def safe(self):
        """Outputs to their safe state: light."""
        self._outputs.relay(1)
        self._outputs.dim(dali.duty(self._safe << dali.FINE_SHIFT), self._safe)

    def at_rest(self):
        """Whether no fade runs: a write to flash would show in it."""
        return self._arrived()

    def counters(self):
        """What the lamp has done, as `resume` takes it after a restart."""
        return self.meter.burning_s, self.meter.energy_wh, self._switchings

    def resume(self, counters):
        """Go on from these counters."""
        self.meter.burning_s, self.meter.energy_wh, self._switchings = counters

    def _sense_presence(self, now_ms):
        if self._inputs.presence():
            self._seen_ms = now_ms
            if not self._somebody:
                self._somebody = True
                self._somebody_since_ms = now_ms
                self._unanswered = 0
                self.presence_count = (self.presence_count + 1) & 0xFFFF
                self._hour_count += 1
                self._tell(EVENT_CODE_PRESENCE, SEVERITY_INFO, 1, self.presence_count, now_ms)
        elif self._somebody and now_ms - self._seen_ms >= PRESENCE_GONE_MS:
            self._somebody = False
            self._tell(EVENT_CODE_PRESENCE, SEVERITY_INFO, 0, self.presence_count, now_ms)

    def _measure(self, now_ms):
        self.programme.look(now_ms)
        self.meter.measure(self._level(), self._arrived(), now_ms)
        if now_ms >= self._hour_ends_ms:
            self._hour_ends_ms += HOUR_MS
            self._hour_before = self._hour_count
            self._hour_count = 0

    def _find_faults(self, now_ms, link_lost):
        faults = self.programme.faults | self.meter.faults
        if link_lost:
            faults |= LAMP_FAULT_LINK_LOST
        # A sensor that sees somebody without end is broken, but light does less harm than dark.
        stuck = self._somebody and now_ms - self._somebody_since_ms >= self._stuck_ms
        if stuck or self._unanswered >= BLIND_NEWS:
            faults |= LAMP_FAULT_PRESENCE_SENSOR
        before = self.faults
        if faults == before:
            return
        self.faults = faults
        meter = self.meter
        for bit, code, severity in TOLD_FAULTS:
            if (faults ^ before) & bit:
                value = bit
                if bit == LAMP_FAULT_DRIVER_HOT:
                    value = meter.temperature_c
                elif code != EVENT_CODE_SENSOR_FAULT:
                    value = meter.power_dw
                self._tell(code, severity, 1 if faults & bit else 0, value, now_ms)

    def _step(self, now_ms, link_lost):
        programme = self.programme
        sample = 0
        if self.faults & LAMP_FAULT_LAMP_FAILURE:
            sample |= lamp.FAILED
        if link_lost and (programme.lost or not self._autonomous):
            sample |= lamp.ADRIFT
        if now_ms < self._asked_until_ms:
            sample |= lamp.ASKED
        if not programme.night:
            sample |= lamp.DAYLIGHT
        if self._somebody:
            sample |= lamp.PRESENT
            self._present_ms = now_ms
        elif now_ms < self._expected_until_ms:
            sample |= lamp.PRESENT
        hold_over = now_ms - self._present_ms >= self._hold_ms
        sample |= lamp.done(self.state, self._arrived(), hold_over)
        before = self.state
        self.state = lamp.step(before, sample)
        self._aim(now_ms)
        if self.state == before:
            return False
        by = self._asked_by if lamp.OVERRIDE in (before, self.state) else 0
        self._outbox.event(EVENT_CODE_STATE_CHANGE, SEVERITY_INFO, 1, self.state, by, now_ms)
        return True

    def _aim(self, now_ms):
        """Take the level of the state as the fade's target; a new target starts a new fade."""
        source = lamp.LEVEL[self.state]
        if source == lamp.LEVEL_FLOOR:
            target = self.programme.floor
        elif source == lamp.LEVEL_PRESENCE:
            target = max(self.programme.presence, self.programme.floor)
        elif source == lamp.LEVEL_ASKED:
            target = self._asked_level
        elif source == lamp.LEVEL_SAFE:
            target = self._safe
        else:
            target = 0
        target = min(target, self.meter.limit)
        if target != self._target:
            self._target = target
            self._fade_from = self.level_fine
            self._fade_began_ms = now_ms

    def _arrived(self):
        return self.level_fine == self._target << dali.FINE_SHIFT

    def _level(self):
        """The DALI level of the light there is."""
        if self._switched and self.level_fine:
            return dali.FULL_LEVEL
        return self.level_fine >> dali.FINE_SHIFT

    def _drive(self, now_ms):
        target = self._target << dali.FINE_SHIFT
        if self.level_fine != target:
            whole_ms = self._ramp_up_ms if target > self._fade_from else self._ramp_down_ms
            elapsed_ms = now_ms - self._fade_began_ms
            self.level_fine = dali.fade(self._fade_from, target, elapsed_ms, whole_ms)
        lit = 1 if self.level_fine else 0
        if lit != self._lit:
            self._lit = lit
            self._switchings += lit
            self._outputs.relay(lit)
        duty = dali.FULL_DUTY if self._switched and lit else dali.duty(self.level_fine)
        if duty != self._duty:
            self._duty = duty
            self._outputs.dim(duty, self._level())

    def _report(self, now_ms):
        reason = lamp.REASON[self.state]
        if reason == lamp.BY_SCHEDULE and not self.programme.ruled:
            reason = lamp.BY_DEFAULT
        at = self._outbox.begin(RECORD_LAMP_STATUS, LAMP_STATUS_SIZE, 0, now_ms)
        pack_lamp_status(
            self._outbox.routine.data,
            at,
            self.state,
            reason,
            self._level(),
            self._target,
            self.faults,
            self.presence_count,
            self.meter.power_dw,
            self.meter.temperature_c,
        )

    def _report_meters(self, now_ms):
        at = self._outbox.begin(RECORD_LAMP_METERS, LAMP_METERS_SIZE, 0, now_ms)
        pack_lamp_meters(
            self._outbox.routine.data,
            at,
            self.meter.burning_s,
            self.meter.energy_wh,
            self._switchings,
            min(self._hour_before, 0xFFFF),
        )

    def _tell(self, code, severity, active, value, now_ms):
        self._outbox.event(code, severity, active, value, 0, now_ms)
