"""What a lamp's current and warmth tell: energy, hours, failure, cycling, day burner, derating."""

from firmware.logic import dali, filters, lamp
from protocol.generated.wire import NO_READING_I8
from protocol.generated.wire_lamp import (
    LAMP_FAULT_CYCLING,
    LAMP_FAULT_DAY_BURNER,
    LAMP_FAULT_DRIVER_HOT,
    LAMP_FAULT_LAMP_FAILURE,
    LAMP_FAULT_TEMPERATURE_SENSOR,
)

MEASURE_MS = 1000
HOUR_MS = 3600000
# The driver follows the PWM and the filter of the current by then.
FAILURE_MS = 5000
DAY_BURNER_MS = 60000
# So many failures within an hour are one lamp that cycles.
CYCLES = 3
DECIWATT_SECONDS_PER_WATTHOUR = 36000


class Meter:
    """Measures once a second; `faults` are the bits of LampFault that follow from it.

    `limit`: the level that the driver's temperature allows. `inputs`: current_ma() and
    temperature_c(), NO_READING_I8 without a sensor.
    """

    def __init__(self, inputs, parameters):
        self.faults = 0
        self.limit = dali.FULL_LEVEL
        self.power_dw = 0
        self.temperature_c = 0
        self.burning_s = 0
        self.energy_wh = 0
        self._inputs = inputs
        self._supply_v = parameters["supply_v"]
        self._rated_dw = parameters["rated_power_dw"]
        self._derate_from_c = parameters["derate_from_c"]
        self._derate_to_c = parameters["derate_to_c"]
        self._least_percent = max(parameters["floor_percent"], lamp.DERATED_PERCENT)
        self._energy_dws = 0
        self._failure_ms = 0
        self._day_burner_ms = 0
        self._failed_at_ms = [-HOUR_MS] * CYCLES

    def measure(self, level, steady, now_ms):
        """One second at a level of 0 to 254; `steady`: no fade runs."""
        self.power_dw = min(self._inputs.current_ma() * self._supply_v // 100, 0xFFFE)
        if level:
            self.burning_s += 1
        self._energy_dws += self.power_dw
        while self._energy_dws >= DECIWATT_SECONDS_PER_WATTHOUR:
            self._energy_dws -= DECIWATT_SECONDS_PER_WATTHOUR
            self.energy_wh += 1
        self._feel()
        if steady:
            self._judge_failure(level, now_ms)
            self._judge_day(level)

    def _feel(self):
        """Limit the light of a hot driver, and no other."""
        self.temperature_c = temperature_c = self._inputs.temperature_c()
        begins_c = self._derate_from_c
        if not begins_c:
            return
        self._set(LAMP_FAULT_TEMPERATURE_SENSOR, temperature_c == NO_READING_I8)
        hot = self.faults & LAMP_FAULT_DRIVER_HOT
        self._set(
            LAMP_FAULT_DRIVER_HOT,
            temperature_c > (begins_c - lamp.COOLED_C if hot else begins_c),
        )
        allowed = lamp.allowed_percent(
            temperature_c, begins_c, self._derate_to_c, self._least_percent
        )
        self.limit = dali.level(allowed)

    def _judge_failure(self, level, now_ms):
        verdict = lamp.judge(level, self.power_dw, self._rated_dw)
        if verdict != lamp.CANNOT_TELL:
            failed = self.faults & LAMP_FAULT_LAMP_FAILURE
            dark = verdict == lamp.DARK
            self._failure_ms = filters.persists(self._failure_ms, dark, MEASURE_MS, FAILURE_MS)
            if not failed and self._failure_ms >= FAILURE_MS:
                self._failed_at_ms = self._failed_at_ms[1:] + [now_ms]
                self.faults |= LAMP_FAULT_LAMP_FAILURE
            elif not dark:
                self.faults &= ~LAMP_FAULT_LAMP_FAILURE
        cycling = self.faults & LAMP_FAULT_CYCLING
        since_ms = self._failed_at_ms[CYCLES - 1 if cycling else 0]
        self._set(LAMP_FAULT_CYCLING, now_ms - since_ms < HOUR_MS)

    def _judge_day(self, level):
        """Power without light being asked for; at night nothing can be told."""
        if level:
            return
        burns = lamp.burns(self.power_dw, self._rated_dw)
        self._day_burner_ms = filters.persists(
            self._day_burner_ms, burns, MEASURE_MS, DAY_BURNER_MS
        )
        if not burns or self._day_burner_ms >= DAY_BURNER_MS:
            self._set(LAMP_FAULT_DAY_BURNER, burns)

    def _set(self, bit, present):
        self.faults = self.faults | bit if present else self.faults & ~bit
