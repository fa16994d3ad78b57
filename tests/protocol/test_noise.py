"""Over a noisy line: no changed frame is taken, and hardly one more is lost than must be."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterator

import pytest

from protocol.ccm_host import Workspace
from protocol.frame_reader import FrameReader, payload_size
from protocol.framing import PAYLOAD_AT
from protocol.generated import wire
from protocol.link_gateway import Requester
from protocol.security import ControllerSession, Secrets
from protocol.security_gateway import GatewaySession

RECORD_BYTES = 24
FRAMES = 20_000
FRAMES_SOAK = 1_000_000
GOODPUT = 0.95
"""Of what arrives undamaged by arithmetic."""


def flips(rate: float, chance: random.Random) -> Iterator[int]:
    """Distances between flipped bits: geometric, as of independent errors."""
    scale = math.log1p(-rate)
    while True:
        yield 1 + int(math.log(1.0 - chance.random()) / scale)


def transmit(rate: float, frames: int, seed: int) -> tuple[int, int, int]:
    """(frames taken, of them changed, bytes a frame) of so many frames at a bit error rate."""
    chance = random.Random(seed)
    secrets = Secrets(bytes(32), bytes(chance.randrange(256) for _ in range(59)))
    requester = Requester(1, 0)
    requester.session = GatewaySession(secrets, 1, 1, 0)
    session = ControllerSession(secrets, 1, Workspace(), 0)
    reader = FrameReader()
    distance = flips(rate, chance)
    next_flip = next(distance) - 1
    taken = changed = size = 0
    for number in range(frames):
        payload = number.to_bytes(8, "little") + bytes(RECORD_BYTES - 8)
        stream = bytearray(requester.request(wire.POLL, payload))
        size = len(stream)
        while next_flip < 8 * size:
            stream[next_flip >> 3] ^= 1 << (next_flip & 7)
            next_flip += next(distance)
        next_flip -= 8 * size
        for frame in reader.feed(bytes(stream)):
            opened = session.open_request(frame, payload_size(frame))
            if opened >= 0:
                taken += 1
                changed += payload != bytes(frame[PAYLOAD_AT : PAYLOAD_AT + opened])
    return taken, changed, size


def check(rate: float, frames: int, seed: int) -> None:
    """The proof for one bit error rate: frames back to back, the hardest case.

    By arithmetic a frame arrives when all its bytes and the delimiter before it do.
    """
    taken, changed, size = transmit(rate, frames, seed)
    arrive = (1 - rate) ** (8 * (size + 1))
    print(f"rate {rate:g}: {taken} of {frames} taken, {arrive * frames:.0f} arrive undamaged")
    assert changed == 0
    assert taken >= GOODPUT * arrive * frames


@pytest.mark.parametrize("rate", [1e-4, 1e-3, 1e-2])
def test_noise_costs_the_frames_it_hits_and_no_other(rate: float) -> None:
    check(rate, FRAMES, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("rate", [1e-4, 1e-3, 1e-2])
def test_a_million_frames_over_a_noisy_line(rate: float) -> None:
    check(rate, FRAMES_SOAK, seed=int.from_bytes(os.urandom(4)))


def test_a_record_of_24_bytes_takes_42_on_the_wire() -> None:
    assert transmit(1e-9, 1, seed=0)[2] == 42
