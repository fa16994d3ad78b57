"""A controller that has its keys and means harm: it harms nobody but itself."""

from __future__ import annotations

from gateway.controller import LAST_SEQUENCE, Controller
from protocol import codec
from protocol.generated import messages as m
from protocol.generated import wire


def test_a_number_behind_which_there_is_none_is_not_believed_so_that_polls_go_on() -> None:
    rogue = Controller("L1", "lamp", "00" * 8, 1)
    rogue.boot = 1
    rogue.urgent.next = rogue.urgent.acknowledged = wire.URGENT_SEQUENCE_BASE + 1
    for sequence, is_believed in ((LAST_SEQUENCE + 1, False), (LAST_SEQUENCE, True)):
        gap = m.Gap(rogue.urgent.next, 5, m.GapCause.RING_OVERFLOW)
        taken = rogue.take(m.Records(1, 0, codec.encode_record(gap, sequence)))
        rogue.stored(1, 0, taken)
        assert bool(taken) is is_believed
        assert isinstance(codec.decode_message(wire.POLL, rogue.poll()), m.Poll)
