"""Asks on a real port who is there: the search of `discovery`, and a walk over addresses."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Protocol, TypeVar

from gateway.discovery import Ask, Heard, Hush, search
from protocol import codec, link_gateway
from protocol.errors import WireError
from protocol.generated import messages as m
from protocol.generated import wire
from protocol.link_gateway import Requester

T = TypeVar("T")


class Asking(Protocol):
    """What a survey needs of a port, see `gateway.port.Port`."""

    bytes_received: int

    async def send(self, data: bytes, /) -> None:
        """Send what is not answered."""
        ...

    async def exchange(
        self, data: bytes, /, accept: Callable[[bytearray, int], T | None], turnaround_s: float
    ) -> T | None:
        """Send a question; its answer, or None."""
        ...


class Survey:
    """One search for every controller of an address; `step` until `done`."""

    def __init__(self, number: int, address: int = wire.ADDRESS_UNASSIGNED) -> None:
        """`number`: another one for each survey of a bus, 0 to 255."""
        self.done = False
        self.questions = 0
        self.found: dict[int, m.Hello] = {}
        self._number = number
        self.address = address
        self._search = search()
        self._next = next(self._search)

    async def step(self, port: Asking, turnaround_s: float) -> None:
        """Ask one question, or hush one controller. PortError when the port is gone."""
        if isinstance(self._next, Ask):
            heard = await self._ask(port, self._next, turnaround_s)
        else:
            heard = await self._hush(port, self._next)
        try:
            self._next = self._search.send(heard)
        except StopIteration:
            self.done = True

    async def _ask(self, port: Asking, ask: Ask, turnaround_s: float) -> Heard | int:
        self.questions += 1
        prefix = ask.prefix.value.to_bytes(8, "big")
        question = m.Search(self._number, self.address, ask.prefix.bits, prefix)
        data = link_gateway.broadcast(wire.SEARCH, codec.encode_message(question), self.questions)
        before = port.bytes_received
        hello = await port.exchange(b"\x00" + data, _accept(self.questions), turnaround_s)
        if hello is None:
            return Heard.COLLISION if port.bytes_received != before else Heard.SILENCE
        number = int.from_bytes(hello.hardware_id, "big")
        if ask.prefix.matches(number):
            self.found[number] = hello
        return number

    async def _hush(self, port: Asking, hush: Hush) -> None:
        message = m.Hush(self._number, hush.hardware_id.to_bytes(8, "big"))
        await port.send(
            link_gateway.broadcast(wire.HUSH, codec.encode_message(message), self.questions)
        )


def _accept(counter: int) -> Callable[[bytearray, int], m.Hello | None]:
    """Takes the hello that answers the broadcast with this counter, and nothing else."""

    def accept(frame: bytearray, size: int) -> m.Hello | None:
        reply = link_gateway.accept_broadcast_reply(frame, size, counter)
        if reply is None or reply[1] != wire.HELLO:
            return None
        try:
            return m.decode_hello(reply[2])
        except WireError:
            return None

    return accept


async def identify(
    port: Asking, address: int, turnaround_s: float, blink_s: int = 0
) -> m.Hello | None:
    """Ask one address who it is, once; None when nothing clean came back."""
    requester = Requester(address, secrets.randbelow(65536))
    data = requester.request(wire.IDENTIFY, codec.encode_message(m.Identify(blink_s)))
    answer = await port.exchange(b"\x00" + data, requester.accept, turnaround_s)
    if answer is None or answer[0] != wire.HELLO:
        return None
    try:
        return m.decode_hello(answer[2])
    except WireError:
        return None


async def assign(
    port: Asking, hardware_id: bytes, address: int, turnaround_s: float
) -> m.Hello | None:
    """Give a controller that has no address this one; its hello from there, or None."""
    message = codec.encode_message(m.Assign(hardware_id, address))
    data = link_gateway.broadcast(wire.ASSIGN, message, address)
    hello = await port.exchange(b"\x00" + data, _accept(address), turnaround_s)
    return hello if hello is not None and hello.hardware_id == hardware_id else None
