"""Streams of records in rings: contiguous numbers, freed on acknowledgement, losses told."""

from firmware.services.clock import Clock
from firmware.services.outbox import GAP_BYTES, Outbox, Ring
from protocol.generated import wire, wire_gateway, wire_lamp
from tests.dual.firmware_rig import split

HEADER = wire.RECORD_HEADER_SIZE
FIRST_URGENT = wire.URGENT_SEQUENCE_BASE + 1


def put(outbox, size, now_ms=0):
    """A routine record of `size` bytes, each its number modulo 256."""
    number = outbox.routine.next
    at = outbox.begin(wire_lamp.RECORD_LAMP_STATUS, size, 0, now_ms)
    for offset in range(size):
        outbox.routine.data[at + offset] = number & 0xFF
    return number


def fill(outbox, urgent_next, routine_next, room=233):
    target = bytearray(300)
    end = outbox.fill(target, 10, 10 + room, urgent_next, routine_next, 0)
    assert end <= 10 + room
    assert target[:10] == bytes(10)
    assert target[end:] == bytes(300 - end)
    return split(target[:end], 10)


def test_records_come_back_as_they_were_put_with_contiguous_numbers():
    outbox = Outbox(Clock(), 1024, 512)
    for size in (11, 0, 30, 1):
        put(outbox, size)
    outbox.event(wire.EVENT_CODE_BOOT, wire.SEVERITY_INFO, 1, -5, 0, 0)
    found = fill(outbox, FIRST_URGENT, 1)
    assert [record[1] for record in found] == [FIRST_URGENT, 1, 2, 3, 4]
    assert [len(record[3]) for record in found[1:]] == [11, 0, 30, 1]
    assert found[3][3] == b"\x03" * 30
    assert wire_gateway.unpack_event(found[0][3], 0, 12)[3] == -5
    assert not outbox.more
    assert not outbox.more_urgent


def test_a_full_ring_drops_its_oldest_and_the_loss_is_told_when_asked_for():
    outbox = Outbox(Clock(), 100, 100)
    for _ in range(10):
        put(outbox, 7)
    assert outbox.routine.first == 6
    assert outbox.routine.dropped == 5
    found = fill(outbox, FIRST_URGENT, 3)
    kind, sequence, _, body = found[0]
    assert (kind, sequence) == (wire.RECORD_GAP, 5)
    assert wire_gateway.unpack_gap(body, 0, len(body)) == (3, 3, wire.GAP_CAUSE_RING_OVERFLOW)
    assert [record[1] for record in found[1:]] == [6, 7, 8, 9, 10]


def test_a_gap_that_does_not_fit_waits_and_says_so():
    outbox = Outbox(Clock(), 100, 100)
    for _ in range(10):
        put(outbox, 7)
    assert fill(outbox, FIRST_URGENT, 1, GAP_BYTES - 1) == []
    assert outbox.more
    assert fill(outbox, FIRST_URGENT, 1, GAP_BYTES)[0][0] == wire.RECORD_GAP


def test_records_asked_for_again_after_they_were_freed_are_a_gap_up_to_now():
    outbox = Outbox(Clock(), 100, 100)
    for _ in range(3):
        put(outbox, 7)
    outbox.routine.acknowledge(4)
    found = fill(outbox, FIRST_URGENT, 1)
    assert [record[1] for record in found] == [3]
    assert wire_gateway.unpack_gap(found[0][3], 0, 9)[:2] == (1, 3)


def test_urgent_records_go_first_and_what_does_not_fit_is_announced():
    outbox = Outbox(Clock(), 1024, 512)
    for _ in range(5):
        put(outbox, 11)
        outbox.event(wire_lamp.EVENT_CODE_PRESENCE, wire.SEVERITY_INFO, 1, 0, 0, 0)
    found = fill(outbox, FIRST_URGENT, 1, 2 * (HEADER + 12))
    assert [record[1] for record in found] == [FIRST_URGENT, FIRST_URGENT + 1]
    assert outbox.more_urgent
    assert outbox.more
    found = fill(outbox, FIRST_URGENT + 4, 5)
    assert [record[1] for record in found] == [FIRST_URGENT + 4, 5]
    assert not outbox.more_urgent
    assert not outbox.more


def test_a_ring_that_goes_round_for_long_keeps_every_record_whole():
    ring = Ring(251, 1)
    state = 1
    for _ in range(3000):
        state = state * 75 % 65537
        size = HEADER + state % 40
        at = ring.reserve(size)
        ring.data[at + 1] = size - HEADER
        for offset in range(2, size):
            ring.data[at + offset] = (ring.next - 1) & 0xFF
        if state % 7 == 0:
            ring.acknowledge(ring.first + state % 5)
        start = ring.first + state % (ring.next - ring.first + 1)
        target = bytearray(256)
        end = ring.read(start, target, 0, 256)
        at = 0
        number = start
        while at < end:
            size = HEADER + target[at + 1]
            assert target[at + 2 : at + size] == bytes([number & 0xFF]) * (size - 2)
            at += size
            number += 1
        assert number == ring.reached == ring.next


def test_acknowledging_more_than_there_is_frees_what_there_is():
    outbox = Outbox(Clock(), 1024, 512)
    put(outbox, 11)
    outbox.routine.acknowledge(0xFFFFFFFF)
    outbox.routine.acknowledge(0)
    assert outbox.held() == 0
    assert put(outbox, 11) == 2
    assert outbox.held() == 1
