"""`stoep gateway status`: how a gateway is, as it says itself at the broker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.contract import ROOT, Avail, parse_timestamp
from gateway.records import unix_ms
from tools.errors import Failed, Unreachable
from tools.ops.client import Scope, connect, retained
from tools.ops.durations import format_duration
from tools.ops.options import Connection, expanded, run
from tools.output import console, print_json, table

STALE_S = 90
"""The agent says how it is every 30 s; this long after the last time it is not to be believed."""


@dataclass(frozen=True)
class Seen:
    """What one gateway retains: its availability and its health, as far as they are there."""

    name: str
    avail: str | None
    health: Mapping[str, Any] | None

    @property
    def age_s(self) -> float | None:
        """How old the health is, by our clock; None without one."""
        if self.health is None:
            return None
        return max(0.0, (unix_ms() - parse_timestamp(self.health["ts"])) / 1000)

    @property
    def problems(self) -> list[str]:
        """What somebody should look at."""
        if self.avail != Avail.ONLINE:
            return [f"it is {self.avail or 'unknown'}"]
        if self.health is None or self.age_s is None:
            return ["it does not say how it is"]
        old = [f"it said so {format_duration(int(self.age_s))} ago"] if self.age_s > STALE_S else []
        return old + list(self.health["problems"])


@expanded
def status(connection: Connection) -> None:
    """Show how the gateways are: slots, buses, records on their way, and what is wrong.

    Ends with 6 when no gateway is on-line, with 4 when one has a problem.
    """
    run(_status(connection))


async def _status(connection: Connection) -> None:
    async with connect(connection.address) as client:
        scope = connection.scope
        found = await _look(client, scope)
    if connection.as_json:
        print_json([_as_json(one) for one in found])
    else:
        for one in found:
            _print(one)
    if not any(one.avail == Avail.ONLINE for one in found):
        raise Unreachable(
            f"no gateway of {scope} is on-line; see that 'stoep gateway run' is alive "
            "(systemctl status stoep-gateway) and reaches this broker"
        )
    wrong = [f"{one.name}: {problem}" for one in found for problem in one.problems]
    if wrong:
        raise Failed("; ".join(wrong))


async def _look(client: Any, scope: Scope) -> list[Seen]:
    avail: dict[str, str] = {}
    health: dict[str, Mapping[str, Any]] = {}
    topics = [f"{scope}/gateway/{leaf}" for leaf in ("avail", "health")]
    async for topic, payload in retained(client, topics):
        name = topic.removeprefix(f"{ROOT}/").removesuffix("/gateway/" + topic.split("/")[-1])
        try:
            fields = msgspec.json.decode(payload, type=dict[str, Any])
            if topic.endswith("/avail"):
                avail[name] = str(fields["status"])
            else:
                parse_timestamp(fields["ts"])
                health[name] = fields
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            continue  # not of a gateway of ours
    return [Seen(name, avail.get(name), health.get(name)) for name in sorted({*avail, *health})]


def _as_json(one: Seen) -> dict[str, Any]:
    return {
        "gateway": one.name,
        "avail": one.avail,
        "age_s": one.age_s,
        "problems": one.problems,
        "health": one.health,
    }


def _print(one: Seen) -> None:
    out = console()
    health = one.health
    if health is None or one.age_s is None:
        out.print(f"{one.name}: {one.avail or 'unknown'}")
        return
    up = format_duration(health["uptime_s"])
    out.print(
        f"{one.name}: {one.avail or 'unknown'}, version {health['version']}, up {up}, "
        f"said {format_duration(int(one.age_s))} ago"
    )
    slots, records, store = health["slots"], health["records"], health["store"]
    out.print("slots: " + ", ".join(f"{count} {state}" for state, count in slots.items()))
    commands = (f"{count} {fate}" for fate, count in health["commands"].items())
    out.print("commands: " + ", ".join(commands))
    out.print("records: " + ", ".join(f"{count} {fate}" for fate, count in records.items()))
    size_mb, limit_mb = store["bytes"] / 1e6, store["limit_bytes"] / 1e6
    journal = health["journal"]
    out.print(f"store: {size_mb:.1f} of {limit_mb:.0f} MB; journal: {journal['entries']} entries")
    out.print(f"journal head: {journal['head']}")
    rows = [
        [bus["name"], "open" if bus["connected"] else "away", f"{bus['online']}/{bus['slots']}"]
        + [str(bus.get(key, "-")) for key in ("exchanges", "repeats", "timeouts", "malformed")]
        for bus in health["buses"]
    ]
    columns = ("BUS", "PORT", "ONLINE", "EXCHANGES", "REPEATS", "TIMEOUTS", "MALFORMED")
    out.print(table(columns, rows))
    for problem in one.problems:
        out.print(f"! {problem}")
