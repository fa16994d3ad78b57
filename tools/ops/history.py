"""`stoep history`: who did this, and why was it refused? The gateway's journal, over the broker."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import Annotated, Any

import aiomqtt
import msgspec
import typer

from gateway.contract import GATEWAY_KIND, Avail, Topics
from gateway.history import MAX_ENTRIES, PLACE
from tools.errors import Failed, Refused, Unreachable, UsageError
from tools.ops import options
from tools.ops.client import REPLY_ROOT, Scope, collect, connect
from tools.ops.journal_lines import COLUMNS, rows
from tools.ops.options import Connection, Name, expanded, text
from tools.ops.order import default_actor, properties
from tools.ops.street import StreetView
from tools.output import console, print_json, table

ANSWER_S = 10.0


class Answer(msgspec.Struct):
    """What a gateway answers; `entries` are missing where it refuses."""

    status: str
    guard: str | None = None
    detail: str | None = None
    entries: list[dict[str, Any]] = []
    searched_to: int = 1


@expanded
def history(
    over: Connection,
    slot: Annotated[
        str | None, typer.Argument(metavar="[SLOT]", help="Only what concerns this slot.")
    ] = None,
    last: Annotated[
        int, typer.Option(min=1, max=MAX_ENTRIES, metavar="N", help="How many of the newest.")
    ] = 20,
    before: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only entries older than this number.")
    ] = None,
    actor: Name = None,
) -> None:
    """Show who asked for what, what came of it, and what moved: the newest of the journal.

    For operators, supervisors and technicians, wherever they are. It is not verified by this; that
    is done where the journal is: 'stoep gateway journal verify'.
    """
    who = text("--as", actor if actor is not None else default_actor())
    asked: dict[str, Any] = {"actor": who, "slot": slot, "last": last, "before": before}
    answer = options.run(_ask(over, {k: v for k, v in asked.items() if v is not None}))
    if over.as_json:
        print_json(answer.entries)
        return
    if answer.entries:
        console().print(table(COLUMNS, rows(answer.entries)))
    if answer.searched_to > 1 and len(answer.entries) < last:
        older = f"--before {answer.searched_to}"
        console().print(f"no more in the newest of the journal; go on searching with {older}")
    elif not answer.entries:
        console().print("the journal has no such entry")


async def _ask(over: Connection, asked: dict[str, Any]) -> Answer:
    async with connect(over.address) as client:
        street = await collect(client, over.scope, "avail", "state")
        street.require_gateways(over.scope, over.address)
        topics = _gateway(street, over.scope, asked.get("slot"))
        number, reply_topic = uuid.uuid4().hex, f"{REPLY_ROOT}/{uuid.uuid4().hex}"
        await client.subscribe(reply_topic, qos=1)
        await client.publish(
            topics.slot(GATEWAY_KIND, PLACE, "cmd"),
            msgspec.json.encode({"id": number, **asked}),
            qos=1,
            properties=properties(reply_topic, number, ANSWER_S),
        )
        answer = await _answer(client, reply_topic, topics.gateway)
    if answer.guard == "unknown_slot":
        raise Failed(
            f"gateway {topics.gateway} is too old to answer; at the gateway itself: "
            "stoep gateway journal show"
        )
    if answer.status == "REJECTED":
        raise Refused(f"{answer.guard}: {answer.detail}")
    return answer


def _gateway(street: StreetView, scope: Scope, slot: str | None) -> Topics:
    """The gateway of the slot, or the only one there is. Raises UsageError and Unreachable."""
    if slot is not None:
        found = street.find(slot)
        place = found.site, found.gateway
    elif len(street.agents) == 1:
        [place] = street.agents
    else:
        names = ", ".join(f"--site {site} --gateway {name}" for site, name in sorted(street.agents))
        raise UsageError(f"there are several gateways below {scope}; choose with {names}")
    if (status := street.agents.get(place)) != Avail.ONLINE:
        raise Unreachable(
            f"gateway {place[1]} of {place[0]} is {status or 'unknown'}; it keeps its journal, "
            "ask again when it is back"
        )
    return Topics(*place)


async def _answer(client: aiomqtt.Client, topic: str, gateway: str) -> Answer:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ANSWER_S):
            async for message in client.messages:
                if str(message.topic) == topic:
                    return msgspec.json.decode(message.payload, type=Answer)
    raise Unreachable(f"gateway {gateway} did not answer within {ANSWER_S:.0f} s; ask again")
