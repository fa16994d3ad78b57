"""Inputs and outputs of a post, in the units of the wire."""

from firmware.drivers.pins import Analog, contact, live_contact, output

UP, DOWN = 1, 2
WARNING, RED, GREEN, BUZZER = 1, 2, 4, 8
# Of these a cut wire must read 0, or a post would rise with nobody at its key, and show green or
# end an emergency lowering half-way: at_bottom, local_key, local_lower.
LIVE = 0x0580


class BollardOutputs:
    """Drives and signals of a post."""

    def __init__(self, board):
        self._up = output(board.POST_DRIVE_UP)
        self._down = output(board.POST_DRIVE_DOWN)
        self._warning = output(board.POST_WARNING)
        self._red = output(board.POST_RED)
        self._green = output(board.POST_GREEN)
        self._buzzer = output(board.POST_BUZZER)

    def drive(self, direction):
        """0 = off, UP or DOWN; the other drive is off before one is on."""
        if direction != UP:
            self._up.value(0)
        if direction != DOWN:
            self._down.value(0)
        if direction == UP:
            self._up.value(1)
        elif direction == DOWN:
            self._down.value(1)

    def signals(self, bits):
        """Show the set of WARNING, RED, GREEN and BUZZER."""
        self._warning.value(1 if bits & WARNING else 0)
        self._red.value(1 if bits & RED else 0)
        self._green.value(1 if bits & GREEN else 0)
        self._buzzer.value(1 if bits & BUZZER else 0)


class BollardInputs:
    """Sensors of a post, as bits in the order of wire.BOLLARD_INPUT_*."""

    def __init__(self, board):
        pins = board.POST_CONTACTS
        self._contacts = tuple(
            [(live_contact if LIVE >> i & 1 else contact)(pins[i]) for i in range(len(pins))]
        )
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
