"""`stoep gateway status`: what gateways say of themselves, with its age, and what is wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from gateway.agent import Agent
from gateway.contract import Avail, Topics, avail, timestamp
from gateway.health import Pulse, observe
from gateway.records import unix_ms
from gateway.site import parse_site
from hil.broker import HOST, EmbeddedBroker
from protocol import keyfile
from tests.tools.conftest import Stoep
from tests.tools.test_gateway_ledger import SITE


@pytest.fixture
async def health(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "keys").mkdir()
    keyfile.save(keyfile.new_key("link", "park"), tmp_path / "keys" / "link.json")
    agent = Agent(parse_site(SITE, tmp_path / "site.toml"))
    async with agent.store:
        return {**await observe(agent, Pulse.now()), "problems": []}


@asynccontextmanager
async def publisher(broker: EmbeddedBroker) -> AsyncGenerator[aiomqtt.Client]:
    async with aiomqtt.Client(HOST, broker.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        yield client


async def retain(
    broker: EmbeddedBroker, gateway: str, status: Avail | None, health: dict[str, Any] | None
) -> None:
    topics = Topics("park", gateway)
    async with publisher(broker) as client:
        if status is not None:
            await client.publish(topics.agent("avail"), avail(status), qos=1, retain=True)
        if health is not None:
            await client.publish(topics.agent("health"), json.dumps(health), qos=1, retain=True)


async def test_a_gateway_that_is_well_is_shown(
    broker: EmbeddedBroker, stoep: Stoep, health: dict[str, Any]
) -> None:
    await retain(broker, "gw-1", Avail.ONLINE, health)
    ended = await stoep("gateway", "status")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("park/gw-1: online, version ")
    assert "slots: 0 online, 2 offline, 0 unprovisioned" in ended.out
    assert f"journal head: {'0' * 64}" in ended.out
    (one,) = (await stoep("gateway", "status", "--json")).json
    assert (one["gateway"], one["avail"], one["problems"]) == ("park/gw-1", "online", [])
    assert one["health"] == health


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"problems": ["bus path is away"]}, "park/gw-1: bus path is away"),
        ({"ts": timestamp(unix_ms() - 3_600_000)}, "it said so 1h"),
    ],
)
async def test_a_problem_or_silence_ends_with_4(
    broker: EmbeddedBroker, stoep: Stoep, health: dict[str, Any], change: dict[str, Any], says: str
) -> None:
    await retain(broker, "gw-1", Avail.ONLINE, {**health, **change})
    ended = await stoep("gateway", "status")
    assert ended.code == 4
    assert says in ended.err


async def test_a_gateway_that_is_gone_is_unreachable_and_one_of_two_is_a_problem(
    broker: EmbeddedBroker, stoep: Stoep, health: dict[str, Any]
) -> None:
    nobody = await stoep("gateway", "status", "--json")
    assert (nobody.code, nobody.json) == (6, [])
    await retain(broker, "gw-1", Avail.OFFLINE, health)
    gone = await stoep("gateway", "status")
    assert gone.code == 6
    assert "park/gw-1: offline" in gone.out
    await retain(broker, "gw-2", Avail.ONLINE, health)
    one_of_two = await stoep("gateway", "status")
    assert one_of_two.code == 4
    assert "park/gw-1: it is offline" in one_of_two.err
    chosen = await stoep("gateway", "status", "--gateway", "gw-2")
    assert chosen.code == 0, chosen.err


async def test_nonsense_on_the_health_topic_is_no_defect(
    broker: EmbeddedBroker, stoep: Stoep
) -> None:
    await retain(broker, "gw-1", Avail.ONLINE, {"ts": "yesterday"})
    ended = await stoep("gateway", "status")
    assert ended.code == 4
    assert "does not say how it is" in ended.err
