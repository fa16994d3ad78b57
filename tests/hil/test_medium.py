"""The half-duplex wire: timing, collisions, noise, counters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.medium import Heard, Medium

BAUD = 115_200
BYTE_NS = 86_805  # 10 bit times, rounded down


def heard_bytes(heard: list[Heard], talker: str) -> bytes:
    return b"".join(each.data for each in heard if each.talker == talker)


def drain(medium: Medium) -> list[tuple[int, Heard]]:
    """Everything still on the line with the time at which it arrives."""
    arrived: list[tuple[int, Heard]] = []
    while (due_ns := medium.due_ns()) is not None:
        arrived.extend((due_ns, heard) for heard in medium.hear(due_ns))
    return arrived


def test_a_byte_arrives_when_its_last_bit_would_have():
    medium = Medium(BAUD, coalesce_ms=0)
    medium.talk("a", b"xy", 1000)
    assert medium.due_ns() == 1000 + BYTE_NS
    assert medium.hear(1000 + BYTE_NS - 1) == []
    assert medium.hear(1000 + BYTE_NS) == [Heard("a", frozenset(), b"x")]
    assert medium.due_ns() == 1000 + 2 * 10 * 1_000_000_000 // BAUD


def test_bytes_are_gathered_for_the_chosen_time_but_the_last_one_is_punctual():
    medium = Medium(BAUD, coalesce_ms=1.0)
    medium.talk("a", bytes(25), 0)
    sizes = [len(heard.data) for _, heard in drain(medium)]
    assert sizes == [11, 11, 3]


def test_what_one_talker_adds_follows_without_a_gap():
    medium = Medium(BAUD)
    medium.talk("a", bytes(10), 0)
    medium.talk("a", bytes(10), 5 * BYTE_NS)
    arrived = drain(medium)
    assert arrived[-1][0] == medium.duration_ns(20)
    assert medium.counters.busy_ns == medium.duration_ns(20)
    assert medium.counters.collisions == 0


def test_talkers_one_after_the_other_do_not_disturb_each_other():
    medium = Medium(BAUD)
    medium.talk("a", b"hello", 0)
    end_ns = medium.duration_ns(5)
    first = medium.hear(end_ns)
    medium.talk("b", b"world", end_ns)
    assert heard_bytes(first, "a") == b"hello"
    assert b"".join(heard.data for _, heard in drain(medium)) == b"world"
    assert medium.counters.collisions == 0


def test_overlapping_talkers_garble_each_other_and_hear_nothing_of_it():
    medium = Medium(BAUD)
    medium.talk("a", b"a" * 10, 0)
    medium.talk("b", b"b" * 10, 4 * BYTE_NS + 1000)
    arrived = [heard for _, heard in drain(medium)]
    from_a, from_b = heard_bytes(arrived, "a"), heard_bytes(arrived, "b")
    assert len(from_a) == 10
    assert from_a[:4] == b"aaaa"
    assert all(byte != ord("a") for byte in from_a[4:])
    # The line carries one byte a byte time: b is heard only from where a has ended.
    assert from_b == b"b" * len(from_b)
    assert 0 < len(from_b) < 6
    assert medium.counters.collisions == 1
    assert medium.counters.bytes_garbled == 6
    assert medium.counters.bytes_lost == 10 - len(from_b)
    garbled = [heard for heard in arrived if heard.talker == "a" and heard.data != b"a" * 4]
    assert any(heard.deaf == {"b"} for heard in garbled)


def test_busy_time_of_a_collision_counts_once():
    medium = Medium(BAUD)
    medium.talk("a", bytes(10), 0)
    medium.talk("b", bytes(10), 0)
    assert medium.counters.busy_ns == medium.duration_ns(10)


def test_silencing_a_talker_ends_what_it_has_not_sent():
    medium = Medium(BAUD, coalesce_ms=0)
    medium.talk("a", b"abcdef", 0)
    medium.hear(2 * BYTE_NS + 10)
    medium.silence("a")
    assert medium.due_ns() is None


def test_noise_comes_at_about_its_rate_and_the_same_seed_gives_the_same_noise():
    flips: list[int] = []
    for _ in range(2):
        medium = Medium(BAUD, bit_error_rate=0.001, seed=7)
        medium.talk("a", bytes(100_000), 0)
        noisy = b"".join(heard.data for _, heard in drain(medium))
        flips.append(sum(byte.bit_count() for byte in noisy))
        assert medium.counters.bits_flipped == flips[-1]
    assert flips[0] == flips[1]
    assert 650 < flips[0] < 950  # expected 800


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_noise_at_its_limits(rate: float):
    medium = Medium(BAUD, bit_error_rate=rate)
    medium.talk("a", bytes(100), 0)
    noisy = b"".join(heard.data for _, heard in drain(medium))
    assert noisy == (b"\xff" if rate else b"\x00") * 100


@pytest.mark.parametrize("rate", [-0.1, 1.1])
def test_impossible_noise_is_refused(rate: float):
    with pytest.raises(ValueError, match="bit error rate"):
        Medium(BAUD, bit_error_rate=rate)


@given(
    talks=st.lists(
        st.tuples(st.sampled_from("abc"), st.binary(min_size=1, max_size=40), st.integers(0, 5000)),
        max_size=20,
    ),
    coalesce_ms=st.sampled_from([0.0, 1.0, 30.0]),
)
def test_every_byte_sent_is_heard_garbled_or_lost_and_the_line_never_carries_more_than_time_allows(
    talks: list[tuple[str, bytes, int]], coalesce_ms: float
):
    medium = Medium(BAUD, coalesce_ms=coalesce_ms)
    now_us = 0
    count = 0
    sent: dict[str, bytes] = {"a": b"", "b": b"", "c": b""}
    heard: list[Heard] = []
    for talker, data, pause_us in talks:
        now_us += pause_us
        heard.extend(medium.hear(now_us * 1000))
        medium.talk(talker, data, now_us * 1000)
        sent[talker] += data
    last_ns = now_us * 1000
    for at_ns, each in drain(medium):
        last_ns = at_ns
        heard.append(each)
    count = sum(len(each.data) for each in heard)
    counters = medium.counters
    assert count + counters.bytes_lost == counters.bytes_sent == sum(map(len, sent.values()))
    assert count * BYTE_NS <= counters.busy_ns + BYTE_NS * len(talks)
    assert counters.busy_ns <= last_ns
    if not counters.collisions:
        assert counters.bytes_garbled == counters.bytes_lost == 0
        assert {talker: heard_bytes(heard, talker) for talker in sent} == sent
