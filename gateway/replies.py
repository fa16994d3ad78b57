"""Results on their way to the broker: those of commands that were taken first, bounded.

A result of a command that was taken is sent at once. Refusals are answered as the window allows;
when more are refused than can be answered the oldest answers are dropped and counted: what they
would tell did nothing, and whoever sent that much reads none of it.
"""

from __future__ import annotations

import asyncio
import logging

from gateway.broker import Connection
from gateway.contract import ROOT
from gateway.desk import Reply
from gateway.errors import StoreError
from gateway.store import Store

log = logging.getLogger(__name__)

MAX_RESULTS = 1000
"""Results that wait for the broker in memory; final ones are in the store as well."""
MAX_REFUSALS = 200
MAX_TOPIC_BYTES = 1024
MAX_TOPIC_LEVELS = 20
"""Longest and deepest response topic that is answered; mosquitto hangs up on one of 200 levels."""
MAX_CORRELATION_BYTES = 1024
"""What is longer could make an answer larger than the broker's packets may be."""
MOST_TRIES = 2
"""After so many connections that ended with it unconfirmed, a result goes to `res` only: what the
sender chose of it may be what the broker hangs up on."""


class Replies:
    """What waits, until the broker has confirmed it. `put` never blocks and never raises."""

    def __init__(self, store: Store) -> None:
        self.dropped = 0
        """Answers that gave way to others, in this run; none of a final result the store keeps."""
        self._store = store
        self._number = 0
        self._results = _Waiting()
        self._refusals = _Waiting()
        self._notes: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._results.replies) + len(self._refusals.replies)

    def put(self, reply: Reply) -> None:
        """Send it as soon as there is a connection.

        Of too many results the oldest go: first those that no store keeps, final ones last.
        """
        self._number += 1
        if reply.may_drop:
            self._refusals.add(self._number, reply)
            if len(self._refusals.replies) > MAX_REFUSALS:
                self._refusals.drop(next(iter(self._refusals.replies)))
                self.dropped += 1
            return
        self._results.add(self._number, reply)
        results = self._results.replies
        if len(results) > MAX_RESULTS:
            unkept = (n for n, one in results.items() if one.command_id is None)
            number = next(unkept, next(iter(results)))
            self.dropped += results[number].command_id is None
            self._results.drop(number)

    async def run(self, connection: Connection) -> None:
        """Publish what waits and what comes, until cancelled; unconfirmed ones anew."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._publish(connection, self._results))
            group.create_task(self._publish(connection, self._refusals, connection.window))

    async def _publish(
        self, connection: Connection, waiting: _Waiting, window: asyncio.Semaphore | None = None
    ) -> None:
        last = 0
        while True:
            waiting.news.clear()
            for number in [number for number in waiting.replies if number > last]:
                last = number
                if window is not None:
                    await window.acquire()
                reply = waiting.replies.get(number)  # it may have been dropped meanwhile
                if reply is not None:
                    self._send(connection, waiting, number, reply, window)
                elif window is not None:
                    window.release()
            await waiting.news.wait()

    def _send(
        self,
        connection: Connection,
        waiting: _Waiting,
        number: int,
        reply: Reply,
        window: asyncio.Semaphore | None,
    ) -> None:
        targets, correlation = [reply.topic], reply.correlation
        waiting.sent[number] = times = waiting.sent.get(number, 0) + 1
        if times > MOST_TRIES:
            correlation = None  # it may be what the broker hangs up on
        elif reply.response_topic is not None and may_answer(reply.response_topic):
            targets.append(reply.response_topic)
        if correlation is not None and len(correlation) > MAX_CORRELATION_BYTES:
            targets, correlation = [reply.topic], None
        left = len(targets)

        def confirmed(future: asyncio.Future[None]) -> None:
            nonlocal left
            if future.cancelled():
                return  # with the connection, and its window
            if (error := future.exception()) is not None:
                log.error("the broker refuses a result on %s: %s", reply.topic, error)
            left -= 1
            if not left:
                if window is not None:
                    window.release()
                self._answered(waiting, number, reply)

        for target in targets:
            future = connection.send(target, reply.payload, correlation=correlation)
            future.add_done_callback(confirmed)

    def _answered(self, waiting: _Waiting, number: int, reply: Reply) -> None:
        waiting.drop(number)
        if reply.command_id is not None:
            task = asyncio.create_task(self._note_answer(reply.command_id))
            self._notes.add(task)
            task.add_done_callback(self._notes.discard)

    async def _note_answer(self, command_id: str) -> None:
        try:
            await self._store.command_answered(command_id)
        except StoreError as error:
            log.error("command %s will be answered again at the next start: %s", command_id, error)


class _Waiting:
    """Replies by number, in order; `news` is set when there is another one."""

    def __init__(self) -> None:
        self.replies: dict[int, Reply] = {}
        self.sent: dict[int, int] = {}
        """How often it was sent, and the connection ended before it was confirmed."""
        self.news = asyncio.Event()

    def add(self, number: int, reply: Reply) -> None:
        self.replies[number] = reply
        self.news.set()

    def drop(self, number: int) -> None:
        self.replies.pop(number, None)
        self.sent.pop(number, None)


def may_answer(topic: str) -> bool:
    """Whether a response topic may be used: no wildcards, nothing of the broker or of a gateway.

    Where a gateway may publish, a command must not make it say what the sender likes.
    """
    return not (
        not topic
        or not topic.isprintable()
        or any(sign in topic for sign in "+#")
        or topic.count("/") >= MAX_TOPIC_LEVELS
        or topic.startswith(("$", ROOT + "/"))
        or len(topic.encode()) > MAX_TOPIC_BYTES
    )
