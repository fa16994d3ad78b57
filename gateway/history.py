"""The newest of the journal, asked for over the broker: who did this, and why was it refused?

For operations staff, who have no shell on the gateway. An answer goes to the response topic of who
asks and to nobody else; it is bounded in entries, bytes and in how far back it looks, so whoever
asks too much waits and costs little. With a users file one has to be an operator in it; as with
commands the name is only claimed, so the broker's access control comes first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from gateway.commands import Guard, Outcome, Status, result
from gateway.contract import GATEWAY_KIND, Topics, timestamp
from gateway.desk import Incoming, Reply
from gateway.errors import StoreError
from gateway.people import People
from gateway.queries import Reader
from gateway.records import unix_ms
from gateway.replies import may_answer
from gateway.store import Store

log = logging.getLogger(__name__)

PLACE = "history"
"""It is asked like a slot: stoep/v1/{site}/{gateway}/gateway/history/cmd."""
MAX_ENTRIES = 100
MAX_ANSWER_BYTES = 128 * 1024
MAX_SEARCHED = 10_000
"""Entries that one answer looks at; the next one goes on from there."""
NEWEST = 2**63 - 1
"""No entry has a higher number."""
MAX_WAITING = 8
"""Answers that are being made; more are refused."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: the newest entries, of a slot, before a number."""

    id: str
    actor: str
    slot: str | None = None
    before: Annotated[int, msgspec.Meta(le=NEWEST)] | None = None
    last: int = 20


class Found(msgspec.Struct, frozen=True):
    """Entries as they are kept, the oldest first; older ones than `searched_to` were not seen."""

    entries: list[msgspec.Raw]
    searched_to: int


class History:
    """Answers questions on `topic`. `send` must neither block nor raise; for the store's loop."""

    def __init__(
        self,
        topics: Topics,
        store: Store,
        people: Callable[[], People | None],
        send: Callable[[Reply], None],
    ) -> None:
        self.topic = topics.slot(GATEWAY_KIND, PLACE, "cmd")
        self._store = store
        self._people = people
        self._send = send
        self._answering: set[asyncio.Task[None]] = set()

    def take(self, incoming: Incoming) -> None:
        """Answers a question, or tells why not; returns at once.

        Without a response topic there is nobody to answer.
        """
        if incoming.response_topic is None or not may_answer(incoming.response_topic):
            log.debug("a question on %s has no response topic", incoming.topic)
            return
        try:
            question = msgspec.json.decode(incoming.payload, type=Question)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._refuse(incoming, None, Guard.MALFORMED, f"no question: {error}")
            return
        if (refusal := self._refusal(question)) is not None:
            self._refuse(incoming, question.id, *refusal)
            return
        task = asyncio.get_running_loop().create_task(self._answer(incoming, question))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def close(self) -> None:
        """Ends what is being answered."""
        for task in (tasks := tuple(self._answering)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _refusal(self, question: Question) -> tuple[str, str] | None:
        if not 1 <= question.last <= MAX_ENTRIES:
            return Guard.BAD_ARGUMENT, f'"last" must be 1 to {MAX_ENTRIES}'
        people = self._people()
        if people is not None and (words := people.reading_refusal(question.actor)) is not None:
            return Guard.UNAUTHORISED, words
        if len(self._answering) >= MAX_WAITING:
            return "busy", f"{MAX_WAITING} questions are being answered; ask again"
        return None

    async def _answer(self, incoming: Incoming, question: Question) -> None:
        try:
            found = await self._store.query(lambda reader: search(reader, question))
        except StoreError as error:
            words = f"the journal cannot be read: {error}"
            self._refuse(incoming, question.id, Guard.GATEWAY_FAULT, words)
            return
        answer = {
            "id": question.id,
            "status": str(Status.DONE),
            "ts": timestamp(unix_ms()),
            "entries": found.entries,
            "searched_to": found.searched_to,
        }
        self._reply(incoming, msgspec.json.encode(answer))

    def _refuse(self, incoming: Incoming, number: str | None, guard: str, words: str) -> None:
        outcome = Outcome(Status.REJECTED, guard, words)
        self._reply(incoming, result(number, outcome, unix_ms()))

    def _reply(self, incoming: Incoming, payload: bytes) -> None:
        topic = incoming.response_topic or ""
        self._send(Reply(topic, payload, None, incoming.correlation, may_drop=True))


def search(reader: Reader, question: Question) -> Found:
    """What the question asks for, from one look at the journal. Raises a StoreError."""
    entries: list[msgspec.Raw] = []
    size, searched_to = 0, 1
    for number, text in reader.journal_before(question.before, MAX_SEARCHED):
        if question.slot is None or concerns(msgspec.json.decode(text), question.slot):
            size += len(text)
            if entries and size > MAX_ANSWER_BYTES:
                break
            entries.append(msgspec.Raw(text))
        searched_to = number
        if len(entries) == question.last:
            break
    return Found(entries[::-1], searched_to)


def concerns(entry: dict[str, Any], slot: str) -> bool:
    """Whether an entry tells of this slot."""
    return entry.get("slot") == slot or slot in entry.get("slots", ())
