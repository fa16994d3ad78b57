"""What the gateway says to a controller over an open port: who is it, sessions, polls, commands."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from gateway import lanes
from gateway.controller import Controller, Presence
from gateway.delivery import Answer, deliver
from gateway.errors import StoreError
from gateway.ledger import EndedBoot
from gateway.port import Port
from gateway.records import Record
from protocol import codec
from protocol.errors import SecurityError, WireError
from protocol.generated import messages as m
from protocol.generated import wire
from protocol.security import HANDSHAKE_NONCE_SIZE, SESSION_KEY_SIZE
from protocol.security_gateway import Group, Opening

log = logging.getLogger("stoep.bus")

TRIES = 3
STRANGER_EVERY_MS = 5_000
"""How often a controller is identified that may not be polled."""
DEFECT_PAUSE_MS = 5_000
"""So long a controller is left alone with which the gateway met a defect of its own."""
UNSTORED_PAUSE_MS = 1_000
"""How long a controller is left alone whose records could not be stored."""


class Sink(Protocol):
    """Where a bus hands over what it learns."""

    def put(self, records: Sequence[Record]) -> Awaitable[None]:
        """Store records; returns when they are durable, raises when they cannot be."""
        ...

    def resume(self, unit: str, boot: int) -> tuple[int, int]:
        """The first routine and the first urgent number of that boot that is not durable yet."""
        ...

    def restarted(self, ended: EndedBoot) -> None:
        """A controller proved a new boot; what it held of this one is lost."""
        ...

    def availability(self, controller: Controller, cause: str | None) -> None:
        """A controller's presence changed."""
        ...


@dataclass
class BusOptions:
    """How a bus is driven; `url` is a pyserial URL or path."""

    name: str
    url: str
    baud: int = 115200
    turnaround_ms: int = 30
    poll_interval_ms: int = 50
    trust_clock: bool = False
    """Tell the controllers to trust the time without asking the machine's NTP service."""


@dataclass
class BusCounters:
    """What happened on a bus since the agent started."""

    exchanges: int = 0
    repeats: int = 0
    timeouts: int = 0
    port_losses: int = 0
    records: int = 0
    malformed: int = 0
    sessions: int = 0
    refused_sessions: int = 0


@dataclass
class Identity:
    """Who the gateway is on its buses, and the key of its broadcasts, new with every run."""

    name: bytes
    """GATEWAY_ID_SIZE bytes"""
    group: Group = field(default_factory=lambda: Group(secrets.token_bytes(SESSION_KEY_SIZE)))


def monotonic_ms() -> int:
    """The running loop's clock: milliseconds that never jump, virtual where the loop is."""
    return int(asyncio.get_running_loop().time() * 1000)


def set_presence(
    sink: Sink, controller: Controller, presence: Presence, cause: str | None = None
) -> None:
    """Note a controller's presence, and tell when it changed."""
    if controller.presence is not presence:
        controller.presence = presence
        sink.availability(controller, cause)


class _Unread(NamedTuple):
    """An answer to a poll whose records were not taken yet."""

    controller: Controller
    answer: Answer
    started_ms: int
    permitted: bool


