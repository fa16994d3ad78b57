"""Deframer for a host, where a chunk holds many bytes: the same frames, three times as fast."""

from __future__ import annotations

from binascii import crc_hqx

from protocol.framing import PAYLOAD_AT
from protocol.generated.wire import CRC_SIZE, MAX_BODY

_SHORTEST = PAYLOAD_AT + CRC_SIZE
_LONGEST = MAX_BODY + 1


class FrameReader:
    """Bounded, incremental: bytes in, checked frames out, everything else counted and dropped.

    A frame is a bytearray of its own, laid out as framing describes, from the COBS byte to the
    CRC; `payload_size` tells how many bytes of payload and tag it has.
    """

    def __init__(self) -> None:
        self.bad_frames = 0
        self._rest = b""
        self._overflow = False

    def feed(self, chunk: bytes) -> list[bytearray]:
        """The frames that end in this chunk, in order."""
        blocks = (self._rest + chunk if self._rest else chunk).split(b"\0")
        self._rest = blocks.pop()
        if self._overflow or len(self._rest) > _LONGEST:
            self._drop_overlong(blocks)
        frames: list[bytearray] = []
        for block in blocks:
            size = len(block)
            if _SHORTEST <= size <= _LONGEST:
                frame = bytearray(block)
                at = block[0]
                while at < size:
                    frame[at] = 0
                    at += block[at]
                if at == size and crc_hqx(frame[1:-2], 0xFFFF) == frame[-2] | frame[-1] << 8:
                    frames.append(frame)
                else:
                    self.bad_frames += 1
            elif size:
                self.bad_frames += 1
        return frames

    def _drop_overlong(self, blocks: list[bytes]) -> None:
        """Forget what is too long for a frame up to its end, which may be in a later chunk."""
        if self._overflow and blocks:
            self._overflow = False
            self.bad_frames += 1
            blocks[0] = b""
        if len(self._rest) > _LONGEST:
            self._overflow = True
        if self._overflow:
            self._rest = b""

    def reset(self) -> None:
        """Forget a half received frame; used after silence on the line."""
        self._rest = b""
        self._overflow = False


def payload_size(frame: bytearray) -> int:
    """Bytes of payload and tag of a frame from a FrameReader."""
    return len(frame) - PAYLOAD_AT - CRC_SIZE
