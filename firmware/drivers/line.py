"""The RS-485 line: a UART and the pin that turns the transceiver round."""

import select
import time

import machine

BITS_PER_BYTE = 10
BUFFER_BYTES = 256


class Line:
    """Half-duplex: between `send` and the last bit the transceiver drives the line."""

    def __init__(self, board):
        self.buffer = bytearray(BUFFER_BYTES)
        self._enable = machine.Pin(board.DRIVER_ENABLE, machine.Pin.OUT, value=0)
        self._uart = machine.UART(
            board.UART,
            baudrate=board.BAUD,
            tx=machine.Pin(board.UART_TX),
            rx=machine.Pin(board.UART_RX),
            txbuf=BUFFER_BYTES,
            rxbuf=2 * BUFFER_BYTES,
            timeout=0,
        )
        self._byte_us = BITS_PER_BYTE * 1000000 // board.BAUD
        self._sending = False
        self._sent_at_us = 0
        self._poll = select.poll()
        self._poll.register(self._uart, select.POLLIN)

    def receive(self):
        """Read what has arrived into `buffer`; returns how many bytes."""
        return self._uart.readinto(self.buffer) or 0

    def send(self, data, size):
        """Start sending data[:size]; it must stay as it is until the next `wait` has returned."""
        self._finish(size * 100)
        self._enable.value(1)
        self._sending = True
        self._sent_at_us = time.ticks_add(time.ticks_us(), size * self._byte_us)
        self._uart.write(memoryview(data)[:size])

    def wait(self, timeout_ms):
        """Return when bytes have arrived, or after `timeout_ms`."""
        if self._sending:
            begin_ms = time.ticks_ms()
            self._finish(timeout_ms)
            timeout_ms -= time.ticks_diff(time.ticks_ms(), begin_ms)
        if timeout_ms > 0:
            for _ in self._poll.ipoll(timeout_ms):
                return

    def doze(self, timeout_ms):
        """Sleep as deep as the memory allows; what arrives meanwhile is lost.

        `timeout_ms` must be well below the watchdog's period, which goes on.
        """
        self._finish(timeout_ms)
        machine.lightsleep(timeout_ms)

    def _finish(self, timeout_ms):
        """Wait for the last bit, but not longer than `timeout_ms`, then let go of the line."""
        begin_ms = time.ticks_ms()
        while self._sending:
            left_us = time.ticks_diff(self._sent_at_us, time.ticks_us())
            if left_us <= 0 and self._uart.txdone():
                self._enable.value(0)
                self._sending = False
            elif time.ticks_diff(time.ticks_ms(), begin_ms) >= timeout_ms:
                return
            elif left_us > 1500:
                time.sleep_ms(1)
            elif left_us > 300:
                # Asleep rather than in this loop, but early enough to be on time.
                time.sleep_us(left_us - 200)
