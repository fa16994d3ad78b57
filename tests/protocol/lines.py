"""Lines between the two ends of a link: perfect, byte at a time, lossy, delayed, noisy."""

from __future__ import annotations

import random
from collections.abc import Iterator


class Line:
    """Carries bytes one way; `carry` takes what is sent and yields the chunks that arrive."""

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)

    def carry(self, sent: bytes) -> Iterator[bytes]:
        """What arrives now, in order."""
        if sent:
            yield sent


class ByteAtATime(Line):
    """Every byte is a chunk of its own."""

    def carry(self, sent: bytes) -> Iterator[bytes]:
        """What arrives now, in order."""
        for byte in sent:
            yield bytes([byte])


class Lossy(Line):
    """One transmission in four is lost whole, one in four is cut short, some arrive twice."""

    def carry(self, sent: bytes) -> Iterator[bytes]:
        """What arrives now, in order."""
        fate = self.random.randrange(8)
        if not sent or fate in (0, 1):
            return
        if fate in (2, 3):
            yield sent[: self.random.randrange(len(sent))]
        elif fate == 4:
            yield sent + sent
        else:
            yield sent


class Delayed(Line):
    """A transmission arrives now, or with the next one, or with the one after that."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__(seed)
        self.waiting: list[bytes] = []

    def carry(self, sent: bytes) -> Iterator[bytes]:
        """What arrives now, in order."""
        if sent:
            self.waiting.append(sent)
        while self.waiting and self.random.randrange(3):
            yield self.waiting.pop(0)


class Noisy(Line):
    """One bit in two hundred is wrong."""

    def carry(self, sent: bytes) -> Iterator[bytes]:
        """What arrives now, in order."""
        received = bytearray(sent)
        for bit in range(8 * len(received)):
            if self.random.randrange(200) == 0:
                received[bit // 8] ^= 1 << bit % 8
        if received:
            yield bytes(received)


LINES = (Line, ByteAtATime, Lossy, Delayed, Noisy)
