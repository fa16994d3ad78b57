"""A gateway that is only its northbound contract: retained topics, and results as a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway import contract
from gateway.commands import Command, Outcome, Refusal, Status, parse, result
from gateway.contract import Avail, Topics
from gateway.verbs import signed
from hil.broker import HOST
from protocol.keyfile import SiteKey
from tests.tools.fake_post import FakePost, unit_in

LAMP: dict[str, Any] = {
    "state": "night_floor",
    "reason": "schedule",
    "level_percent": 20.0,
    "target_percent": 20.0,
}
BIN: dict[str, Any] = {"state": "idle", "level_percent": 43.5}
BOLLARD: dict[str, Any] = {"state": "down", "position_percent": 0, "raise_guard": "locked"}
STATES = {"lamp": LAMP, "bollard": BOLLARD, "bin": BIN}
STREET = {
    "lamp-1": "lamp",
    "lamp-2": "lamp",
    "lamp-10": "lamp",
    "post-1": "bollard",
    "bin-1": "bin",
}

Answer = Callable[[Command], Sequence[Outcome]]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def done(_: Command) -> Sequence[Outcome]:
    return [Outcome(Status.ACCEPTED), Outcome(Status.DONE)]


def nothing_in_the_way(_: Command) -> Outcome:
    return Outcome(Status.DONE)


@dataclass
class FakeGateway:
    """Connected between `async with`; `commands` are those that it took.

    With a `command_key`, its posts check signatures; `answer` is then what an accepted order does.
    `explain` answers dry runs.
    """

    port: int
    answer: Answer = done
    site: str = "park"
    name: str = "gw-1"
    slots: dict[str, str] = field(default_factory=lambda: dict(STREET))
    inventory: Sequence[dict[str, Any]] | None = None
    """What it says that it has; None: nothing, as an old one."""
    mute: Sequence[str] = ()
    """Slots that were never heard of."""
    commands: list[Command] = field(default_factory=list[Command])
    messages: list[aiomqtt.Message] = field(default_factory=list[aiomqtt.Message])
    explain: Callable[[Command], Outcome] = nothing_in_the_way
    command_key: SiteKey | None = None
    posts: dict[str, FakePost] = field(default_factory=dict[str, FakePost])
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a command was taken and answered."""

    @property
    def topics(self) -> Topics:
        return Topics(self.site, self.name)

    async def __aenter__(self) -> Self:
        if self.command_key is not None and not self.posts:
            posts = [slot for slot, kind in self.slots.items() if kind == "bollard"]
            self.posts = {slot: FakePost(unit_in(slot), self.command_key) for slot in posts}
        will = aiomqtt.Will(self.topics.agent("avail"), contract.avail(Avail.OFFLINE), 1, True)
        self._client = aiomqtt.Client(
            HOST, self.port, protocol=aiomqtt.ProtocolVersion.V5, will=will
        )
        await self._client.__aenter__()
        await self._client.subscribe(self.topics.commands, qos=1)
        await self.publish(self.topics.agent("avail"), contract.avail(Avail.ONLINE, now_ms()))
        if self.inventory is not None:
            told: dict[str, Any] = {"ts": contract.timestamp(now_ms()), "slots": self.inventory}
            await self.publish(self.topics.agent("slots"), json.dumps(told).encode())
        for slot, kind in self.slots.items():
            if slot in self.mute:
                continue
            await self.avail(slot, Avail.ONLINE)
            await (self.show(slot) if slot in self.posts else self.state(slot, **STATES[kind]))
        self._task = asyncio.create_task(self._serve())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while not self._task.done():
            # Python 3.11's wait_for, which a publish uses, may swallow a cancellation.
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=0.5)
        with contextlib.suppress(asyncio.CancelledError):
            self._task.result()
        await self.publish(self.topics.agent("avail"), contract.avail(Avail.OFFLINE, now_ms()))
        await self._client.__aexit__(None, None, None)

    async def publish(self, topic: str, payload: bytes, *, retain: bool = True) -> None:
        await self._client.publish(topic, payload, qos=1, retain=retain)

    async def avail(self, slot: str, status: Avail, cause: str | None = None) -> None:
        topic = self.topics.slot(self.slots[slot], slot, "avail")
        await self.publish(topic, contract.avail(status, now_ms(), cause))

    async def state(self, slot: str, *, age_s: float = 0.1, q: str = "good", **values: Any) -> None:
        stamp = contract.timestamp(now_ms() - int(age_s * 1000))
        fields = {"ts": stamp, "unit": "00" * 8, "boot": 1, "seq": 7, "q": q, **values}
        topic = self.topics.slot(self.slots[slot], slot, "state")
        await self.publish(topic, json.dumps(fields).encode())

    async def show(self, slot: str, **values: Any) -> None:
        """The state of a post, with its nonce."""
        post = self.posts[slot]
        since = contract.timestamp(now_ms() - post.age_ms)
        nonce: dict[str, Any] = {
            "unit": post.unit,
            "cmd_nonce": post.nonce.hex(),
            "cmd_nonce_since": since,
        }
        told = {**BOLLARD, **nonce, **values}
        await self.state(slot, **told)

    async def event(self, slot: str, **fields: Any) -> None:
        topic = self.topics.slot(self.slots[slot], slot, "event")
        await self.publish(topic, json.dumps(fields).encode(), retain=False)

    async def _serve(self) -> None:
        async for message in self._client.messages:
            self.messages.append(message)
            taken = parse(
                message.payload,
                self.topics.address(str(message.topic)),
                retained=message.retain,
                now_ms=now_ms(),
                known_slot=lambda address: self.slots.get(address.slot) == address.kind,
            )
            if isinstance(taken, Refusal):
                await self._reply(message, taken.id, taken.outcome)
                continue
            self.commands.append(taken)
            for outcome in self._outcomes(taken):
                await self._reply(message, taken.id, outcome)
            self.heard.set()
            if taken.address.slot in self.posts and not taken.dry_run:
                await self.show(taken.address.slot)

    def _outcomes(self, command: Command) -> Sequence[Outcome]:
        if command.dry_run:
            return [self.explain(command)]
        post = self.posts.get(command.address.slot)
        if post is None or not signed(command.address.kind, command.verb):
            return self.answer(command)
        refused = post.judge(command)
        return self.answer(command) if refused is None else [Outcome(Status.ACCEPTED), refused]

    async def _reply(self, message: aiomqtt.Message, number: str | None, outcome: Outcome) -> None:
        payload = result(number, outcome, now_ms())
        await self.publish(str(message.topic).removesuffix("cmd") + "res", payload, retain=False)
        asked: Any = message.properties
        properties = Properties(PacketTypes.PUBLISH)
        properties.CorrelationData = asked.CorrelationData
        await self._client.publish(asked.ResponseTopic, payload, qos=1, properties=properties)
