"""What a store cannot open or keep is refused in words that say what to do."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest

from gateway import database
from gateway.errors import (
    StoreDamagedError,
    StoreFullError,
    StoreInUseError,
    StoreReadOnlyError,
    StoreUnavailableError,
    StoreVersionError,
)
from gateway.outbox import PutResult
from gateway.store import Store
from tests.gateway.samples import record


async def test_a_second_gateway_on_the_same_store_is_refused(store: Store) -> None:
    with pytest.raises(StoreInUseError, match="another Stoep gateway runs on this store"):
        await Store(store.path).open()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailableError, match="closed"):
        await store.put([record(1)])


async def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="does not exist; create it"):
        await Store(tmp_path / "absent" / "s.db").open()


async def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreUnavailableError, match="something else than a store"):
        await Store(path).open()
    assert path.read_bytes() == b"not a database at all" * 100
    aside = database.set_aside(path)
    assert aside.read_bytes() == b"not a database at all" * 100
    async with Store(path) as store:
        assert await store.put([record(1)]) == PutResult(1, 0)


async def test_a_torn_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with Store(path) as store:
        await store.put([record(n) for n in range(1, 2001)])
    content = bytearray(path.read_bytes())
    for page in range(5, len(content) // 4096, 2):
        content[page * 4096 : page * 4096 + 4096] = os.urandom(4096)
    path.write_bytes(content)
    with pytest.raises(StoreDamagedError, match="Keep the file"):
        await Store(path).open()
    assert path.read_bytes() == content


async def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreVersionError, match="schema version 99"):
        await Store(path).open()


async def test_a_full_disk_refuses_and_recovers_by_itself(store: Store) -> None:
    await store.put([record(1)])
    connection = store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")
    many = [record(n) for n in range(2, 3000)]
    with pytest.raises(StoreFullError, match="free some space"):
        await store.put(many)
    assert isinstance(store.last_error, StoreFullError)
    assert (await store.ledger()).counters["received"] == 1
    connection.execute("PRAGMA max_page_count=1000000")
    assert await store.put(many) == PutResult(len(many), 0)
    assert store.last_error is None
    assert (await store.ledger()).findings == ()


async def test_a_store_that_became_read_only_refuses_and_recovers_by_itself(store: Store) -> None:
    store._connection.execute("PRAGMA query_only=1")
    with pytest.raises(StoreReadOnlyError, match="owner and mode"):
        await store.put([record(1)])
    store._connection.execute("PRAGMA query_only=0")
    assert await store.put([record(1)]) == PutResult(1, 0)


async def test_one_impossible_record_does_not_harm_its_neighbours(store: Store) -> None:
    good, bad = store.put([record(1)]), store.put([record(2)._replace(time_ms=2**70)])
    results = await asyncio.gather(good, bad, store.put([record(3)]), return_exceptions=True)
    assert results[0] == PutResult(1, 0)
    assert isinstance(results[1], OverflowError)
    assert results[2] == PutResult(1, 0)
    assert (await store.ledger()).findings == ()
