"""Framing on whatever interpreter runs this: kernels agree, noise is harmless, chunking is free."""

from protocol import framing, kernels, kernels_plain
from protocol.framing import BUFFER_SIZE, PAYLOAD_AT


class Chance:
    """A small linear congruential generator, the same on every interpreter (Numerical Recipes)."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 8) % limit

    def data(self, size, zeros=4):
        made = bytearray(size)
        for i in range(size):
            made[i] = 0 if self.below(zeros) == 0 else self.below(256)
        return made


def framed(payload, counter=1):
    buffer = bytearray(BUFFER_SIZE)
    framing.start_frame(buffer, 0, 5, 0, 0x10, counter)
    buffer[PAYLOAD_AT : PAYLOAD_AT + len(payload)] = payload
    return bytes(buffer[: framing.finish_frame(buffer, len(payload))])


def bodies(deframer, data, step):
    found = []
    for start in range(0, len(data), step):
        at, end = start, min(start + step, len(data))
        while at < end:
            at = deframer.push(data, at, end)
            if deframer.size >= 0:
                found.append(bytes(deframer.buffer[PAYLOAD_AT : PAYLOAD_AT + deframer.size]))
    return found


def test_the_kernels_that_run_here_equal_the_plain_ones():
    chance = Chance(1)
    for size in range(254):
        data = chance.data(size + 1)
        start = chance.below(size + 1)
        wanted = kernels_plain.crc16(data, start, size)
        assert kernels.crc16(data, start, size) == wanted
        ours, plain = bytearray(data), bytearray(data)
        kernels.stuff(ours, size + 1)
        kernels_plain.stuff(plain, size + 1)
        assert ours == plain
        assert bool(kernels.unstuff(ours, size + 1))
        assert bytes(ours[1:]) == bytes(data[1:])
        noise = chance.data(size + 1, 50)
        other = bytearray(noise)
        same = bool(kernels.unstuff(noise, size + 1)) == kernels_plain.unstuff(other, size + 1)
        assert same
        assert noise == other


def test_the_kernels_that_move_and_compare_equal_the_plain_ones():
    chance = Chance(2)
    for _ in range(200):
        one, other = chance.data(60), chance.data(60)
        a, b, size = chance.below(20), chance.below(20), chance.below(40)
        for name in ("xor_into", "copy"):
            ours, plain = bytearray(one), bytearray(one)
            getattr(kernels, name)(ours, a, other, b, size)
            getattr(kernels_plain, name)(plain, a, other, b, size)
            assert ours == plain
        assert bool(kernels.equal(one, a, ours, a, 60 - a)) == (one[a:] == ours[a:])
        copied = bytearray(one)
        assert bool(kernels.equal(one, 0, copied, 0, 60))
        copied[a] ^= 0x80
        assert not kernels.equal(one, 0, copied, 0, 60)
        ours, plain = bytearray(80), bytearray(80)
        count = kernels.copy_until_zero(ours, a, bytes(other), b, 60)
        assert count == kernels_plain.copy_until_zero(plain, a, bytes(other), b, 60)
        assert ours == plain


def test_the_kernels_of_the_cipher_equal_the_plain_ones():
    chance = Chance(5)
    for size in list(range(40)) + [100, 237]:
        frame, nonce, last = chance.data(260), chance.data(13), chance.data(16)
        made = []
        for module in (kernels, kernels_plain):
            blocks, stream = bytearray(b"\xee" * 288), bytearray(b"\xee" * 256)
            sealed, kept, counted = bytearray(frame), bytearray(last), bytearray(nonce)
            module.put_counter(counted, 0x12345678 + size)
            module.mac_blocks(blocks, frame, size, counted, last)
            module.counter_blocks(stream, counted, (size + 15) // 16 + 1)
            module.put_tag(sealed, 7 + size, stream, blocks, 16, kept)
            assert bool(module.tag_matches(sealed, 7 + size, stream, blocks, 16, kept))
            sealed[7 + size + chance.below(8)] ^= 1 << (size & 7)
            assert not module.tag_matches(sealed, 7 + size, stream, blocks, 16, kept)
            made.append(bytes(blocks + stream + kept + counted))
        assert made[0] == made[1]


def test_what_is_framed_is_deframed_in_any_chunks():
    chance = Chance(3)
    payloads = [bytes(chance.data(chance.below(238))) for _ in range(12)]
    line = b"".join([framed(payload, i) for i, payload in enumerate(payloads)])
    for step in (1, 2, 7, 64, 255, len(line)):
        deframer = framing.Deframer()
        assert bodies(deframer, line, step) == payloads
        assert deframer.bad_frames == 0


def test_noise_raises_nothing_and_the_next_frame_is_found():
    chance = Chance(4)
    deframer = framing.Deframer()
    for _ in range(60):
        noise = bytes(chance.data(chance.below(700), 30))
        found = bodies(deframer, noise + b"\0" + framed(b"good"), 50)
        assert found[-1] == b"good"
        assert len(deframer.buffer) == BUFFER_SIZE


def test_a_largest_frame_fits_and_one_byte_more_does_not():
    largest = bytes(245)
    assert len(framed(largest)) == 255
    deframer = framing.Deframer()
    assert bodies(deframer, framed(largest), 255) == [largest]
    long = framed(largest)[:-1] + b"\x01\0"
    assert bodies(deframer, long + framed(b"good"), 255) == [b"good"]
    assert deframer.bad_frames == 1
