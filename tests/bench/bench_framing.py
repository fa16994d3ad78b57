"""Deframe, check and decode on the host, beside pymavlink and hand-written code, in one run.

`python -m tests.bench.bench_framing` prints it. Every contender decodes the same number of records
or messages from the same kind of chunks; a round measures all of them, and ratios are medians over
the rounds. In plain, which has more zeros for COBS to undo than the ciphertext that a bus carries:
see bench_security for that. A poll asks for as many records as fit a frame: one while all is well,
a full batch from whoever has waited.
"""

from __future__ import annotations

import importlib
import math
import random
import statistics
import time
from binascii import crc_hqx
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Any

from pymavlink.dialects.v20 import common as mavlink

from protocol import codec, framing
from protocol.frame_reader import FrameReader
from protocol.framing import PAYLOAD_AT
from protocol.generated import messages as m
from protocol.generated import wire

BY_HAND = "hand-written + cobs"
try:
    cobs_decode: Any = importlib.import_module("cobs.cobs").decode
except ImportError:
    cobs_decode = None  # it has no wheels, so it is nobody's dependency; that row is left out

FRAMES = 1000
FULL_BATCH = 8
"""Records of a lamp in the 220 bytes that a poll asks for, a divisor of FRAMES."""
ROUNDS = 25
CHUNK = 4096
BATCH_AT = PAYLOAD_AT + wire.RECORDS_SIZE


@dataclass(slots=True)
class Flat:
    """What somebody who writes it by hand would decode a lamp's 24 bytes to."""

    type: int
    size: int
    quality: int
    sequence: int
    seconds: int
    milliseconds: int
    state: int
    reason: int
    level: int
    target: int
    faults: int
    presence_count: int
    power_dw: int
    temperature_c: int


def frame(kind: int, payload: bytes, counter: int) -> bytes:
    """One reply on the line."""
    buffer = bytearray(framing.BUFFER_SIZE)
    framing.start_frame(buffer, wire.FLAG_REPLY, 0, 5, kind, counter)
    buffer[PAYLOAD_AT : PAYLOAD_AT + len(payload)] = payload
    return bytes(buffer[: framing.finish_frame(buffer, len(payload))])


def lamp_frames(chance: random.Random, per_frame: int = 1) -> list[bytes]:
    """Records replies with lamp statuses: each is a record of 24 bytes."""
    entries: list[bytes] = []
    for i in range(FRAMES):
        status = m.LampStatus(
            m.LampState(i % 9),
            m.LampReason(i % 5),
            chance.randrange(256),
            chance.randrange(256),
            m.LampFault(0),
            chance.randrange(3000),
            chance.randrange(900),
            21,
        )
        entries.append(codec.encode_record(status, 1000 + i, 190_000_000 + i, i % 1000))
    batches = [b"".join(entries[at : at + per_frame]) for at in range(0, FRAMES, per_frame)]
    return [
        frame(wire.RECORDS, codec.encode_message(m.Records(3, 17, batch)), i)
        for i, batch in enumerate(batches)
    ]


def hello_frames(chance: random.Random) -> list[bytes]:
    """Hello: 28 bytes, twelve fields, three enums and flags."""
    return [
        frame(
            wire.HELLO,
            codec.encode_message(
                m.Hello(
                    wire.FINGERPRINT,
                    m.Kind.LAMP,
                    5,
                    chance.randbytes(8),
                    3,
                    m.ResetCause.POWER_ON,
                    0,
                    1,
                    0,
                    0,
                    chance.getrandbits(32),
                    m.Capability(0x0B),
                )
            ),
            i,
        )
        for i in range(FRAMES)
    ]


def mavlink_frames(chance: random.Random) -> list[bytes]:
    """SCALED_IMU: 24 bytes, eleven fields."""
    sender: Any = mavlink.MAVLink(None)
    made: list[bytes] = []
    for i in range(FRAMES):
        fields = [chance.randrange(-30000, 30000) for _ in range(9)]
        kind: Any = mavlink.MAVLink_scaled_imu_message
        message = kind(i, *fields, chance.randrange(1, 9999))
        made.append(bytes(message.pack(sender)))
        sender.seq = (sender.seq + 1) % 256
    return made


