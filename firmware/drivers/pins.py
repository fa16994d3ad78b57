"""What the pins of every kind have in common. Making an output leaves every drive off."""

import machine


def output(pin):
    """An output pin that is low from the start."""
    return machine.Pin(pin, machine.Pin.OUT, value=0)


def contact(pin):
    """An input with a pull-up: an open or missing contact reads 1, its unsafe side."""
    return machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP)


def live_contact(pin):
    """An input with a pull-down: an open or missing wire reads 0, where 1 is what acts."""
    return machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_DOWN)


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
