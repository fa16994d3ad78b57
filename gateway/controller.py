"""What the gateway knows of one controller on a bus, and what it asks it next. Sans-I/O."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.ledger import EndedBoot
from gateway.pending import Loss, PendingCommand
from gateway.records import Record, from_wire, is_urgent, result_of
from protocol import codec
from protocol.errors import WireError
from protocol.generated import messages as m
from protocol.generated import wire
from protocol.link_gateway import Requester

FAILURES_UNTIL_OFFLINE = 3
TURNAROUND_WEIGHT = 0.05
RETRY_FIRST_MS = 500
RETRY_LAST_MS = 8000
SLEEPER_EVERY_MS = 1000
"""How often a controller that may be asleep is asked, once each time; it listens for longer."""
WAKES_UNTIL_OFFLINE = 3
WAKE_MS = 20_000
"""How much longer than its sleep a wake may take, with a measurement that does not succeed."""
RETRY_OPEN_MS = 1000
"""The longest wait while somebody waits to hear what became of a command."""
STARVED_MS = 1000
"""Whoever waits so long for its poll beyond its time is polled, whatever else there is to do."""
RECORD_BYTES = 220
"""Most bytes of records asked for at once, so that a reply fits a frame."""
LAST_SEQUENCE = 0xFFFF_FFFE
"""The highest number of a record: the one behind it must fit a poll."""


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
    known: int = 0
    """Below it numbers are known to have been given out, whether or not they came here."""


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
    attempt: int = 0
    """Counts up whenever records could not be stored."""
    is_unstored: bool = False
    """The latest of its records could not be stored."""
    held: int = 0
    _asked: tuple[int, int] = (0, 0)
    """What the latest poll acknowledged, per stream."""
    skipped: int = 0
    last_heard_ms: int | None = None
    turnaround_ms: float = 0.0
    """How long it takes to begin a reply, the adapter's latency included; a moving mean."""
    mates: tuple[Controller, ...] = ()
    """The other posts of its lane."""
    status: m.BollardStatus | None = None
    """The newest of this boot, of a bollard."""
    known_ms: int | None = None
    """When it last answered a poll with all that it held: `status` is then what it is."""
    polled_ms: int = 0
    permitted_ms: int | None = None
    """When it last answered a poll that carried the permission to drive up."""
    hurry_until_ms: int = 0
    sleep_ms: int = 0
    """How long it sleeps between two wakes, deaf to everything; 0 = never."""
    _silent_since_ms: int | None = None
    _status_sequence: int = 0
    _tries_missed: int = 0
    _epoch: int | None = None
    _open: list[PendingCommand] = field(default_factory=list[PendingCommand])
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

    @property
    def is_carrying_out(self) -> bool:
        """Whether it has accepted a command that it has not ended."""
        return any(not pending.is_closed for pending in self._open)

    def follow(self, pending: PendingCommand) -> None:
        """It accepted this one, and will tell how it ends."""
        self._open = [one for one in self._open if not one.is_closed]
        self._open.append(pending)

    def refuse_commands(self) -> None:
        """Nobody is there any more who could take them, or tell what became of them."""
        for pending in (*self.commands, *self._open):
            pending.tell(Loss.UNREACHABLE)
        self.commands.clear()
        self._open.clear()

    def refuse_unsent(self) -> None:
        """Nobody is there who could take them; what may have been taken is asked for again."""
        for pending in self.commands:
            if pending.sent_ms is None:
                pending.tell(Loss.UNREACHABLE)
        self.commands = deque(one for one in self.commands if not one.is_closed)

    def ended_boot(self, boot: int) -> EndedBoot | None:
        """The boot that is over, as far as it is known, when it proves another one."""
        if not self.boot or boot == self.boot:
            return None
        ends = (max(one.next, one.known) for one in (self.routine, self.urgent))
        return EndedBoot(self.slot, self.kind, self.unit, self.boot, *ends)

    def start_boot(self, hello: m.Hello, next_routine: int, next_urgent: int) -> None:
        """Take a hello; the numbers are the first ones of that boot that are not stored."""
        self.hello = hello
        known = self.routine.known, self.urgent.known
        if hello.boot != self.boot:
            known = 0, 0
            self.status, self._status_sequence = None, 0
            for pending in self._open:
                pending.tell(Loss.RESTARTED)
            self._open.clear()
        self.boot = hello.boot
        self.routine = Stream(next_routine, next_routine, known[0])
        self.urgent = Stream(next_urgent, next_urgent, known[1])

    def poll(self, limit: int = RECORD_BYTES) -> bytes:
        """Payload of the next poll."""
        self._asked = self.routine.acknowledged, self.urgent.acknowledged
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

    def take(self, batch: m.Records, flags: int = 0) -> list[Record]:
        """The new records of a reply, in order; repeated ones and those after a hole are left.

        `flags` of the reply's header tell which streams hold more.
        """
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
                if first > stream.next or sequence > LAST_SEQUENCE:
                    self.skipped += 1
                    continue
                stream.next = sequence + 1
                self._notice(sequence, record.body)
                taken.append(
                    from_wire(
                        self.slot, self.kind, self.unit, batch.boot, record.header, record.raw
                    )
                )
        except WireError:
            self.skipped += 1
        self._note_waiting(batch.held, flags)
        return taken

    def _note_waiting(self, held: int, flags: int) -> None:
        """How far the streams go at least: what is held is what was taken, and what waits."""
        streams = (self.routine, self.urgent)
        waiting = held - sum(s.next - asked for s, asked in zip(streams, self._asked, strict=True))
        more = [bool(flags & flag) for flag in (wire.FLAG_MORE, wire.FLAG_URGENT)]
        for stream, waits in zip(streams, more, strict=True):
            # Where both have more, nobody knows how many are whose: one of each, at least.
            least = (1 if all(more) else max(1, waiting)) if waits else 0
            stream.known = max(stream.known, stream.next + least)

    def _notice(self, sequence: int, body: m.RecordBody | None) -> None:
        """What a record tells of the post itself, and of a command that it carries out."""
        if isinstance(body, m.BollardStatus) and sequence > self._status_sequence:
            self.status, self._status_sequence = body, sequence
        elif isinstance(body, m.Event) and (result := result_of(body)) is not None:
            for pending in self._open:
                request = pending.request
                if isinstance(request, m.Command) and request.transaction == result.transaction:
                    pending.tell(result)

    def stored(self, boot: int, attempt: int, records: list[Record]) -> None:
        """These records are durable now: the next poll acknowledges them.

        Not when they were taken in an earlier `attempt`: what came before them may be missing.
        """
        if (boot, attempt) != (self.boot, self.attempt):
            return
        for record in records:
            stream = self.urgent if is_urgent(record.sequence) else self.routine
            stream.acknowledged = max(stream.acknowledged, record.sequence + 1)

    def not_stored(self, boot: int, attempt: int) -> None:
        """Storing failed: a new attempt asks again for everything that is not durable."""
        if (boot, attempt) == (self.boot, self.attempt):
            self.attempt += 1
            self.routine.next = self.routine.acknowledged
            self.urgent.next = self.urgent.acknowledged

    def heard(self, now_ms: int, turnaround_s: float) -> None:
        """It answered; its reply began so long after the request's end."""
        self.failures = self.garbled = self._tries_missed = 0
        self.last_heard_ms = now_ms
        self._silent_since_ms = None
        self.turnaround_ms += (turnaround_s * 1000 - self.turnaround_ms) * TURNAROUND_WEIGHT

    def missed(self, now_ms: int, tries: int, patience: int) -> None:
        """It did not answer so many tries: ask less and less often once it missed `patience`."""
        if self.sleep_ms:
            self._missed_asleep(now_ms)
            return
        self._tries_missed += tries
        self.due_ms = now_ms
        if self._tries_missed < patience:
            return
        self._tries_missed = 0
        self.failures += 1
        if self.is_lost:
            longest_ms = RETRY_OPEN_MS if self.commands else RETRY_LAST_MS
            self.due_ms += min(longest_ms, RETRY_FIRST_MS << min(self.failures, 8))

    def _missed_asleep(self, now_ms: int) -> None:
        """It may sleep, and counts as off-line when it has missed several wakes."""
        self.due_ms = now_ms + SLEEPER_EVERY_MS
        if self._silent_since_ms is None:
            self._silent_since_ms = now_ms
        if now_ms - self._silent_since_ms >= WAKES_UNTIL_OFFLINE * (self.sleep_ms + WAKE_MS):
            self.failures = FAILURES_UNTIL_OFFLINE

    @property
    def is_dozing(self) -> bool:
        """Whether it may be asleep: commands then wait until it is heard again."""
        return self.sleep_ms > 0 and self._silent_since_ms is not None

    def may_take_commands(self, now_ms: int) -> bool:
        """Whether a command should go before its poll: it waits, and the poll is not overdue."""
        return bool(self.commands) and not self.is_dozing and not self.is_starved(now_ms)

    def is_starved(self, now_ms: int) -> bool:
        """Whether its poll is long overdue."""
        return now_ms - self.due_ms > STARVED_MS

    @property
    def is_lost(self) -> bool:
        """Whether it missed so often that it counts as off-line."""
        return self.failures >= FAILURES_UNTIL_OFFLINE
