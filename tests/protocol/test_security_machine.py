"""Both ends of the secured link, driven at random over a line that somebody else holds.

Whatever is lost, doubled, delayed, exchanged, changed, thrown back or played again: a controller
does each request of its gateway at most once and in order, nothing else at all, and a gateway
takes for the answer to a request only what its controller said to that request.
"""

# Hypothesis leaves the type of a rule with a bundle open.
# pyright: reportUntypedFunctionDecorator=false

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from protocol import framing, link, link_gateway, security, security_gateway
from protocol.errors import ProtocolError
from protocol.generated import wire
from tests.dual import protocol_rig
from tests.dual.protocol_rig import ECHO, Street, altered, checked
from tests.protocol.mutants import plant

OPEN_ALL = "self._requests.open(frame, size, counter)\n        size -= 8\n"
UNITS = (bytes([0xA0]) * 8, bytes([0xB0]) * 8)


class SecuredLine(RuleBasedStateMachine):
    """Two gateways' ends, two controllers, and the one who holds the wire."""

    heard: Any = Bundle("heard")

    def __init__(self) -> None:
        super().__init__()
        self.streets = [Street(unit=unit, chance=16 * i) for i, unit in enumerate(UNITS)]
        self.group = self.streets[0].group
        for street in self.streets:
            street.group = self.group
        self.sent: list[list[bytes]] = [[], []]
        self.said: list[list[bytes]] = [[], []]
        self.broadcasts: list[bytes] = []
        self.openings: list[security_gateway.Opening | None] = [None, None]
        self.asking: list[bytes | None] = [None, None]
        self.number = 0

    # --- What the genuine ends say: it goes to whoever holds the wire, and nowhere else ---------

    @rule(target=heard, which=st.integers(0, 1))
    def begin_a_handshake(self, which: int) -> bytes:
        """A gateway asks for a session."""
        street = self.streets[which]
        self.openings[which] = opening = street.opening()
        self.asking[which] = None
        return street.requester.request(wire.SESSION_OPEN, opening.payload(), True)

    @rule(target=heard, which=st.integers(0, 1))
    def ask_something(self, which: int) -> Any:
        """A gateway with a session asks for something that was never asked before."""
        return self.ask(which)

    def ask(self, which: int) -> Any:
        """The line of a new request, if there is a session."""
        street = self.streets[which]
        if street.requester.session is None:
            return multiple()
        self.number += 1
        payload = b"request %d" % self.number
        self.sent[which].append(payload)
        self.asking[which] = payload
        self.said[which].append(street.requester.request(ECHO, payload))
        return self.said[which][-1]

    @rule(target=heard, which=st.integers(0, 1))
    def ask_again(self, which: int) -> Any:
        """A gateway repeats its open request."""
        line = self.streets[which].requester.repeat()
        return line if len(line) > 1 else multiple()

    @rule(target=heard)
    def tell_everybody(self) -> bytes:
        """A broadcast under the group key."""
        self.number += 1
        self.broadcasts.append(b"news %d" % self.number)
        line = link_gateway.broadcast(wire.NEWS, self.broadcasts[-1], 0, self.group)
        for street, said in zip(self.streets, self.said, strict=True):
            street.deliver(line)
            said.append(line)
        return line

    @rule(target=heard, which=st.integers(0, 1))
    def open_undisturbed(self, which: int) -> bytes:
        """A whole handshake; who holds the wire has read its confirmation."""
        street = self.streets[which]
        line, _ = street.confirmation()
        assert [1 for f, n in checked(street.deliver(line)) if street.requester.accept(f, n)]
        self.openings[which] = self.asking[which] = None
        return line

    @rule(target=heard, which=st.integers(0, 1))
    def exchange_undisturbed(self, which: int) -> Any:
        """A request and its answer; who holds the wire has read both."""
        line = self.ask(which)
        if not isinstance(line, bytes):
            return multiple()
        said = self.streets[which].deliver(line)
        self.carry_up(said, which)
        return multiple(line, said) if said else line

    # --- What the one who holds the wire does with it -------------------------------------------

    @rule(target=heard, line=heard, which=st.integers(0, 1))
    def carry_down(self, line: bytes, which: int) -> Any:
        """To a controller: the right one or the wrong one, now or much later, once or often."""
        said = self.streets[which].deliver(line)
        return said or multiple()

    @rule(which=st.integers(0, 1), back=st.integers(1, 4))
    def play_again(self, which: int, back: int) -> None:
        """One of the last lines of a gateway, to its controller."""
        if self.said[which]:
            self.streets[which].deliver(self.said[which][-back:][0])

    @rule(target=heard, line=heard, which=st.integers(0, 1))
    def deliver_up(self, line: bytes, which: int) -> Any:
        """To a gateway's end; what it takes must be what its controller said."""
        return self.carry_up(line, which)

    def carry_up(self, line: bytes, which: int) -> Any:
        """The gateway's next line, if the answer calls for one."""
        street, asking = self.streets[which], self.asking[which]
        for frame, size in checked(line):
            answer = street.requester.accept(frame, size)
            if answer is None:
                continue
            kind, flags, payload = answer
            if kind == wire.SESSION_ACCEPT and self.openings[which] is not None:
                return self._confirm(which, payload)
            if flags & wire.FLAG_SECURED and kind == ECHO:
                assert asking is not None
                assert payload == asking[::-1]
                assert asking in self.received(which)
            elif asking is not None:
                assert kind in (wire.REFUSAL, wire.HELLO)
        return multiple()

    def _confirm(self, which: int, accepted: bytes) -> Any:
        street, opening = self.streets[which], self.openings[which]
        self.openings[which] = None
        assert opening is not None
        try:
            payload, session = opening.confirm(
                accepted, street.requester.address, self.group, street.now_ms
            )
        except ProtocolError:
            return multiple()
        return street.requester.confirm(payload, session)

    @rule(target=heard, line=heard, at=st.integers(0, 60), value=st.integers(0, 255))
    def change(self, line: bytes, at: int, value: int) -> Any:
        """Any byte of the header, payload or tag; the CRC is put right."""
        frames = checked(line)
        if not frames:
            return multiple()
        return altered(line, [(at % (6 + frames[0][1]), value)])

    @rule(target=heard, line=heard, which=st.integers(0, 1))
    def throw_back(self, line: bytes, which: int) -> Any:
        """A request as a reply, a reply as a request."""
        frames = checked(line)
        if not frames:
            return multiple()
        flags, address = frames[0][0][1] ^ wire.FLAG_REPLY, self.streets[which].responder.address
        route = (0, address) if flags & wire.FLAG_REPLY else (address, 0)
        return altered(line, [(0, flags), (1, route[0]), (2, route[1])])

    @rule(target=heard, head=heard, tail=heard, at=st.integers(6, 40))
    def splice(self, head: bytes, tail: bytes, at: int) -> Any:
        """The begin of one frame and the end of another."""
        one, other = checked(head), checked(tail)
        if not one or not other:
            return multiple()
        body = one[0][0][1 : 1 + at] + other[0][0][1 + at : 7 + other[0][1]]
        frame = bytearray(b"\0" + bytes(body)).ljust(framing.BUFFER_SIZE, b"\0")
        size = max(len(body) - 6, 0)
        return bytes(frame[: framing.finish_frame(frame, size)])

    @rule(
        target=heard, kind=st.integers(0, 255), payload=st.binary(max_size=40), to_all=st.booleans()
    )
    def make_up(self, kind: int, payload: bytes, to_all: bool) -> bytes:
        """A stranger's own message in plain."""
        if to_all:
            return link_gateway.broadcast(kind, payload, self.number)
        address = self.streets[self.number % 2].responder.address
        return link_gateway.Requester(address, self.number).request(kind, payload)

    @rule(which=st.integers(0, 1))
    def wait(self, which: int) -> None:
        """Time passes; sessions grow old."""
        self.streets[which].now_ms += security.SESSION_LIMIT_MS // 3

    # --- What must hold ---------------------------------------------------------------------------

    def received(self, which: int) -> list[bytes]:
        """What a controller did."""
        return [
            payload for kind, payload in self.streets[which].asked if kind > wire.PLAIN_TYPE_MAX
        ]

    @invariant()
    def requests_act_at_most_once_in_order_and_only_where_they_are_meant(self) -> None:
        """What a controller did is a part of what was asked of it, in the order of asking."""
        for which in (0, 1):
            rest = iter(self.sent[which])
            assert all(payload in rest for payload in self.received(which))

    @invariant()
    def broadcasts_are_heard_at_most_once_and_in_order(self) -> None:
        """The same for what was said to all."""
        for street in self.streets:
            rest = iter(self.broadcasts)
            acting = [p for k, p in street.responder.service.heard if k > wire.PLAIN_TYPE_MAX]
            assert all(payload in rest for payload in acting)


