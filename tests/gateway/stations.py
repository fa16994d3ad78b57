"""A bus in virtual time: the gateway's own Bus and Executor, real links, posts that tests play."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

import gateway.bus
import gateway.executor
from gateway.authority import Authority, Signature
from gateway.bus import Bus
from gateway.commands import Command, Outcome
from gateway.contract import Address
from gateway.controller import Controller
from gateway.conversation import BusOptions, Identity, monotonic_ms
from gateway.executor import Executor
from gateway.ledger import EndedBoot
from gateway.line_watch import LineWatch
from gateway.records import Record
from protocol import codec, keys
from protocol.errors import WireError
from protocol.frame_reader import FrameReader, payload_size
from protocol.generated import messages as m
from protocol.generated import wire
from protocol.link import Responder
from protocol.security import ControllerSecurity

EPOCH = 1
SITE_KEY = bytes(32)
WIRE_S_A_BYTE = 10 / 115_200
ANSWER_S = 0.001
DONE = (m.Status.DONE, m.Guard.NONE, 100)
IN_PROGRESS = (m.Status.IN_PROGRESS, m.Guard.NONE, 0)
CLEAR = m.BollardStatus(
    m.BollardState.DOWN,
    m.Drive.OFF,
    m.BollardInput.AT_BOTTOM,
    m.BollardSignal.GREEN,
    m.BollardFault(0),
    m.Guard.NONE,
    *(0, 0, 0, 0),
    bytes(8),
)

Result = tuple[m.Status, m.Guard, int]


class Station:
    """A controller as a test plays it: a real link, and answers by the script.

    `answers` is what a verb is answered; `acted` every command that was carried out, `asked` every
    explanation. Per transaction it acts once in a boot. `permits` is (time, whether permitted) of
    each poll.
    """

    def __init__(self, slot: str, kind: str, address: int) -> None:
        self.slot, self.kind, self.address = slot, kind, address
        self.unit = bytes([0x57] * 7 + [address])
        self.answers: dict[m.Verb, Result] = {}
        self.explains: Result = DONE
        self.acted: list[m.Command] = []
        self.heard: list[m.Command] = []
        self.asked: list[m.Explain] = []
        self.permits: list[tuple[int, bool]] = []
        self.is_silent = False
        self.lose_replies_to: set[int] = set()
        """Message types whose replies never arrive, though they are acted on."""
        self.boot = 0
        self.restart()

    def restart(self) -> None:
        """Begin another boot: what was remembered and recorded is gone."""
        self.boot += 1
        self._results: dict[int, Result] = {}
        self._records: dict[bool, list[tuple[int, bytes]]] = {False: [], True: []}
        self._next = {False: 1, True: wire.URGENT_SEQUENCE_BASE + 1}
        link_key = keys.link_key(SITE_KEY, EPOCH, self.unit)
        security = ControllerSecurity({EPOCH: link_key}, self.unit, self.boot, bytes(16))
        self._responder = Responder(self.address, self, security)
        if self.kind == "bollard":
            self.tell(CLEAR)

    def tell(self, body: m.RecordBody, *, urgent: bool = False) -> None:
        """Put a record."""
        number = self._next[urgent]
        self._next[urgent] += 1
        self._records[urgent].append((number, codec.encode_record(body, number)))

    def end(self, transaction: int, result: Result) -> None:
        """Tell how a command ended, or how far it is."""
        self._results[transaction] = result
        status, guard, progress = result
        value = int(status) | int(guard) << 8 | progress << 16
        self.tell(
            m.Event(m.EventCode.COMMAND_RESULT, m.Severity.INFO, 1, value, transaction), urgent=True
        )

    def forget_records(self) -> None:
        """Lose what was not fetched, without a word."""
        self._records = {False: [], True: []}

    def receive(self, frame: bytearray) -> bytes:
        """The bytes that answer a frame; none when it is silent or its reply is lost."""
        if self.is_silent:
            return b""
        now_ms = monotonic_ms()
        size = self._responder.receive(frame, payload_size(frame), now_ms)
        if frame[4] in self.lose_replies_to:
            return b""
        return bytes(self._responder.reply[:size])

    def answer(
        self,
        kind: int,
        frame: bytearray,
        at: int,
        size: int,
        reply: bytearray,
        reply_at: int,
        now_ms: int,
    ) -> tuple[int, int, int]:
        """See link.Responder."""
        message = codec.decode_message(kind, bytes(frame[at : at + size]))
        flags = 0
        if isinstance(message, m.Identify):
            answer: m.Message = self._hello()
        elif isinstance(message, m.Poll):
            self.permits.append((now_ms, bool(frame[1] & wire.FLAG_PERMIT)))
            answer, flags = self._batch(message)
        elif isinstance(message, m.Command):
            answer = self._command(message)
        elif isinstance(message, m.Explain) and self.kind == "bollard":
            self.asked.append(message)
            answer = m.CommandResult(0, *self.explains)
        else:
            raise WireError("unknown")
        payload = codec.encode_message(answer)
        reply[reply_at : reply_at + len(payload)] = payload
        return type(answer).ID, len(payload), flags

    def hear(self, *_: object) -> None:
        """Broadcasts are for others."""

    def _hello(self) -> m.Hello:
        return m.Hello(
            *(wire.FINGERPRINT, m.Kind[self.kind.upper()], self.address, self.unit, self.boot),
            m.ResetCause.POWER_ON,
            *(0, 1, 0, 0, 0),
            m.Capability.SECURED | m.Capability.PROVISIONED,
        )

    def _batch(self, poll: m.Poll) -> tuple[m.Records, int]:
        known = poll.boot == self.boot
        starts = {True: poll.urgent_next, False: poll.routine_next}
        done = {True: poll.urgent_acknowledged, False: poll.routine_acknowledged}
        entries, flags = b"", 0
        for urgent, flag in ((True, wire.FLAG_URGENT), (False, wire.FLAG_MORE)):
            if known:
                held = [one for one in self._records[urgent] if one[0] >= done[urgent]]
                self._records[urgent] = held
            for number, data in self._records[urgent]:
                if known and number < starts[urgent]:
                    continue
                if len(entries) + len(data) > poll.limit:
                    flags |= flag
                    break
                entries += data
        count = sum(len(records) for records in self._records.values())
        return m.Records(self.boot, count, entries), flags

    def _command(self, command: m.Command) -> m.CommandResult:
        self.heard.append(command)
        result = self._results.get(command.transaction)
        if result is None:
            result = m.Status.EXPIRED, m.Guard.LATE, 0
            if command.lifetime_ms:
                self.acted.append(command)
                result = self.answers.get(command.verb, DONE)
            self._results[command.transaction] = result
        return m.CommandResult(command.transaction, *result)


class Line:
    """What `gateway.port.Port` is, between a bus and stations; see there."""

    stations: Sequence[Station] = ()

    def __init__(self, url: str, baud: int) -> None:
        del url, baud
        self.watch = LineWatch()
        self.bytes_received = 0
        self.turnaround_s = ANSWER_S

    def close(self) -> None:
        pass

    def wire_s(self, count: int) -> float:
        return count * WIRE_S_A_BYTE

    async def send(self, data: bytes) -> None:
        await asyncio.sleep(self.wire_s(len(data)))

    async def exchange(
        self, data: bytes, accept: Callable[[bytearray, int], Any], turnaround_s: float
    ) -> Any:
        await asyncio.sleep(self.wire_s(len(data)))
        for frame in FrameReader().feed(data):
            for station in self.stations:
                if station.address != frame[2]:
                    continue
                reply = station.receive(bytearray(frame))
                await asyncio.sleep(ANSWER_S + self.wire_s(len(reply)))
                for answer in FrameReader().feed(reply):
                    self.bytes_received += len(reply)
                    return accept(answer, payload_size(answer))
        await asyncio.sleep(turnaround_s)
        return None


@dataclass
class Street:
    """Bus and stations; `records` is what came in, as a store would have it."""

    stations: dict[str, Station]
    controllers: dict[str, Controller] = field(default_factory=dict[str, Controller])
    records: list[Record] = field(default_factory=list[Record])
    interim: list[Outcome] = field(default_factory=list[Outcome])
    _transaction: int = 0

    def __post_init__(self) -> None:
        for station in self.stations.values():
            unit = station.unit.hex()
            epochs = {EPOCH: keys.link_key(SITE_KEY, EPOCH, station.unit)}
            made = Controller(station.slot, station.kind, unit, station.address, epochs)
            self.controllers[station.slot] = made
        self.bus = Bus(
            BusOptions("bus", "none"),
            list(self.controllers.values()),
            self,
            Identity(bytes(8)),
        )
        self.executor = Executor(
            lambda slot: (self.bus, self.controllers[slot]) if slot in self.controllers else None
        )

    def lane(self, *slots: str) -> None:
        """Put these posts into one lane."""
        posts = [self.controllers[slot] for slot in slots]
        for post in posts:
            post.mates = tuple(one for one in posts if one is not post)

    async def put(self, records: Sequence[Record]) -> None:
        self.records += records

    def resume(self, unit: str, boot: int) -> tuple[int, int]:
        del unit, boot
        return 1, wire.URGENT_SEQUENCE_BASE + 1

    def restarted(self, ended: EndedBoot) -> None:
        pass

    def availability(self, controller: Controller, cause: str | None) -> None:
        pass

    async def until(self, condition: Callable[[], bool], limit_s: float = 30.0) -> None:
        """Wait in virtual time."""
        async with asyncio.timeout(limit_s):
            while not condition():  # noqa: ASYNC110 - it takes no time
                await asyncio.sleep(0.005)

    async def online(self) -> None:
        await self.until(lambda: all(c.known_ms for c in self.controllers.values()))

    def command(
        self,
        slot: str,
        verb: str,
        args: Mapping[str, int | bool] | None = None,
        *,
        lifetime_ms: int = 5000,
        dry_run: bool = False,
    ) -> Command:
        """A command that may be sent for so long, under a transaction of its own."""
        self._transaction += 1
        now_ms = gateway.executor.unix_ms()
        kind = self.stations[slot].kind
        signature = Signature("anna", m.Role.OPERATOR, bytes(16))
        auth = Authority(bytes(8), 5000, self._transaction, (signature,))
        return Command(
            *(f"c{self._transaction}", Address(kind, slot), verb, args or {}),
            *(now_ms, now_ms + lifetime_ms, "anna", "test"),
            auth=auth if kind == "bollard" and not dry_run else None,
            dry_run=dry_run,
            transaction=self._transaction,
        )

    async def run(self, command: Command) -> Outcome:
        """The final outcome; the interim ones go to `interim`."""

        async def progress(outcome: Outcome) -> None:
            self.interim.append(outcome)

        return await self.executor.run(command, progress)


@asynccontextmanager
async def street(patch: pytest.MonkeyPatch, stations: Iterable[Station]) -> AsyncGenerator[Street]:
    """A running bus with every station on-line. The wall clock runs with the virtual one."""
    loop = asyncio.get_running_loop()
    patch.setattr(gateway.executor, "unix_ms", lambda: int(loop.time() * 1000))
    made = Street({station.slot: station for station in stations})
    patch.setattr(Line, "stations", list(made.stations.values()))
    patch.setattr(gateway.bus, "Port", Line)
    running = asyncio.create_task(made.bus.run())
    try:
        await made.online()
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await made.bus.close()
