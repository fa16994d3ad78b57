"""Frames on the line: COBS, a zero byte as delimiter, CRC-16. Dual, and free of heap use.

A frame is built in place in a bytearray of BUFFER_SIZE: byte 0 is the COBS byte, the header
follows at HEADER_AT, the payload at PAYLOAD_AT, then the tag if any, the CRC and the delimiter.
"""

from protocol.generated.wire import (
    CRC_SIZE,
    HEADER_SIZE,
    MAX_BODY,
    MAX_WIRE,
    PROTOCOL_VERSION,
)
from protocol.kernels import copy_until_zero, crc16, stuff, unstuff

BUFFER_SIZE = MAX_WIRE + 1
HEADER_AT = 1
PAYLOAD_AT = HEADER_AT + HEADER_SIZE
VERSION_BITS = PROTOCOL_VERSION << 5
VERSION_MASK = 0xE0


def start_frame(
    buffer: bytearray, flags: int, destination: int, source: int, kind: int, counter: int
) -> None:
    """Write the header into buffer; `counter` is taken modulo 65536."""
    buffer[1] = VERSION_BITS | flags
    buffer[2] = destination
    buffer[3] = source
    buffer[4] = kind
    buffer[5] = counter & 0xFF
    buffer[6] = (counter >> 8) & 0xFF


def finish_frame(buffer: bytearray, size: int) -> int:
    """Close a frame whose payload and tag take `size` bytes; returns its bytes on the wire."""
    end = PAYLOAD_AT + size
    crc = crc16(buffer, HEADER_AT, end)
    buffer[end] = crc & 0xFF
    buffer[end + 1] = crc >> 8
    end += CRC_SIZE
    stuff(buffer, end)
    buffer[end] = 0
    return end + 1


class Deframer:
    """Bounded, incremental: bytes in, checked frames out, everything else counted and dropped.

    `push` until the chunk is used up; whenever `size` is not -1, a frame lies in `buffer`:
    header at HEADER_AT, payload and tag at PAYLOAD_AT, `size` bytes of them, then the CRC; valid
    until the next push. A host that takes whole chunks uses frame_reader instead.
    """

    def __init__(self) -> None:
        self.buffer = bytearray(BUFFER_SIZE)
        self.size = -1
        self.bad_frames = 0
        self._fill = 0
        self._overflow = False

    def push(self, data: bytes | bytearray, at: int, end: int) -> int:
        """Take data[at:end] up to the first frame; returns the offset of what is left.

        `size` is then the bytes of payload and tag, or -1 when no frame is complete.
        """
        self.size = -1
        while at < end:
            stop = min(end, at + BUFFER_SIZE - self._fill)
            count = copy_until_zero(self.buffer, self._fill, data, at, stop)
            self._fill += count
            at += count
            if at == end:
                break
            if data[at]:
                self._overflow = True
                self._fill = 0
                continue
            at += 1
            fill = self._fill
            self._fill = 0
            if self._overflow:
                self._overflow = False
                self.bad_frames += 1
            elif fill:
                self._check(fill)
                if self.size >= 0:
                    break
        return at

    def _check(self, fill: int) -> None:
        buffer = self.buffer
        end = fill - CRC_SIZE
        if PAYLOAD_AT <= end and fill <= MAX_BODY + 1 and unstuff(buffer, fill):
            crc = buffer[end] | buffer[end + 1] << 8
            if crc16(buffer, HEADER_AT, end) == crc:
                self.size = end - PAYLOAD_AT
                return
        self.bad_frames += 1

    def reset(self) -> None:
        """Forget a half received frame; used after silence on the line."""
        self._fill = 0
        self._overflow = False
