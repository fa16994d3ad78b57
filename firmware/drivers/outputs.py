"""Outputs by what they do in the street. Making one leaves every drive off."""

import machine

UP, DOWN = 1, 2
WARNING, RED, GREEN, BUZZER = 1, 2, 4, 8


def output(pin):
    """An output pin that is low from the start."""
    return machine.Pin(pin, machine.Pin.OUT, value=0)


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
