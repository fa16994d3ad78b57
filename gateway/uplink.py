"""The way north: everything between the store and the MQTT broker.

`Uplink.run` keeps a connection for ever. What is in the store leaves in order, alarms first, in
batches per slot, and is deleted after the broker's PUBACK only. States and availability are kept
in memory, the latest of each topic, and are published again after every reconnect.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt

from gateway import contract
from gateway.broker import BrokerError, Connection, PublishRefusedError, backoff_s, connect
from gateway.contract import Address, Avail, Topics
from gateway.desk import Incoming, Reply
from gateway.drain import Drain
from gateway.nonces import Nonces
from gateway.records import STATUS_TYPES, Record, unix_ms
from gateway.replies import Replies
from gateway.site_model import Broker
from gateway.store import Store

log = logging.getLogger(__name__)

STEADY_S = 10.0
"""A connection that lasted this long starts the back-off anew."""
CLOSE_S = 2.0
"""How long an orderly end may take; what is not confirmed by then leaves at the next start."""


@dataclass
class Health:
    """What the uplink has seen in this run."""

    connected: bool = False
    connects: int = 0
    published_records: int = 0
    published_messages: int = 0
    refused_messages: int = 0
    received_commands: int = 0
    dropped_replies: int = 0
    """Results that gave way to others."""
    last_error: str | None = None


class Uplink:
    """The connection of one gateway to its broker. `take` gets every command message.

    `folder` is where the relative file names of `broker` start. All methods are for the loop
    that `run` runs in; `state`, `avail` and `reply` never block and never raise.
    """

    def __init__(
        self,
        broker: Broker,
        topics: Topics,
        store: Store,
        take: Callable[[Incoming], None],
        folder: Path = Path(),
    ) -> None:
        self._broker = broker
        self._topics = topics
        self._store = store
        self._take = take
        self._folder = folder
        self._health = Health()
        self._drain = Drain(store, topics)
        self._latest: dict[str, Record | bytes] = {}
        self._stale: set[str] = set()
        self._added: dict[str, Mapping[str, Any] | None] = {}
        self._nonces = Nonces()
        self._nonce_since_ms: dict[str, int] = {}
        self._changed: dict[str, None] = {}
        self._some_changed = asyncio.Event()
        self._replies = Replies(store)
        self._closing = asyncio.Event()
        self._renewed = asyncio.Event()
        self._ended = asyncio.Event()
        self._ended.set()
        self._told: str | None = None

    @property
    def health(self) -> Health:
        """The figures of now."""
        self._health.published_records = self._drain.records
        self._health.published_messages = self._drain.messages
        self._health.refused_messages = self._drain.refused
        self._health.dropped_replies = self._replies.dropped
        return self._health

    # --- what is published ------------------------------------------------------------------

    def state(self, record: Record, added: Mapping[str, Any] | None = None) -> None:
        """Makes a status record the retained state of its slot; other records are ignored.

        `added` is what the gateway itself knows beyond it.
        """
        if record.type in STATUS_TYPES:
            topic = self._topics.record(record, "state")
            self._stale.discard(topic)
            self._added[topic] = added
            if (since_ms := self._nonces.see(record, unix_ms())) is not None:
                self._nonce_since_ms[topic] = since_ms
            self._set(topic, record)

    def avail(self, address: Address, status: Avail, cause: str | None = None) -> None:
        """Sets the retained availability of a slot; the state of one that is gone becomes stale."""
        topic = self._topics.slot(address.kind, address.slot, "avail")
        self._set(topic, contract.avail(status, unix_ms(), cause))
        state = self._topics.slot(address.kind, address.slot, "state")
        if status is not Avail.ONLINE and state in self._latest and state not in self._stale:
            self._stale.add(state)
            self._set(state, self._latest[state])

    def forget(self, address: Address) -> None:
        """Clears what is retained for a slot that is no more."""
        for leaf in ("state", "avail"):
            self._set(self._topics.slot(address.kind, address.slot, leaf), b"")

    def announce(self, leaf: str, payload: bytes) -> None:
        """Makes this the retained payload of one of the agent's own topics."""
        self._set(self._topics.agent(leaf), payload)

    def use(self, broker: Broker) -> None:
        """Connects to this broker from now on; nothing that waits is lost."""
        self._broker = broker
        self._renewed.set()

    def reply(self, reply: Reply) -> None:
        """Sends a result to `res` and to the response topic, see `Replies.put`."""
        self._replies.put(reply)

    def _set(self, topic: str, value: Record | bytes) -> None:
        self._latest[topic] = value
        self._changed[topic] = None
        self._some_changed.set()

    # --- life -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connects, and connects again, until `close` or cancelled. The store must be open."""
        self._ended.clear()
        self._drain.backlog_to = self._store.last_id
        deleting = asyncio.create_task(self._drain.delete_confirmed(), name="delete confirmed")
        try:
            await self._keep_connected()
        finally:
            deleting.cancel()
            self._health.connected = False
            self._ended.set()

    async def close(self) -> None:
        """Ends `run` in order and in bounded time: says offline, and the last will stays unsent."""
        self._closing.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), 2 * CLOSE_S)

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        attempt = 0
        while not self._closing.is_set():
            started_s = loop.time()
            try:
                await self._connect_once(outage=attempt > 0)
            except BrokerError as error:
                self._tell(str(error))
            except Exception as error:
                log.exception("the uplink met a defect; it connects again")
                self._tell(repr(error))
            finally:
                self._health.connected = False
            if loop.time() - started_s >= STEADY_S:
                attempt = 0
            attempt += 1
            await self._wait(backoff_s(attempt))

    async def _wait(self, seconds: float) -> None:
        """Until then, or until there is another broker or the end."""
        waits = [asyncio.create_task(event.wait()) for event in (self._closing, self._renewed)]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    def _tell(self, message: str) -> None:
        """Logs a failure once, however often it repeats."""
        self._health.last_error = message
        if message != self._told:
            log.warning("%s. Records wait in the store; trying again", message.rstrip("."))
            self._told = message

    async def _connect_once(self, *, outage: bool) -> None:
        agent = self._topics.agent("avail")
        will = aiomqtt.Will(
            agent, contract.avail(Avail.OFFLINE, cause="connection_lost"), qos=1, retain=True
        )
        identifier = f"stoep-{self._topics.site}-{self._topics.gateway}"
        self._renewed.clear()
        async with connect(self._broker, self._folder, identifier, will) as connection:
            # Subscribed before anybody is told that commands are taken.
            await connection.subscribe(self._topics.commands, self._incoming)
            if outage:
                self._drain.backlog_to = self._store.last_id
            self._health.connects += 1
            self._health.connected = True
            self._told = None
            log.info("connected to %s", self._broker.url)
            self._set(agent, contract.avail(Avail.ONLINE, unix_ms()))
            self._changed = dict.fromkeys([agent, *self._latest])
            await self._session(connection)
            await self._say_goodbye(connection, agent)

    async def _session(self, connection: Connection) -> None:
        """Works until `close`. Raises BrokerError when the connection ends."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(connection.lost(), name="lost"),
                    group.create_task(self._publish_latest(connection), name="states"),
                    group.create_task(self._replies.run(connection), name="replies"),
                    group.create_task(self._drain.run(connection), name="drain"),
                    group.create_task(self._renew(), name="renew"),
                ]
                await self._closing.wait()
                for task in tasks:
                    task.cancel()
        except BaseExceptionGroup as group:
            broker_errors, others = group.split(BrokerError)
            if others is not None or broker_errors is None:
                raise
            raise BrokerError(str(_leaf(broker_errors))) from group

    async def _renew(self) -> None:
        await self._renewed.wait()
        raise BrokerError("the site file names another broker")

    async def _say_goodbye(self, connection: Connection, agent: str) -> None:
        await self._drain.settle(CLOSE_S / 2)
        with suppress(BrokerError, PublishRefusedError, TimeoutError, asyncio.CancelledError):
            future = connection.send(
                agent, contract.avail(Avail.OFFLINE, unix_ms(), "stopped"), retain=True
            )
            await asyncio.wait_for(future, CLOSE_S / 2)

    def _incoming(self, incoming: Incoming) -> None:
        self._health.received_commands += 1
        try:
            self._take(incoming)
        except Exception:
            # One message must not end the connection, and with it the gateway.
            log.exception("a message on %s met a defect", incoming.topic)

    # --- retained topics --------------------------------------------------------------------

    async def _publish_latest(self, connection: Connection) -> None:
        while True:
            while self._changed:
                await connection.window.acquire()
                topic = next(iter(self._changed), None)
                if topic is None:
                    connection.window.release()
                    break
                del self._changed[topic]
                future = connection.send(topic, self._payload(topic), retain=True)
                future.add_done_callback(lambda done, topic=topic: self._sent(done, topic))
                future.add_done_callback(lambda _: connection.window.release())
            self._some_changed.clear()
            await self._some_changed.wait()

    def _payload(self, topic: str) -> bytes:
        value = self._latest[topic]
        if isinstance(value, bytes):
            return value
        since_ms = self._nonce_since_ms.get(topic)
        return contract.state(
            value,
            stale=topic in self._stale,
            nonce_since_ms=since_ms,
            added=self._added.get(topic),
        )

    def _sent(self, future: asyncio.Future[None], topic: str) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            log.error("the broker refuses %s: %s; allow it in its access list", topic, error)
        elif not future.cancelled() and self._latest.get(topic) == b"":
            # Cleared at the broker, which is all there was to keep.
            del self._latest[topic]
            self._changed.pop(topic, None)


def _leaf(group: BaseExceptionGroup[BrokerError]) -> BaseException:
    first = group.exceptions[0]
    return _leaf(first) if isinstance(first, BaseExceptionGroup) else first
