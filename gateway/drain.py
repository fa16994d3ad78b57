"""From the store to the broker: order, batches, the in-flight window, deletion after PUBACK."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from gateway import contract
from gateway.broker import CONFIRM_TIMEOUT_S, BrokerError, Connection, PublishRefusedError
from gateway.contract import GATEWAY_KIND, Topics
from gateway.errors import StoreError
from gateway.records import Row, unix_ms
from gateway.store import Store
from protocol.generated.messages import Event

log = logging.getLogger(__name__)

BATCH = 16
"""Records a publish (DESIGN.md section 4)."""
MAX_BATCH_BYTES = 32_768
"""A publish of several records is about so big at most; brokers limit the size of a packet."""
_RECORD_BYTES = 400
"""Of a record in JSON beside its body."""
READ_ROUTINE = 4096
"""Rows read at once: enough for full batches of 256 slots; bounds the memory for a backlog."""
READ_URGENT = 256
OLD_AFTER_MS = 10_000
"""What waited longer than this in the store is old, whatever it waited for."""
MAX_CONFIRMED = 8192
"""Confirmed rows that may wait to be deleted in company; bounds the memory."""
GATHER_S = 0.1
"""How long a routine record waits for company; each look at the store costs two threads."""
_DELETE_RETRY_S = 1.0


class _Publish(NamedTuple):
    topic: str
    payload: bytes
    ids: tuple[int, ...]


class _Batch:
    """Records of one slot on their way into one publish."""

    def __init__(self) -> None:
        self._rows: list[tuple[Row, bool]] = []
        self._bytes = 0

    def has_room_for(self, row: Row) -> bool:
        return len(self._rows) < BATCH and self._bytes + _size(row) <= MAX_BATCH_BYTES

    def add(self, row: Row, *, old: bool) -> None:
        self._rows.append((row, old))
        self._bytes += _size(row)

    def publish(self, topic: str) -> _Publish:
        payload = contract.tele([(row.record, old) for row, old in self._rows])
        return _Publish(topic, payload, tuple(row.id for row, _ in self._rows))


def _size(row: Row) -> int:
    """About how many bytes of JSON; a body that nobody can read is told in hexadecimal."""
    return _RECORD_BYTES + 2 * len(row.record.body)


class Drain:
    """Empties the store through one connection after the other; never two at a time."""

    def __init__(self, store: Store, topics: Topics) -> None:
        self.records = 0
        """Records whose PUBACK came, in this run."""
        self.messages = 0
        """Publishes whose PUBACK came, in this run."""
        self.refused = 0
        """Publishes that the broker refused; their records stay for the next connection."""
        self.backlog_to = 0
        """Rows up to this id waited out an outage."""
        self._store = store
        self._topics = topics
        self._confirmed: set[int] = set()
        self._to_delete: list[int] = []
        self._deletable = asyncio.Event()
        self._in_flight: dict[asyncio.Future[None], _Publish] = {}
        self._settling = False
        self._all_deleted = asyncio.Event()
        self._all_deleted.set()

    async def run(self, connection: Connection) -> None:
        """Publishes what is stored, and what is going to be, until cancelled.

        Raises BrokerError when the broker leaves publishes unconfirmed.
        """
        self._in_flight = {}
        urgent_after = routine_after = 0
        store = self._store
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            store.new_urgent.set()  # there may be some of earlier
            while True:
                store.new_rows.clear()
                if store.new_urgent.is_set():
                    store.new_urgent.clear()
                    urgent_after = await self._urgent(connection, urgent_after)
                rows = await self._read(urgent=False, after_id=routine_after, limit=READ_ROUTINE)
                for publish in self._batches(rows):
                    if store.new_urgent.is_set():
                        store.new_urgent.clear()
                        urgent_after = await self._urgent(connection, urgent_after)
                    await self._send(connection, publish)
                if rows:
                    routine_after = rows[-1].id
                else:
                    await store.new_rows.wait()
                if len(rows) < READ_ROUTINE:
                    await self._gather(store.new_urgent)

    @staticmethod
    async def _gather(enough: asyncio.Event) -> None:
        """Wait for company, but no longer once there is `enough`."""
        # Not wait_for: in Python 3.11 that loses a cancellation that comes with the awaited event.
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_S):
                await enough.wait()

    async def settle(self, timeout_s: float) -> bool:
        """Waits until everything on its way is confirmed and deleted; False when it is not."""
        self._settling = True
        try:
            async with asyncio.timeout(timeout_s):
                if self._in_flight:
                    await asyncio.wait(tuple(self._in_flight))
                self._store.flush()
                await self._all_deleted.wait()
        except TimeoutError:
            return False
        return True

    async def delete_confirmed(self) -> None:
        """Deletes confirmed rows, for ever; runs beside all connections, until cancelled.

        A store that cannot delete now is asked again: what is confirmed is never sent twice.
        """
        async with asyncio.TaskGroup() as group:
            while True:
                await self._deletable.wait()
                self._deletable.clear()
                ids, self._to_delete = self._to_delete, []
                group.create_task(self._delete(ids))

    async def _delete(self, ids: list[int]) -> None:
        while True:
            deleting = asyncio.ensure_future(self._store.delete(ids))
            await asyncio.sleep(0)
            if self._settling:
                self._store.flush()
            try:
                await deleting
                break
            except StoreError as error:
                log.error("%d delivered records stay in the store: %s", len(ids), error)
                await asyncio.sleep(_DELETE_RETRY_S)
        self._confirmed.difference_update(ids)
        if not self._confirmed:
            self._all_deleted.set()

    async def _urgent(self, connection: Connection, after_id: int) -> int:
        """Publishes all urgent rows above `after_id`; returns the last id."""
        while rows := await self._read(urgent=True, after_id=after_id, limit=READ_URGENT):
            after_id = rows[-1].id
            for publish in self._batches(rows):
                await self._send(connection, publish)
        return after_id

    async def _read(self, *, urgent: bool, after_id: int, limit: int) -> list[Row]:
        while True:
            try:
                return await self._store.read(urgent=urgent, after_id=after_id, limit=limit)
            except StoreError as error:
                log.error("cannot read what is to be published: %s", error)
                await asyncio.sleep(_DELETE_RETRY_S)

    def _batches(self, rows: list[Row]) -> Iterator[_Publish]:
        """Rows as publishes: events singly, the others up to 16 of a slot; a slot keeps order."""
        now_ms = unix_ms()
        waiting: dict[str, _Batch] = {}
        for row in rows:
            if row.id in self._confirmed:
                continue
            old = row.id <= self.backlog_to or now_ms - row.received_ms > OLD_AFTER_MS
            if row.record.type == Event.ID or row.record.kind == GATEWAY_KIND:
                topic = self._topics.record(row.record, "event")
                yield _Publish(topic, contract.event(row.record, old=old), (row.id,))
                continue
            topic = self._topics.record(row.record, "tele")
            batch = waiting.get(topic)
            if batch is not None and not batch.has_room_for(row):
                yield waiting.pop(topic).publish(topic)
                batch = None
            if batch is None:
                batch = waiting[topic] = _Batch()
            batch.add(row, old=old)
        for topic, batch in waiting.items():
            yield batch.publish(topic)

    async def _send(self, connection: Connection, publish: _Publish) -> None:
        await connection.window.acquire()
        future = connection.send(publish.topic, publish.payload)
        self._in_flight[future] = publish

        def ended(future: asyncio.Future[None]) -> None:
            connection.window.release()
            self._in_flight.pop(future, None)
            if not future.cancelled():
                self._confirm(publish, future.exception())

        future.add_done_callback(ended)

    def _confirm(self, publish: _Publish, error: BaseException | None) -> None:
        if isinstance(error, PublishRefusedError):
            self.refused += 1
            log.error(
                "the broker refuses %s (%s); its %d records are kept for the next connection. "
                "Allow the topic in the broker's access list",
                publish.topic,
                error,
                len(publish.ids),
            )
            return
        self.messages += 1
        self.records += len(publish.ids)
        self._confirmed.update(publish.ids)
        self._to_delete.extend(publish.ids)
        if len(self._confirmed) >= MAX_CONFIRMED:
            self._store.flush()
        self._all_deleted.clear()
        self._deletable.set()

    async def _watch(self) -> None:
        """Ends the connection when the oldest publish is not confirmed in time."""
        oldest: asyncio.Future[None] | None = None
        while True:
            await asyncio.sleep(CONFIRM_TIMEOUT_S)
            if oldest in self._in_flight:
                raise BrokerError(f"no confirmation of a publish for {CONFIRM_TIMEOUT_S:.0f} s")
            oldest = next(iter(self._in_flight), None)
