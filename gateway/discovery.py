"""Finding controllers by their 64-bit hardware id on a wire where all answer at once. Sans-I/O.

A question names a prefix of the id; every controller whose id begins with it answers at the same
moment. Silence: there is none. One clean answer: there is one, which is hushed, and the question
is asked again, because a strong answer can drown a weak one. Anything else is a collision: both
halves are asked. With n controllers it takes less than 2n·65 questions, in practice about 3n.
"""

from __future__ import annotations

from collections.abc import Generator
from enum import Enum, auto
from typing import NamedTuple

ID_BITS = 64
MAX_QUESTIONS = 16_000
"""More than 64 controllers can need; a line that is all noise is given up then."""


class Prefix(NamedTuple):
    """The first `bits` bits of a hardware id; the rest of the 64-bit `value` is 0."""

    bits: int
    value: int

    def halves(self) -> tuple[Prefix, Prefix]:
        """The two prefixes that are one bit longer."""
        bit = 1 << (ID_BITS - 1 - self.bits)
        return Prefix(self.bits + 1, self.value), Prefix(self.bits + 1, self.value | bit)

    def matches(self, hardware_id: int) -> bool:
        """Whether the id begins with this prefix."""
        return (hardware_id ^ self.value) >> (ID_BITS - self.bits) == 0


class Heard(Enum):
    """What came back when it was not one clean answer."""

    SILENCE = auto()
    COLLISION = auto()


class Ask(NamedTuple):
    """Ask who begins with `prefix`."""

    prefix: Prefix


class Hush(NamedTuple):
    """Tell the controller with this id to leave the search's further questions unanswered."""

    hardware_id: int


Search = Generator[Ask | Hush, "Heard | int | None", list[int]]


def search() -> Search:
    """A whole search: yields what to do, is sent what was heard, returns the ids in order.

    After an Ask send SILENCE, COLLISION or the id of one clean answer; after a Hush send None.
    An id that does not fit its question is noise and counts as a collision; a controller that
    answers although it was hushed twice is passed over, and so is what a line of pure noise could
    hide after MAX_QUESTIONS, so that a search always ends.
    """
    found: dict[int, int] = {}
    open_prefixes = [Prefix(0, 0)]
    questions = 0
    while open_prefixes and questions < MAX_QUESTIONS:
        questions += 1
        prefix = open_prefixes.pop()
        heard = yield Ask(prefix)
        if heard is Heard.SILENCE or heard is None:
            continue
        if isinstance(heard, int) and prefix.matches(heard):
            asked = found.get(heard, 0)
            found[heard] = asked + 1
            if asked < 2:
                yield Hush(heard)
                open_prefixes.append(prefix)
                continue
        if prefix.bits < ID_BITS:
            low, high = prefix.halves()
            open_prefixes += [high, low]
    return sorted(found)
