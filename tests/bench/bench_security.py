"""What trust costs: authenticated frames against plain ones, on MicroPython and on the host.

`python -m tests.bench.bench_security`. On MicroPython a frame is a records reply with one lamp
status, a record of 24 bytes; its heap is what a collector would have to bring back.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymavlink.dialects.v20 import common as mavlink

from protocol import codec
from protocol.frame_reader import FrameReader, payload_size
from protocol.generated import messages as m
from protocol.generated import wire
from tests import needs
from tests.dual.protocol_rig import Street

SCRIPT = Path(__file__).parent / "on_micropython.py"
FRAMES = 500
ROUNDS = 15


def on_micropython() -> dict[str, tuple[float, float]]:
    """Microseconds and heap bytes a frame, by what was done."""
    done = subprocess.run(
        [*needs.micropython(), "-X", "heapsize=8m", str(SCRIPT), str(needs.ROOT)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def status() -> m.LampStatus:
    """What a lamp says."""
    return m.LampStatus(
        m.LampState.HOLD, m.LampReason.PRESENCE, 110, 208, m.LampFault(0), 17, 346, 25
    )


def ours(secured: bool) -> Callable[[], int]:
    """Encode, frame, deframe, check and decode; with a session, seal and open as well."""
    street = Street()
    if secured and not street.open():
        raise RuntimeError("no session")
    requester, session, reader = street.requester, street.security.session, FrameReader()
    body = status()

    def run() -> int:
        count = 0
        for number in range(FRAMES):
            entries = codec.encode_record(body, number, 190_000_000, 250)
            line = requester.request(wire.RECORDS, codec.encode_message(m.Records(3, 1, entries)))
            for frame in reader.feed(line):
                size = payload_size(frame)
                if session is not None:
                    size = session.open_request(frame, size)
                batch = codec.decode_message(wire.RECORDS, bytes(frame[7 : 7 + size]))
                if isinstance(batch, m.Records):
                    count += sum(r.body is not None for r in codec.decode_records(batch.entries))
        return count

    return run


def pymavlink(signed: bool) -> Callable[[], int]:
    """Pack and parse SCALED_IMU, 24 bytes."""
    sender: Any = mavlink.MAVLink(None, srcSystem=1)
    receiver: Any = mavlink.MAVLink(None)
    if signed:
        for end in (sender, receiver):
            end.signing.secret_key = bytes(32)
            end.signing.sign_outgoing = True
            end.signing.link_id = 1
            end.signing.timestamp = 1
    kind: Any = mavlink.MAVLink_scaled_imu_message

    def run() -> int:
        count = 0
        for number in range(FRAMES):
            line = kind(number, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10).pack(sender)
            sender.seq = (sender.seq + 1) % 256
            count += receiver.parse_char(line) is not None
        return count

    return run


def on_host() -> dict[str, list[float]]:
    """Microseconds a round trip of every contender, one value a round."""
    contenders = {
        "Stoep, plain": ours(False),
        "Stoep, AES-CCM-8": ours(True),
        "pymavlink, unsigned": pymavlink(False),
        "pymavlink, signed": pymavlink(True),
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            began = time.perf_counter()
            count = run()
            times[name].append((time.perf_counter() - began) / FRAMES * 1e6)
            if count != FRAMES:
                raise RuntimeError(f"{name}: {count} of {FRAMES} arrived")
    return times


def main() -> None:
    """Print the tables."""
    figures = on_micropython()
    print("a record of 24 bytes in a reply, real MicroPython")
    print(f"{'':28} {'µs':>7} {'× CRC only':>11} {'heap bytes':>11}")
    for name, (us, used) in figures.items():
        base = figures[f"{name.rpartition(', ')[0]}, CRC only"][0]
        print(f"{name:28} {us:7.2f} {us / base:11.2f} {used:11.1f}")
    line = Street()
    line.open()
    sizes = {len(line.requester.request(wire.RECORDS, random.randbytes(24))) for _ in range(50)}
    print(f"bytes on the wire for 24 authenticated bytes: {min(sizes)} (MAVLink 2 signed: 49)")
    times = on_host()
    print(f"round trip on the host, median of {ROUNDS} rounds of {FRAMES}")
    print(f"{'':28} {'µs':>7} {'pymavlink unsigned ÷ this':>26}")
    for name, values in times.items():
        pairs = zip(times["pymavlink, unsigned"], values, strict=True)
        print(
            f"{name:28} {statistics.median(values):7.2f}"
            f" {statistics.median(a / b for a, b in pairs):26.2f}"
        )


if __name__ == "__main__":
    main()
