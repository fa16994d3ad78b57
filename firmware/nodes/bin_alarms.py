"""What goes wrong with a bin: fire, tilt, water, lid, battery, temperature; each told once."""

from firmware.logic import bin as logic
from firmware.logic import filters
from protocol.generated.wire import (
    EVENT_CODE_SENSOR_FAULT,
    SEVERITY_ALARM,
    SEVERITY_CRITICAL,
    SEVERITY_WARNING,
)
from protocol.generated.wire_bin import (
    BIN_FAULT_BATTERY_FLOOR,
    BIN_FAULT_BATTERY_LOW,
    BIN_FAULT_FIRE,
    BIN_FAULT_LID_STUCK,
    BIN_FAULT_TEMPERATURE_SENSOR,
    BIN_FAULT_TILTED,
    BIN_FAULT_WATER,
    BIN_INPUT_LID_OPEN,
    BIN_INPUT_TILT,
    BIN_INPUT_WATER,
    EVENT_CODE_BATTERY_LOW,
    EVENT_CODE_FIRE,
    EVENT_CODE_LID_STUCK,
    EVENT_CODE_TILT,
    EVENT_CODE_WATER,
)

# Contacts count as an alarm when they last; readings when they repeat.
CONTACT_MS = 500
READINGS = 3
COOLER_DC = 100
COOL_MS = 60000
# The rise of temperature is judged over the last minute.
WARMTHS = 6
WARMTH_MS = 10000
LEAST_APART_MS = 5000
# Waste keeps its temperature: without a sensor the last one serves this long.
LAST_TEMPERATURE_MS = 600000
RECOVERED_MV = 200
# A battery above its floor may sag this far under the press.
SAG_MV = 1500
LEAST_BATTERY_MS = 1800000