SETTINGS = settings(max_examples=80, stateful_step_count=50, deadline=None)
SecuredLine.TestCase.settings = SETTINGS
TestSecuredLine = SecuredLine.TestCase


@pytest.mark.parametrize(
    ("module", "guard", "instead"),
    [
        (security, "self._last = counter", "pass"),
        (security, "self._group_last = counter", "pass"),
        (security, "size = self._requests.open(frame, size, counter)\n", OPEN_ALL),
        (link, "if kind > PLAIN_TYPE_MAX:", "if False:"),
        (link, "elif security is not None and kind > PLAIN_TYPE_MAX:", "elif False:"),
    ],
    ids=["counter", "broadcast counter", "tag", "plain requests", "plain broadcasts"],
)
def test_the_machine_notices_a_missing_check_of(
    module: ModuleType, guard: str, instead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant([protocol_rig], module, [(guard, instead)], monkeypatch)
    thorough = settings(
        SETTINGS, max_examples=2000, phases=[Phase.generate], database=None, derandomize=True
    )
    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(SecuredLine, settings=thorough)


def test_over_a_line_that_only_loses_everything_gets_through_in_the_end() -> None:
    street = Street()
    assert street.open()
    for number in range(400):
        line = street.requester.request(ECHO, b"%d" % number)
        for attempt in range(4):
            said = street.deliver(line) if (number + attempt) % 3 else b""
            frames = checked(said) if (number + attempt) % 5 else []
            if [1 for frame, size in frames if street.requester.accept(frame, size)]:
                break
            line = street.requester.repeat()
    assert [payload for _, payload in street.asked] == [b"%d" % n for n in range(400)]
