"""Forecasts of all bins: fed with their statuses, kept over restarts, told in their state."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from gateway.bin_levels import HOUR_MS, Collector, Known, Level, Reading
from gateway.contract import timestamp
from gateway.errors import StoreError
from gateway.forecast import HISTORY_H, Forecast, forecast
from gateway.outbox import LevelRow
from gateway.records import Record, unix_ms
from gateway.store import Store
from protocol.errors import WireError
from protocol.generated import messages as wire

log = logging.getLogger(__name__)

UNUSABLE = wire.Quality.STALE | wire.Quality.INVALID | wire.Quality.CLOCK_UNTRUSTED
"""A level of such quality, or of a clock that was not set, tells nothing about a time."""
FULL_PERMILLE = 1000
EVERY_S = 30.0


def reading(record: Record) -> Reading | None:
    """What a status tells of a bin; None for other records."""
    if record.type != wire.BinStatus.ID:
        return None
    try:
        status = wire.decode_bin_status(record.body)
    except WireError:
        return None
    good = not record.quality & UNUSABLE and status.level_permille <= FULL_PERMILLE
    level = status.level_permille if good else None
    return Reading(record.time_ms, level, status.emptyings, status.cycles, record.unit)


class _Bin(NamedTuple):
    collector: Collector
    levels: list[Level]


class BinForecasts:
    """`full_permille` tells at which level the bin in a slot counts as full.

    A forecast takes some milliseconds: it is made when an hour is over or a bin was emptied, and
    for each bin once in `every_s`, so that a backlog of statuses does not hold up the buses.
    All methods are for the store's loop; `load` first, when the store is open.
    """

    def __init__(
        self, store: Store, full_permille: Callable[[str], int], every_s: float = EVERY_S
    ) -> None:
        self._store = store
        self._full_permille = full_permille
        self._bins: dict[str, _Bin] = {}
        self._forecasts: dict[str, Forecast | None] = {}
        self._every_s = every_s
        self._changed: set[str] = set()
        self._due_s: dict[str, float] = {}
        self._keeping: set[asyncio.Task[None]] = set()

    async def load(self) -> None:
        """Goes on where the last run of the gateway ended. A StoreError is logged, not raised."""
        try:
            rows = await self._store.query(lambda reader: reader.bin_levels())
        except StoreError as error:
            log.error("forecasts of bins begin anew: %s", error)
            return
        for slot, hour, permille, run, presses, emptyings, cycles, unit in rows:
            known = self._bins.get(slot)
            levels = [] if known is None else known.levels
            levels.append(Level(hour, permille, run, presses))
            known_then = Known(run, presses, emptyings, cycles, unit)
            self._bins[slot] = _Bin(Collector(known_then), levels)
        for slot in self._bins:
            self._compute(slot)

    def take(self, record: Record) -> None:
        """Learns from a status; other records are ignored."""
        told = reading(record)
        if told is None or record.quality & wire.Quality.CLOCK_UNTRUSTED:
            return
        if told.time_ms > unix_ms() + HOUR_MS:
            return  # a clock that far ahead would close the hours to come
        one = self._bins.setdefault(record.slot, _Bin(Collector(), []))
        collector = one.collector
        before = collector.known
        closed = collector.take(told)
        if closed is not None:
            one.levels.append(closed)
            while one.levels[0].hour <= closed.hour - HISTORY_H:
                del one.levels[0]
            hour, permille, run, presses = closed
            counted = (before.emptyings or 0, before.cycles)
            self._keep((record.slot, hour, permille, run, presses, *counted, before.life))
        if closed is not None or collector.known.run != before.run:
            self._changed.add(record.slot)
        now_s = asyncio.get_running_loop().time()
        if record.slot in self._changed and now_s >= self._due_s.get(record.slot, 0.0):
            self._due_s[record.slot] = now_s + self._every_s
            self._changed.discard(record.slot)
            self._compute(record.slot)

    def fields(self, slot: str) -> dict[str, Any]:
        """What the state of the bin in this slot tells of the future; null where nobody knows."""
        found = self._forecasts.get(slot)
        if found is None:
            return {"fill_rate_percent_per_day": None, "full_at": None}
        times = {"low": found.low, "likely": found.likely, "high": found.high}
        return {
            "fill_rate_percent_per_day": round(found.rate / 10, 1),
            "full_at": {
                name: None if hour is None else timestamp(round(hour * HOUR_MS))
                for name, hour in times.items()
            },
        }

    def _compute(self, slot: str) -> None:
        one = self._bins[slot]
        now = one.collector.now()
        levels = one.levels if now is None else [*one.levels, now]
        self._forecasts[slot] = forecast(levels, self._full_permille(slot))

    def _keep(self, row: LevelRow) -> None:
        task = asyncio.create_task(self._write(row))
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    async def _write(self, row: LevelRow) -> None:
        try:
            oldest = row[1] - HISTORY_H
            await self._store.write(lambda outbox: outbox.keep_level(row, oldest), hurry=False)
        except StoreError as error:
            log.warning("the level of %s is not kept for its forecast: %s", row[0], error)
