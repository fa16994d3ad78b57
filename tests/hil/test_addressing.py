"""Whom a frame is for, read from its first bytes."""

import pytest

from hil.addressing import addressee
from hil.line import GATEWAY
from protocol import framing
from protocol.generated import wire
from protocol.link_gateway import Requester, broadcast

STATIONS = {address: f"lamp-{address}" for address in range(1, 248)}


@pytest.mark.parametrize("address", [1, 2, 32, 128, 247])
def test_a_request_is_for_the_station_of_its_address(address: int) -> None:
    requester = Requester(address, 0)
    find = addressee(STATIONS)
    assert find(GATEWAY, requester.request(wire.IDENTIFY, b"\0")) == f"lamp-{address}"
    assert find(GATEWAY, requester.repeat()) == f"lamp-{address}"


@pytest.mark.parametrize("source", [1, 2, 247])
def test_a_reply_is_for_the_gateway(source: int) -> None:
    reply = bytearray(framing.BUFFER_SIZE)
    framing.start_frame(reply, wire.FLAG_REPLY, wire.ADDRESS_GATEWAY, source, wire.HELLO, 7)
    size = framing.finish_frame(reply, 0)
    assert addressee(STATIONS)("lamp-1", bytes(reply[:size])) == GATEWAY


@pytest.mark.parametrize("data", [b"", b"\0\0", b"\x05\x20", b"\x05\x20\xf8noise"])
def test_noise_and_strangers_are_for_nobody_in_particular(data: bytes) -> None:
    assert addressee(STATIONS)(GATEWAY, data) is None


def test_a_broadcast_is_for_nobody_in_particular() -> None:
    assert addressee(STATIONS)(GATEWAY, broadcast(wire.SEARCH, bytes(4), 1)) is None
