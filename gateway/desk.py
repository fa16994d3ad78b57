"""The life of a command, from `cmd` to its one final result, whatever is killed in between.

The desk knows neither MQTT nor the bus: bytes come in, results go out through `send`, and
`execute` does the work. A command is remembered durably before it is carried out, and its final
result before it is sent; what a crash interrupted is answered FAILED at the next start. A message
that repeats an id is answered "duplicate" and nothing else, so it cannot be taken for the result.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from gateway import notes
from gateway.authority import MAX_TRANSACTION
from gateway.commands import Command, Guard, Outcome, Refusal, Status, parse, result
from gateway.contract import Address, Topics
from gateway.errors import StoreError
from gateway.notes import NoteWriter
from gateway.outbox import CommandEntry, Note
from gateway.people import name_of
from gateway.records import unix_ms
from gateway.refusals import Refusals
from gateway.store import Store

log = logging.getLogger(__name__)

MAX_RUNNING = 256
"""Commands that may be carried out at the same time; more are refused, so memory is bounded."""

MAX_OPEN_EACH = 8
"""Commands of one actor to one slot that may be open; whoever sends too many keeps nobody else out.
"""

MAX_OPEN_A_SLOT = 64
"""Commands to one slot that may be open, whoever they are of: names can be made up."""

MAX_KNOWN_IDS = 4096
"""Ids whose repetition is known in memory, whatever the repeated message looks like."""

STORE_RETRY_S = 1.0
"""How long a final result that cannot be stored waits for the next attempt."""

RECOVER_LIMIT_S = 1.0
"""How long the start waits for a disk that takes nothing; open commands are answered later then."""

Progress = Callable[[Outcome], Awaitable[None]]
"""Tells the sender an interim result (ACCEPTED or IN_PROGRESS)."""

Execute = Callable[[Command, Progress], Awaitable[Outcome]]
"""Carries a command out and returns its final outcome."""


@dataclass(frozen=True)
class Incoming:
    """A message on a command topic as it came from the broker."""

    topic: str
    payload: bytes
    retained: bool
    response_topic: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True)
class Reply:
    """A result on its way to the `res` topic and, if there is one, to the response topic."""

    topic: str
    payload: bytes
    response_topic: str | None
    correlation: bytes | None
    command_id: str | None = None
    """Set on a final result that the store keeps until it is confirmed."""
    may_drop: bool = False
    """Whether it gives way to others: nothing was done, nor will be, for what it answers."""


class Desk:
    """Takes commands for one gateway.

    `send` queues a reply; it must neither block nor raise. `now_ms` is the wall clock (Unix) that
    judges the end of a command's validity.
    """

    def __init__(
        self,
        topics: Topics,
        store: Store,
        known_slot: Callable[[Address], bool],
        execute: Execute,
        send: Callable[[Reply], None],
        now_ms: Callable[[], int] = unix_ms,
        may: Callable[[Command], str | None] = lambda _: None,
    ) -> None:
        self.known_slot = known_slot
        """May be replaced when the site is reloaded."""
        self.may = may
        """Why its actor may not give this command, in words; None if they may. Replaceable."""
        self.done = 0
        """Commands that ended DONE in this run."""
        self.refused = 0
        """Messages that were refused in this run."""
        self._topics = topics
        self._store = store
        self._execute = execute
        self._send = send
        self._now_ms = now_ms
        self._running: dict[asyncio.Task[None], tuple[str, str]] = {}
        """What is being carried out: to which slot, and for whom."""
        self._notes = NoteWriter(store)
        self._refusals = Refusals(self._notes.write, now_ms)
        self._transaction = secrets.randbelow(MAX_TRANSACTION)
        self._answering: set[asyncio.Task[None]] = set()
        self._known = _Newest()
        self._refused_ids = _Newest()
        """Apart from those that were taken, so that no flood of refusals can push these out."""
        self._signed = _Newest()
        self._beginning: dict[str, list[Incoming]] = {}
        """Commands that are not durable yet, with their repetitions that wait for that."""
        self._early: list[Incoming] | None = []
        self._is_closing = False

    async def recover(self) -> None:
        """Answers what an earlier run left open. Commands taken before that wait for it.

        A disk that takes nothing delays those answers, not the start. Raises a StoreError when the
        store cannot be read.
        """
        for command_id in await self._store.known_commands(MAX_KNOWN_IDS):
            self._known.add(command_id)
        for entry in await self._store.open_commands():
            task = asyncio.get_running_loop().create_task(self._answer(entry))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        if self._answering:
            await asyncio.wait(tuple(self._answering), timeout=RECOVER_LIMIT_S)
        early, self._early = self._early or [], None
        for incoming in early:
            self.take(incoming)

    async def _answer(self, entry: CommandEntry) -> None:
        """Sends the final result of a command of an earlier run."""
        payload = entry.result
        if payload is None:
            outcome = Outcome(
                Status.FAILED,
                Guard.GATEWAY_RESTARTED,
                "the gateway stopped while the command was open; look at the state first",
            )
            payload = result(entry.id, outcome, self._now_ms())
            await self._keep(
                entry.id, payload, notes.ended(self._topics.address(entry.topic), entry.id, outcome)
            )
        self._send(Reply(entry.topic, payload, entry.response_topic, entry.correlation, entry.id))

    def take(self, incoming: Incoming) -> None:
        """Starts what the message asks for, or refuses it; returns at once.

        An empty message is how MQTT clears a retained one: it asks for nothing.
        """
        if not incoming.payload:
            return
        if self._early is not None and len(self._early) < MAX_RUNNING:
            self._early.append(incoming)
            return
        address = self._topics.address(incoming.topic)
        parsed = parse(
            incoming.payload,
            address,
            retained=incoming.retained,
            now_ms=self._now_ms(),
            known_slot=self.known_slot,
        )
        began_ms = self._store.began_ms
        if isinstance(parsed, Command) and began_ms is not None and parsed.issued_ms < began_ms:
            parsed = Refusal(parsed.id, _FORGOTTEN)
        if isinstance(parsed, Command) and (words := self.may(parsed)) is not None:
            parsed = Refusal(parsed.id, Outcome(Status.REJECTED, Guard.UNAUTHORISED, words))
        if parsed.id is not None:
            if parsed.id in self._known or parsed.id in self._refused_ids:
                self._refuse_repeated(incoming, parsed.id)
                return
            (self._refused_ids if isinstance(parsed, Refusal) else self._known).add(parsed.id)
        if isinstance(parsed, Refusal):
            self._refuse(incoming, parsed)
            return
        if (outcome := self._not_now(parsed)) is not None:
            self._refuse(incoming, Refusal(parsed.id, outcome))
            return
        self._beginning[parsed.id] = []
        task = asyncio.get_running_loop().create_task(self._carry_out(incoming, parsed))
        self._running[task] = (parsed.address.slot, name_of(parsed.actor))
        task.add_done_callback(self._running.pop)

    def _not_now(self, command: Command) -> Outcome | None:
        """What stands in the way of a command that is in order."""
        if self._is_closing:
            return Outcome(Status.REJECTED, "busy", "the gateway is stopping; try again")
        if self._early is not None or len(self._running) >= MAX_RUNNING:
            return Outcome(Status.REJECTED, "busy", f"{MAX_RUNNING} commands are open; try later")
        slot, actor = command.address.slot, name_of(command.actor)
        here = [whose for place, whose in self._running.values() if place == slot]
        if len(here) >= MAX_OPEN_A_SLOT or here.count(actor) >= MAX_OPEN_EACH:
            words = f"{here.count(actor)} of {actor}, {len(here)} in all are open to {slot}; wait"
            return Outcome(Status.REJECTED, "busy", words)
        if command.auth is not None:
            order = f"{slot}\n{command.auth.nonce.hex()}\n{command.auth.transaction}"
            if order in self._signed:
                return _SIGNED_ONCE
            self._signed.add(order)
        return None

    async def close(self) -> None:
        """Ends what is running; each open command is answered at the next start.

        What comes from now on is refused.
        """
        self._is_closing = True
        tasks = (*self._running, *self._answering)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._refusals.close()
        await self._notes.close()

    @property
    def summed(self) -> int:
        """Of the refused: those that the journal tells only as a sum."""
        return self._refusals.summed

    @property
    def is_flooded(self) -> bool:
        """Whether more was refused in this minute than is told one by one."""
        return self._refusals.is_flood

    def _res_topic(self, topic: str) -> str:
        return topic.removesuffix("/cmd") + "/res"

    def _refuse(self, incoming: Incoming, refusal: Refusal) -> None:
        self._reply(incoming, refusal.id, refusal.outcome, may_drop=True)
        self._tell(incoming, refusal)

    def _tell(self, incoming: Incoming, refusal: Refusal) -> None:
        self.refused += 1
        address = self._topics.address(incoming.topic)
        self._refusals.tell(incoming.topic, address, incoming.payload, refusal)

    def _refuse_repeated(self, incoming: Incoming, command_id: str) -> None:
        """Not before the command itself is durable: it may be lost with a crash until then."""
        if (waiting := self._beginning.get(command_id)) is None:
            self._refuse(incoming, Refusal(command_id, _REPEATED))
        elif len(waiting) < MAX_RUNNING:
            waiting.append(incoming)
        else:
            self._tell(incoming, Refusal(command_id, _REPEATED))

    def _reply(
        self,
        incoming: Incoming,
        command_id: str | None,
        outcome: Outcome,
        *,
        may_drop: bool = False,
    ) -> None:
        self._send(
            Reply(
                self._res_topic(incoming.topic),
                result(command_id, outcome, self._now_ms()),
                incoming.response_topic,
                incoming.correlation,
                may_drop=may_drop,
            )
        )

    def _number(self, command: Command) -> int:
        """The transaction of a command: what its operator signed, else the next one."""
        if command.auth is not None:
            return command.auth.transaction
        self._transaction = self._transaction % MAX_TRANSACTION + 1
        return self._transaction

    async def _carry_out(self, incoming: Incoming, command: Command) -> None:
        command = replace(command, transaction=self._number(command))
        topic = self._res_topic(incoming.topic)
        entry = CommandEntry(
            id=command.id,
            topic=topic,
            verb=command.verb,
            actor=command.actor,
            reason=command.reason,
            received_ms=self._now_ms(),
            not_after_ms=command.not_after_ms,
            response_topic=incoming.response_topic,
            correlation=incoming.correlation,
        )
        try:
            fresh: bool | None = await self._store.begin_command(entry, notes.taken(command))
        except StoreError as error:
            fault = Outcome(Status.REJECTED, Guard.GATEWAY_FAULT, f"cannot be journaled: {error}")
            self._refuse(incoming, Refusal(command.id, fault))
            fresh = None
        repeated = self._beginning.pop(command.id, [])
        if fresh is False:
            repeated.append(incoming)
        for one in repeated:
            self._refuse(one, Refusal(command.id, _REPEATED))
        if not fresh:
            return
        outcome = await self._outcome(incoming, command)
        payload = result(command.id, outcome, self._now_ms())
        if outcome.status is Status.DONE:
            self.done += 1
        log.info("command %s %s: %s", command.id, command.verb, outcome.status)
        await self._keep(
            command.id,
            payload,
            notes.ended(command.address, command.id, outcome),
            lambda why: self._reply(incoming, command.id, _not_durable(outcome, why)),
        )
        self._send(Reply(topic, payload, incoming.response_topic, incoming.correlation, command.id))

    async def _keep(
        self,
        command_id: str,
        payload: bytes,
        note: Note,
        tell: Callable[[StoreError], None] | None = None,
    ) -> None:
        """Makes a final result durable, however long it takes: no other one may ever be sent."""
        failures = 0
        while True:
            try:
                await self._store.finish_command(command_id, payload, note)
                return
            except StoreError as error:
                failures += 1
                if failures == 1:
                    log.error("the result of command %s has to wait: %s", command_id, error)
                    if tell is not None:
                        tell(error)
                await asyncio.sleep(STORE_RETRY_S)

    async def _outcome(self, incoming: Incoming, command: Command) -> Outcome:
        async def progress(outcome: Outcome) -> None:
            if not outcome.status.final:
                self._reply(incoming, command.id, outcome)
                self._notes.write(notes.ended(command.address, command.id, outcome))

        if self._now_ms() > command.not_after_ms:
            return Outcome(Status.EXPIRED, Guard.LATE, "its lifetime ended while it was journaled")
        self._reply(incoming, command.id, Outcome(Status.ACCEPTED))
        try:
            outcome = await self._execute(command, progress)
        except Exception:
            log.exception("command %s (%s) met a defect", command.id, command.verb)
            return Outcome(
                Status.FAILED, Guard.GATEWAY_FAULT, "a defect of the gateway; see its log"
            )
        if not outcome.status.final:
            return Outcome(Status.FAILED, Guard.GATEWAY_FAULT, f"ended as {outcome.status}")
        return outcome


class _Newest:
    """The newest names that were added, `MAX_KNOWN_IDS` of them."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        self._names[name] = None
        if len(self._names) > MAX_KNOWN_IDS:
            del self._names[next(iter(self._names))]


_FORGOTTEN = Outcome(
    Status.REJECTED,
    Guard.GATEWAY_FAULT,
    "the store was damaged and begun anew, so nobody knows whether this command was carried out "
    "already; look at the state, then send a new one",
)
_SIGNED_ONCE = Outcome(
    Status.REJECTED, Guard.SIGNED_BEFORE, "this signature was given before; sign the order anew"
)
_REPEATED = Outcome(Status.REJECTED, Guard.DUPLICATE, "this id was used before; use a new one")


def _not_durable(outcome: Outcome, why: StoreError) -> Outcome:
    """What the sender is told while the final result cannot be stored."""
    words = f"ended as {outcome.status}, final once it is stored: {why}"
    return Outcome(Status.IN_PROGRESS, Guard.GATEWAY_FAULT, words)
