"""Somebody at the broker who counts: every record once, nothing missing, what happened last."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import aiomqtt
import msgspec

from gateway import inventory
from gateway.contract import LEVEL_TOPIC_WORDS
from protocol.generated.wire import URGENT_SEQUENCE_BASE
from tools.ops import render
from tools.ops.address import BrokerAddress
from tools.ops.client import Scope, connect
from tools.ops.street import AGENT_TOPIC_WORDS, StreetView, source_of

LINES_KEPT = 6
LEAVES = ("state", "avail", "tele", "event", "res")
Identity = tuple[str, int, int]


@dataclass
class Stream:
    """The sequence numbers of one boot of one unit that arrived, each once."""

    numbers: set[int] = field(default_factory=set[int])
    reported_lost: int = 0

    def missing(self) -> int:
        """Numbers that never came, from the first of all to the last that came."""
        if not self.numbers:
            return 0
        first = URGENT_SEQUENCE_BASE + 1 if max(self.numbers) > URGENT_SEQUENCE_BASE else 1
        return max(self.numbers) - first + 1 - len(self.numbers)


@dataclass
class Observer:
    """Counts since it listens; `run` until cancelled."""

    broker: BrokerAddress
    scope: Scope
    street: StreetView = field(default_factory=StreetView)
    streams: dict[tuple[str, int, bool], Stream] = field(
        default_factory=dict[tuple[str, int, bool], Stream]
    )
    records: int = 0
    duplicates: int = 0
    messages: int = 0
    malformed: int = 0
    results: int = 0
    commands_done: int = 0
    first_record_at_s: float | None = None
    """Monotonic time of the first record of all."""
    lines: deque[str] = field(default_factory=lambda: deque[str](maxlen=LINES_KEPT))
    """The last events and results, for people."""

    async def run(self, client: aiomqtt.Client) -> None:
        """Count what `client`, which `listen` has subscribed, receives."""
        async for message in client.messages:
            self.messages += 1
            self.take(str(message.topic), message.payload)

    async def listen(self, client: aiomqtt.Client) -> None:
        """Subscribe; what is published from now on is counted."""
        await client.subscribe([(topic, 1) for topic in self.scope.filters(*LEAVES)])

    def connect(self) -> contextlib.AbstractAsyncContextManager[aiomqtt.Client]:
        """A client of its own."""
        return connect(self.broker)

    @property
    def lost(self) -> int:
        """Records that were reported as lost, and those that are missing without a word."""
        return sum(s.missing() + s.reported_lost for s in self.streams.values())

    @property
    def online(self) -> int:
        """Slots that are reachable now."""
        return sum(slot.reachable for slot in self.street.slots.values())

    def take(self, topic: str, payload: bytes) -> None:
        """Count one message; what is malformed is counted as such."""
        words = topic.split("/")
        leaf = words[-1]
        known = (LEVEL_TOPIC_WORDS, AGENT_TOPIC_WORDS)
        if len(words) not in known or leaf in ("state", "avail", inventory.LEAF):
            self.street.take(topic, payload)
            return
        try:
            fields = msgspec.json.decode(payload, type=dict[str, Any])
            if leaf == "tele":
                for record in fields["records"]:
                    self._record(record)
            elif leaf == "event":
                self._record(fields)
                line = render.event_line(*source_of(words), fields)
                self.lines.append(f"{render.event_time(fields)} {line}")
            elif leaf == "res":
                self._result(words[-2], fields)
        except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError):
            self.malformed += 1

    def _record(self, fields: dict[str, Any]) -> None:
        unit, boot, number = str(fields["unit"]), int(fields["boot"]), int(fields["seq"])
        if self.first_record_at_s is None:
            self.first_record_at_s = time.monotonic()
        stream = self.streams.setdefault((unit, boot, number > URGENT_SEQUENCE_BASE), Stream())
        if number in stream.numbers:
            self.duplicates += 1
            return
        self.records += 1
        stream.numbers.add(number)
        if fields.get("type") == "gap":
            stream.reported_lost += int(fields["count"])
            first = int(fields["first"])
            stream.numbers.update(range(first, first + int(fields["count"])))

    def _result(self, slot: str, fields: dict[str, Any]) -> None:
        status = str(fields["status"])
        self.results += 1
        self.commands_done += status == "DONE"
        if status != "ACCEPTED":
            guard = f" ({fields['guard']})" if fields.get("guard") else ""
            self.lines.append(f"{render.event_time(fields)} {slot} command {status}{guard}")
