"""Forecasts live in the store and in the retained state; old stores get a place for them."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gateway import contract
from gateway.bin_forecasts import BinForecasts, reading
from gateway.bin_levels import HOUR_MS, Level
from gateway.contract import parse_timestamp
from gateway.database import migrations
from gateway.forecast import HISTORY_H
from gateway.outbox import LevelRow
from gateway.queries import read_ledger
from gateway.records import Record
from gateway.store import Store
from protocol.generated import messages as wire
from tests.gateway.bin_years import START_H
from tests.gateway.samples import BIN, LAMP, record

DATABASES = Path(__file__).parent / "databases"
OLD = sorted(DATABASES.glob("v*.db"))
UNKNOWN = {"fill_rate_percent_per_day": None, "full_at": None}


def status(
    hour: float, permille: int, *, quality: int = 0, emptyings: int = 0, unit: str = "00" * 8
) -> Record:
    body = wire.BinStatus(
        BIN.state, permille, 700, BIN.inputs, BIN.faults, 200, 12_400, 0, 0, emptyings
    )
    made = record(1, body, slot="B1", kind="bin", unit=unit, quality=quality)
    return made._replace(time_ms=round((START_H + hour) * HOUR_MS))


def forecasts(store: Store) -> BinForecasts:
    return BinForecasts(store, lambda _: 850, every_s=0.0)


async def kept(store: Store) -> list[LevelRow]:
    """What is in the store once everything that was asked for is."""
    await store.write(lambda _: None)
    return await store.query(lambda reader: reader.bin_levels())


async def fill(known: BinForecasts, first: int, last: int) -> None:
    """4 permille an hour, and taken out at 800."""
    for hour in range(first, last):
        known.take(status(hour, 4 * hour % 800))
    await asyncio.sleep(0)


async def test_a_forecast_survives_a_restart_of_the_gateway(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db") as store:
        known = forecasts(store)
        await fill(known, 0, 73)
        before = known.fields("B1")
        assert before["fill_rate_percent_per_day"] == pytest.approx(9.6)
    async with Store(tmp_path / "s.db") as store:
        known = forecasts(store)
        await known.load()
        assert known.fields("B1")["full_at"] is not None
        await fill(known, 73, 74)
        after = known.fields("B1")
    assert parse_timestamp(after["full_at"]["likely"]) == pytest.approx(
        parse_timestamp(before["full_at"]["likely"]), abs=HOUR_MS
    )


async def test_a_status_of_the_far_future_closes_no_hour_of_today(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db") as store:
        known = forecasts(store)
        await fill(known, 0, 73)
        known.take(status(20 * 365 * 24, 500))
        await fill(known, 73, 80)
        assert len(await kept(store)) == 79


async def test_an_emptying_while_the_gateway_was_down_is_one(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db") as store:
        await fill(forecasts(store), 0, 73)
    async with Store(tmp_path / "s.db") as store:
        known = forecasts(store)
        await known.load()
        for hour in (80, 81):
            known.take(status(hour, 300, emptyings=1))
        await asyncio.sleep(0)
        rows = await kept(store)
    assert [(row[1] - START_H, row[3]) for row in rows[-2:]] == [(71, 0), (80, 1)]


async def test_another_unit_in_the_slot_goes_on_with_its_history(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db") as store:
        known = forecasts(store)
        await fill(known, 0, 73)
        for hour in range(73, 76):
            known.take(status(hour, 0, unit="11" * 8))
        assert known.fields("B1")["fill_rate_percent_per_day"] > 5


async def test_a_backlog_of_statuses_is_not_forecast_hour_by_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def count(levels: Sequence[Level], _: int) -> None:
        made.append(len(levels))

    monkeypatch.setattr("gateway.bin_forecasts.forecast", count)
    async with Store(tmp_path / "s.db") as store:
        await fill(BinForecasts(store, lambda _: 850), 0, 100)
        assert len(made) == 1


async def test_old_hours_are_forgotten(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db") as store:
        known = forecasts(store)
        await fill(known, 0, 3)
        await fill(known, HISTORY_H + 1, HISTORY_H + 4)
        rows = await kept(store)
    assert [row[1] - START_H for row in rows] == [2, HISTORY_H + 1, HISTORY_H + 2]


@pytest.mark.parametrize("quality", [wire.Quality.STALE, wire.Quality.INVALID])
def test_a_level_that_is_not_good_is_no_level(quality: wire.Quality) -> None:
    told = reading(status(0, 400, quality=quality))
    assert told is not None
    assert told.permille is None


def test_a_level_that_is_not_there_is_no_level() -> None:
    told = reading(status(0, 0xFFFF))
    assert told is not None
    assert told.permille is None
    assert reading(record(1, LAMP)) is None


async def test_a_clock_that_was_not_set_tells_no_hour(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db") as store:
        known = forecasts(store)
        for hour in range(48):
            known.take(status(hour, 4 * hour, quality=wire.Quality.CLOCK_UNTRUSTED))
        assert known.fields("B1") == UNKNOWN
        known.take(status(10_000, 10, quality=wire.Quality.CLOCK_UNTRUSTED))
        await fill(known, 48, 120)
        assert known.fields("B1") != UNKNOWN


async def test_the_state_of_a_bin_tells_the_forecast(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db") as store:
        known = forecasts(store)
        found: list[dict[str, Any]] = []
        for last in (1, 73):
            await fill(known, last - 1, last) if last == 1 else await fill(known, 1, last)
            found.append(json.loads(contract.state(status(last, 0), added=known.fields("B1"))))
    for value in found:
        jsonschema.validate(value, contract.schema("state-bin"))
    assert found[0]["full_at"] is None
    assert found[1]["full_at"]["low"] < found[1]["full_at"]["likely"] < found[1]["full_at"]["high"]


@pytest.mark.parametrize("old", OLD, ids=lambda path: path.name)
async def test_an_old_database_keeps_everything_and_gets_room_for_levels(
    tmp_path: Path, old: Path
) -> None:
    path = tmp_path / "s.db"
    shutil.copy(old, path)
    before = read_ledger(path)
    async with Store(path) as store:
        ledger = await store.ledger()
        assert (ledger.counters, ledger.streams) == (before.counters, before.streams)
        assert ledger.findings == ()
        assert ledger.pending > 0
        await fill(forecasts(store), 0, 9)
        assert len(await kept(store)) == 8
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(migrations())
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()


def test_there_is_an_old_database_of_every_released_version() -> None:
    assert [path.name for path in OLD] == [f"v{n}.db" for n in range(1, len(migrations()))]
