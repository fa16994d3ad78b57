"""Runs under MicroPython: how much heap a controller takes, and how much a poll. Prints JSON.

Arguments: the kind, the folder with `firmware` and the controller's half of `protocol`, and the
folder with the sources, where the gateway's half is; without the last, the controller is alone.
The gateway's half is loaded after the heap of the controller alone was measured; the session's
share is added to that.
"""

import binascii
import gc
import json
import os
import sys

KIND, STAGED = sys.argv[1:3]
SOURCES = sys.argv[3] if len(sys.argv) > 3 else ""
sys.path[:] = [STAGED, ".frozen"]
POLLS = 100
HOUR_MS = 3600000
ADDRESS = 5
BOOT = 7
UNIT = bytes(8)
LINK_KEY = bytes(range(32))
ADDRESS = 5
BOOT = 7


class Nothing:
    """A plant that never changes, so that what is measured is the firmware."""

    def dim(self, duty, level):
        pass

    def relay(self, on):
        pass

    def drive(self, direction):
        pass

    def press(self, direction):
        pass

    def signals(self, bits):
        pass

    def presence(self):
        return 0

    def bits(self):
        return 0

    def distance_mm(self):
        return 700

    def current_ma(self):
        return 100

    def pressure_kpa(self):
        return 0

    def temperature_c(self):
        return 20

    def temperature_dc(self):
        return 200

    def battery_mv(self):
        return 12800

    def press_ma(self):
        return 0

    def led(self, lit):
        pass

    def heap_free(self):
        return 0

    def erases(self):
        return 0


class Wire:
    """A line that allocates nothing: `frame` arrives once, `said` is the last answer."""

    def __init__(self):
        self.buffer = bytearray(256)
        self.frame = b""
        self.size = 0
        self.said = bytearray(256)
        self.said_size = 0
        self.sent = 0

    def receive(self):
        size = self.size
        self.size = 0
        frame = self.frame
        buffer = self.buffer
        i = 0
        while i < size:
            buffer[i] = frame[i]
            i += 1
        return size

    def send(self, data, size):
        self.sent += size
        self.said_size = size
        i = 0
        while i < size:
            self.said[i] = data[i]
            i += 1


def build(line, plant, meters):
    from firmware import config  # noqa: PLC0415 - after the path is set
    from firmware.controller import Controller  # noqa: PLC0415 - after the path is set
    from firmware.services.meters import Keeper  # noqa: PLC0415 - after the path is set
    from firmware.services.uplink import Identity  # noqa: PLC0415 - after the path is set
    from protocol.security import ControllerSecurity  # noqa: PLC0415 - after the path is set

    configuration = config.validate({"kind": KIND, "address": ADDRESS, "parameters": {}})
    identity = Identity(UNIT, BOOT, 1, 0, False)
    security = ControllerSecurity({1: LINK_KEY}, UNIT, BOOT, b"")
    controller = Controller(configuration, identity, line, plant, plant, plant, bool, security)
    keeper = Keeper(meters, configuration.kind, controller.node, controller.outbox)
    keeper.load(True, 0)
    controller.keep(keeper)
    config.forget()  # as main does
    if KIND == "bollard":
        from firmware.services.authority import Authority  # noqa: PLC0415 - after the path is set

        controller.desk.trust(Authority({1: LINK_KEY}, UNIT, BOOT, b""))
    return controller


