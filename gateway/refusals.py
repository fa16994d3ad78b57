"""What the journal and the log are told of refusals: a few of a minute whole, the rest as a sum.

Whoever may publish to the broker can send what is refused as fast as the network carries it, and
no limit ever drops an entry of the journal. So of a minute the first few of each actor and guard
are told whole, and of all together not very many; the others are counted. Where counting begins an
entry says so at once, and when the minute is over another one tells the sum: a beginning without
its sum is a gateway that was killed in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from gateway import notes
from gateway.commands import MAX_TEXT_LENGTH, Refusal
from gateway.contract import Address, timestamp
from gateway.outbox import Note

log = logging.getLogger(__name__)

MINUTE_S = 60.0
WHOLE_EACH = 10
"""Told whole in a minute, of one actor and one guard."""
WHOLE_IN_ALL = 100
"""Told whole in a minute, whoever and whatever: an actor is only what a sender claims to be."""
MOST_NAMES = 16
"""Actors, and slots, that a sum names; those of more are told by their number."""


class Refusals:
    """Decides how each refusal is told. `write` takes notes for the journal; for one loop."""

    def __init__(self, write: Callable[[Note], None], now_ms: Callable[[], int]) -> None:
        self.summed = 0
        """Refusals of this run that are in no entry of their own."""
        self._write = write
        self._now_ms = now_ms
        self._minute: _Minute | None = None
        self._end: asyncio.TimerHandle | None = None

    @property
    def is_flood(self) -> bool:
        """Whether some of this minute are only counted."""
        return self._minute is not None and self._minute.count > 0

    def tell(self, topic: str, address: Address | None, payload: bytes, refusal: Refusal) -> None:
        """Journal and log what was refused on a topic, or count it."""
        if self._minute is None:
            self._minute = _Minute()
            self._end = asyncio.get_running_loop().call_later(MINUTE_S, self.close)
        told, outcome = notes.readable(payload), refusal.outcome
        actor, guard = told.get("actor", ""), str(outcome.guard)
        if self._minute.has_room_for(actor, guard):
            self._write(notes.refused(topic, address, told, refusal))
            said = (topic, guard, outcome.detail or "")
            words = (refusal.id, *(text[:MAX_TEXT_LENGTH] for text in said))
            log.warning("command %s on %s refused: %s (%s)", *words)
            return
        self.summed += 1
        now_ms = self._now_ms()
        if not self._minute.count:
            self._write(Note("refusals", {"since": timestamp(now_ms)}))
            log.warning("more commands are refused than are told one by one; the rest is counted")
        self._minute.add(actor, guard, topic if address is None else address.slot, now_ms)

    def close(self) -> None:
        """End the minute, and tell its sum."""
        minute, self._minute = self._minute, None
        if self._end is not None:
            self._end.cancel()
        if minute is not None and minute.count:
            told = minute.told
            self._write(Note("refusals", told))
            log.warning("%d more commands were refused: %s", minute.count, told["guards"])


class _Minute:
    """Of one minute what was told whole, and the sum of the rest."""

    def __init__(self) -> None:
        self.count = 0
        self._whole: Counter[tuple[str, str]] = Counter()
        self._guards: Counter[str] = Counter()
        self._actors = _Names()
        self._slots = _Names()
        self._first_ms = self._last_ms = 0

    def has_room_for(self, actor: str, guard: str) -> bool:
        """Whether one more may be told whole, and takes its room."""
        key = (actor, guard)
        if self._whole.total() >= WHOLE_IN_ALL or self._whole[key] >= WHOLE_EACH:
            return False
        self._whole[key] += 1
        return True

    def add(self, actor: str, guard: str, slot: str, now_ms: int) -> None:
        if not self.count:
            self._first_ms = now_ms
        self._last_ms = now_ms
        self.count += 1
        self._guards[guard] += 1
        self._actors.add(actor)
        self._slots.add(slot)

    @property
    def told(self) -> Mapping[str, Any]:
        return {
            "since": timestamp(self._first_ms),
            "until": timestamp(self._last_ms),
            "count": self.count,
            "guards": dict(self._guards),
            "actors": dict(self._actors.counts),
            "other_actors": self._actors.others or None,
            "slots": dict(self._slots.counts),
            "other_slots": self._slots.others or None,
        }


class _Names:
    """How often each name came; of those that came first, the others together."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.others = 0

    def add(self, name: str) -> None:
        if name in self.counts or len(self.counts) < MOST_NAMES:
            self.counts[name] += 1
        else:
            self.others += 1
