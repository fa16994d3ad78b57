"""Inputs in the units of the wire. A contact that is not connected reads as its unsafe side."""

import machine

UNKNOWN_MM = 0xFFFF
NO_TEMPERATURE_DC = -32768
NO_TEMPERATURE_C = -128


def contact(pin):
    """An input with a pull-up: an open or missing contact reads 1."""
    return machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP)


class Analog:
    """An analog input as an integer from `low` to `high`, which are at most 65535 apart."""

    def __init__(self, pin, scale):
        self._adc = machine.ADC(pin)
        self._low = scale[0]
        self._span = scale[1] - scale[0]

    def read(self):
        """The measurement."""
        return self._low + ((self._adc.read_u16() >> 2) * self._span >> 14)

    def connected(self):
        """False at either end of the scale, where a broken wire or a short lies."""
        return 0 < self._adc.read_u16() < 0xFFFF


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


class BollardInputs:
    """Sensors of a post, as bits in the order of wire.BOLLARD_INPUT_*."""

    def __init__(self, board):
        self._contacts = tuple([contact(pin) for pin in board.POST_CONTACTS])
        self._current = Analog(board.POST_CURRENT, board.POST_CURRENT_MA)
        self._pressure = Analog(board.POST_PRESSURE, board.POST_PRESSURE_KPA)

    def bits(self):
        """All contacts at this moment."""
        bits = 0
        bit = 1
        for pin in self._contacts:
            if pin.value():
                bits |= bit
            bit <<= 1
        return bits

    def current_ma(self):
        """Current of the motor."""
        return self._current.read()

    def pressure_kpa(self):
        """Hydraulic pressure."""
        return self._pressure.read()


class BinInputs:
    """Sensors of a bin."""

    DISTANCE_ADDRESS = 0x70
    DISTANCE_REGISTER = 0x02  # DFRobot SEN0754: distance in mm, high byte first
    LID, DOOR, TILT, EYE = 0x01, 0x02, 0x04, 0x10  # wire.BIN_INPUT_*

    def __init__(self, board):
        self._lid = contact(board.BIN_LID)
        self._door = contact(board.BIN_DOOR)
        self._tilt = contact(board.BIN_TILT)
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
