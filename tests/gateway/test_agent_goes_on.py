"""What happens to the disk or to the site file is told, and the buses are driven all the same."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.agent import Agent
from gateway.errors import StoreUnavailableError
from gateway.health import Pulse, observe
from gateway.journal import read_entries
from gateway.service import Service
from gateway.site import load_site
from tests.gateway.test_disk_faults import spoilt
from tests.gateway.test_service import rewrite


@asynccontextmanager
async def at_work(agent: Agent) -> AsyncGenerator[None]:
    """The agent, from the moment when it asks its slots until it has stopped in order."""
    ready = asyncio.Event()
    running = asyncio.create_task(agent.run(ready.set))
    began = asyncio.create_task(ready.wait())
    await asyncio.wait((running, began), return_when=asyncio.FIRST_COMPLETED)
    assert not running.done(), running.exception()
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_damaged_store_ends_no_gateway_and_is_named_until_the_next_start(
    site_file: Path,
) -> None:
    site = load_site(site_file)
    await spoilt(site.store_path)
    agent = Agent(site)
    async with at_work(agent):
        (problem,) = [
            one for one in (await observe(agent, Pulse.now()))["problems"] if "damaged" in one
        ]
    aside = agent.store.set_aside
    assert aside is not None
    assert aside.name in problem
    assert next(read_entries(site.store_path)).fields["set_aside"] == aside.name
    again = Agent(site)
    async with at_work(again):
        assert again.store.set_aside is None


async def test_a_file_that_is_no_store_is_not_touched_and_a_blanked_one_is_set_aside(
    site_file: Path,
) -> None:
    path = load_site(site_file).store_path
    path.write_bytes(b"somebody's letter" * 500)
    with pytest.raises(StoreUnavailableError, match="something else"):
        await Agent(load_site(site_file)).run()
    assert path.read_bytes() == b"somebody's letter" * 500
    path.write_bytes(bytes(8192))
    agent = Agent(load_site(site_file))
    async with at_work(agent):
        assert agent.store.set_aside is not None


async def test_a_clock_that_is_no_longer_trusted_is_not_told_as_trusted(site_file: Path) -> None:
    agent = Agent(load_site(site_file))
    async with at_work(agent):
        assert [bus.options.trust_clock for bus in agent.buses] == [True]
        rewrite(site_file, ('clock = "trusted"', 'clock = "ntp"'))
        await agent.reload(load_site(site_file))
        assert [bus.options.trust_clock for bus in agent.buses] == [False]


async def test_a_reload_on_a_full_disk_is_a_reload(
    site_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(load_site(site_file))
    agent = service.agent

    def full() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async with at_work(agent):
        rewrite(
            site_file, ("[store]", "[store]\nlimit_mb = 600"), ("address = 2\n", "address = 9\n")
        )
        with monkeypatch.context() as patch:
            patch.setattr(agent.store._outbox, "commit", full)
            await service.reload()
        assert agent.controllers["lamp-2"].address == 9
        assert (service.pulse.reloads, service.pulse.reload_error) == (1, None)


async def test_a_reload_while_it_starts_starts_no_bus_twice(
    site_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = Agent(load_site(site_file))
    recover = agent.desk.recover

    async def meanwhile() -> None:
        rewrite(site_file, ("no-port", "another-port"))
        await agent.reload(load_site(site_file))
        await recover()

    monkeypatch.setattr(agent.desk, "recover", meanwhile)
    async with at_work(agent):
        await asyncio.sleep(0)
        names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
        assert names.count("Bus.run") == len(agent.buses) == 1
