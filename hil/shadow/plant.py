"""The wires between this controller and its plant: 4-byte messages over an inherited socket.

A message is kind u8, index u8, value u16 little-endian; kinds and indices as in hil/pins.py.
Module state is deliberate here: a board has one set of pins. Nothing allocates after import.
"""

import os
import time
from array import array

DIGITAL, PWM, ADC, I2C, WATCHDOG, RESET, FLASH, BOOTED = range(8)
WATCHDOG_ARM, WATCHDOG_FEED = 0, 1
I2C_PRESENT = 0xFF  # index of kind I2C that tells whether the device answers at all
PIN_COUNT = 64
UNCONNECTED = 2

levels = bytearray(PIN_COUNT)
for _pin in range(PIN_COUNT):
    levels[_pin] = UNCONNECTED
analog = array("H", [0] * PIN_COUNT)
registers = bytearray(257)
i2c_present = bytearray(1)

_received = bytearray(256)
_message = bytearray(4)
_partial = bytearray(4)
_state = bytearray(1)  # bytes of _partial that are filled

_number = os.getenv("STOEP_PLANT_FD")
_socket = open(int(_number), "r+b") if _number else None


def gone():
    """The street is gone: nothing of this process may stay behind."""
    raise SystemExit(0)


def send(kind, index, value):
    """Tell the street; waits while the socket is full, since an output must not be lost."""
    if _socket is None:
        return
    _message[0] = kind
    _message[1] = index
    _message[2] = value & 0xFF
    _message[3] = value >> 8
    try:
        while _socket.write(_message) is None:
            time.sleep_ms(1)
    except OSError:
        gone()


def drain():
    """Take over every input that has arrived; returns at once."""
    if _socket is None:
        return
    count = 0
    try:
        count = _socket.readinto(_received)
        while count:
            filled = _state[0]
            for position in range(count):
                _partial[filled] = _received[position]
                filled += 1
                if filled == 4:
                    filled = 0
                    _take(_partial[0], _partial[1], _partial[2], _partial[3])
            _state[0] = filled
            if count < len(_received):
                return
            count = _socket.readinto(_received)
    except OSError:
        gone()
    if count == 0:
        gone()


def _take(kind, index, low, high):
    if kind == DIGITAL and index < PIN_COUNT:
        levels[index] = low
    elif kind == ADC and index < PIN_COUNT:
        analog[index] = low | high << 8
    elif kind == I2C:
        if index == I2C_PRESENT:
            i2c_present[0] = low
        else:
            registers[index] = high
            registers[index + 1] = low


def wait_for_the_end():
    """After a reset request: do nothing until the street ends this process."""
    while True:
        drain()
        time.sleep_ms(20)
