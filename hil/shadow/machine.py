"""`machine` as on an RP2, joined to a plant: what drivers of a Pico use, and no more.

Reading an input allocates nothing. Inputs have the value that the street sent last; an input
that nothing is connected to reads as its pull resistor, or 0 without one.
"""

import io
import os
import time

import plant

# Numbers of the RP2 port, which knows these two only; reset() is a watchdog reset there.
PWRON_RESET = 1
WDT_RESET = 3

_unit = os.getenv("STOEP_UNIT") or "0000000000000000"
_cause = int(os.getenv("STOEP_RESET_CAUSE") or PWRON_RESET)
_uarts = []
_lost = bytearray(64)
_FREQUENCY_HZ = 125_000_000  # RP2040 after reset


def unique_id():
    """The 8 bytes of the hardware id."""
    return bytes(int(_unit[at : at + 2], 16) for at in range(0, 16, 2))


def reset_cause():
    """Why this run began: PWRON_RESET or WDT_RESET."""
    return _cause


def reset():
    """Reset the controller; does not return."""
    plant.send(plant.RESET, 0, 0)
    plant.wait_for_the_end()


def freq(hz=None):
    """Core frequency in Hz (cannot be changed here)."""
    return _FREQUENCY_HZ


def idle():
    """Wait for about a tick."""
    time.sleep_ms(1)


def lightsleep(time_ms=1):
    """Sleep for `time_ms`; peripherals keep their state, and what a UART receives is lost."""
    time.sleep_ms(time_ms)
    for uart in _uarts:
        while uart.readinto(_lost):
            pass


def disable_irq():
    """There are no interrupts here; for code that brackets critical sections."""
    return 0


def enable_irq(state=0):
    """See `disable_irq`."""


class Pin:
    """A digital pin. Outputs tell the street when they change."""

    IN = 0
    OUT = 1
    OPEN_DRAIN = 2
    PULL_UP = 1
    PULL_DOWN = 2

    def __init__(self, id, mode=IN, pull=None, value=None):
        self.id = id
        self.init(mode, pull, value)

    def init(self, mode=IN, pull=None, value=None):
        """Set direction, pull resistor and (for an output) the level."""
        self._is_output = mode != Pin.IN
        self._unconnected = 1 if pull == Pin.PULL_UP else 0
        self._level = 0 if value is None else int(bool(value))
        if self._is_output:
            plant.send(plant.DIGITAL, self.id, self._level)

    def value(self, level=None):
        """Read the pin, or drive it."""
        if level is None:
            if self._is_output:
                return self._level
            plant.drain()
            level = plant.levels[self.id]
            return self._unconnected if level == plant.UNCONNECTED else level
        level = 1 if level else 0
        if level != self._level:
            self._level = level
            if self._is_output:
                plant.send(plant.DIGITAL, self.id, level)
        return None

    def __call__(self, level=None):
        """As `value`."""
        return self.value(level)

    def on(self):
        """Drive high."""
        self.value(1)

    high = on

    def off(self):
        """Drive low."""
        self.value(0)

    low = off

    def toggle(self):
        """Drive the other level."""
        self.value(1 - self._level)


class PWM:
    """A pulse-width output; the street sees the duty only."""

    def __init__(self, pin, freq=1000, duty_u16=0):
        self.id = pin.id
        self._freq = freq
        self._duty = -1
        self.duty_u16(duty_u16)

    def freq(self, hz=None):
        """Frequency in Hz."""
        if hz is None:
            return self._freq
        self._freq = hz
        return None

    def duty_u16(self, duty=None):
        """Duty in 0..65535."""
        if duty is None:
            return self._duty
        duty = min(65535, max(0, duty))
        if duty != self._duty:
            self._duty = duty
            plant.send(plant.PWM, self.id, duty)
        return None

    def deinit(self):
        """Stop: the output is low."""
        self.duty_u16(0)


class ADC:
    """An analog input by its pin number (26..29 on an RP2)."""

    def __init__(self, pin):
        self.id = pin.id if isinstance(pin, Pin) else pin

    def read_u16(self):
        """The input as 0..65535 of its full scale."""
        plant.drain()
        return plant.analog[self.id]


