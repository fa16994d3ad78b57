"""The byte loops of the frame path in plain Python, for any interpreter. Dual.

kernels_viper has the same functions compiled for controllers, kernels_host the same from C
parts of CPython; tests hold the three equal. None of them checks bounds: the caller does.
"""


def crc16(data: bytearray, start: int, end: int) -> int:
    """CRC-16/CCITT of data[start:end], initial value 0xFFFF (binascii.crc_hqx of CPython)."""
    crc = 0xFFFF
    for i in range(start, end):
        x = (crc >> 8) ^ data[i]
        x ^= x >> 4
        crc = ((crc << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xFFFF
    return crc


def stuff(data: bytearray, size: int) -> None:
    """COBS-encode data[1:size] in place, data[0] being the free first byte; size is at most 254.

    Under 255 bytes a code never overflows, so each zero simply becomes the distance to the next.
    """
    last = 0
    for i in range(1, size):
        if data[i] == 0:
            data[last] = i - last
            last = i
    data[last] = size - last


def unstuff(data: bytearray, size: int) -> bool:
    """COBS-decode data[0:size] in place into data[1:size]; False when it is not valid COBS."""
    at = 0
    while at < size:
        code = data[at]
        if code == 0:
            return False
        data[at] = 0
        at += code
    return at == size


def xor_into(
    target: bytearray, target_at: int, source: bytearray, source_at: int, size: int
) -> None:
    """target[target_at + i] ^= source[source_at + i] for i below size."""
    for i in range(size):
        target[target_at + i] ^= source[source_at + i]


def copy(target: bytearray, target_at: int, source: bytearray, source_at: int, size: int) -> None:
    """target[target_at + i] = source[source_at + i] for i below size."""
    for i in range(size):
        target[target_at + i] = source[source_at + i]


def equal(
    one: bytes | bytearray, one_at: int, other: bytes | bytearray, other_at: int, size: int
) -> bool:
    """Whether `size` bytes are the same; takes the same time wherever they differ."""
    difference = 0
    for i in range(size):
        difference |= one[one_at + i] ^ other[other_at + i]
    return difference == 0


def copy_until_zero(
    target: bytearray, fill: int, data: bytes | bytearray, at: int, end: int
) -> int:
    """Copy data[at:end] to target[fill:] up to a zero; returns the count."""
    i = at
    while i < end and data[i]:
        target[fill] = data[i]
        fill += 1
        i += 1
    return i - at


def put_counter(nonce: bytearray, counter: int) -> None:
    """Write a counter as 32 bits, least first, at 2 of a nonce."""
    for i in range(4):
        nonce[2 + i] = counter >> 8 * i & 0xFF


def mac_blocks(
    blocks: bytearray, frame: bytearray, size: int, nonce: bytearray, last: bytearray
) -> None:
    """The blocks that RFC 3610 authenticates: B_0, a frame's header, `size` bytes of its payload.

    L = 2, an 8-byte tag, a 13-byte nonce; header at 1 and payload at 7 of the frame. B_0 is XORed
    with `last`, which a CBC that goes on from there takes out again.
    """
    blocks[0] = 0x59 ^ last[0]
    for i in range(13):
        blocks[1 + i] = nonce[i] ^ last[1 + i]
    blocks[14] = last[14]
    blocks[15] = size ^ last[15]
    blocks[16] = 0
    blocks[17] = 6
    for i in range(6):
        blocks[18 + i] = frame[1 + i]
    for i in range(24, 32):
        blocks[i] = 0
    for i in range(size):
        blocks[32 + i] = frame[7 + i]
    for i in range(32 + size, 32 + ((size + 15) & 0x1F0)):
        blocks[i] = 0


def counter_blocks(blocks: bytearray, nonce: bytearray, count: int) -> None:
    """The first `count` blocks A_i of RFC 3610, whose encryption is the key stream; L = 2."""
    for i in range(count):
        at = 16 * i
        blocks[at] = 1
        for j in range(13):
            blocks[at + 1 + j] = nonce[j]
        blocks[at + 14] = 0
        blocks[at + 15] = i


def put_tag(
    frame: bytearray, at: int, stream: bytearray, blocks: bytearray, last_at: int, last: bytearray
) -> None:
    """Write the tag, blocks[last_at:] under the key stream, at frame[at:]; keep that block."""
    for i in range(8):
        frame[at + i] = blocks[last_at + i] ^ stream[i]
    for i in range(16):
        last[i] = blocks[last_at + i]


def tag_matches(
    frame: bytearray, at: int, stream: bytearray, blocks: bytearray, last_at: int, last: bytearray
) -> bool:
    """Whether put_tag would write what stands at frame[at:], in constant time; keep that block."""
    difference = 0
    for i in range(8):
        difference |= frame[at + i] ^ blocks[last_at + i] ^ stream[i]
    for i in range(16):
        last[i] = blocks[last_at + i]
    return difference == 0