@dataclass
class Conversation:
    """The exchanges with controllers over one open port. All methods raise PortError."""

    port: Port
    options: BusOptions
    counters: BusCounters
    identity: Identity
    sink: Sink
    storing: set[asyncio.Task[None]]
    is_dirty: bool = True
    is_pressed: bool = False
    """A post moves: whoever else does not answer is tried once in its turn, not three times."""
    _unread: _Unread | None = None

    def now_ms(self) -> int:
        """Monotonic milliseconds."""
        return monotonic_ms()

    async def turn(self, controller: Controller) -> None:
        """Whatever this controller needs most: a command, a session, a poll."""
        if self._unread is not None and self._unread.controller is controller:
            self._read_records(self._unread)
        session = controller.requester.session
        if controller.hello is None or controller.hello.fingerprint != wire.FINGERPRINT:
            await self._identify(controller)
        elif session is None or session.is_due(monotonic_ms()):
            await self._open_session(controller)
        elif controller.may_take_commands(monotonic_ms()):
            await deliver(self, controller)
        else:
            await self._poll(controller)

    def set_aside(self, controller: Controller) -> None:
        """A defect that one controller brings out is no end of all the others."""
        self.is_dirty = True
        controller.forget_session()
        controller.refuse_commands()
        controller.due_ms = monotonic_ms() + DEFECT_PAUSE_MS

    # --- one exchange -------------------------------------------------------------------------

    async def ask(
        self,
        controller: Controller,
        data: bytes,
        not_after_ms: int = 0,
    ) -> Answer | None:
        """Put a request and repeat it; None when nobody answers, or only to say: no session."""
        if self.is_dirty:
            # A zero flushes what an unfinished exchange may have left in everybody's buffers.
            data = b"\x00" + data
            self.is_dirty = False
        hurried = lanes.is_hurried(controller, monotonic_ms())
        is_away = controller.is_lost or controller.is_dozing
        tries = 1 if is_away or (self.is_pressed and not hurried) else TRIES
        for attempt in range(tries):
            if attempt:
                if not_after_ms and monotonic_ms() >= not_after_ms:
                    break
                self.counters.repeats += 1
                data = controller.requester.repeat()
            self.counters.exchanges += 1
            before = self.port.bytes_received
            answer = await self.port.exchange(
                data, controller.requester.accept, self.options.turnaround_ms / 1000
            )
            if answer is not None:
                controller.heard(monotonic_ms(), self.port.turnaround_s)
                return answer
            controller.garbled += self.port.bytes_received != before
        self.is_dirty = True
        self.counters.timeouts += 1
        controller.missed(monotonic_ms(), tries, 1 if controller.is_lost else TRIES)
        if controller.is_lost:
            controller.forget_session()
            controller.refuse_unsent()
            set_presence(self.sink, controller, Presence.OFFLINE, "silent")
        return None

    def read(self, answer: Answer, wanted: type[m.Message]) -> m.Message | None:
        """The message in an answer; None, and counted, when it is not the one that was wanted."""
        try:
            message = codec.decode_message(answer[0], answer[2])
        except WireError:
            self.counters.malformed += 1
            return None
        if isinstance(message, wanted):
            return message
        if not isinstance(message, m.Refusal):
            self.counters.malformed += 1
        return None

    # --- who it is ----------------------------------------------------------------------------

    async def _identify(self, controller: Controller) -> None:
        payload = codec.encode_message(m.Identify(0))
        answer = await self.ask(
            controller, controller.requester.request(wire.IDENTIFY, payload, plain=True)
        )
        if answer is None:
            return
        controller.due_ms = monotonic_ms() + STRANGER_EVERY_MS
        hello = self.read(answer, m.Hello)
        if not isinstance(hello, m.Hello):
            return
        found = hello.hardware_id.hex()
        if found != controller.unit:
            self._stranger(controller, f"unit {found} answers where {controller.unit} belongs")
        elif hello.fingerprint != wire.FINGERPRINT:
            self._stranger(controller, f"speaks another schema ({hello.fingerprint:08x})")
        elif m.Capability.SECURED not in hello.capabilities:
            self._stranger(controller, "is not provisioned: it has no keys")
        else:
            controller.hello = hello
            controller.due_ms = 0

    def _stranger(self, controller: Controller, complaint: str) -> None:
        """Somebody answers who may not be polled."""
        if controller.presence is not Presence.UNPROVISIONED:
            log.warning("%s: %s", self._name(controller), complaint)
        set_presence(self.sink, controller, Presence.UNPROVISIONED, complaint)
        controller.refuse_commands()

    def _name(self, controller: Controller) -> str:
        return f"{controller.slot} (bus {self.options.name}, address {controller.address})"

    # --- sessions -----------------------------------------------------------------------------

    async def _open_session(self, controller: Controller) -> None:
        """Three messages; afterwards nothing on the line counts that is not proved."""
        unit = bytes.fromhex(controller.unit)
        epoch, key = controller.next_epoch()
        opening = Opening(
            key, unit, self.identity.name, epoch, secrets.token_bytes(HANDSHAKE_NONCE_SIZE)
        )
        requester = controller.requester
        answer = await self.ask(
            controller, requester.request(wire.SESSION_OPEN, opening.payload(), plain=True)
        )
        if answer is None:
            return
        if answer[0] != wire.SESSION_ACCEPT:
            self._refused(controller, epoch, "does not know the key's epoch")
            return
        try:
            payload, session = opening.confirm(
                answer[2], controller.address, self.identity.group, monotonic_ms()
            )
        except (SecurityError, WireError):
            self._refused(controller, epoch, "does not have this site's link key")
            return
        answer = await self.ask(controller, requester.confirm(payload, session))
        if answer is None:
            return
        hello = self.read(answer, m.Hello)
        if not isinstance(hello, m.Hello) or not answer[1] & wire.FLAG_SECURED:
            self._refused(controller, epoch, "took no session")
            return
        self.counters.sessions += 1
        if (ended := controller.ended_boot(hello.boot)) is not None:
            self.sink.restarted(ended)
        controller.start_boot(hello, *self.sink.resume(controller.unit, hello.boot))
        controller.due_ms = 0
        set_presence(self.sink, controller, Presence.ONLINE)

    def _refused(self, controller: Controller, epoch: int, complaint: str) -> None:
        self.counters.refused_sessions += 1
        controller.forget_session()
        if controller.try_older_epoch(epoch):
            controller.due_ms = 0
            return
        controller.due_ms = monotonic_ms() + STRANGER_EVERY_MS
        self._stranger(controller, complaint)

    # --- records ------------------------------------------------------------------------------

    async def _poll(self, controller: Controller) -> None:
        started_ms = controller.polled_ms = monotonic_ms()
        permitted = controller.kind == "bollard" and lanes.permits(controller, started_ms)
        flags = wire.FLAG_PERMIT if permitted else 0
        answer = await self.ask(
            controller,
            controller.requester.request(wire.POLL, controller.poll(), flags=flags),
        )
        if answer is None:
            return
        more = answer[1] & (wire.FLAG_MORE | wire.FLAG_URGENT)
        controller.due_ms = started_ms + (0 if more else self.options.poll_interval_ms)
        self._unread = _Unread(controller, answer, started_ms, permitted)
        if controller.kind == "bollard":
            self._read_records(self._unread)  # what it tells decides whom to ask next
        else:
            asyncio.get_running_loop().call_soon(self._read_late)

    def _read_late(self) -> None:
        """Take what a poll brought when the next request is on the line already.

        That one is for another controller and does not depend on it; where it is for the same
        one, `turn` has taken it before.
        """
        if (unread := self._unread) is None:
            return
        try:
            self._read_records(unread)
        except Exception:
            log.exception("%s: a defect in what it told", self._name(unread.controller))
            self.set_aside(unread.controller)

    def _read_records(self, unread: _Unread) -> None:
        self._unread = None
        controller, answer, started_ms, permitted = unread
        batch = self.read(answer, m.Records)
        if not isinstance(batch, m.Records) or batch.boot != controller.boot:
            # It restarted, or lost its session: start over at once.
            controller.forget_session()
            controller.due_ms = 0
            return
        skipped = controller.skipped
        records = controller.take(batch, answer[1])
        if permitted:
            controller.permitted_ms = started_ms
        more = answer[1] & (wire.FLAG_MORE | wire.FLAG_URGENT)
        if not more and controller.skipped == skipped:
            controller.known_ms = started_ms
        self.counters.records += len(records)
        if records:
            task = asyncio.create_task(
                self._store(controller, batch.boot, controller.attempt, records)
            )
            self.storing.add(task)
            task.add_done_callback(self.storing.discard)

    async def _store(
        self, controller: Controller, boot: int, attempt: int, records: list[Record]
    ) -> None:
        try:
            await self.sink.put(records)
        except Exception as error:  # noqa: BLE001 - `_not_stored` logs it; the bus goes on
            self._not_stored(controller, error)
            controller.not_stored(boot, attempt)
        else:
            controller.is_unstored = False
            controller.stored(boot, attempt, records)

    def _not_stored(self, controller: Controller, error: Exception) -> None:
        """Say it once until it works again, and do not ask for the same again at once."""
        if not controller.is_unstored:
            words = "%s: records could not be stored; it keeps them: %s"
            defect = None if isinstance(error, StoreError) else error
            log.error(words, self._name(controller), error, exc_info=defect)
        controller.is_unstored = True
        if controller.kind != "bollard":  # a post that moves needs its polls
            controller.due_ms = max(controller.due_ms, monotonic_ms() + UNSTORED_PAUSE_MS)
