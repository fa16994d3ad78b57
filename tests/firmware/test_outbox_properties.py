"""Whatever happens between controller and gateway, every sequence number has exactly one fate."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.services.clock import Clock
from firmware.services.outbox import Outbox
from protocol.generated import wire, wire_gateway, wire_lamp
from tests.dual.firmware_rig import split

HEADER = wire.RECORD_HEADER_SIZE


@dataclass
class Stream:
    """What a gateway knows of one stream, and what was really put."""

    base: int
    made: dict[int, bytes] = field(default_factory=dict)
    received: dict[int, bytes] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    next: int = 0
    acknowledged: int = 0

    def __post_init__(self) -> None:
        self.next = self.acknowledged = self.base + 1

    def take(self, kind: int, sequence: int, body: bytes) -> None:
        if kind == wire.RECORD_GAP:
            first, count, cause = wire_gateway.unpack_gap(body, 0, len(body))
            assert first == self.next
            assert sequence == first + count - 1
            assert cause == wire.GAP_CAUSE_RING_OVERFLOW
            self.lost |= set(range(first, first + count))
        else:
            assert sequence == self.next
            self.received[sequence] = body
        self.next = sequence + 1


ACTIONS = st.one_of(
    st.tuples(st.just("routine"), st.integers(0, 40)),
    st.tuples(st.just("routine"), st.just(11)),
    st.tuples(st.just("urgent"), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.just("poll"), st.integers(0, 255)),
    st.tuples(st.just("lost poll"), st.integers(0, 255)),
    st.tuples(st.just("durable"), st.integers(0, 100)),
    st.tuples(st.just("gateway restarts"), st.just(0)),
)


class World:
    """An outbox and its gateway; `act` is one step of either."""

    def __init__(self, routine_bytes: int, urgent_bytes: int) -> None:
        self.outbox = Outbox(Clock(), routine_bytes, urgent_bytes)
        self.routine = Stream(0)
        self.urgent = Stream(wire.URGENT_SEQUENCE_BASE)
        self.reply = bytearray(256)

    def act(self, action: str, argument: int) -> None:
        if action == "routine":
            number = self.outbox.routine.next
            at = self.outbox.begin(wire_lamp.RECORD_LAMP_STATUS, argument, 0, 0)
            body = bytes((number + i) & 0xFF for i in range(argument))
            self.outbox.routine.data[at : at + argument] = body
            self.routine.made[number] = body
        elif action == "urgent":
            number = self.outbox.urgent.next
            self.outbox.event(
                wire_lamp.EVENT_CODE_PRESENCE, wire.SEVERITY_INFO, 1, argument, number, 0
            )
            body = bytearray(wire.EVENT_SIZE)
            wire.pack_event(
                body, 0, wire_lamp.EVENT_CODE_PRESENCE, wire.SEVERITY_INFO, 1, argument, number
            )
            self.urgent.made[number] = bytes(body)
        elif action == "gateway restarts":
            for stream in (self.routine, self.urgent):
                stream.next = stream.acknowledged
        elif action == "durable":
            for stream in (self.routine, self.urgent):
                waiting = stream.next - stream.acknowledged
                stream.acknowledged += waiting * argument // 100
        else:
            self.poll(argument, delivered=action == "poll")

    def poll(self, limit: int, *, delivered: bool) -> bool:
        """Whether there is more to fetch."""
        outbox = self.outbox
        outbox.routine.acknowledge(self.routine.acknowledged)
        outbox.urgent.acknowledge(self.urgent.acknowledged)
        end = outbox.fill(self.reply, 0, limit, self.urgent.next, self.routine.next, 0)
        assert end <= limit
        if delivered:
            for kind, sequence, _, body in split(self.reply[:end], 0):
                stream = self.urgent if sequence > wire.URGENT_SEQUENCE_BASE else self.routine
                stream.take(kind, sequence, body)
            assert outbox.more == (self.routine.next < outbox.routine.next)
            assert outbox.more_urgent == (self.urgent.next < outbox.urgent.next)
        return outbox.more or outbox.more_urgent

    def settle(self) -> None:
        while self.poll(233, delivered=True):
            pass
        for stream in (self.routine, self.urgent):
            stream.acknowledged = stream.next
        self.poll(0, delivered=True)


@settings(max_examples=400)
@given(
    st.lists(ACTIONS, max_size=150),
    st.sampled_from([54, 60, 100, 173, 256, 1024]),
    st.sampled_from([25, 26, 60, 128]),
)
def test_every_number_is_received_as_it_was_made_or_told_to_be_lost(
    actions: list[tuple[str, int]], routine_bytes: int, urgent_bytes: int
) -> None:
    world = World(routine_bytes, urgent_bytes)
    for action, argument in actions:
        world.act(action, argument)
    world.settle()
    for stream in (world.routine, world.urgent):
        assert set(stream.made) == set(stream.received) | stream.lost
        assert all(stream.made[number] == body for number, body in stream.received.items())
    assert world.outbox.held() == 0


@settings(max_examples=100)
@given(st.lists(ACTIONS.filter(lambda a: a[0] in ("routine", "poll", "durable")), max_size=200))
def test_nothing_is_lost_while_there_is_room(actions: list[tuple[str, int]]) -> None:
    world = World(12288, 4096)
    for action, argument in actions:
        world.act(action, argument)
    world.settle()
    assert not world.routine.lost
    assert world.routine.received == world.routine.made


@pytest.mark.parametrize("minutes", [8])
def test_an_outage_of_minutes_fits_the_ring(minutes: int) -> None:
    outbox = Outbox(Clock())
    for second in range(minutes * 60):
        outbox.begin(wire_lamp.RECORD_LAMP_STATUS, wire_lamp.LAMP_STATUS_SIZE, 0, second * 1000)
        if second % 10 == 0:
            outbox.begin(wire.RECORD_HEALTH, wire.HEALTH_SIZE, 0, second * 1000)
        if second % 60 == 59:
            outbox.begin(wire_lamp.RECORD_LAMP_METERS, wire_lamp.LAMP_METERS_SIZE, 0, second * 1000)
    lost = outbox.routine.first - 1
    assert lost < 0.1 * (outbox.routine.next - 1)
