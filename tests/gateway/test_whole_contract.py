"""The whole northbound contract, by the real agent, over the embedded broker and a real mosquitto.

mosquitto is a system package and no dependency: where it is not installed these tests skip it and
say so, in continuous integration too (apt-get install mosquitto).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import jsonschema
import pytest

from gateway import contract
from gateway.agent import Agent
from gateway.contract import Topics
from gateway.records import Record
from gateway.service import Service
from gateway.site import load_site
from protocol import keyfile
from tests.gateway.brokers import BrokerUnderTest, Client, until
from tests.gateway.samples import BIN, BOLLARD, LAMP, alarm, command, record

SITE = """
[site]
name = "park"
gateway = "gw"
latitude = 50.85
longitude = 4.35
[broker]
url = "{url}"
[store]
linger_s = 0.0
[[bus]]
name = "path"
port = "{folder}/no-port"
"""
SLOT = """
[[slot]]
name = "{name}"
kind = "{kind}"
bus = "path"
address = {address}
unit = "{address:016x}"
"""
BODIES = {"lamp": LAMP, "bollard": BOLLARD, "bin": BIN}
TOPICS = Topics("park", "gw")
RETAINED = {"state", "avail", "health", "slots"}
SLOT_LEAVES = {"state", "tele", "event", "avail"}
EVERYTHING = {(kind, leaf) for kind in BODIES for leaf in SLOT_LEAVES} | {
    ("lamp", "res"),
    ("gateway", "avail"),
    ("gateway", "health"),
    ("gateway", "slots"),
    ("gateway", "event"),
}


def slot_of(kind: str) -> str:
    return f"{kind}-1"


def said(kind: str) -> list[Record]:
    """What the controller of this kind says: a status and an alarm."""
    unit = f"{list(BODIES).index(kind) + 1:016x}"
    here: dict[str, Any] = {"slot": slot_of(kind), "kind": kind, "unit": unit}
    return [record(1, BODIES[kind], **here), alarm(1, **here)]


@asynccontextmanager
async def gateway(folder: Path, url: str) -> AsyncGenerator[Agent]:
    """A service whose port is away, so that its buses have an alarm to tell."""
    (folder / "keys").mkdir(exist_ok=True)
    keyfile.save(keyfile.new_key("link", "park"), folder / "keys" / "link.json", replace_file=True)
    text = SITE.format(url=url, folder=folder)
    for address, kind in enumerate(BODIES, 1):
        text += SLOT.format(name=slot_of(kind), kind=kind, address=address)
    (folder / "site.toml").write_text(text)
    service = Service(load_site(folder / "site.toml"))
    running = asyncio.create_task(service.run())
    try:
        await until(lambda: service.agent.uplink.health.connected)
        yield service.agent
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def place(message: aiomqtt.Message) -> tuple[str, str]:
    """(kind, leaf) of a topic of this gateway."""
    words = str(message.topic).split("/")
    assert "/".join(words[:4]) == TOPICS.base
    return words[4], words[-1]


def schema_of(kind: str, leaf: str) -> str:
    if leaf == "state":
        return f"state-{kind}"
    return "gateway-event" if (kind, leaf) == ("gateway", "event") else leaf


def judge(message: aiomqtt.Message) -> Any:
    """The payload, which fits the schema of its topic; it came with QoS 1."""
    kind, leaf = place(message)
    value = json.loads(bytes(message.payload))  # type: ignore[arg-type]  # bytes in MQTT 5
    jsonschema.validate(value, contract.schema(schema_of(kind, leaf)))
    assert message.qos == 1, message.topic
    return value


async def everything_said(agent: Agent, client: Client) -> None:
    """All three kinds speak, and a lamp gets a command."""
    for kind in BODIES:
        await agent.put(said(kind))
    asked = command(id="c-1")
    jsonschema.validate(json.loads(asked), contract.schema("cmd"))
    await client.ask(TOPICS.slot("lamp", "lamp-1", "cmd"), asked, "park/answers", b"\x07")
    await until(
        lambda: (
            {place(m) for m in client.messages if "stoep" in str(m.topic)} - {("lamp", "cmd")}
            >= EVERYTHING
        )
    )
    await until(lambda: len(finals(client)) == 2)


def finals(client: Client) -> list[tuple[str, Any]]:
    """(topic, result) of what ended the command, on either topic."""
    answers = [m for m in client.messages if str(m.topic).endswith(("/res", "/answers"))]
    told = [(str(m.topic), json.loads(bytes(m.payload))) for m in answers]  # type: ignore[arg-type]  # bytes in MQTT 5
    return [(topic, one) for topic, one in told if one["status"] not in ("ACCEPTED", "IN_PROGRESS")]


async def retained(broker: BrokerUnderTest) -> list[aiomqtt.Message]:
    """What a client is sent that subscribes now."""
    async with Client(broker.port, f"{TOPICS.base}/#") as late:
        await until(
            lambda: (
                sum(m.retain for m in late.messages) >= 2 * len(BODIES) + 3
                or {place(m) for m in late.messages} >= {p for p in EVERYTHING if p[1] in RETAINED}
            )
        )
        return [message for message in late.messages if message.retain]


async def test_every_leaf_is_published_as_its_schema_says(
    tmp_path: Path, broker: BrokerUnderTest
) -> None:
    async with Client(broker.port, "#") as client, gateway(tmp_path, broker.url) as agent:
        await everything_said(agent, client)
        told = [m for m in client.messages if "stoep" in str(m.topic) and place(m)[1] != "cmd"]
    assert {place(message) for message in told} == EVERYTHING
    for message in told:
        judge(message)
    (lamp,) = (judge(m)["records"] for m in told if place(m) == ("lamp", "tele"))
    assert [(one["seq"], one["q"]) for one in lamp] == [(1, "good")]
    away = [judge(m) for m in told if place(m) == ("gateway", "event")]
    assert [(one["code"], one["active"]) for one in away] == [("bus_away", True)]
    bins = [judge(m) for m in told if place(m) == ("bin", "state")]
    assert {"fill_rate_percent_per_day", "full_at"} <= set(bins[-1])


async def test_every_slot_of_the_site_file_is_told_with_its_lane_and_its_sleep(
    tmp_path: Path, broker: BrokerUnderTest
) -> None:
    async with Client(broker.port) as client, gateway(tmp_path, broker.url) as agent:

        def told() -> list[Any]:
            return [judge(m)["slots"] for m in client.messages if place(m) == ("gateway", "slots")]

        await until(lambda: bool(told()))
        assert [one["kind"] for one in told()[-1]] == list(BODIES)
        text = (tmp_path / "site.toml").read_text() + "[slot.parameters]\nsleep_s = 900\n"
        lane = 'name = "bollard-1"\ngroup = "gate"'
        text = text.replace('name = "bollard-1"', lane)
        text += SLOT.format(name="bollard-2", kind="bollard", address=4) + 'group = "gate"\n'
        (tmp_path / "site.toml").write_text(text)
        await agent.reload(load_site(tmp_path / "site.toml"))
        await until(lambda: len(told()[-1]) == 4)
        by_slot = {one.pop("slot"): one for one in told()[-1]}
    assert by_slot == {
        "lamp-1": {"kind": "lamp"},
        "bollard-1": {"kind": "bollard", "group": "gate"},
        "bin-1": {"kind": "bin", "sleep_s": 900},
        "bollard-2": {"kind": "bollard", "group": "gate"},
    }


async def test_a_command_has_one_final_result_on_both_topics(
    tmp_path: Path, broker: BrokerUnderTest
) -> None:
    async with Client(broker.port, "#") as client, gateway(tmp_path, broker.url) as agent:
        await everything_said(agent, client)
        await agent.store.write(lambda _: None)
    (one_topic, one), (other_topic, other) = finals(client)
    assert {one_topic, other_topic} == {TOPICS.slot("lamp", "lamp-1", "res"), "park/answers"}
    assert one == other
    assert (one["id"], one["status"], one["guard"]) == ("c-1", "FAILED", "unreachable")
    answers = [m for m in client.messages if str(m.topic) == "park/answers"]
    assert {getattr(m.properties, "CorrelationData", None) for m in answers} == {b"\x07"}


async def test_only_what_holds_until_changed_is_retained(
    tmp_path: Path, broker: BrokerUnderTest
) -> None:
    async with Client(broker.port, "#") as client, gateway(tmp_path, broker.url) as agent:
        await everything_said(agent, client)
        found = await retained(broker)
        for message in found:
            judge(message)
        assert {place(m) for m in found} == {p for p in EVERYTHING if p[1] in RETAINED}
        # A broker that lost everything is told all of it again.
        await broker.kill()
        await until(lambda: not agent.uplink.health.connected)
        await broker.start()
        await until(lambda: agent.uplink.health.connected)

        async def all_again() -> bool:
            # What comes while we look is not marked as retained, so it may take another look.
            again = await retained(broker)
            return {str(m.topic) for m in again} == {str(m.topic) for m in found}

        await until(all_again)


@pytest.mark.parametrize(
    ("changes", "status", "guard"),
    [
        ({"id": None}, "REJECTED", "no_id"),
        ({"not_after": None}, "REJECTED", "bad_argument"),
        ({"not_after": "2020-01-01T00:00:00.000Z"}, "EXPIRED", "late"),
        ({"verb": "fly"}, "REJECTED", "unknown_verb"),
        ({"args": {"level": 101, "duration_s": 30}}, "REJECTED", "bad_argument"),
    ],
)
async def test_what_is_refused_is_answered_with_its_guard(
    tmp_path: Path, broker: BrokerUnderTest, changes: dict[str, Any], status: str, guard: str
) -> None:
    async with Client(broker.port, "#") as client, gateway(tmp_path, broker.url):
        await client.publish(TOPICS.slot("lamp", "lamp-1", "cmd"), command(**changes))
        await until(lambda: bool(client.on("res")))
        (answer,) = map(judge, client.on("res"))
    assert (answer["status"], answer["guard"]) == (status, guard)


async def test_an_end_in_order_says_offline_and_stays_said(
    tmp_path: Path, broker: BrokerUnderTest
) -> None:
    async with Client(broker.port) as client:
        async with gateway(tmp_path, broker.url) as agent:
            await agent.put(said("lamp"))
            await until(lambda: bool(client.on("tele")))

        def told() -> list[str]:
            mine = (m for m in client.messages if place(m) == ("gateway", "avail"))
            return [judge(m)["status"] for m in mine]

        await until(lambda: told() == ["online", "offline"])
    async with Client(broker.port, TOPICS.agent("avail")) as late:
        await until(lambda: bool(late.messages))
        assert judge(late.messages[0])["cause"] == "stopped"
