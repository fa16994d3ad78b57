"""What the gateway knows of one controller on a bus, and what it asks it next. Sans-I/O."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.records import Record, from_wire, is_urgent
from protocol import codec
from protocol.errors import WireError
from protocol.generated import messages as m
from protocol.link_gateway import Requester

FAILURES_UNTIL_OFFLINE = 3
TURNAROUND_WEIGHT = 0.05
RETRY_FIRST_MS = 500
RETRY_LAST_MS = 8000
RECORD_BYTES = 220
"""Most bytes of records asked for at once, so that a reply fits a frame."""


class Presence(StrEnum):
    """Availability of a slot's controller, as published."""

    UNKNOWN = "unknown"
    ONLINE = "online"
    OFFLINE = "offline"
    UNPROVISIONED = "unprovisioned"


@dataclass
class Stream:
    """Where one stream of one boot stands: below `acknowledged` all is durable here."""

    acknowledged: int
    next: int


@dataclass(eq=False)
class PendingCommand:
    """A command on its way; `result` is None when the controller could not be reached in time."""

    command: m.Command
    not_after_ms: int
    result: asyncio.Future[m.CommandResult | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def settle(self, result: m.CommandResult | None) -> None:
        """Give whoever waits what there is; only the first time counts."""
        if not self.result.done():
            self.result.set_result(result)


@dataclass(eq=False)
class Controller:
    """One controller; times are monotonic milliseconds."""

    slot: str
    kind: str
    unit: str
    address: int
    link_keys: Mapping[int, bytes] = field(default_factory=dict[int, bytes])
    requester: Requester = field(init=False)
    presence: Presence = Presence.UNKNOWN
    hello: m.Hello | None = None
    boot: int = 0
    routine: Stream = field(default_factory=lambda: Stream(1, 1))
    urgent: Stream = field(default_factory=lambda: Stream(0, 0))
    failures: int = 0
    garbled: int = 0
    """Times in a row that something came back, but nothing that could be read."""
    due_ms: int = 0
    held: int = 0
    skipped: int = 0
    last_heard_ms: int | None = None
    turnaround_ms: float = 0.0
    """How long it takes to begin a reply, the adapter's latency included; a moving mean."""
    _epoch: int | None = None
    commands: deque[PendingCommand] = field(default_factory=deque[PendingCommand])

    def __post_init__(self) -> None:
        """Start the request counter at random, so that a new gateway repeats no old request."""
        self.requester = Requester(self.address, secrets.randbelow(65536))

    def next_epoch(self) -> tuple[int, bytes]:
        """Epoch and K_link to open a session with: the newest that it was not seen to lack."""
        epoch = self._epoch
        if epoch is None or epoch not in self.link_keys:
            epoch = self._epoch = max(self.link_keys)
        return epoch, self.link_keys[epoch]

    def try_older_epoch(self, refused: int) -> bool:
        """Whether there is an older key to try; after the oldest the newest is next again."""
        older = [epoch for epoch in self.link_keys if epoch < refused]
        self._epoch = max(older, default=None)
        return bool(older)

    def forget_session(self) -> None:
        """Start over with who it is."""
        self.hello = None
        self.requester.session = None

    def refuse_commands(self) -> None:
        """Nobody is there who could take them."""
        while self.commands:
            self.commands.popleft().settle(None)

    def start_boot(self, hello: m.Hello, next_routine: int, next_urgent: int) -> None:
        """Take a hello; the numbers are the first ones of that boot that are not stored."""
        self.hello = hello
        self.boot = hello.boot
        self.routine = Stream(next_routine, next_routine)
        self.urgent = Stream(next_urgent, next_urgent)

    def poll(self, limit: int = RECORD_BYTES) -> bytes:
        """Payload of the next poll."""
        return codec.encode_message(
            m.Poll(
                self.boot,
                self.routine.acknowledged,
                self.routine.next,
                self.urgent.acknowledged,
                self.urgent.next,
                limit,
            )
        )

    def take(self, batch: m.Records) -> list[Record]:
        """The new records of a reply, in order; repeated ones and those after a hole are left."""
        self.held = batch.held
        taken: list[Record] = []
        if batch.boot != self.boot:
            return taken
        try:
            for record in codec.decode_records(batch.entries):
                sequence = record.header.sequence
                stream = self.urgent if is_urgent(sequence) else self.routine
                first = sequence
                if isinstance(record.body, m.Gap):
                    first = record.body.first
                if sequence < stream.next:
                    continue
                if first > stream.next:
                    self.skipped += 1
                    continue
                stream.next = sequence + 1
                taken.append(
                    from_wire(
                        self.slot, self.kind, self.unit, batch.boot, record.header, record.raw
                    )
                )
        except WireError:
            self.skipped += 1
        return taken

    def stored(self, boot: int, records: list[Record]) -> None:
        """These records are durable now: the next poll acknowledges them."""
        if boot != self.boot:
            return
        for record in records:
            stream = self.urgent if is_urgent(record.sequence) else self.routine
            stream.acknowledged = max(stream.acknowledged, record.sequence + 1)

    def not_stored(self, boot: int) -> None:
        """Storing failed: ask again for everything that is not durable."""
        if boot == self.boot:
            self.routine.next = self.routine.acknowledged
            self.urgent.next = self.urgent.acknowledged

    def heard(self, now_ms: int, turnaround_s: float) -> None:
        """It answered; its reply began so long after the request's end."""
        self.failures = self.garbled = 0
        self.last_heard_ms = now_ms
        self.turnaround_ms += (turnaround_s * 1000 - self.turnaround_ms) * TURNAROUND_WEIGHT

    def missed(self, now_ms: int) -> None:
        """It did not answer, repetitions included: ask less and less often."""
        self.failures += 1
        wait_ms = min(RETRY_LAST_MS, RETRY_FIRST_MS << min(self.failures, 8))
        if self.failures < FAILURES_UNTIL_OFFLINE:
            wait_ms = 0
        self.due_ms = now_ms + wait_ms

    @property
    def is_lost(self) -> bool:
        """Whether it missed so often that it counts as off-line."""
        return self.failures >= FAILURES_UNTIL_OFFLINE
