"""AES-128-CCM in place in a frame, on what a controller has: AES in ECB and CBC. Dual, no heap.

RFC 3610 with L = 2, 8-byte tag, 13-byte nonce, the six header bytes as associated data. Importing
this fails where there is no cryptolib; a host takes ccm_host, and tests hold the two equal.
"""

# pyright: reportUnknownMemberType=false
# (MicroPython's stubs leave the type of an array open.)

from cryptolib import aes

from protocol.framing import PAYLOAD_AT
from protocol.generated.wire import MAX_PAYLOAD, TAG_SIZE
from protocol.kernels import (
    counter_blocks,
    mac_blocks,
    put_counter,
    put_tag,
    tag_matches,
    xor_into,
)

MODE_ECB = 1
MODE_CBC = 2
BLOCK_SIZE = 16
MOST_BLOCKS = (MAX_PAYLOAD + BLOCK_SIZE - 1) // BLOCK_SIZE


class Workspace:
    """Buffers that the channels of one station share; views into them are made once, not a frame.

    views[n] covers the first n blocks.
    """

    def __init__(self) -> None:
        self.mac = bytearray(BLOCK_SIZE * (MOST_BLOCKS + 2))
        self.stream = bytearray(BLOCK_SIZE * (MOST_BLOCKS + 1))
        self.mac_views = [memoryview(self.mac)[: 16 * n] for n in range(MOST_BLOCKS + 3)]
        self.stream_views = [memoryview(self.stream)[: 16 * n] for n in range(MOST_BLOCKS + 2)]


class Channel:
    """One direction of a session: a key, and the part of the nonce that stays.

    The nonce is direction, address, the counter as 32 bits with the least first, seven zeros.
    """

    def __init__(self, key: bytes, direction: int, address: int, workspace: Workspace) -> None:
        self._ecb = aes(key, MODE_ECB)
        self._cbc = aes(key, MODE_CBC, bytes(BLOCK_SIZE))
        # The CBC object goes on from its last block; this is that block, to be taken out again.
        self._last = bytearray(BLOCK_SIZE)
        self._workspace = workspace
        self._nonce = bytearray(13)
        self._nonce[0] = direction
        self._nonce[1] = address

    def seal(self, frame: bytearray, size: int, counter: int) -> int:
        """Encrypt `size` bytes of payload in place and write the tag; returns the size of both.

        The header must be complete.
        """
        workspace, nonce, last = self._workspace, self._nonce, self._last
        mac, stream = workspace.mac, workspace.stream
        blocks = (size + 15) >> 4
        put_counter(nonce, counter)
        mac_blocks(mac, frame, size, nonce, last)
        view = workspace.mac_views[blocks + 2]
        self._cbc.encrypt(view, view)
        counter_blocks(stream, nonce, blocks + 1)
        view = workspace.stream_views[blocks + 1]
        self._ecb.encrypt(view, view)
        xor_into(frame, PAYLOAD_AT, stream, BLOCK_SIZE, size)
        put_tag(frame, PAYLOAD_AT + size, stream, mac, (blocks + 1) << 4, last)
        return size + TAG_SIZE

    def open(self, frame: bytearray, size: int, counter: int) -> int:
        """Decrypt `size` bytes of payload and tag in place; returns the size of the payload.

        -1 when the frame is not genuine; the payload then is garbage.
        """
        size -= TAG_SIZE
        if size < 0 or size > MAX_PAYLOAD:
            return -1
        workspace, nonce, last = self._workspace, self._nonce, self._last
        mac, stream = workspace.mac, workspace.stream
        blocks = (size + 15) >> 4
        put_counter(nonce, counter)
        counter_blocks(stream, nonce, blocks + 1)
        view = workspace.stream_views[blocks + 1]
        self._ecb.encrypt(view, view)
        xor_into(frame, PAYLOAD_AT, stream, BLOCK_SIZE, size)
        mac_blocks(mac, frame, size, nonce, last)
        view = workspace.mac_views[blocks + 2]
        self._cbc.encrypt(view, view)
        if tag_matches(frame, PAYLOAD_AT + size, stream, mac, (blocks + 1) << 4, last):
            return size
        return -1
