"""One serial port: bytes out, checked frames in, one open exchange at a time."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import termios
from collections.abc import Callable
from typing import Any, TypeVar

import serial

from gateway.line_watch import LineWatch
from protocol.frame_reader import FrameReader, payload_size
from protocol.generated.wire import MAX_WIRE

T = TypeVar("T")

BITS_PER_BYTE = 10
"""Start bit, eight data bits, stop bit."""


class PortError(Exception):
    """The port cannot be opened or was lost; the message says what to do."""


def open_serial(url: str, baud: int) -> Any:
    """The pyserial port behind `url`, non-blocking and locked; PortError says why not."""
    options: dict[str, Any] = {"baudrate": baud, "timeout": 0}
    if "://" not in url:
        options["exclusive"] = True
    try:
        port: Any = serial.serial_for_url(url, **options)
    except ValueError as error:
        raise PortError(f"{url}: not a port or pyserial URL: {error}") from error
    except (serial.SerialException, OSError, termios.error) as error:
        # pyserial lets the last one through when the adapter goes away just then.
        raise PortError(f"{url}: {_advice(error)}") from error
    with contextlib.suppress(Exception):
        # Only some USB adapters have it; it takes their latency from 16 ms to 1 ms.
        port.set_low_latency_mode(True)
    return port


def _advice(error: Exception) -> str:
    code = getattr(error, "errno", None)
    text = str(error)
    if code == errno.ENOENT or "No such file" in text:
        return "there is no such port; is the adapter plugged in? (ls /dev/serial/by-id)"
    if code == errno.EACCES or "Permission denied" in text:
        return "no permission; add this user to the group dialout and log in again"
    if code in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EBUSY) or "lock" in text:
        return "the port is busy; another program holds it (fuser PORT names it)"
    return text


class Port:
    """An open port on the running loop. `close` it; after PortError from `exchange` too."""

    def __init__(self, url: str, baud: int) -> None:
        """Open it now; PortError says why not."""
        self.url = url
        self.baud = baud
        self.reader = FrameReader()
        self.watch = LineWatch()
        self.bytes_sent = 0
        self.bytes_received = 0
        self.turnaround_s = 0.0
        """From the end of the latest answered request to its answer's first bytes."""
        self._serial = open_serial(url, baud)
        try:
            self._descriptor: int = self._serial.fileno()
        except (OSError, AttributeError) as error:
            self._serial.close()
            raise PortError(f"{url}: this kind of port has no descriptor to wait on") from error
        self._accept: Callable[[bytearray, int], Any] | None = None
        self._answer: asyncio.Future[Any] | None = None
        self._lost: PortError | None = None
        self._received_at_send = 0
        self._first_byte_s = 0.0
        self._frame_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._descriptor, self._readable)

    def close(self) -> None:
        """Give the port back; may be called twice."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            self._descriptor = -1
            with contextlib.suppress(OSError, serial.SerialException):
                self._serial.close()

    def wire_s(self, count: int) -> float:
        """Seconds that `count` bytes take on the line."""
        return count * BITS_PER_BYTE / self.baud

    async def send(self, wire: bytes) -> None:
        """Put bytes on the line and wait until they have left; PortError when the port is gone."""
        self._write(wire)
        await asyncio.sleep(self.wire_s(len(wire)))

    async def exchange(
        self, wire: bytes, accept: Callable[[bytearray, int], T | None], turnaround_s: float
    ) -> T | None:
        """Send a request; the first frame that `accept` takes, or None when time is up.

        The first byte must come within `turnaround_s` of the request's end; then there is time
        for the longest frame. PortError when the port is gone.
        """
        self.reader.reset()
        self._accept = accept
        self._first_byte_s = 0.0
        self._received_at_send = self.bytes_received
        self._frame_s = self.wire_s(MAX_WIRE) + turnaround_s
        self._write(wire)
        answer: asyncio.Future[T | None] = self._loop.create_future()
        self._answer = answer
        request_ends_s = self._loop.time() + self.wire_s(len(wire))
        timer = self._loop.call_at(request_ends_s + turnaround_s, self._expired, answer, True)
        try:
            result = await answer
            if result is not None:
                self.turnaround_s = max(0.0, self._first_byte_s - request_ends_s)
            return result
        finally:
            timer.cancel()
            self._accept = self._answer = None

    def _expired(self, answer: asyncio.Future[Any], may_extend: bool) -> None:
        if answer.done():
            return
        if may_extend and self.bytes_received > self._received_at_send:
            self._loop.call_later(self._frame_s, self._expired, answer, False)
        else:
            answer.set_result(None)

    def _write(self, wire: bytes) -> None:
        if self._lost:
            raise self._lost
        try:
            written = os.write(self._descriptor, wire)
        except BlockingIOError:
            written = 0
        except OSError as error:
            raise self._lose(error) from error
        if written != len(wire):
            raise self._lose(OSError("the port takes no more bytes"))
        self.bytes_sent += written

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, 4096)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if not data:
            self._lose(OSError("hung up"))
            return
        self.bytes_received += len(data)
        answer = self._answer
        if answer is None or answer.done():
            self.watch.unasked(len(data))
        elif not self._first_byte_s:
            self._first_byte_s = self._loop.time()
        for frame in self.reader.feed(data):
            self._frame(frame)

    def _frame(self, frame: bytearray) -> None:
        accept, answer = self._accept, self._answer
        if accept and answer and not answer.done():
            result = accept(frame, payload_size(frame))
            if result is not None:
                answer.set_result(result)
                return
            self.watch.unasked(len(frame))
        self.watch.unasked_frame(frame[3])

    def _lose(self, error: OSError) -> PortError:
        self._lost = PortError(f"{self.url}: the port is gone ({error.strerror or error})")
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
        if self._answer and not self._answer.done():
            self._answer.set_exception(self._lost)
        return self._lost
