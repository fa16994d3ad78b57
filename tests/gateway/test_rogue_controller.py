"""A controller that has its keys and means harm: it harms nobody but itself."""

from __future__ import annotations

import pytest

from gateway.controller import LAST_SEQUENCE, Controller
from protocol import codec
from protocol.generated import messages as m
from protocol.generated import wire


@pytest.mark.parametrize("first", [1, wire.URGENT_SEQUENCE_BASE + 1])
def test_a_number_behind_which_there_is_none_is_not_believed_and_polls_go_on(first: int) -> None:
    rogue = Controller("L1", "lamp", "00" * 8, 1)
    rogue.boot = 1
    rogue.urgent.next = rogue.urgent.acknowledged = wire.URGENT_SEQUENCE_BASE + 1
    for sequence in (LAST_SEQUENCE + 1, LAST_SEQUENCE):
        gap = codec.encode_record(m.Gap(first, 5, m.GapCause.RING_OVERFLOW), sequence)
        taken = rogue.take(m.Records(1, 0, gap))
        rogue.stored(1, taken)
        assert isinstance(codec.decode_message(wire.POLL, rogue.poll()), m.Poll)
        believed = first > wire.URGENT_SEQUENCE_BASE and sequence == LAST_SEQUENCE
        assert bool(taken) is believed
        assert rogue.skipped == 1
