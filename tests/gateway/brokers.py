"""Real brokers for tests: the embedded one, and mosquitto where it is installed."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, Self

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from hil.broker import HOST, EmbeddedBroker

DEADLINE_S = 30.0


class BrokerUnderTest(Protocol):
    port: int

    @property
    def url(self) -> str: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def kill(self) -> None: ...


class Mosquitto:
    """mosquitto on a port of the loopback, the same after a kill and a new start."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = int(probe.getsockname()[1])
        self._folder = tempfile.TemporaryDirectory(prefix="stoep-mosquitto-")
        self._process: asyncio.subprocess.Process | None = None
        self.scheme = "mqtt"
        self.anonymous = True
        self.extra = ""
        """More lines for its configuration."""

    @staticmethod
    def installed() -> str | None:
        """Its path, if it is there."""
        return shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")

    @classmethod
    def program(cls) -> str:
        """Its path. Skips the test where there is none, in CI too: no package index has it."""
        found = cls.installed()
        return found or pytest.skip("mosquitto is not installed (apt-get install mosquitto)")

    @property
    def url(self) -> str:
        return f"{self.scheme}://{HOST}:{self.port}"

    async def start(self) -> None:
        config = Path(self._folder.name) / "mosquitto.conf"
        config.write_text(
            # As root it would become a user who may not read the test's files.
            f"user root\nlistener {self.port} {HOST}\nset_tcp_nodelay true\nlog_type none\n"
            f"allow_anonymous {str(self.anonymous).lower()}\n{self.extra}"
        )
        self._process = await asyncio.create_subprocess_exec(self.program(), "-c", str(config))
        await until(self._accepts)

    async def _accepts(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, "mosquitto does not take its configuration"
        try:
            _, writer = await asyncio.open_connection(HOST, self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def stop(self) -> None:
        await self._end(lambda process: process.terminate())
        self._folder.cleanup()

    async def kill(self) -> None:
        await self._end(lambda process: process.kill())

    async def _end(self, how: Callable[[asyncio.subprocess.Process], None]) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            how(process)
            await process.wait()


def make(name: str) -> BrokerUnderTest:
    return Mosquitto() if name == "mosquitto" else EmbeddedBroker()


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Waits for the condition, up to a generous deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            met = condition()
            if not isinstance(met, bool):
                met = await met
            if met:
                return
            await asyncio.sleep(0.02)


class Client:
    """An outside MQTT client that keeps everything it hears; used with `async with`."""

    def __init__(self, port: int, topic: str = "stoep/#") -> None:
        self.messages: list[aiomqtt.Message] = []
        self._topic = topic
        self._client = aiomqtt.Client(
            HOST, port, protocol=aiomqtt.ProtocolVersion.V5, clean_start=True
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        await self._client.subscribe(self._topic, qos=1)
        self._task = asyncio.create_task(self._listen())
        return self

    async def _listen(self) -> None:
        async for message in self._client.messages:
            self.messages.append(message)

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self._client.__aexit__(None, None, None)
        except aiomqtt.MqttError:
            return

    def on(self, leaf: str) -> list[aiomqtt.Message]:
        return [m for m in self.messages if str(m.topic).endswith("/" + leaf)]

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        await self._client.publish(topic, payload, qos=1, retain=retain)

    async def ask(self, topic: str, payload: bytes, response: str, correlation: bytes) -> None:
        properties: Any = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = response
        properties.CorrelationData = correlation
        await self._client.publish(topic, payload, qos=1, properties=properties)
