"""Runs under MicroPython: forged frames at a controller's end, on a small heap that may not grow.

`micropython -X heapsize=96k fuzz_on_micropython.py ROOT COUNT SEED` prints one line of JSON.
"""

# A type checker knows CPython's gc, and no session that is not there.
# pyright: reportAttributeAccessIssue=false, reportOptionalSubscript=false

import gc
import json
import sys

sys.path.insert(0, sys.argv[1])

# The path to these comes from the command line.
from protocol import framing, link, link_gateway, security, security_gateway
from protocol.generated import wire

ADDRESS = 5
UNIT = bytes(8)
LINK_KEY = bytes(32)
ECHO = 0x40


class Counter:
    """Counts what it is asked under a session."""

    def __init__(self):
        self.acted = 0

    def answer(self, kind, _frame, _at, size, _reply, _reply_at, _now_ms):
        if kind > wire.PLAIN_TYPE_MAX:
            self.acted += 1
        return kind, size, 0

    def hear(self, kind, _frame, _at, _size, _now_ms):
        if kind > wire.PLAIN_TYPE_MAX:
            self.acted += 1


class Chance:
    """A small linear congruential generator, the same on every interpreter (Numerical Recipes)."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 8) % limit


class Bus:
    """Both ends, with a session, and what was recorded of it."""

    def __init__(self):
        self.service = Counter()
        self.trust = security.ControllerSecurity({1: LINK_KEY}, UNIT, 1, b"")
        self.responder = link.Responder(ADDRESS, self.service, self.trust)
        self.requester = link_gateway.Requester(ADDRESS, 0)
        self.deframer = framing.Deframer()
        opening = security_gateway.Opening(LINK_KEY, UNIT, bytes(8), 1, bytes(16))
        accepted = self.ask(self.requester.request(wire.SESSION_OPEN, opening.payload(), True))
        group = security_gateway.Group(bytes(16))
        payload, session = opening.confirm(accepted[2], ADDRESS, group, 0)
        self.ask(self.requester.confirm(payload, session))
        self.recorded = []
        for size in (0, 7, 24, 60, 237):
            line = self.requester.request(ECHO, bytes(size))
            self.recorded.append(line)
            self.ask(line)
            self.recorded.append(bytes(self.responder.reply))
        self.recorded.append(link_gateway.broadcast(wire.TIME, bytes(7), 0, group))
        self.deliver(self.recorded[-1])

    def deliver(self, line):
        """Bytes of the last reply; every frame on the line is received."""
        at = said = 0
        while at < len(line):
            at = self.deframer.push(line, at, len(line))
            if self.deframer.size >= 0:
                said = self.responder.receive(self.deframer.buffer, self.deframer.size, 0)
        return said

    def ask(self, line):
        """What the gateway takes for the answer."""
        said = self.deliver(line)
        deframer = framing.Deframer()
        deframer.push(self.responder.reply, 0, said)
        return self.requester.accept(deframer.buffer, deframer.size)


def forge(chance, recorded, frame):
    """A line in `frame`: noise, a frame cut off, or a changed frame with a correct CRC."""
    line = recorded[chance.below(len(recorded))]
    kind = chance.below(4)
    size = len(line)
    frame[:size] = line
    if kind == 0:
        for _ in range(1 + chance.below(6)):
            frame[chance.below(size)] = chance.below(256)
        return size
    if kind == 1:
        frame[chance.below(size)] = 0
        return size
    size = frame.find(b"\0")
    if not framing.unstuff(frame, size):
        return size
    for _ in range(1 + chance.below(3)):
        frame[1 + chance.below(size - 3)] ^= 1 << chance.below(8)
    cut = chance.below(4) if kind == 2 else 0
    return framing.finish_frame(frame, max(size - 9 - cut, 0))


def main(count, seed):
    """Throw `count` lines at the controller; see that it is well and as small as before."""
    bus, chance = Bus(), Chance(seed)
    frame = bytearray(2 * framing.BUFFER_SIZE)
    raised = unanswered = 0
    before = None
    acted = bus.service.acted
    for number in range(count):
        try:
            bus.deliver(memoryview(frame)[: forge(chance, bus.recorded, frame)])
        except Exception as error:  # noqa: BLE001 - whatever is raised is the finding
            raised += 1
            sys.print_exception(error)
        if bus.service.acted != acted:
            break
        if number % 1000 == 999:
            # Within one frame: the delimiter before a repetition ends whatever lies there.
            bus.requester.request(ECHO, b"are you well?")
            if bus.ask(bus.requester.repeat()) is None:
                unanswered += 1
            acted += 1
            gc.collect()
            if number == 1999:
                before = gc.mem_alloc()
    gc.collect()
    growth = gc.mem_alloc() - before
    print(
        json.dumps(
            {
                "raised": raised,
                "unanswered": unanswered,
                "forged": bus.service.acted - acted,
                "refused": bus.trust.bad_tags + bus.trust.unsecured,
                "bad_frames": bus.deframer.bad_frames,
                "heap_growth": growth,
            }
        )
    )


main(int(sys.argv[2]), int(sys.argv[3]))
