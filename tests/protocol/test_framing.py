"""Properties of framing: the deframer of both ends, the reader of the host, and the kernels."""

from __future__ import annotations

import random
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import framing, kernels_host, kernels_plain, write_vectors
from protocol.frame_reader import FrameReader, payload_size
from protocol.framing import PAYLOAD_AT, Deframer
from protocol.generated.wire import MAX_WIRE

payloads = st.binary(max_size=245)
noise = st.binary(max_size=600)
zero_rich = st.lists(st.sampled_from([0, 0, 1, 2, 255]), max_size=245).map(bytes)


def framed(payload: bytes, kind: int = 0x10, counter: int = 1) -> bytes:
    buffer = bytearray(framing.BUFFER_SIZE)
    framing.start_frame(buffer, 0, 5, 0, kind, counter)
    buffer[PAYLOAD_AT : PAYLOAD_AT + len(payload)] = payload
    return bytes(buffer[: framing.finish_frame(buffer, len(payload))])


def deframed(chunks: list[bytes]) -> tuple[list[bytes], int]:
    """Bodies without CRC, and how many frames were bad, by the dual deframer."""
    deframer, found = Deframer(), list[bytes]()
    for chunk in chunks:
        at = 0
        while at < len(chunk):
            at = deframer.push(chunk, at, len(chunk))
            if deframer.size >= 0:
                found.append(bytes(deframer.buffer[1 : PAYLOAD_AT + deframer.size]))
            assert len(deframer.buffer) == framing.BUFFER_SIZE
    return found, deframer.bad_frames


def read(chunks: list[bytes]) -> tuple[list[bytes], int]:
    """The same by the host's reader."""
    reader, found = FrameReader(), list[bytes]()
    for chunk in chunks:
        for frame in reader.feed(chunk):
            found.append(bytes(frame[1 : PAYLOAD_AT + payload_size(frame)]))
    return found, reader.bad_frames


def chunked(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(edges)]


RECEIVERS = pytest.mark.parametrize("receive", [deframed, read])


@RECEIVERS
@given(payload=payloads | zero_rich, counter=st.integers(0, 0xFFFF))
def test_what_is_framed_is_deframed(receive: Any, payload: bytes, counter: int) -> None:
    wire = framed(payload, counter=counter)
    assert len(wire) <= MAX_WIRE
    assert wire.count(0) == 1
    body = write_vectors.header(0, 5, 0, 0x10, counter) + payload
    assert receive([wire]) == ([body], 0)


@given(payloads | zero_rich)
def test_a_frame_is_what_the_textbook_says(payload: bytes) -> None:
    body = write_vectors.header(0, 5, 0, 0x10, 1) + payload
    assert framed(payload) == write_vectors.wire(body)


@RECEIVERS
@given(data=st.binary(max_size=2000))
def test_any_bytes_are_taken_without_an_error(receive: Any, data: bytes) -> None:
    found, _ = receive([data])
    assert all(len(body) <= MAX_WIRE for body in found)


@RECEIVERS
@given(
    parts=st.lists(noise | zero_rich | payloads.map(framed), max_size=6),
    cuts=st.lists(st.integers(0, 5000), max_size=30),
)
def test_any_chunking_equals_one_chunk(receive: Any, parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts)
    assert receive(chunked(data, cuts)) == receive([data])


@given(
    parts=st.lists(noise | zero_rich | payloads.map(framed), max_size=6),
    cuts=st.lists(st.integers(0, 5000), max_size=10),
)
def test_the_hosts_reader_equals_the_deframer_of_both_ends(
    parts: list[bytes], cuts: list[int]
) -> None:
    chunks = chunked(b"".join(parts), cuts)
    assert read(chunks) == deframed(chunks)


@RECEIVERS
@given(stale=noise, payload=payloads)
def test_stale_bytes_a_delimiter_and_a_good_frame_lose_nothing(
    receive: Any, stale: bytes, payload: bytes
) -> None:
    found, _ = receive([stale + b"\0" + framed(payload)])
    assert found[-1:] == [write_vectors.header(0, 5, 0, 0x10, 1) + payload]


@RECEIVERS
@given(stale=noise, payload=payloads)
def test_noise_costs_at_most_the_frame_that_it_runs_into(
    receive: Any, stale: bytes, payload: bytes
) -> None:
    found, _ = receive([stale + framed(b"lost or not") + framed(payload)])
    assert found[-1:] == [write_vectors.header(0, 5, 0, 0x10, 1) + payload]