class I2C:
    """A bus with one device at DEVICE; 16-bit registers lie high byte first."""

    DEVICE = 0x70

    def __init__(self, id=0, scl=None, sda=None, freq=400_000, timeout=50_000):
        pass

    def scan(self):
        """Addresses that answer."""
        plant.drain()
        return [I2C.DEVICE] if plant.i2c_present[0] else []

    def _need(self, addr):
        plant.drain()
        if addr != I2C.DEVICE or not plant.i2c_present[0]:
            raise OSError(5)  # EIO, as the RP2 port raises when nobody acknowledges

    def readfrom_mem_into(self, addr, memaddr, buf, addrsize=8):
        """Fill `buf` from register `memaddr` on; OSError when nobody answers."""
        self._need(addr)
        for at in range(len(buf)):
            buf[at] = plant.registers[(memaddr + at) & 0xFF]

    def readfrom_mem(self, addr, memaddr, nbytes, addrsize=8):
        """`nbytes` from register `memaddr` on; OSError when nobody answers."""
        data = bytearray(nbytes)
        self.readfrom_mem_into(addr, memaddr, data)
        return bytes(data)

    def writeto_mem(self, addr, memaddr, buf, addrsize=8):
        """Write registers; the street learns each byte."""
        self._need(addr)
        for at in range(len(buf)):
            plant.send(plant.I2C, (memaddr + at) & 0xFF, buf[at])


class UART(io.IOBase):
    """The RS-485 transceiver: a pty on the modelled line. `select.poll` takes it as it is.

    Never blocks. The line itself keeps baud time, so `baudrate` only sets what `txdone` assumes.
    STOEP_UART is the path of the pty, or the number of an inherited descriptor.
    """

    def __init__(self, id=0, baudrate=115_200, tx=None, rx=None, **settings):
        self.init(baudrate)
        target = os.getenv("STOEP_UART")
        if not target:
            raise OSError(19)  # ENODEV
        self._file = open(int(target) if target.isdigit() else target, "r+b")
        self._done_us = time.ticks_us()
        _uarts.append(self)

    def init(self, baudrate=115_200, **settings):
        """Set the speed in bits a second."""
        self._baud = baudrate

    def ioctl(self, request, argument):
        """For `select.poll`: 10 asks for the descriptor (MP_STREAM_GET_FILENO)."""
        if request == 10:
            return self._file.fileno()
        return 0

    def readinto(self, buf, nbytes=None):
        """Bytes read into `buf`, or None when there are none (as on a Pico)."""
        try:
            if nbytes is not None and nbytes < len(buf):
                buf = memoryview(buf)[:nbytes]
            return self._file.readinto(buf) or None
        except OSError:
            plant.gone()

    def read(self, nbytes=256):
        """Up to `nbytes` bytes, or None when there are none."""
        buf = bytearray(nbytes)
        count = self.readinto(buf)
        return bytes(memoryview(buf)[:count]) if count else None

    def write(self, buf):
        """Bytes taken (the transmit buffer holds more than a frame)."""
        count = 0
        try:
            count = self._file.write(buf) or 0
        except OSError:
            plant.gone()
        now_us = time.ticks_us()
        if time.ticks_diff(self._done_us, now_us) < 0:
            self._done_us = now_us
        self._done_us = time.ticks_add(self._done_us, count * 10_000_000 // self._baud)
        return count

    def txdone(self):
        """Whether the last bit has left."""
        return time.ticks_diff(self._done_us, time.ticks_us()) <= 0

    def flush(self):
        """Wait until the last bit has left."""
        left_us = time.ticks_diff(self._done_us, time.ticks_us())
        if left_us > 0:
            time.sleep_us(left_us)

    def close(self):
        """Give the port back."""
        self._file.close()


class WDT:
    """The watchdog, kept by the street: without a feed it kills this process and starts another."""

    MAX_TIMEOUT_MS = 8388  # RP2040

    def __init__(self, id=0, timeout=5000):
        if not 1 <= timeout <= WDT.MAX_TIMEOUT_MS:
            raise ValueError("timeout exceeds 8388")
        # A feed is passed on only every eighth of the timeout; the street allows for that.
        self._apart_ms = timeout // 8
        self._fed_ms = time.ticks_ms()
        plant.send(plant.WATCHDOG, plant.WATCHDOG_ARM, max(1, timeout // 16))

    def feed(self):
        """Say that the firmware is alive."""
        now_ms = time.ticks_ms()
        if time.ticks_diff(now_ms, self._fed_ms) >= self._apart_ms:
            self._fed_ms = now_ms
            plant.send(plant.WATCHDOG, plant.WATCHDOG_FEED, 0)
