"""Inputs and outputs of a bin, in the units of the wire."""

import machine

from firmware.drivers.pins import Analog, contact, output

UP, DOWN = 1, 2
UNKNOWN_MM = 0xFFFF
NO_TEMPERATURE_DC = -32768


class BinOutputs:
    """The press of a bin."""

    def __init__(self, board):
        self._press = output(board.BIN_PRESS)
        self._retract = output(board.BIN_RETRACT)

    def press(self, direction):
        """0 = off, UP = retract, DOWN = press; the other drive is off before one is on."""
        if direction != DOWN:
            self._press.value(0)
        if direction != UP:
            self._retract.value(0)
        if direction == DOWN:
            self._press.value(1)
        elif direction == UP:
            self._retract.value(1)


class BinInputs:
    """Sensors of a bin."""

    DISTANCE_ADDRESS = 0x70
    DISTANCE_REGISTER = 0x02  # DFRobot SEN0754: distance in mm, high byte first
    LID, DOOR, TILT, WATER, EYE = 0x01, 0x02, 0x04, 0x08, 0x10  # wire.BIN_INPUT_*

    def __init__(self, board):
        self._lid = contact(board.BIN_LID)
        self._door = contact(board.BIN_DOOR)
        self._tilt = contact(board.BIN_TILT)
        self._water = contact(board.BIN_WATER)
        self._eye = contact(board.BIN_EYE)
        self._press = Analog(board.BIN_PRESS_CURRENT, board.BIN_PRESS_MA)
        self._battery = Analog(board.BIN_BATTERY, board.BIN_BATTERY_MV)
        self._temperature = Analog(board.BIN_TEMPERATURE, board.TEMPERATURE_DC)
        self._bus = machine.I2C(
            board.BIN_I2C, scl=machine.Pin(board.BIN_SCL), sda=machine.Pin(board.BIN_SDA)
        )
        self._answer = bytearray(2)

    def bits(self):
        """All contacts at this moment."""
        bits = self.LID if self._lid.value() else 0
        if self._door.value():
            bits |= self.DOOR
        if self._tilt.value():
            bits |= self.TILT
        if self._water.value():
            bits |= self.WATER
        if self._eye.value():
            bits |= self.EYE
        return bits

    def distance_mm(self):
        """What the distance sensor says, its codes included; UNKNOWN_MM when it does not answer."""
        answer = self._answer
        try:
            self._bus.readfrom_mem_into(self.DISTANCE_ADDRESS, self.DISTANCE_REGISTER, answer)
        except OSError:
            return UNKNOWN_MM
        return answer[0] << 8 | answer[1]

    def temperature_dc(self):
        """Temperature inside in 0.1 °C, NO_TEMPERATURE_DC without a sensor."""
        return self._temperature.read() if self._temperature.connected() else NO_TEMPERATURE_DC

    def battery_mv(self):
        """Voltage of the battery."""
        return self._battery.read()

    def press_ma(self):
        """Current of the press."""
        return self._press.read()