def chunked(frames: list[bytes]) -> list[bytes]:
    """The same line in chunks that hold many frames."""
    line = b"".join(frames)
    return [line[at : at + CHUNK] for at in range(0, len(line), CHUNK)]


def ours_records(chunks: list[bytes]) -> int:
    """Frames to record headers and lamp statuses."""
    reader, count = FrameReader(), 0
    for chunk in chunks:
        for found in reader.feed(chunk):
            for record in codec.decode_records(bytes(found[BATCH_AT:-2])):
                count += record.body is not None
    return count


def ours_messages(chunks: list[bytes]) -> int:
    """Frames to typed messages."""
    reader, count = FrameReader(), 0
    for chunk in chunks:
        for found in reader.feed(chunk):
            count += codec.decode_message(found[4], found[PAYLOAD_AT:-2]).ID > 0
    return count


def by_hand(frames: list[bytes]) -> int:
    """COBS and CRC in C, one struct, one object; frames are already cut."""
    unpack, count = Struct("<BBBIIHBBBBHHHb").unpack_from, 0
    for line in frames:
        body = cobs_decode(line[:-1])
        if crc_hqx(body[:-2], 0xFFFF) == body[-2] | body[-1] << 8:
            count += Flat(*unpack(body, 10)).level >= 0
    return count


def pymavlink_chars(frames: list[bytes]) -> int:
    """pymavlink, a frame a chunk."""
    parser: Any = mavlink.MAVLink(None)
    return sum(parser.parse_char(line) is not None for line in frames)


def pymavlink_buffer(chunks: list[bytes]) -> int:
    """pymavlink, many frames a chunk."""
    parser: Any = mavlink.MAVLink(None)
    return sum(len(parser.parse_buffer(chunk) or ()) for chunk in chunks)


def measure() -> dict[str, list[float]]:
    """Microseconds a record or message of every contender, one value a round."""
    chance = random.Random(1)
    lamps, hellos, other = lamp_frames(chance), hello_frames(chance), mavlink_frames(chance)
    batches = lamp_frames(chance, FULL_BATCH)
    contenders: dict[str, Callable[[], int]] = {
        "record, a frame a chunk": lambda: ours_records(lamps),
        "record, large chunks": lambda: ours_records(chunked(lamps)),
        "full batch, a frame a chunk": lambda: ours_records(batches),
        "full batch, large chunks": lambda: ours_records(chunked(batches)),
        "message, a frame a chunk": lambda: ours_messages(hellos),
        "message, large chunks": lambda: ours_messages(chunked(hellos)),
        "pymavlink, a frame a chunk": lambda: pymavlink_chars(other),
        "pymavlink, large chunks": lambda: pymavlink_buffer(chunked(other)),
    }
    if cobs_decode is not None:
        contenders[BY_HAND] = lambda: by_hand(lamps)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            began = time.perf_counter()
            count = run()
            times[name].append((time.perf_counter() - began) / FRAMES * 1e6)
            if count != FRAMES:
                raise RuntimeError(f"{name} decoded {count} of {FRAMES}")
    return times


def ratio(times: dict[str, list[float]], one: str, other: str) -> float:
    """Median over the rounds of one's time over the other's."""
    return statistics.median(a / b for a, b in zip(times[one], times[other], strict=True))


def main() -> None:
    """Print the table."""
    times = measure()
    if cobs_decode is None:
        print("without the hand-written contender, which needs C COBS: pip install cobs")
    print(
        f"deframe + check + decode, µs a record or message (median of {ROUNDS} rounds of {FRAMES})"
    )
    print(f"{'':28} {'µs':>6} {'× hand-written':>15} {'pymavlink ÷ this':>17}")
    for name, values in times.items():
        against = "pymavlink, " + name.rpartition(", ")[2]
        against = against if against in times else "pymavlink, a frame a chunk"
        print(
            f"{name:28} {statistics.median(values):6.2f}"
            f" {ratio(times, name, BY_HAND) if BY_HAND in times else math.nan:15.2f}"
            f" {ratio(times, against, name):17.1f}"
        )


if __name__ == "__main__":
    main()
