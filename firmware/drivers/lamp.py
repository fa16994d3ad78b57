"""Inputs and outputs of a lamp, in the units of the wire."""

import machine

from firmware.drivers.pins import Analog, contact, output

NO_TEMPERATURE_C = -128


class LampOutputs:
    """Dimming PWM and relay of a lamp; a DALI driver would offer the same two."""

    def __init__(self, board):
        self._relay = output(board.LAMP_RELAY)
        self._dim = machine.PWM(machine.Pin(board.LAMP_DIM), freq=board.LAMP_PWM_HZ, duty_u16=0)

    def dim(self, duty):
        """PWM duty 0 to 65535."""
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
