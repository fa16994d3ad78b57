"""Runs under MicroPython: how much heap a controller takes, and how much a poll. Prints JSON.

Arguments: the kind, and the folder with `firmware` and `protocol`.
"""

import gc
import json
import struct
import sys

KIND = sys.argv[1]
sys.path[:] = [sys.argv[2], ".frozen"]
POLLS = 100
HOUR_MS = 3600000
ADDRESS = 5
BOOT = 7


class Nothing:
    """A plant that never changes, so that what is measured is the firmware."""

    def dim(self, duty):
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
    """A line that allocates nothing: `frame` arrives once, answers are only counted."""

    def __init__(self):
        self.buffer = bytearray(256)
        self.frame = b""
        self.size = 0
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

    def send(self, _data, size):
        self.sent += size


def build(line, plant):
    from firmware import config  # noqa: PLC0415 - after the path is set
    from firmware.controller import Controller  # noqa: PLC0415 - after the path is set
    from firmware.services.uplink import Identity  # noqa: PLC0415 - after the path is set
    from protocol import security  # noqa: PLC0415 - after the path is set

    configuration = config.validate({"kind": KIND, "address": ADDRESS, "parameters": {}})
    identity = Identity(bytes(8), BOOT, 1, 0, False)
    guard = security.ControllerSecurity({1: bytes(32)}, bytes(8), BOOT, b"")
    guard.session = security.ControllerSession(secrets(), ADDRESS, security.Workspace(), 0)
    return Controller(configuration, identity, line, plant, plant, plant, bool, guard)


def secrets():
    """What a handshake would have left."""
    from protocol import security  # noqa: PLC0415 - after the path is set

    return security.Secrets(bytes(32), bytes(64))


def gateway():
    """Seals requests as the other end of that session."""
    from protocol import security  # noqa: PLC0415 - after the path is set

    return security.Channel(
        secrets().to_controller, security.TO_CONTROLLER, ADDRESS, security.Workspace()
    )


def frame_of(controller, channel, counter):
    """A poll that acknowledges all but the newest few records, as a busy gateway's does."""
    from protocol import framing  # noqa: PLC0415 - after the path is set
    from protocol.generated import wire  # noqa: PLC0415 - after the path is set

    buffer = bytearray(framing.BUFFER_SIZE)
    framing.start_frame(buffer, wire.FLAG_SECURED, ADDRESS, 0, wire.POLL, counter)
    outbox = controller.outbox
    routine = max(outbox.routine.next - 8, 1)
    urgent = outbox.urgent.next
    # What packs a poll is in the gateway's part of the wire, which no controller has.
    struct.pack_into(
        "<HIIIIB", buffer, framing.PAYLOAD_AT, BOOT, routine, routine, urgent, urgent, 220
    )
    size = channel.seal(buffer, wire.POLL_SIZE, counter)
    return buffer, framing.finish_frame(buffer, size)


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
    gc.collect()
    bare = gc.mem_alloc()
    line = Wire()
    plant = Nothing()
    controller = build(line, plant)
    gc.collect()
    built = gc.mem_alloc() - bare
    now_ms = pass_time(controller, 0, 60000)
    gc.collect()
    running = gc.mem_alloc() - bare
    gc.disable()
    poll_bytes = turn_bytes = 0
    channel = gateway()
    for counter in range(1, POLLS + 1):
        # The node is not due: what remains is the frame path.
        controller.turn(now_ms)
        frame, size = frame_of(controller, channel, counter)
        poll_bytes += taken(controller, line, now_ms, frame, size)
        turn_bytes += taken(controller, line, now_ms, frame, 0)
        now_ms += 2000
        gc.collect()
    gc.enable()
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
                "running_bytes": running,
                "free_bytes": gc.mem_free(),
                "bytes_a_poll": poll_bytes // POLLS,
                "bytes_an_idle_turn": turn_bytes // POLLS,
                "reply_bytes": line.sent // POLLS,
                "grown_bytes": grown,
                "word_bytes": 8 if sys.maxsize > 1 << 32 else 4,
            }
        )
    )


main()