class Gateway:
    """The other end: opens a session, and polls."""

    def __init__(self, controller, line):
        import protocol.generated  # noqa: PLC0415 - after the controller's heap

        # A package is looked for in one folder; from now on in that of the sources.
        protocol.__path__ = SOURCES + "/protocol"
        protocol.generated.__path__ = SOURCES + "/protocol/generated"
        from protocol.link_gateway import Requester  # noqa: PLC0415 - after the controller's heap

        self.requester = Requester(ADDRESS, 0)
        self._controller = controller
        self._line = line

    def open(self, now_ms):
        """Open a session; returns the bytes of heap that the controller keeps for it."""
        from protocol import security_gateway  # noqa: PLC0415 - as above
        from protocol.generated import wire  # noqa: PLC0415 - as above

        opening = security_gateway.Opening(LINK_KEY, UNIT, bytes(8), 1, bytes(16))
        data = self.requester.request(wire.SESSION_OPEN, opening.payload(), True)
        kept = self._kept(data, now_ms)
        answer = self._answer()
        group = security_gateway.Group(bytes(16))
        payload, session = opening.confirm(answer[2], ADDRESS, group, now_ms)
        kept += self._kept(self.requester.confirm(payload, session), now_ms)
        assert self._answer()[1] & wire.FLAG_SECURED
        return kept

    def poll(self):
        """A poll that acknowledges all but the newest few records, as a busy gateway's does."""
        from protocol.generated import wire, wire_gateway  # noqa: PLC0415 - as above

        outbox = self._controller.outbox
        routine = max(outbox.routine.next - 8, 1)
        urgent = outbox.urgent.next
        payload = bytearray(wire.POLL_SIZE)
        wire_gateway.pack_poll(payload, 0, BOOT, routine, routine, urgent, urgent, 220)
        return self.requester.request(wire.POLL, payload)

    def _kept(self, data, now_ms):
        gc.collect()
        before = gc.mem_alloc()
        self._line.frame = data
        self._line.size = len(data)
        self._controller.turn(now_ms)
        gc.collect()
        return gc.mem_alloc() - before

    def _answer(self):
        from protocol.framing import Deframer  # noqa: PLC0415 - as above

        deframer = Deframer()
        deframer.push(self._line.said, 0, self._line.said_size)
        return self.requester.accept(deframer.buffer, deframer.size)


def taken(controller, line, now_ms, frame, size):
    """Bytes that one turn takes from the heap."""
    line.frame = frame
    line.size = size
    before = gc.mem_alloc()
    controller.turn(now_ms)
    return gc.mem_alloc() - before


def pass_time(controller, now_ms, duration_ms):
    """Turn as often as the controller asks to; returns the time then."""
    end_ms = now_ms + duration_ms
    while now_ms < end_ms:
        now_ms += max(controller.turn(now_ms), 1)
    return now_ms


def main():
    meters = "/tmp/stoep-meters-" + binascii.hexlify(os.urandom(6)).decode()
    try:
        measure(meters)
    finally:
        os.remove(meters)


def measure(meters):
    """Print what a controller takes that keeps its counters in the file `meters`."""
    gc.collect()
    bare = gc.mem_alloc()
    line = Wire()
    plant = Nothing()
    controller = build(line, plant, meters)
    gc.collect()
    built = gc.mem_alloc() - bare
    now_ms = pass_time(controller, 0, 60000)
    gc.collect()
    running = gc.mem_alloc() - bare
    if not SOURCES:
        print(json.dumps({"free_bytes": gc.mem_free()}))
        return
    gateway = Gateway(controller, line)
    session = gateway.open(now_ms)
    line.sent = 0
    gc.collect()
    gc.disable()
    poll_bytes = turn_bytes = 0
    for _ in range(POLLS):
        # The node is not due: what remains is the frame path.
        controller.turn(now_ms)
        frame = gateway.poll()
        poll_bytes += taken(controller, line, now_ms, frame, len(frame))
        turn_bytes += taken(controller, line, now_ms, frame, 0)
        now_ms += 2000
        gc.collect()
    gc.enable()
    assert controller.responder.security.bad_tags == 0
    now_ms = pass_time(controller, now_ms, HOUR_MS)
    gc.collect()
    after_an_hour = gc.mem_alloc()
    pass_time(controller, now_ms, HOUR_MS)
    gc.collect()
    grown = gc.mem_alloc() - after_an_hour
    print(
        json.dumps(
            {
                "kind": KIND,
                "built_bytes": built,
                "running_bytes": running + session,
                "session_bytes": session,
                "bytes_a_poll": poll_bytes // POLLS,
                "bytes_an_idle_turn": turn_bytes // POLLS,
                "reply_bytes": line.sent // POLLS,
                "grown_bytes": grown,
                "word_bytes": 8 if sys.maxsize > 1 << 32 else 4,
            }
        )
    )


main()
