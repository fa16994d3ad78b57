"""The loops of kernels_plain for MicroPython's viper emitter: no heap, 10 to 30 times faster.

Importing this fails where there is no viper (CPython, ports without a native emitter); the caller
then takes kernels_plain.
"""

# pyright: basic, reportUndefinedVariable=false, reportReturnType=false
# pyright: reportMissingModuleSource=false, reportAttributeAccessIssue=false
# ruff: noqa: F821, D103 - ptr8 is a type of the viper emitter; kernels_plain says what each does

import micropython


@micropython.viper
def crc16(data: ptr8, start: int, end: int) -> int:
    crc = 0xFFFF
    i = start
    while i < end:
        x = (crc >> 8) ^ data[i]
        x ^= x >> 4
        crc = ((crc << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xFFFF
        i += 1
    return crc


@micropython.viper
def stuff(data: ptr8, size: int):
    last = 0
    i = 1
    while i < size:
        if data[i] == 0:
            data[last] = i - last
            last = i
        i += 1
    data[last] = size - last


@micropython.viper
def unstuff(data: ptr8, size: int) -> bool:
    at = 0
    while at < size:
        code = data[at]
        if code == 0:
            return False
        data[at] = 0
        at += code
    return at == size


@micropython.viper
def xor_into(target: ptr8, target_at: int, source: ptr8, source_at: int, size: int):
    i = 0
    while i < size:
        target[target_at + i] ^= source[source_at + i]
        i += 1


@micropython.viper
def copy(target: ptr8, target_at: int, source: ptr8, source_at: int, size: int):
    i = 0
    while i < size:
        target[target_at + i] = source[source_at + i]
        i += 1


@micropython.viper
def equal(one: ptr8, one_at: int, other: ptr8, other_at: int, size: int) -> bool:
    difference = 0
    i = 0
    while i < size:
        difference |= one[one_at + i] ^ other[other_at + i]
        i += 1
    return difference == 0


@micropython.viper
def copy_until_zero(target: ptr8, fill: int, data: ptr8, at: int, end: int) -> int:
    i = at
    while i < end:
        byte = data[i]
        if byte == 0:
            break
        target[fill] = byte
        fill += 1
        i += 1
    return i - at


@micropython.viper
def put_counter(nonce: ptr8, counter: int):
    nonce[2] = counter
    nonce[3] = counter >> 8
    nonce[4] = counter >> 16
    nonce[5] = counter >> 24


@micropython.viper
def mac_blocks(blocks: ptr8, frame: ptr8, size: int, nonce: ptr8, last: ptr8):
    blocks[0] = 0x59 ^ last[0]
    i = 0
    while i < 13:
        blocks[1 + i] = nonce[i] ^ last[1 + i]
        i += 1
    blocks[14] = last[14]
    blocks[15] = size ^ last[15]
    blocks[16] = 0
    blocks[17] = 6
    i = 0
    while i < 6:
        blocks[18 + i] = frame[1 + i]
        blocks[24 + i] = 0
        i += 1
    blocks[30] = 0
    blocks[31] = 0
    i = 0
    while i < size:
        blocks[32 + i] = frame[7 + i]
        i += 1
    end = (size + 15) & 0x1F0
    while i < end:
        blocks[32 + i] = 0
        i += 1


@micropython.viper
def counter_blocks(blocks: ptr8, nonce: ptr8, count: int):
    at = 0
    i = 0
    while i < count:
        blocks[at] = 1
        j = 0
        while j < 13:
            blocks[at + 1 + j] = nonce[j]
            j += 1
        blocks[at + 14] = 0
        blocks[at + 15] = i
        at += 16
        i += 1


@micropython.viper
def put_tag(frame: ptr8, at: int, stream: ptr8, blocks: ptr8, last_at: int, last: ptr8):
    i = 0
    while i < 16:
        byte = blocks[last_at + i]
        last[i] = byte
        if i < 8:
            frame[at + i] = byte ^ stream[i]
        i += 1


@micropython.viper
def tag_matches(frame: ptr8, at: int, stream: ptr8, blocks: ptr8, last_at: int, last: ptr8) -> bool:
    difference = 0
    i = 0
    while i < 16:
        byte = blocks[last_at + i]
        last[i] = byte
        if i < 8:
            difference |= frame[at + i] ^ byte ^ stream[i]
        i += 1
    return difference == 0
