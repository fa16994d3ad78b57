"""Alarms of a gateway itself reach who watches, and are counted like all records."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from gateway.contract import Topics
from hil.broker import EmbeddedBroker
from tests.tools.conftest import Stoep
from tests.tools.fake_gateway import FakeGateway
from tools.demo.observer import Observer
from tools.ops import render
from tools.ops.address import parse_broker
from tools.ops.client import Scope

ALARM: dict[str, Any] = {
    "type": "gateway",
    "ts": "2026-11-23T17:05:00.250Z",
    "q": "good",
    "unit": "gw-1",
    "boot": 1,
    "seq": 0x2000_0001,
    "code": "babble",
    "severity": "alarm",
    "active": True,
    "bus": "north",
    "address": 7,
    "units": [],
    "text": "address 7 talks unasked",
}
TOPIC = Topics("park", "gw-1").agent("event")


def test_an_alarm_of_a_gateway_is_one_line() -> None:
    line = render.event_line("gateway", "gw-1", ALARM)
    assert line == "gw-1 bus north: address 7 talks unasked (alarm)"
    over = render.event_line("gateway", "gw-1", ALARM | {"active": False})
    assert over == "gw-1 bus north: address 7 talks unasked (over) (alarm)"


def test_who_listens_to_events_listens_to_the_gateways_own() -> None:
    assert "stoep/v1/park/+/gateway/event" in Scope("park", None).filters("state", "event")
    assert "stoep/v1/park/+/gateway/event" not in Scope("park", None).filters("state")


def test_the_demo_counts_an_alarm_of_the_gateway_once() -> None:
    observer = Observer(parse_broker("mqtt://127.0.0.1:1"), Scope("park", "gw-1"))
    for _ in range(2):
        observer.take(TOPIC, json.dumps(ALARM).encode())
    assert (observer.records, observer.duplicates, observer.lost) == (1, 1, 0)
    assert "address 7 talks unasked" in observer.lines[0]


async def test_watch_shows_an_alarm_of_the_gateway(stoep: Stoep, broker: EmbeddedBroker) -> None:
    async with FakeGateway(broker.port) as gateway:
        watching = asyncio.create_task(stoep("watch", "--for", "3s", "--json"))
        while not watching.done():  # whoever listens hears it once at least
            await gateway.publish(TOPIC, json.dumps(ALARM).encode(), retain=False)
            await asyncio.sleep(0.2)
        ended = await watching
    assert ended.code == 0, ended.err
    told = [json.loads(line) for line in ended.out.splitlines()]
    events = [one for one in told if one["what"] == "event"]
    assert {(one["kind"], one["slot"], one["event"]["code"]) for one in events} == {
        ("gateway", "gw-1", "babble")
    }
