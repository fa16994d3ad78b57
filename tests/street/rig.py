"""The whole house for a test: broker, emulated street, agent, and an operator who listens."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import tomllib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.agent import Agent
from gateway.contract import timestamp
from gateway.records import unix_ms
from gateway.site import parse_site
from hil.broker import HOST, EmbeddedBroker
from hil.plan import plan_from_dict
from hil.street import Street
from tests.street.contract_check import ContractCheck

PATIENCE_S = 40.0
"""Longer than it takes until a search for new units that missed one is made again."""
STALL_S = 0.1
"""A street that stood still for longer may itself be why its posts gave up."""
INTERIM = ("ACCEPTED", "IN_PROGRESS")

SITE = """
[site]
name = "test"
gateway = "gw"
latitude = 50.85
longitude = 4.35
link_key = "street/keys/link.json"
[broker]
url = "{broker}"
[store]
path = "stoep.sqlite"
"""

BUS = """
[[bus]]
name = "{name}"
port = "{port}"
"""

SLOT = """
[[slot]]
name = "{name}"
kind = "{kind}"
bus = "{bus}"
address = {address}
unit = "5740ea00000000{address:02x}"
position = [{x}, 0]
neighbours = {neighbours}
"""

STRANGER = """
[[slot]]
name = "{name}"
kind = "lamp"
bus = "bus"
address = {address}
unit = "{unit}"
"""


def site_text(
    lamps: int = 2, bollards: int = 1, bins: int = 1, *, broker: str, ports: Mapping[str, str]
) -> str:
    """A site file: lamps 20 m apart in a row, then posts, then bins, addresses from 1.

    The slots take the buses of `ports` in turn.
    """
    text = SITE.format(broker=broker)
    text += "".join(BUS.format(name=name, port=port) for name, port in ports.items())
    names = [("lamp", i) for i in range(1, lamps + 1)]
    names += [("bollard", i) for i in range(1, bollards + 1)]
    names += [("bin", i) for i in range(1, bins + 1)]
    for address, (kind, number) in enumerate(names, 1):
        near = [f"lamp-{number + 1}"] if kind == "lamp" and number < lamps else []
        name = f"{kind}-{number}"
        text += SLOT.format(
            name=name,
            kind=kind,
            bus=list(ports)[(address - 1) % len(ports)],
            address=address,
            x=20 * address,
            neighbours=near,
        )
    return text


@dataclass
class Ear:
    """What a subscriber heard; it listens again whenever the broker comes back."""

    port: int
    states: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    avail: dict[str, str] = field(default_factory=dict[str, str])
    results: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    seen: Counter[tuple[str, int, int]] = field(default_factory=Counter[tuple[str, int, int]])
    records: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Everything of `tele` and `event`, in the order in which it came."""
    on_state: Callable[[str, dict[str, Any]], None] = lambda _slot, _state: None
    contract: ContractCheck = field(default_factory=ContractCheck)

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            with suppress(aiomqtt.MqttError):
                async with aiomqtt.Client(
                    HOST, self.port, protocol=aiomqtt.ProtocolVersion.V5
                ) as client:
                    await client.subscribe("stoep/v1/#", qos=1)
                    async for message in client.messages:
                        self._hear(str(message.topic), message.payload)
            await asyncio.sleep(0.05)

    def _hear(self, topic: str, payload: Any) -> None:
        *_, slot, leaf = topic.split("/")
        if leaf == "cmd":
            return
        if not payload:
            {"state": self.states, "avail": self.avail}.get(leaf, {}).pop(slot, None)
            return
        value = json.loads(payload)
        self.contract.see(topic, value)
        if leaf == "state":
            self.states[slot] = value
            self.on_state(slot, value)
        elif leaf == "avail":
            self.avail[topic.split("/")[-2]] = value["status"]
        elif leaf == "res":
            self.results.append(value)
        elif leaf in ("tele", "event"):
            for record in value.get("records", [value]):
                self.seen[record["unit"], record["boot"], record["seq"]] += 1
                self.records.append(record)

    def state(self, slot: str) -> str | None:
        """State of a slot as retained, None before the first."""
        return self.states.get(slot, {}).get("state")

    def timestamp(self, slot: str) -> str:
        """Time of a slot's state as retained, empty before the first."""
        return self.states.get(slot, {}).get("ts", "")

    def finals(self, command_id: str | None) -> list[dict[str, Any]]:
        """Final results of a command."""
        return [r for r in self.results if r["id"] == command_id and r["status"] not in INTERIM]

    def holes(self, unit: str) -> list[int]:
        """Sequence numbers of a unit's first boot that were not heard, up to the highest heard."""
        numbers = {seq for u, boot, seq in self.seen if u == unit and boot == 1}
        routine = {n for n in numbers if n < 0x20000000}
        urgent = numbers - routine
        holes = set(range(1, max(routine, default=0) + 1)) - routine
        holes |= set(range(0x20000001, max(urgent, default=0) + 1)) - urgent
        return sorted(holes)


