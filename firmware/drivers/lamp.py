"""Inputs and outputs of a lamp, in the units of the wire."""

import machine

from firmware.drivers.pins import Analog, contact, output

NO_TEMPERATURE_C = -128


class LampOutputs:
    """Dimming PWM (or 0-10 V behind a filter) and relay of a lamp.

    A DALI driver offers the same two, sends `level` as direct arc power, and leaves `duty` alone.
    """

    def __init__(self, board):
        self._relay = output(board.LAMP_RELAY)
        self._dim = machine.PWM(machine.Pin(board.LAMP_DIM), freq=board.LAMP_PWM_HZ, duty_u16=0)

    def dim(self, duty, level):  # noqa: ARG002 - for a DALI driver
        """Light: PWM duty 0 to 65535, or what is the same, DALI level 0 to 254."""
        self._dim.duty_u16(duty)

    def relay(self, on):
        """Mains of the lamp's driver."""
        self._relay.value(on)


class LampInputs:
    """Sensors of a lamp. A presence sensor that is not connected sees somebody: light, not dark."""

    def __init__(self, board):
        self._presence = contact(board.LAMP_PRESENCE)
        self._current = Analog(board.LAMP_CURRENT, board.LAMP_CURRENT_MA)
        self._temperature = Analog(board.LAMP_TEMPERATURE, board.TEMPERATURE_DC)
        self._photocell = Analog(board.LAMP_PHOTOCELL, board.LAMP_PHOTOCELL_LUX)

    def presence(self):
        """1 when the sensor sees somebody."""
        return self._presence.value()

    def current_ma(self):
        """Current of the lamp."""
        return self._current.read()

    def temperature_c(self):
        """Temperature of the lamp's driver, NO_TEMPERATURE_C without a sensor."""
        if not self._temperature.connected():
            return NO_TEMPERATURE_C
        return min(max(self._temperature.read() // 10, -127), 127)

    def photocell_lux(self):
        """Light at the photocell; daylight is the end of its scale, and no photocell is dark."""
        return self._photocell.read()
