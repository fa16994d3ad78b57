"""Records that the gateway makes itself: what a restart took with it, and alarms of its buses.

They are stored like those of controllers, so they reach the broker however long it is away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.contract import GATEWAY_KIND
from gateway.errors import StoreError
from gateway.ledger import EndedBoot
from gateway.outbox import Outbox
from gateway.records import (
    GATEWAY_RECORD,
    GapNotice,
    Priority,
    Record,
    first_sequence,
    is_urgent,
    unix_ms,
)
from gateway.store import Store
from protocol.generated import messages as wire

log = logging.getLogger(__name__)

RETRY_S = 5.0
"""How soon a store that refused is asked again."""

_encode = msgspec.json.Encoder().encode


def close_boot(outbox: Outbox, ended: EndedBoot, quality: int) -> list[Record]:
    """Stores a gap record, cause reboot, for what will never come; returns these records.

    The count is a lower bound: what the controller made after its last answer nobody knows. As in
    every gap record its own number is the last lost one.
    """
    made: list[Record] = []
    for first, end in (
        (first_sequence(urgent=False), ended.routine_end),
        (first_sequence(urgent=True), ended.urgent_end),
    ):
        for part in outbox.unaccounted(ended.unit, ended.boot, first, end - 1):
            gap = wire.Gap(part.first, part.size, wire.GapCause.REBOOT)
            made.append(
                Record(
                    *ended[:4],
                    sequence=part.last,
                    type=wire.Gap.ID,
                    quality=quality,
                    time_ms=unix_ms(),
                    body=wire.encode_gap(gap),
                    priority=Priority.ALARM if is_urgent(part.last) else Priority.ROUTINE,
                )
            )
    cause = wire.GapCause.REBOOT.name.lower()
    gaps = [
        GapNotice(r.unit, r.boot, gap.first, r.sequence, cause)
        for r in made
        for gap in [wire.decode_gap(r.body)]
    ]
    outbox.put(made, gaps)
    return made


def tell(
    outbox: Outbox, name: str, boot: int, events: list[Mapping[str, Any]], quality: int
) -> list[Record]:
    """Stores events of the gateway `name`, numbered on from what this boot of it stored."""
    first = first_sequence(urgent=True)
    if events:
        first = outbox.unaccounted(name, boot, first, 2**62)[0].first
    made = [
        Record(
            slot=name,
            kind=GATEWAY_KIND,
            unit=name,
            boot=boot,
            sequence=first + index,
            type=GATEWAY_RECORD,
            quality=quality,
            time_ms=unix_ms(),
            body=_encode(event),
            priority=Priority.ALARM,
        )
        for index, event in enumerate(events)
    ]
    outbox.put(made, ())
    return made


class OwnRecords:
    """What one gateway has to say itself. `quality` tells of the wall clock whenever asked.

    `name` is the gateway's. Needs an open store; `close` before the store does.
    """

    def __init__(self, store: Store, name: str, quality: Callable[[], int]) -> None:
        self._store = store
        self._name = name
        self._quality = quality
        self._boot: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def restarted(self, ended: EndedBoot) -> None:
        """A unit proved a new boot: accounts for the one before, after what is being stored."""
        task = asyncio.create_task(self._close_boot(ended))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close_boot(self, ended: EndedBoot) -> None:
        while True:
            try:
                lost = await self._store.write(lambda o: close_boot(o, ended, self._quality()))
                break
            except StoreError as error:
                log.error("%s restarted; not noted: %s", ended.slot, error)
                await asyncio.sleep(RETRY_S)
        if lost:
            self._stored()
            count = sum(wire.decode_gap(record.body).count for record in lost)
            log.warning("%s restarted and took %d records or more with it", ended.slot, count)

    async def tell(self, events: list[Mapping[str, Any]]) -> None:
        """Stores events, urgent ones; returns when they are durable. Raises a StoreError."""

        def work(outbox: Outbox) -> list[Record]:
            if self._boot is None:
                self._boot = outbox.newest_boot(self._name) + 1
            return tell(outbox, self._name, self._boot, events, self._quality())

        await self._store.write(work)
        self._stored()

    def _stored(self) -> None:
        self._store.new_rows.set()
        self._store.new_urgent.set()

    async def close(self) -> None:
        """Waits for what the store still takes; what it refuses is given up."""
        for task in (tasks := tuple(self._tasks)):
            if self._store.last_error is not None:
                task.cancel()
        self._store.flush()
        await asyncio.gather(*tasks, return_exceptions=True)
