"""A hundred thousand forged frames at both ends, none accepted; a million in the long run."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from protocol import link_gateway
from protocol.framing import BUFFER_SIZE, PAYLOAD_AT
from protocol.generated import wire
from protocol.kernels import crc16
from tests.dual.protocol_rig import ECHO, Street, checked, opened


class Forger:
    """Makes frames of what it recorded on the bus, and puts the CRC right."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.street = opened()
        self.strangers = [opened(unit=bytes(8)), opened(chance=100), opened(link_key=bytes(32))]
        self.recorded = [*self._record(self.street), *self._record(self.street)]
        self.foreign = [body for street in self.strangers for body in self._record(street)]

    def _record(self, street: Street) -> list[bytes]:
        """Bodies without CRC of requests, replies and broadcasts, of many sizes."""
        lines: list[bytes] = []
        for size in (0, 1, 7, 19, 28, 60, 200):
            request = street.requester.request(ECHO, self.random.randbytes(size))
            said = street.deliver(request)
            assert [1 for frame, end in checked(said) if street.requester.accept(frame, end)]
            lines += [request, said]
        lines.append(link_gateway.broadcast(wire.TIME, self.random.randbytes(7), 0, street.group))
        street.deliver(lines[-1])
        return [
            bytes(frame[1 : PAYLOAD_AT + size]) for line in lines for frame, size in checked(line)
        ]

    def mutated(self) -> bytes:
        """One to four bytes changed."""
        body = bytearray(self.random.choice(self.recorded))
        for _ in range(self.random.randrange(1, 5)):
            body[self.random.randrange(len(body))] ^= self.random.randrange(1, 256)
        return bytes(body)

    def truncated(self) -> bytes:
        """Cut off, or made longer."""
        body = self.random.choice(self.recorded)
        longer = body + self.random.randbytes(self.random.randrange(1, 9))
        return self.random.choice([body[: self.random.randrange(6, len(body))], longer[:251]])

    def spliced(self) -> bytes:
        """The begin of one and the end of another."""
        head, tail = self.random.choice(self.recorded), self.random.choice(self.recorded)
        cut = self.random.randrange(6, max(7, min(len(head), len(tail))))
        return (head[:cut] + tail[cut:])[:251]

    def reflected(self) -> bytes:
        """Thrown back to where it came from, under this or a nearby counter."""
        body = bytearray(self.random.choice(self.recorded))
        body[0] ^= wire.FLAG_REPLY
        body[1], body[2] = body[2], body[1]
        body[4] = (body[4] + self.random.randrange(3)) & 0xFF
        return bytes(body)

    def replayed(self) -> bytes:
        """Just as it was, or under a fresh counter."""
        body = bytearray(self.random.choice(self.recorded))
        if self.random.randrange(2):
            body[4], body[5] = self.random.randrange(256), self.random.randrange(256)
        return bytes(body)

    def from_elsewhere(self) -> bytes:
        """Of another device, another session, another key."""
        return self.random.choice(self.foreign)

    def made_up(self) -> bytes:
        """Secured in name, to somebody here, and random."""
        flags = 0x20 | wire.FLAG_SECURED | self.random.choice([0, wire.FLAG_REPLY])
        route = self.random.choice([(5, 0), (0, 5), (255, 0)])
        size = self.random.randrange(60)
        return bytes([flags, *route, ECHO]) + self.random.randbytes(2 + size)

    def bodies(self) -> Iterator[bytes]:
        """All kinds in turn, without end."""
        while True:
            yield self.mutated()
            yield self.truncated()
            yield self.spliced()
            yield self.reflected()
            yield self.replayed()
            yield self.from_elsewhere()
            yield self.made_up()


def received(body: bytes) -> tuple[bytearray, int]:
    """A body as a deframer would hand it over, CRC and all."""
    frame = bytearray(b"\0" + body).ljust(BUFFER_SIZE, b"\0")
    crc = crc16(frame, 1, 1 + len(body))
    frame[1 + len(body) : 3 + len(body)] = crc.to_bytes(2, "little")
    return frame, len(body) - 6


def acted(street: Street) -> list[tuple[int, bytes]]:
    """What a controller did and heard that only a secured frame may make it do."""
    service = street.responder.service
    return [did for did in service.asked + service.heard if did[0] > wire.PLAIN_TYPE_MAX]


def forge(count: int, seed: int) -> None:
    """Throw them at both ends; a genuine exchange now and then shows that both are well."""
    forger = Forger(seed)
    street = forger.street
    last_reply, before = b"", acted(street)
    for number, body in zip(range(count), forger.bodies(), strict=False):
        if number % 1000 == 0:
            request = street.requester.request(ECHO, b"genuine %d" % number)
            last_reply = street.deliver(request)
            frame, size = checked(last_reply)[0]
            assert street.requester.accept(frame, size)
            before = acted(street)
            street.requester.request(ECHO, b"a question that stays open")
        said = street.responder.receive(*received(body), street.now_ms)
        assert acted(street) == before, (number, body.hex())
        if said:
            reply = bytes(street.responder.reply[:said])
            secured = checked(reply)[0][0][1] & wire.FLAG_SECURED
            assert not secured or reply == last_reply, (number, body.hex())
        answer = street.requester.accept(*received(body))
        assert answer is None, (number, body.hex())
    assert street.security.bad_tags > count // 4
    assert street.requester.bad_tags > 0


def test_a_hundred_thousand_forged_frames_are_not_accepted() -> None:
    forge(100_000, 1)


@pytest.mark.soak
def test_a_million_forged_frames_are_not_accepted() -> None:
    for seed in range(2, 12):
        forge(100_000, seed)
