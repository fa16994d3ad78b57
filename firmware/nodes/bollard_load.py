"""The force of the drive as its current and pressure tell, and the height of the post. Integers.

This limits no force that must be limited: what protects people cuts power in hardware.
"""

from firmware.logic import bollard
from protocol.generated.wire_bollard import (
    BOLLARD_FAULT_OVERCURRENT,
    BOLLARD_FAULT_OVERLOAD_SENSOR,
    BOLLARD_FAULT_OVERPRESSURE,
)

# Two samples: shorter peaks are noise.
OVERLOAD_MS = 20
# A post that goes up against its own weight is felt by now.
SILENT_MS = 1000
LEAST_MA = 100
LEAST_KPA = 100
# With the drive off a motor takes nothing once it has run down: less than this share of its limit.
IDLE_SHARE = 10
RUN_DOWN_MS = 1000

UNKNOWN_PERCENT = 255
GUESSED_TRAVEL_MS = 4000


class Load:
    """Measures what the drive takes. `faults` is the set of BOLLARD_FAULT_* behind an overload.

    `stuck`: current flows with the drive off, so the sensor does not tell, or the contactor sticks.
    """

    def __init__(self, inputs, parameters):
        self.current_ma = 0
        self.pressure_kpa = 0
        self.faults = 0
        self.stuck = False
        self._inputs = inputs
        self._most_ma = parameters["overload_ma"]
        self._most_kpa = parameters["overload_kpa"]
        self._over_ms = 0
        self._silent_ms = 0
        self._idle_ma = max(self._most_ma // IDLE_SHARE, LEAST_MA)
        self._running_ms = 0

    def measure(self, drive, arrives, elapsed_ms):
        """bollard.OVERLOAD or 0. A rise that no sensor feels is an overload: nothing limits it.

        `arrives`: the end switch ahead closes but is not believed yet; pushing on it is no load.
        """
        ma = self.current_ma = self._inputs.current_ma()
        kpa = self.pressure_kpa = self._inputs.pressure_kpa()
        if not drive:
            self._watch_idle(ma, elapsed_ms)
        elif not self.stuck:
            self._running_ms = 0
        faults = 0
        if drive and self._most_ma and ma > self._most_ma:
            faults = BOLLARD_FAULT_OVERCURRENT
        if drive and self._most_kpa and kpa > self._most_kpa:
            faults |= BOLLARD_FAULT_OVERPRESSURE
        if not faults:
            self._over_ms = 0
        elif not arrives:
            self._over_ms += elapsed_ms
        felt = (self._most_ma and ma >= LEAST_MA) or (self._most_kpa and kpa >= LEAST_KPA)
        if drive != bollard.DRIVE_UP or felt:
            self._silent_ms = 0
        else:
            self._silent_ms += elapsed_ms
            if self._silent_ms >= SILENT_MS:
                self.faults = BOLLARD_FAULT_OVERLOAD_SENSOR
                return bollard.OVERLOAD
        if self._over_ms < OVERLOAD_MS:
            return 0
        self.faults = faults
        return bollard.OVERLOAD

    def _watch_idle(self, ma, elapsed_ms):
        if not self._most_ma or ma < self._idle_ma:
            self._running_ms = 0
        elif self._running_ms < RUN_DOWN_MS:
            self._running_ms += elapsed_ms
        self.stuck = self._running_ms >= RUN_DOWN_MS


class Height:
    """Where the post is: its end switches know, between them it is reckoned from the drive."""

    def __init__(self):
        self._at_ms = -1
        self._travel_ms = GUESSED_TRAVEL_MS

    def learn(self, rise_ms):
        """A whole rise took that long."""
        self._travel_ms = max(rise_ms, 1)

    def turn(self, inputs, drive, elapsed_ms):
        """Follow the post for `elapsed_ms` in which `drive` was on."""
        ends = inputs & bollard.BOTH_ENDS
        if ends == bollard.AT_BOTTOM:
            self._at_ms = 0
        elif ends == bollard.AT_TOP:
            self._at_ms = self._travel_ms
        elif self._at_ms >= 0 and drive:
            moved_ms = elapsed_ms if drive == bollard.DRIVE_UP else -elapsed_ms
            self._at_ms = min(max(self._at_ms + moved_ms, 0), self._travel_ms)

    def percent(self, inputs):
        """0 to 100, or UNKNOWN_PERCENT; 0 and 100 only where an end switch says so."""
        ends = inputs & bollard.BOTH_ENDS
        if ends == bollard.AT_BOTTOM:
            return 0
        if ends == bollard.AT_TOP:
            return 100
        if self._at_ms < 0 or ends:
            return UNKNOWN_PERCENT
        return min(max(self._at_ms * 100 // self._travel_ms, 1), 99)