class Alarms:
    """The alarms of one bin: `faults` is a set of BIN_FAULT_*.

    `temperature_dc` and `battery_mv` are the last readings. `air_dc` is what the level is
    compensated with, logic.NO_TEMPERATURE without. `suspicious`: something may be burning, so
    that another reading is wanted at once.
    """

    def __init__(self, outbox, parameters):
        self.faults = 0
        self.temperature_dc = logic.NO_TEMPERATURE
        self.air_dc = logic.NO_TEMPERATURE
        self.battery_mv = 0
        self.suspicious = False
        self._outbox = outbox
        self._parameters = parameters
        self._tilted_ms = 0
        self._wet_ms = 0
        self._lid_ms = 0
        self._lid_stuck_ms = 1000 * parameters["lid_stuck_s"]
        self._hot = 0
        self._missing = 0
        self._read_ms = 0
        self._cool_ms = 0
        self._warmths = [logic.NO_TEMPERATURE] * WARMTHS
        self._warmth_ms = [0] * WARMTHS
        self._warmth_at = 0
        self._flat = 0
        self._least_mv = [0xFFFF, 0xFFFF]
        self._least_due_ms = LEAST_BATTERY_MS

    def contacts(self, bits, elapsed_ms, now_ms):
        """Take BIN_INPUT_* after `elapsed_ms`."""
        self._tilted_ms = filters.persists(
            self._tilted_ms, bits & BIN_INPUT_TILT, elapsed_ms, CONTACT_MS
        )
        on = self._contact(BIN_FAULT_TILTED, bits & BIN_INPUT_TILT, self._tilted_ms)
        self.fault(BIN_FAULT_TILTED, on, EVENT_CODE_TILT, SEVERITY_ALARM, 0, now_ms)
        self._wet_ms = filters.persists(
            self._wet_ms, bits & BIN_INPUT_WATER, elapsed_ms, CONTACT_MS
        )
        on = self._contact(BIN_FAULT_WATER, bits & BIN_INPUT_WATER, self._wet_ms)
        self.fault(BIN_FAULT_WATER, on, EVENT_CODE_WATER, SEVERITY_ALARM, 0, now_ms)
        lid = bits & BIN_INPUT_LID_OPEN
        self._lid_ms = filters.persists(self._lid_ms, lid, elapsed_ms, self._lid_stuck_ms)
        on = lid and self._lid_ms >= self._lid_stuck_ms
        self.fault(BIN_FAULT_LID_STUCK, on, EVENT_CODE_LID_STUCK, SEVERITY_WARNING, 0, now_ms)

    def temperature(self, dc, now_ms):
        """Take a reading in 0.1 °C, or logic.NO_TEMPERATURE."""
        self.temperature_dc = dc
        elapsed_ms = now_ms - self._read_ms
        if dc == logic.NO_TEMPERATURE:
            # What burns may take its sensor with it: a fire stays one.
            self._hot = self._cool_ms = 0
            self._missing = min(self._missing + 1, READINGS)
            if elapsed_ms >= LAST_TEMPERATURE_MS:
                self.air_dc = dc
        else:
            self._missing = 0
            self.air_dc = dc
            self._read_ms = now_ms
            self._judge_fire(dc, elapsed_ms, now_ms)
        self.suspicious = 0 < self._hot < READINGS
        self.fault(
            BIN_FAULT_TEMPERATURE_SENSOR,
            self._missing >= READINGS,
            EVENT_CODE_SENSOR_FAULT,
            SEVERITY_WARNING,
            0,
            now_ms,
        )

    def battery(self, mv, loaded, now_ms):
        """Take a voltage; `loaded`: the press runs, or has just stopped."""
        self.battery_mv = mv
        if now_ms >= self._least_due_ms:
            self._least_due_ms = filters.next_due(self._least_due_ms, LEAST_BATTERY_MS, now_ms)
            self._least_mv[1] = self._least_mv[0]
            self._least_mv[0] = mv
        self._least_mv[0] = min(self._least_mv[0], mv)
        floor_mv = self._parameters["battery_floor_mv"]
        low = self.faults & BIN_FAULT_BATTERY_LOW
        if loaded:
            flat = self.faults & BIN_FAULT_BATTERY_FLOOR or mv < floor_mv - SAG_MV
        else:
            flat = self._below(BIN_FAULT_BATTERY_FLOOR, mv, floor_mv)
            low = self._below(BIN_FAULT_BATTERY_LOW, mv, self._parameters["battery_low_mv"])
        self._flat = min(self._flat + 1, READINGS) if flat else 0
        flat = self._flat >= READINGS
        self.fault(BIN_FAULT_BATTERY_LOW, low, EVENT_CODE_BATTERY_LOW, SEVERITY_WARNING, mv, now_ms)
        self.fault(
            BIN_FAULT_BATTERY_FLOOR, flat, EVENT_CODE_BATTERY_LOW, SEVERITY_ALARM, mv, now_ms
        )

    def least_battery_mv(self):
        """The lowest voltage of the last half hour to hour."""
        return min(self._least_mv)

    def fault(self, bit, present, code, severity, value, now_ms):
        """Set or clear a fault bit; what changes is told."""
        faults = self.faults | bit if present else self.faults & ~bit
        if faults != self.faults:
            self.faults = faults
            self._outbox.event(code, severity, 1 if present else 0, value, 0, now_ms)

    def _contact(self, bit, closed, age_ms):
        """An alarm begins when its contact has lasted, and ends with it."""
        return closed and (self.faults & bit or age_ms >= CONTACT_MS)

    def _judge_fire(self, dc, elapsed_ms, now_ms):
        at = self._warmth_at
        before_dc = self._warmths[at]
        apart_ms = max(now_ms - self._warmth_ms[at], LEAST_APART_MS)
        newest = (at + WARMTHS - 1) % WARMTHS
        if before_dc == logic.NO_TEMPERATURE:
            before_dc = self._warmths[0]
            apart_ms = max(now_ms - self._warmth_ms[0], LEAST_APART_MS)
        hot = dc >= self._parameters["fire_dc"] or (
            before_dc != logic.NO_TEMPERATURE
            and logic.rises(before_dc, dc, apart_ms, self._parameters["fire_rise_dc"])
        )
        if (
            self._warmths[newest] == logic.NO_TEMPERATURE
            or now_ms - self._warmth_ms[newest] >= WARMTH_MS
        ):
            self._warmths[at] = dc
            self._warmth_ms[at] = now_ms
            self._warmth_at = (at + 1) % WARMTHS
        self._hot = min(self._hot + 1, READINGS) if hot else 0
        burning = self.faults & BIN_FAULT_FIRE
        cool = not hot and dc < self._parameters["fire_dc"] - COOLER_DC
        self._cool_ms = filters.persists(self._cool_ms, cool, elapsed_ms, COOL_MS)
        fire = self._hot >= READINGS or (burning and self._cool_ms < COOL_MS)
        self.fault(BIN_FAULT_FIRE, fire, EVENT_CODE_FIRE, SEVERITY_CRITICAL, dc, now_ms)

    def _below(self, bit, mv, limit_mv):
        if self.faults & bit:
            limit_mv += RECOVERED_MV
        return mv < limit_mv