@RECEIVERS
@given(payload=payloads, at=st.integers(0, 254), flip=st.integers(1, 255))
def test_a_changed_byte_never_passes(receive: Any, payload: bytes, at: int, flip: int) -> None:
    wire = bytearray(framed(payload))
    wire[at % len(wire)] ^= flip
    body = write_vectors.header(0, 5, 0, 0x10, 1) + payload
    assert body not in receive([bytes(wire)])[0]
    assert receive([bytes(wire) + b"\0" + framed(payload)])[0][-1:] == [body]


@RECEIVERS
def test_an_endless_stream_without_a_delimiter_is_one_bad_frame(receive: Any) -> None:
    found, bad = receive([b"\x41" * 100] * 50 + [b"\0", framed(b"good")])
    assert (len(found), bad) == (1, 1)


@pytest.mark.parametrize("receiver", [Deframer, FrameReader])
def test_a_reset_forgets_the_half_frame(receiver: Any) -> None:
    half, whole = framed(b"half")[:6], framed(b"whole")
    for start in (half, b"\x41" * 600):
        made = receiver()
        if isinstance(made, Deframer):
            made.push(start, 0, len(start))
            made.reset()
            assert made.push(whole, 0, len(whole)) == len(whole)
            assert made.size == len(b"whole")
        else:
            made.feed(start)
            made.reset()
            assert [payload_size(frame) for frame in made.feed(whole)] == [len(b"whole")]
        assert made.bad_frames == 0


def unstuffed(data: bytes) -> bytes | None:
    """The textbook's decoder: runs of bytes, a zero between two of them; None where it ends."""
    runs: list[bytes] = []
    while data:
        code = data[0]
        if code == 0 or code > len(data):
            return None
        runs.append(data[1:code])
        data = data[code:]
    return b"\0".join(runs)


KERNELS = pytest.mark.parametrize("kernels", [kernels_host, kernels_plain])


@KERNELS
@given(data=st.binary(max_size=253), start=st.integers(0, 10))
def test_the_crc_is_the_textbooks(kernels: ModuleType, data: bytes, start: int) -> None:
    buffer = bytearray(start) + data + b"behind"
    assert kernels.crc16(buffer, start, start + len(data)) == write_vectors.crc16(data)


@KERNELS
@given(data=zero_rich | payloads)
def test_stuffing_is_the_textbooks(kernels: ModuleType, data: bytes) -> None:
    buffer = bytearray(b"\xee" + data)
    kernels.stuff(buffer, len(buffer))
    assert bytes(buffer) == write_vectors.cobs(data)
    assert kernels.unstuff(buffer, len(buffer))
    assert bytes(buffer[1:]) == data


@KERNELS
@given(data=st.lists(st.integers(1, 4) | st.integers(1, 255), min_size=1, max_size=254).map(bytes))
def test_unstuffing_accepts_what_the_textbook_accepts(kernels: ModuleType, data: bytes) -> None:
    buffer, wanted = bytearray(data), unstuffed(data)
    if kernels.unstuff(buffer, len(buffer)):
        assert bytes(buffer[1:]) == wanted
    else:
        assert wanted is None


@given(st.binary(min_size=40, max_size=40), st.binary(min_size=40, max_size=40), st.data())
def test_copying_xor_and_comparing_agree(one: bytes, other: bytes, data: st.DataObject) -> None:
    a, b = data.draw(st.integers(0, 20)), data.draw(st.integers(0, 20))
    size = data.draw(st.integers(0, 20))
    for name in ("xor_into", "copy"):
        results: list[bytearray] = []
        for kernels in (kernels_host, kernels_plain):
            results.append(bytearray(one))
            getattr(kernels, name)(results[-1], a, bytearray(other), b, size)
        assert results[0] == results[1]
    for kernels in (kernels_host, kernels_plain):
        same = kernels.equal(bytearray(one), a, bytearray(other), b, size)
        assert same == (one[a : a + size] == other[b : b + size])
        assert kernels.equal(bytearray(one), a, bytearray(one), a, size)


@given(st.binary(max_size=60), st.integers(0, 10))
def test_copying_until_zero_agrees(data: bytes, at: int) -> None:
    at = min(at, len(data))
    results: list[tuple[int, bytearray]] = []
    for kernels in (kernels_host, kernels_plain):
        target = bytearray(80)
        count = kernels.copy_until_zero(target, 4, data, at, len(data))
        results.append((count, target))
    assert results[0] == results[1]


def test_a_million_random_bytes_hold_no_frame_worth_mentioning() -> None:
    data = random.Random(7).randbytes(1_000_000)
    found, bad = read([data[i : i + 4096] for i in range(0, len(data), 4096)])
    assert bad > 3000
    assert len(found) <= 1
