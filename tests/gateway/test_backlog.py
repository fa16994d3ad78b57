"""A week without a broker: every record arrives, in order, in the memory of a quiet day."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import aiomqtt
import msgspec
import pytest

from gateway.contract import parse_timestamp
from gateway.records import unix_ms
from hil.broker import HOST, EmbeddedBroker
from tests.gateway.backlog_agent import CONTROLLERS, WARM_TICKS
from tests.gateway.brokers import until

ROOT = Path(__file__).parents[2]
WEEK_TICKS = 7 * 24 * 3600 // 10
"""Records of one controller at 0.1 Hz."""
TWENTIETH_TICKS = WEEK_TICKS // 20
ALARM_LIMIT_S = 5.0
MEMORY_LIMIT_KB = 24 * 1024
"""What the agent may grow by, however big the backlog is."""


class _Told(msgspec.Struct):
    unit: str
    seq: int
    q: str
    ts: str = ""


class _Tele(msgspec.Struct):
    records: list[_Told]


class Listener:
    """Counts records by controller, and how late alarms come."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.last: dict[str, int] = {}
        self.again = 0
        self.out_of_order: list[_Told] = []
        self.not_old = 0
        self.late_ms: list[int] = []
        self.ready = 0
        self._decode = msgspec.json.Decoder(_Tele).decode

    async def records(self) -> None:
        async for message in self._messages("stoep/v1/+/+/lamp/+/tele"):
            for one in self._decode(bytes(message.payload)).records:
                last = self.last.get(one.unit, 0)
                if one.seq == last + 1:
                    self.last[one.unit] = one.seq
                elif one.seq <= last:
                    self.again += 1
                else:
                    self.out_of_order.append(one)
                self.not_old += one.q != "old"

    async def alarms(self) -> None:
        async for message in self._messages("stoep/v1/+/+/lamp/+/event"):
            told = msgspec.json.decode(bytes(message.payload), type=_Told)
            self.late_ms.append(unix_ms() - parse_timestamp(told.ts))

    async def _messages(self, topic: str) -> AsyncGenerator[aiomqtt.Message]:
        async with aiomqtt.Client(
            HOST, self._port, protocol=aiomqtt.ProtocolVersion.V5, clean_start=True
        ) as client:
            await client.subscribe(topic, qos=1)
            self.ready += 1
            async for message in client.messages:
                yield message


async def outage(folder: Path, ticks: int) -> None:
    """Fills an agent with so many records of each controller, brings the broker, and judges."""
    broker = EmbeddedBroker()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.gateway.backlog_agent",
        *map(str, (folder / "store.db", broker.port, ticks)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert await process.stdout.readline() == b"filled\n"
    async with broker:
        listener = Listener(broker.port)
        listening = [asyncio.create_task(one) for one in (listener.records(), listener.alarms())]
        await until(lambda: listener.ready == 2)
        process.stdin.write(b"go\n")
        figures = json.loads(await process.stdout.read())
        assert await process.wait() == 0
        await until(lambda: sum(listener.last.values()) == CONTROLLERS * ticks)
        await until(lambda: len(listener.late_ms) >= figures["alarms"])
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
    print(figures, "latest alarm", max(listener.late_ms, default=None), "ms")
    assert figures["backlog"] == CONTROLLERS * ticks
    assert figures["delivered"] == figures["backlog"] + figures["alarms"]
    assert figures["lost"] == 0
    assert listener.out_of_order == []
    assert listener.not_old == 0
    assert set(listener.last.values()) == {ticks}
    assert max(listener.late_ms) <= ALARM_LIMIT_S * 1000
    for moment in ("filled_kb", "draining_kb"):
        assert figures[moment] - figures["warm_kb"] <= MEMORY_LIMIT_KB


@pytest.mark.timeout(180)
async def test_eight_hours_without_a_broker_lose_nothing(tmp_path: Path) -> None:
    assert TWENTIETH_TICKS > WARM_TICKS
    await outage(tmp_path, TWENTIETH_TICKS)


@pytest.mark.soak
async def test_a_week_without_a_broker_loses_nothing(tmp_path: Path) -> None:
    await outage(tmp_path, WEEK_TICKS)
