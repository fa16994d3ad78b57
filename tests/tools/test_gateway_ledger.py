"""`stoep gateway ledger`: every number has a fate, and what does not add up is said."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from gateway.records import GapNotice, Record
from gateway.store import Store
from tests.gateway.samples import UNIT, alarm, record
from tests.tools.conftest import run_stoep, stoep_now

OTHER = "00000000000000ff"
SITE = f"""
[site]
name = "park"
gateway = "gw-1"
latitude = 50.85
longitude = 4.35
[store]
path = "store.sqlite"
[[bus]]
name = "path"
port = "/dev/ttyUSB0"
[[slot]]
name = "L1"
kind = "lamp"
bus = "path"
address = 1
unit = "{UNIT}"
[[slot]]
name = "L2"
kind = "lamp"
bus = "path"
address = 2
unit = "{OTHER}"
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.toml"
    file.write_text(SITE)
    return file


def database(site: Path) -> Path:
    return site.parent / "store.sqlite"


def records(count: int, unit: str = UNIT) -> list[Record]:
    return [record(number, unit=unit) for number in range(1, count + 1)]


async def fill(store: Store) -> None:
    """L1: 3 delivered, 2 pending, 4 lost to an overflow, one alarm; L2: one record, twice."""
    await store.put(records(5))
    rows = await store.read(urgent=False, after_id=0, limit=3)
    await store.delete(row.id for row in rows)
    gap = GapNotice(UNIT, 1, 6, 9, "ring_overflow")
    await store.put([record(9)], [gap])
    await store.put([alarm(1)])
    await store.put(records(1, OTHER))
    await store.put(records(1, OTHER))


async def test_it_accounts_for_every_number_beside_a_running_gateway(site: Path) -> None:
    async with Store(database(site)) as store:
        await fill(store)
        ended = await run_stoep("gateway", "ledger", "--site", str(site))
        assert ended.code == 0, ended.err
        lines = [" ".join(line.split()) for line in ended.out.splitlines()]
        assert f"L1 {UNIT} 1 routine 3 2 4 0 0" in lines
        assert f"L1 {UNIT} 1 urgent 0 1 0 0 0" in lines
        assert "L1 boot 1 routine: 6 to 9 (4) lost, ring_overflow" in lines
        assert "received 9 = stored 8 + duplicates 1 + dropped 0" in lines
        assert "stored 8 = delivered 3 + pending 5" in lines
        assert lines[-1] == "the sums agree and no number is missing"
        await store.put(records(2, OTHER))
        again = await run_stoep("gateway", "ledger", "--site", str(site), "--json")
        assert again.json["counters"]["received"] == 11


async def test_of_what_a_restart_took_with_it_only_the_least_is_known(site: Path) -> None:
    async with Store(database(site)) as store:
        await store.put([record(1), record(5)], [GapNotice(UNIT, 1, 2, 5, "reboot")])
    ended = stoep_now("gateway", "ledger", "--site", str(site))
    assert "L1 boot 1 routine: 2 to 5 (4) or more lost, reboot" in ended.out
    ended = stoep_now("gateway", "ledger", "--site", str(site), "--json")
    [stream] = ended.json["streams"]
    [gap] = stream["gaps"]
    assert gap == {"first": 2, "last": 5, "cause": "reboot", "exact": False}


async def test_one_slot_can_be_asked_for(site: Path) -> None:
    async with Store(database(site)) as store:
        await fill(store)
    ended = stoep_now("gateway", "ledger", "--site", str(site), "--slot", "L2", "--json")
    assert ended.code == 0, ended.err
    [stream] = ended.json["streams"]
    assert (stream["slot"], stream["unit"], stream["pending"]) == ("L2", OTHER, 1)
    nobody = stoep_now("gateway", "ledger", "--site", str(site), "--slot", "L9")
    assert nobody.code == 2
    assert "there is no slot 'L9'" in nobody.err


@pytest.mark.parametrize(
    ("corruption", "says"),
    [
        ("UPDATE counter SET value = value + 1 WHERE name = 'received'", "received is 10, but"),
        ("UPDATE counter SET value = value - 1 WHERE name = 'stored'", "stored is 7, but"),
        ("DELETE FROM outbox WHERE sequence = 5", "stored is 8, but delivered + pending is 7"),
    ],
)
async def test_a_sum_that_was_tampered_with_is_found(
    site: Path, corruption: str, says: str
) -> None:
    async with Store(database(site)) as store:
        await fill(store)
    with sqlite3.connect(database(site)) as connection:
        connection.execute(corruption)
    connection.close()
    ended = stoep_now("gateway", "ledger", "--site", str(site), "--json")
    assert ended.code == 4
    assert not ended.json["ok"]
    assert any(says in problem for problem in ended.json["problems"])
    assert ended.err.startswith("stoep: the ledger does not add up: ")
    assert len(ended.err.splitlines()) == 1


async def test_a_number_without_a_fate_is_named(site: Path) -> None:
    async with Store(database(site)) as store:
        await store.put([record(1), record(4)])
    ended = stoep_now("gateway", "ledger", "--site", str(site))
    assert ended.code == 4
    assert "L1 boot 1 routine: 2 to 3 (2) missing" in ended.err
    assert "the sums agree" not in ended.out


async def test_an_empty_store_adds_up(site: Path) -> None:
    async with Store(database(site)):
        pass
    ended = stoep_now("gateway", "ledger", "--site", str(site))
    assert ended.code == 0
    assert "no record was ever received" in ended.out


@pytest.mark.parametrize("content", [None, b"no database at all" * 100, b""])
def test_a_store_that_cannot_be_read_is_said_in_one_line(site: Path, content: bytes | None) -> None:
    if content is not None:
        database(site).write_bytes(content)
    ended = stoep_now("gateway", "ledger", "--site", str(site))
    assert ended.code == 7
    assert ended.err.startswith("stoep: the store cannot be read: ")
    assert len(ended.err.splitlines()) == 1
