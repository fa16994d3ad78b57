"""Results get through, whatever who asked for them made up."""

from __future__ import annotations

import asyncio
from contextlib import closing, suppress

import pytest

from gateway.desk import Reply
from gateway.replies import (
    MAX_CORRELATION_BYTES,
    MAX_REFUSALS,
    MAX_RESULTS,
    MAX_TOPIC_LEVELS,
    MOST_TRIES,
    Replies,
    may_answer,
)
from gateway.store import Store
from hil.broker import HOST
from tests.gateway.brokers import until
from tests.gateway.house import House
from tests.gateway.samples import record

JUNK = 5000
CONNECT, PUBLISH, SUBSCRIBE = 1, 3, 8
RECEIVE_MAXIMUM = 0x21
"""MQTT 5, sections 2.1.2 and 3.2.2.3.3."""


def reply(number: int, *, final: bool = False, may_drop: bool = False) -> Reply:
    kept = f"c{number}" if final else None
    return Reply("t", b"%d" % number, None, None, kept, may_drop=may_drop)


async def test_of_very_many_results_the_final_ones_are_dropped_last(store: Store) -> None:
    replies = Replies(store)
    for number in range(MAX_RESULTS):
        replies.put(reply(number, final=bool(number % 2)))
    for number in range(MAX_RESULTS // 2):
        replies.put(reply(number))
    kept = [one.command_id for one in replies._results.replies.values()]
    assert len(kept) == MAX_RESULTS
    assert len([one for one in kept if one]) == MAX_RESULTS // 2
    assert replies.dropped == MAX_RESULTS // 2


async def test_answers_to_refused_commands_drop_no_result(store: Store) -> None:
    replies = Replies(store)
    replies.put(reply(0))
    for number in range(JUNK):
        replies.put(reply(number, may_drop=True))
    assert len(replies) == 1 + MAX_REFUSALS
    assert replies.dropped == JUNK - MAX_REFUSALS


class SlowConnection:
    """A broker that confirms nothing before the test says so."""

    def __init__(self, window: int) -> None:
        self.window = asyncio.Semaphore(window)
        self.sent: list[bytes] = []
        self.topics: list[str] = []
        self.correlations: list[bytes | None] = []
        self.open: list[asyncio.Future[None]] = []

    def send(
        self, topic: str, payload: bytes, *, correlation: bytes | None
    ) -> asyncio.Future[None]:
        self.sent.append(payload)
        self.topics.append(topic)
        self.correlations.append(correlation)
        self.open.append(asyncio.get_running_loop().create_future())
        return self.open[-1]

    def confirm(self) -> None:
        for future in self.open:
            if not future.done():
                future.set_result(None)


async def test_a_result_overtakes_answers_to_refused_commands_that_wait(store: Store) -> None:
    replies, connection = Replies(store), SlowConnection(window=5)
    for number in range(100):
        replies.put(reply(number, may_drop=True))
    running = asyncio.create_task(replies.run(connection))  # pyright: ignore[reportArgumentType]  # plays one
    await until(lambda: len(connection.sent) == 5)
    replies.put(reply(1000))
    await until(lambda: connection.sent[5:] == [b"1000"])

    def confirmed() -> bool:
        connection.confirm()
        return len(replies) == 0

    await until(confirmed)
    assert connection.sent[6:] == [b"%d" % number for number in range(5, 100)]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_was_not_confirmed_is_sent_again_over_the_next_connection(store: Store) -> None:
    replies = Replies(store)
    for number in range(4):
        replies.put(reply(number, may_drop=bool(number % 2)))
    for _ in range(2):
        await one_connection(replies, 4)
    assert len(replies) == 4


@pytest.mark.parametrize(
    ("topic", "allowed"),
    [
        ("answers/1", True),
        ("", False),
        ("a/#", False),
        ("a/+/b", False),
        ("$SYS/x", False),
        ("stoep/v1/park/gw/lamp/L1/cmd", False),
        ("stoep/v1/park/gw/lamp/L1/state", False),
        ("stoep/reply/7", True),
        ("a" * 2000, False),
        ("a/" * MAX_TOPIC_LEVELS + "x", False),
        ("a/" * (MAX_TOPIC_LEVELS - 1) + "x", True),
        ("answers/\n", False),
    ],
)
def test_a_response_topic_is_none_of_a_gateway_and_no_wildcard(
    topic: str, *, allowed: bool
) -> None:
    assert may_answer(topic) is allowed


async def one_connection(replies: Replies, count: int) -> SlowConnection:
    """A connection that ends when so many were sent, with none confirmed."""
    connection = SlowConnection(window=5)
    running = asyncio.create_task(replies.run(connection))  # pyright: ignore[reportArgumentType]  # plays one
    await until(lambda: len(connection.sent) == count)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return connection


async def test_what_connections_end_on_goes_to_the_topic_of_results_alone(store: Store) -> None:
    """What the sender chose may be more than the broker takes, and it hangs up again and again."""
    replies = Replies(store)
    replies.put(Reply("res", b"{}", "answers/1", b"7", "c1"))
    for _ in range(MOST_TRIES):
        connection = await one_connection(replies, 2)
        assert connection.topics == ["res", "answers/1"]
        assert connection.correlations == [b"7", b"7"]
    connection = await one_connection(replies, 1)
    assert (connection.topics, connection.correlations) == (["res"], [None])


async def test_a_correlation_that_is_too_long_is_not_sent_back(store: Store) -> None:
    replies = Replies(store)
    replies.put(Reply("res", b"{}", "answers/1", bytes(MAX_CORRELATION_BYTES), None))
    assert (await one_connection(replies, 2)).topics == ["res", "answers/1"]
    replies = Replies(store)
    replies.put(Reply("res", b"{}", "answers/1", bytes(MAX_CORRELATION_BYTES + 1), None))
    connection = await one_connection(replies, 1)
    assert (connection.topics, connection.correlations) == (["res"], [None])


class StrictBroker:
    """Takes so many unconfirmed publishes, as it says, and hangs up on one more; confirms none."""

    ALLOWED = 5

    def __init__(self) -> None:
        self.unconfirmed = 0
        self.hung_up = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError), closing(writer):
            while True:
                kind, body = await self._packet(reader)
                if kind == CONNECT:
                    writer.write(bytes((0x20, 6, 0, 0, 3, RECEIVE_MAXIMUM, 0, self.ALLOWED)))
                elif kind == SUBSCRIBE:
                    writer.write(bytes((0x90, 4)) + body[:2] + bytes((0, 1)))
                elif kind == PUBLISH:
                    self.unconfirmed += 1
                    if self.unconfirmed > self.ALLOWED:
                        self.hung_up += 1
                        return

    @staticmethod
    async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
        first, size, shift = (await reader.readexactly(1))[0], 0, 0
        while True:
            byte = (await reader.readexactly(1))[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first >> 4, await reader.readexactly(size)


async def test_no_more_is_unconfirmed_than_the_broker_allows(store: Store) -> None:
    strict = StrictBroker()
    await store.put([record(n, slot=f"L{n}") for n in range(1, 40)])
    server = await asyncio.start_server(strict.serve, HOST, 0)
    house = House(store, f"mqtt://{HOST}:{server.sockets[0].getsockname()[1]}")
    async with server, house.running():
        await until(lambda: strict.unconfirmed == StrictBroker.ALLOWED)
        for _ in range(3):
            house.uplink.reply(Reply("res", b"{}", "answers/1", None, None))
        await asyncio.sleep(0.3)
        assert (strict.unconfirmed, strict.hung_up) == (StrictBroker.ALLOWED, 0)
