"""Runs under MicroPython for bench_security: cost of frames in time and heap, as one line of JSON.

`micropython tests/bench/on_micropython.py ROOT`; ROOT is the folder that holds `protocol`.
"""

# A type checker knows CPython's gc and time, and no session that is not there.
# pyright: reportAttributeAccessIssue=false, reportOptionalSubscript=false

import gc
import json
import sys
import time
from hashlib import sha256

sys.path.insert(0, sys.argv[1])

# The path to these comes from the command line.
from protocol import framing, link, link_gateway, security, security_gateway
from protocol.framing import PAYLOAD_AT
from protocol.generated import wire, wire_lamp

FRAMES = 1000
ROUNDS = 25
ADDRESS = 5
UNIT = bytes(8)
LINK_KEY = bytes(32)


class Echo:
    """Says what it hears."""

    def answer(self, kind, _frame, _at, size, _reply, _reply_at, _now_ms):
        return kind, size, 0

    def hear(self, kind, _frame, _at, _size, _now_ms):
        raise ValueError(kind)


def exchange(requester, responder, line):
    """What the gateway takes for the answer."""
    down, up = framing.Deframer(), framing.Deframer()
    down.push(line, 0, len(line))
    size = responder.receive(down.buffer, down.size, 0)
    up.push(responder.reply, 0, size)
    return requester.accept(up.buffer, up.size)


def opened():
    """A controller's and a gateway's end with a session between them."""
    trust = security.ControllerSecurity({1: LINK_KEY}, UNIT, 1, b"")
    responder = link.Responder(ADDRESS, Echo(), trust)
    requester = link_gateway.Requester(ADDRESS, 0)
    opening = security_gateway.Opening(LINK_KEY, UNIT, bytes(8), 1, bytes(16))
    line = requester.request(wire.SESSION_OPEN, opening.payload(), True)
    answer = exchange(requester, responder, line)
    group = security_gateway.Group(bytes(16))
    payload, session = opening.confirm(answer[2], ADDRESS, group, 0)
    exchange(requester, responder, requester.confirm(payload, session))
    return requester, responder, trust


def measured(runs):
    """Microseconds and heap bytes a frame of each run: the least of all rounds, taken in turn."""
    figures = {}
    for _ in range(ROUNDS):
        for name, prepare, run in runs:
            prepare()
            gc.collect()
            gc.disable()
            before = gc.mem_alloc()
            began = time.ticks_us()
            run()
            us = time.ticks_diff(time.ticks_us(), began) / FRAMES
            used = (gc.mem_alloc() - before) / FRAMES
            gc.enable()
            old = figures.get(name, (us, used))
            figures[name] = min(us, old[0]), min(used, old[1])
    return figures


def put_record(buffer, counter):
    """A records reply with one lamp status: a record of 24 bytes."""
    framing.start_frame(buffer, 2, 0, ADDRESS, wire.RECORDS, counter)
    at = wire.pack_records(buffer, PAYLOAD_AT, 3, 1)
    at = wire.pack_record_header(
        buffer, at, wire_lamp.RECORD_LAMP_STATUS, 11, 0, 4711, 190000000, counter
    )
    return wire_lamp.pack_lamp_status(buffer, at, 4, 2, 110, 208, 0, 17, 346, 25) - PAYLOAD_AT


def encoders(session):
    """What it takes to make the frame of a record."""
    buffer = bytearray(framing.BUFFER_SIZE)
    inner, outer = bytes([0x36]) * 64, bytes([0x5C]) * 64

    def values():
        for counter in range(FRAMES):
            put_record(buffer, counter)

    def plain():
        for counter in range(FRAMES):
            framing.finish_frame(buffer, put_record(buffer, counter))

    def sealed():
        for counter in range(FRAMES):
            framing.finish_frame(buffer, session.seal_reply(buffer, put_record(buffer, counter)))

    def signed():
        for counter in range(FRAMES):
            size = put_record(buffer, counter)
            first = sha256(inner)
            first.update(memoryview(buffer)[1 : PAYLOAD_AT + size])
            second = sha256(outer)
            second.update(first.digest())
            buffer[PAYLOAD_AT + size : PAYLOAD_AT + size + 8] = second.digest()[:8]
            framing.finish_frame(buffer, size + 8)

    return (
        ("encode, values only", values),
        ("encode, CRC only", plain),
        ("encode, AES-CCM-8", sealed),
        ("encode, HMAC-SHA-256", signed),
    )


def main():
    """Print the figures."""
    requester, responder, trust = opened()
    unsecured = link.Responder(ADDRESS, Echo())
    deframer, lines = framing.Deframer(), []

    def ask(plain):
        lines[:] = [requester.request(wire.RECORDS, bytes(24), plain) for _ in range(FRAMES)]

    def receive(responder):
        for line in lines:
            deframer.push(line, 0, len(line))
            responder.receive(deframer.buffer, deframer.size, 0)

    runs = [(name, lambda: None, run) for name, run in encoders(trust.session)]
    runs.append(("take and answer, CRC only", lambda: ask(True), lambda: receive(unsecured)))
    runs.append(("take and answer, AES-CCM-8", lambda: ask(False), lambda: receive(responder)))
    figures = measured(runs)
    if trust.bad_tags or deframer.bad_frames:
        raise RuntimeError("frames were lost")
    print(json.dumps(figures))


main()
