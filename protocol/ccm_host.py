"""AES-128-CCM in place in a frame, on a host: the same bytes as ccm, by cryptography."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from protocol.framing import HEADER_AT, PAYLOAD_AT
from protocol.generated.wire import MAX_PAYLOAD, TAG_SIZE


class Workspace:
    """Nothing: a host has its buffers in C."""


class Channel:
    """One direction of a session: a key, and the part of the nonce that stays.

    The nonce is direction, address, the counter as 32 bits with the least first, seven zeros.
    """

    def __init__(self, key: bytes, direction: int, address: int, workspace: Workspace) -> None:
        self._cipher = AESCCM(key, tag_length=TAG_SIZE)
        self._workspace = workspace
        self._nonce = bytearray(13)
        self._nonce[0] = direction
        self._nonce[1] = address

    def seal(self, frame: bytearray, size: int, counter: int) -> int:
        """Encrypt `size` bytes of payload in place and write the tag; returns the size of both.

        The header must be complete.
        """
        end = PAYLOAD_AT + size
        self._nonce[2:6] = counter.to_bytes(4, "little")
        frame[PAYLOAD_AT : end + TAG_SIZE] = self._cipher.encrypt(
            self._nonce, frame[PAYLOAD_AT:end], frame[HEADER_AT:PAYLOAD_AT]
        )
        return size + TAG_SIZE

    def open(self, frame: bytearray, size: int, counter: int) -> int:
        """Decrypt `size` bytes of payload and tag in place; returns the size of the payload.

        -1 when the frame is not genuine; the payload then stays as it came.
        """
        if not TAG_SIZE <= size <= MAX_PAYLOAD + TAG_SIZE:
            return -1
        end = PAYLOAD_AT + size
        self._nonce[2:6] = counter.to_bytes(4, "little")
        try:
            frame[PAYLOAD_AT : end - TAG_SIZE] = self._cipher.decrypt(
                self._nonce, frame[PAYLOAD_AT:end], frame[HEADER_AT:PAYLOAD_AT]
            )
        except InvalidTag:
            return -1
        return size - TAG_SIZE
