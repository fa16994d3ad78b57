"""Both ends of the link over good and bad lines: every request acts once and is answered right."""

from __future__ import annotations

import pytest

from protocol import link, link_gateway
from protocol.frame_reader import FrameReader, payload_size
from protocol.framing import Deframer
from tests.dual.test_protocol_link import ADDRESS, ECHO, Recorder
from tests.protocol.lines import LINES, ByteAtATime, Line

REQUESTS = 300
ATTEMPTS = 200


class Bus:
    """A gateway and a controller with a line in each direction."""

    def __init__(self, kind: type[Line], seed: int) -> None:
        self.down, self.up = kind(seed), kind(seed + 1)
        self.responder = link.Responder(ADDRESS, Recorder())
        self.requester = link_gateway.Requester(ADDRESS, seed)
        self.deframer, self.reader = Deframer(), FrameReader()

    def _controller(self, chunk: bytes) -> bytes:
        said, at = b"", 0
        while at < len(chunk):
            at = self.deframer.push(chunk, at, len(chunk))
            if self.deframer.size >= 0:
                size = self.responder.receive(self.deframer.buffer, self.deframer.size, 0)
                said += bytes(self.responder.reply[:size])
        return said

    def exchange(self, wire: bytes) -> tuple[int, int, bytes] | None:
        """One transmission and what the gateway makes of what comes back."""
        said = b"".join([self._controller(chunk) for chunk in self.down.carry(wire)])
        taken = None
        for chunk in self.up.carry(said):
            for frame in self.reader.feed(chunk):
                taken = self.requester.accept(frame, payload_size(frame)) or taken
        return taken

    def ask(self, payload: bytes) -> bytes:
        """The answer to a request, however often it must be sent."""
        wire = self.requester.request(ECHO, payload)
        for _ in range(ATTEMPTS):
            answer = self.exchange(wire)
            if answer:
                return answer[2]
            wire = self.requester.repeat()
        raise AssertionError("never answered")


@pytest.mark.parametrize("kind", LINES)
@pytest.mark.parametrize("seed", range(3))
def test_every_request_acts_once_and_is_answered_right(kind: type[Line], seed: int) -> None:
    bus = Bus(kind, seed)
    wanted = [(ECHO, f"request {number}".encode()) for number in range(REQUESTS)]
    for _, payload in wanted:
        assert bus.ask(payload) == payload[::-1]
    assert bus.responder.service.asked == wanted
    if kind in (Line, ByteAtATime):
        assert bus.responder.repeats == 0
        assert bus.deframer.bad_frames == bus.reader.bad_frames == 0
    else:
        assert bus.responder.repeats > 0
