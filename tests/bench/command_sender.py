"""Sends commands to lamps, one after the other, and times each to its final result.

    python -m tests.bench.command_sender PORT LAMPS COMMANDS SEED

It begins when every lamp is on-line, with a line of JSON, and ends with the times in ms.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import sys
import time
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.contract import Topics, timestamp
from gateway.records import unix_ms
from hil.broker import HOST

TOPICS = Topics("bench", "gw")
ANSWERS = "bench/answers"
INTERIM = ("ACCEPTED", "IN_PROGRESS")
ONLINE_LIMIT_S = 60.0
RESULT_LIMIT_S = 5.0
PAUSE_S = (0.01, 0.08)
"""Between two commands, at random: they fall anywhere into the poll cycle."""


class Sender:
    """One operator."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self._online: set[str] = set()
        self._finals: dict[bytes, asyncio.Future[str]] = {}

    async def listen(self) -> None:
        await self._client.subscribe(f"{TOPICS.base}/lamp/+/avail", qos=1)
        await self._client.subscribe(ANSWERS, qos=1)
        async for message in self._client.messages:
            value = json.loads(bytes(message.payload))  # type: ignore[arg-type]  # bytes in MQTT 5
            topic = str(message.topic)
            if topic != ANSWERS:
                if value["status"] == "online":
                    self._online.add(topic)
            elif value["status"] not in INTERIM:
                properties: Any = message.properties
                self._finals.pop(properties.CorrelationData).set_result(value["status"])

    async def online(self, lamps: int) -> None:
        async with asyncio.timeout(ONLINE_LIMIT_S):
            while len(self._online) < lamps:  # noqa: ASYNC110  # no event tells
                await asyncio.sleep(0.05)

    async def send(self, lamp: int, number: int) -> float:
        """Milliseconds from the publish to the final result."""
        correlation = number.to_bytes(4, "big")
        final = self._finals[correlation] = asyncio.get_running_loop().create_future()
        properties: Any = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic, properties.CorrelationData = ANSWERS, correlation
        now_ms = unix_ms()
        payload = json.dumps(
            {
                "id": f"bench-{now_ms}-{number}",
                "verb": "set",
                "args": {"level": 60 + number % 40, "duration_s": 60},
                "issued": timestamp(now_ms),
                "not_after": timestamp(now_ms + 4000),
                "actor": "bench",
                "reason": "latency",
            }
        ).encode()
        topic = TOPICS.slot("lamp", f"lamp-{lamp}", "cmd")
        began_s = time.perf_counter()
        async with asyncio.timeout(RESULT_LIMIT_S):
            await self._client.publish(topic, payload, qos=1, properties=properties)
            status = await final
        took_ms = (time.perf_counter() - began_s) * 1000
        if status != "DONE":
            raise RuntimeError(f"lamp-{lamp} answered {status}")
        return took_ms


async def main() -> None:
    port, lamps, commands, seed = map(int, sys.argv[1:])
    chance = random.Random(seed)
    async with aiomqtt.Client(
        HOST,
        port,
        protocol=aiomqtt.ProtocolVersion.V5,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    ) as client:
        sender = Sender(client)
        listening = asyncio.create_task(sender.listen())
        await sender.online(lamps)
        print(json.dumps({"begin": True}), flush=True)
        times_ms: list[float] = []
        for number in range(commands):
            times_ms.append(await sender.send(chance.randint(1, lamps), number))
            await asyncio.sleep(chance.uniform(*PAUSE_S))
        print(json.dumps({"times_ms": times_ms}), flush=True)
        listening.cancel()


if __name__ == "__main__":
    asyncio.run(main())