@dataclass
class House:
    """Everything that runs."""

    broker: EmbeddedBroker
    street: Street
    agent: Agent
    ear: Ear
    folder: Path
    text: str
    _task: asyncio.Task[None] | None = None
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def start_agent(self) -> None:
        """Start the agent, anew when it ran before."""
        self.agent = Agent(parse_site(self.text, self.folder / "site.toml"))
        self._task = asyncio.create_task(self.agent.run())

    async def stop_agent(self) -> None:
        """Stop the agent in order."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled() and (error := task.exception()):
                raise error

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition; a failing agent or the end of patience fails the test."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition():
                    if self._task is not None and self._task.done():
                        self._task.result()
                        raise AssertionError("the agent ended by itself")
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"{what}\n{self.street.log()}") from None

    def all_online(self) -> bool:
        """Whether every slot's retained availability says so."""
        return all(self.ear.avail.get(slot) == "online" for slot in self.agent.controllers)

    async def command(
        self, slot: str, verb: str, args: dict[str, Any], *, lifetime_ms: int = 5000, **given: Any
    ) -> dict[str, Any]:
        """Send a command as an operator's client would; its final result."""
        now_ms = unix_ms()
        envelope: dict[str, Any] = {
            "id": f"c-{next(self._numbers)}-{now_ms}",
            "verb": verb,
            "args": args,
            "issued": timestamp(now_ms),
            "not_after": timestamp(now_ms + lifetime_ms),
            "actor": "test",
            "reason": "a test",
            **given,
        }
        await self.publish(slot, json.dumps(envelope).encode())
        return await self.result(envelope["id"])

    async def publish(self, slot: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish anything on a slot's command topic."""
        known = self.agent.controllers.get(slot)
        kind = known.kind if known else slot.partition("-")[0]
        async with aiomqtt.Client(
            HOST, self.broker.port, protocol=aiomqtt.ProtocolVersion.V5
        ) as client:
            properties = Properties(PacketTypes.PUBLISH)
            await client.publish(
                f"stoep/v1/test/gw/{kind}/{slot}/cmd",
                payload,
                qos=1,
                retain=retain,
                properties=properties,
            )

    async def result(self, command_id: str | None) -> dict[str, Any]:
        """The final result of a command; a second one fails the test at its end."""
        await self.until(lambda: bool(self.ear.finals(command_id)), f"no result of {command_id}")
        return self.ear.finals(command_id)[0]

    def received(self) -> int:
        """Records that the agent took from the bus in this run."""
        return sum(bus.counters.records for bus in self.agent.buses)

    async def settled(self) -> None:
        """Take the bus away and wait until the subscriber has all that was stored."""
        self.street.line("bus").unplug()
        await self.until(lambda: self.ear.avail.get("lamp-1", "offline") == "offline", "not seen")
        stored = (await self.agent.store.counters())["stored"]
        await self.until(lambda: len(self.ear.seen) >= stored, f"not all of {stored} were heard")


@asynccontextmanager
async def house(
    folder: Path,
    *,
    strangers: Mapping[str, int] | None = None,
    online: Collection[str] = (),
    buses: Collection[str] = ("bus",),
    more: str = "",
    **slots: int,
) -> AsyncGenerator[House]:
    """A running house with every slot on-line; everything is stopped at the end.

    `online` are the slots to wait for, all if empty. `strangers` are lamps in the street, by name
    with their address, that the site does not know. `more` is added to the site file. At the end
    no post may have broken an invariant; a test that wants it to clears `street.violations`.
    """
    async with EmbeddedBroker() as broker:
        draft = site_text(**slots, broker=broker.url, ports=dict.fromkeys(buses, "-")) + more
        for name, address in (strangers or {}).items():
            unit = hashlib.sha256(name.encode()).hexdigest()[:16]
            draft += STRANGER.format(name=name, address=address, unit=unit)
        street = Street(plan_from_dict(tomllib.loads(draft)), folder / "street")
        await street.start()
        text = site_text(
            **slots, broker=broker.url, ports={bus: str(street.port(bus)) for bus in buses}
        )
        text += more
        ear = Ear(broker.port)
        ear.on_state = street.watch.state
        listening = asyncio.create_task(ear.run())
        agent = Agent(parse_site(text, folder / "site.toml"))
        built = House(broker, street, agent, ear, folder, text)
        try:
            await built.start_agent()
            wanted = online or agent.controllers
            await built.until(
                lambda: all(ear.avail.get(slot) == "online" for slot in wanted),
                "not all slots came on-line",
            )
            street.longest_stall_s = 0.0  # what counts is from here on
            yield built
            finals = Counter(
                r["id"]
                for r in ear.results
                if r["status"] not in INTERIM and r["id"] and r.get("guard") != "duplicate"
            )
            assert set(finals.values()) <= {1}, f"more than one final result: {finals}"
            assert not ear.contract.problems()
            assert not street.violations, [str(violation) for violation in street.violations]
        except Exception as error:
            if street.longest_stall_s > STALL_S:
                error.add_note(f"the street stood still for {street.longest_stall_s * 1000:.0f} ms")
            raise
        finally:
            await built.stop_agent()
            listening.cancel()
            await asyncio.wait({listening})
            await street.stop()
