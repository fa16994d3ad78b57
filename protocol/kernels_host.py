"""The loops of kernels_plain from parts of CPython that run in C: the fast path of a gateway."""

from __future__ import annotations

from binascii import crc_hqx
from hmac import compare_digest

# A host authenticates with ccm_host; these are here for the tests that run ccm on CPython.
from protocol.kernels_plain import counter_blocks, mac_blocks, put_counter, put_tag, tag_matches

__all__ = (
    "copy",
    "copy_until_zero",
    "counter_blocks",
    "crc16",
    "equal",
    "mac_blocks",
    "put_counter",
    "put_tag",
    "stuff",
    "tag_matches",
    "unstuff",
    "xor_into",
)


def crc16(data: bytearray, start: int, end: int) -> int:
    """CRC-16/CCITT of data[start:end], initial value 0xFFFF."""
    return crc_hqx(data[start:end], 0xFFFF)


def stuff(data: bytearray, size: int) -> None:
    """COBS-encode data[1:size] in place; data[0] is the free first byte."""
    last = 0
    find = data.find
    at = find(0, 1, size)
    while at >= 0:
        data[last] = at - last
        last = at
        at = find(0, at + 1, size)
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
    end = target_at + size
    number = int.from_bytes(target[target_at:end], "little") ^ int.from_bytes(
        source[source_at : source_at + size], "little"
    )
    target[target_at:end] = number.to_bytes(size, "little")


def copy(target: bytearray, target_at: int, source: bytearray, source_at: int, size: int) -> None:
    """target[target_at + i] = source[source_at + i] for i below size."""
    target[target_at : target_at + size] = source[source_at : source_at + size]


def equal(
    one: bytes | bytearray, one_at: int, other: bytes | bytearray, other_at: int, size: int
) -> bool:
    """Whether `size` bytes are the same; takes the same time wherever they differ."""
    return compare_digest(one[one_at : one_at + size], other[other_at : other_at + size])


def copy_until_zero(
    target: bytearray, fill: int, data: bytes | bytearray, at: int, end: int
) -> int:
    """Copy data[at:end] to target[fill:] up to a zero; returns the count."""
    zero = data.find(0, at, end)
    stop = end if zero < 0 else zero
    target[fill : fill + stop - at] = data[at:stop]
    return stop - at
