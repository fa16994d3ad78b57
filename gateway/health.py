"""How the agent is, in one value: for the health topic, the metrics and `stoep gateway status`."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from gateway.agent import Agent
from gateway.contract import timestamp
from gateway.controller import Presence
from gateway.errors import StoreError
from gateway.records import unix_ms

LEAF = "health"
"""The agent's retained topic: stoep/v1/{site}/{gateway}/gateway/health."""

SLOW_LOOP_MS = 1000
MAX_NAMES = 8
"""Slots that a problem names; of more only the number is told."""

_encode = msgspec.json.Encoder().encode


def own_version() -> str:
    """The installed version; `unknown` when run from source alone."""
    try:
        return version("stoep")
    except PackageNotFoundError:
        return "unknown"


@dataclass
class Pulse:
    """What only the service knows: when it began, how the loop turns, how the last reload went."""

    started_ms: int
    started_s: float
    loop_lag_ms: int = 0
    reloads: int = 0
    reload_error: str | None = None
    """What was wrong with the last reload; None when it went well, or there was none."""

    @classmethod
    def now(cls) -> Pulse:
        """Of a service that starts now."""
        return cls(unix_ms(), time.monotonic())


async def observe(agent: Agent, pulse: Pulse) -> dict[str, Any]:
    """The payload of the health topic as plain values; `health.json` describes it.

    Says what it can when the store cannot be read.
    """
    counters: dict[str, int] = {}
    with suppress(StoreError):
        counters = await agent.store.counters()
    health = agent.uplink.health
    head = agent.store.journal_head
    return {
        "ts": timestamp(unix_ms()),
        "version": own_version(),
        "started": timestamp(pulse.started_ms),
        "uptime_s": int(time.monotonic() - pulse.started_s),
        "problems": _problems(agent, pulse),
        "slots": _slots(agent),
        "buses": [_bus(agent, index) for index in range(len(agent.buses))],
        "broker": {
            "connected": health.connected,
            "connects": health.connects,
            "messages": health.published_messages,
            "records": health.published_records,
            "refused": health.refused_messages,
            "error": None if health.connected else health.last_error,
        },
        "records": _records(counters),
        "store": {
            "bytes": await asyncio.to_thread(agent.store.file_bytes),
            "limit_bytes": agent.site.store.limit_mb * 1024 * 1024,
            "error": None if agent.store.last_error is None else str(agent.store.last_error),
        },
        "commands": {
            "received": health.received_commands,
            "done": agent.desk.done,
            "refused": agent.desk.refused,
            "summed": agent.desk.summed,
            "unanswered": health.dropped_replies,
        },
        "journal": {"entries": head.number, "head": str(head)},
        "loop_lag_ms": pulse.loop_lag_ms,
        "reloads": pulse.reloads,
    }


def payload(observed: dict[str, Any]) -> bytes:
    """The JSON of the health topic."""
    return _encode(observed)


def _slots(agent: Agent) -> dict[str, int]:
    counts = Counter(controller.presence for controller in agent.controllers.values())
    return {
        "online": counts[Presence.ONLINE],
        "offline": counts[Presence.OFFLINE] + counts[Presence.UNKNOWN],
        "unprovisioned": counts[Presence.UNPROVISIONED],
    }


def _bus(agent: Agent, index: int) -> dict[str, Any]:
    bus = agent.buses[index]
    online = sum(controller.presence is Presence.ONLINE for controller in bus.controllers)
    return {
        "name": bus.options.name,
        "slots": len(bus.controllers),
        "online": online,
        **bus.status(),
    }


def _records(counters: dict[str, int]) -> dict[str, int]:
    count = counters.get
    stored, delivered = count("stored", 0), count("delivered", 0)
    return {
        "received": count("received", 0),
        "duplicates": count("duplicates", 0),
        "delivered": delivered,
        "pending": stored - delivered,
        "dropped": sum(n for name, n in counters.items() if name.startswith("dropped:")),
    }


def _problems(agent: Agent, pulse: Pulse) -> list[str]:
    """What somebody should look at, in words; empty when all is well."""
    found = [problem for bus in agent.buses for problem in bus.problems()]
    connected = {c.slot for bus in agent.buses if bus.connected for c in bus.controllers}
    for presence in (Presence.OFFLINE, Presence.UNPROVISIONED):
        names = [
            name
            for name, controller in agent.controllers.items()
            if controller.presence is presence and name in connected
        ]
        if names:
            shown = ", ".join(names[:MAX_NAMES]) + (" ..." if len(names) > MAX_NAMES else "")
            found.append(f"{len(names)} {presence}: {shown}")
    if not agent.uplink.health.connected:
        found.append("the broker is away")
    if agent.store.last_error is not None:
        found.append(f"store: {agent.store.last_error}")
    if (aside := agent.store.set_aside) is not None:
        found.append(f"the store was damaged: it is {aside.name} now, and a new one is begun")
    if agent.desk.is_flooded:
        found.append("so many commands are refused that the journal tells most as a sum")
    if pulse.loop_lag_ms >= SLOW_LOOP_MS:
        found.append(f"the loop turned {pulse.loop_lag_ms} ms late")
    if pulse.reload_error is not None:
        found.append(pulse.reload_error)
    return found
