"""`stoep ls` and `stoep show`: what the broker retains of the street."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from gateway.contract import KINDS, Avail
from tools.errors import UsageError
from tools.ops import guards, options, render
from tools.ops.client import collect, connect
from tools.ops.durations import format_duration
from tools.ops.options import Connection, SlotName, expanded
from tools.ops.street import SlotView, StreetView
from tools.output import console, flat, print_json, table


@expanded
def ls(
    over: Connection,
    kind: Annotated[str | None, typer.Option(help="Only lamp, bollard or bin.")] = None,
) -> None:
    """List the slots: whether they can be reached, what they last said, how old and how good."""
    if kind is not None and kind not in KINDS:
        raise UsageError(f"--kind {kind!r} is none of {', '.join(KINDS)}")
    options.run(_ls(over, kind))


@expanded
def show(slot: SlotName, over: Connection) -> None:
    """Show all that is known of one slot."""
    options.run(_show(slot, over))


async def street_of(over: Connection) -> StreetView:
    """What the broker retains now. Raises UsageError, and Unreachable without a gateway."""
    scope, address = over.scope, over.address
    async with connect(address) as client:
        street = await collect(client, scope, "state", "avail")
    street.require_gateways(scope, address)
    return street


async def _ls(over: Connection, kind: str | None) -> None:
    street = await street_of(over)
    slots, now_s = street.sorted(kind), time.time()
    if over.as_json:
        print_json([slot.as_json(now_s) for slot in slots])
        return
    several = len({(slot.site, slot.gateway) for slot in slots}) > 1
    rows = [render.row(slot, now_s, several=several) for slot in slots]
    console().print(table(render.columns(several=several), rows))
    for (site, name), status in street.agents.items():
        if status != Avail.ONLINE:
            console().print(f"gateway {name} of {site} is {status}: nothing of it is live")


async def _show(name: str, over: Connection) -> None:
    slot = (await street_of(over)).find(name)
    if over.as_json:
        print_json(slot.as_json())
        return
    console().print(table(("", ""), _details(slot, time.time())))


def _details(slot: SlotView, now_s: float) -> list[tuple[str, str]]:
    link = f"{slot.link} ({slot.avail_cause})" if slot.avail_cause else slot.link
    return [
        ("slot", f"{slot.name} ({slot.kind})"),
        *([("group", slot.group)] if slot.group else []),
        ("gateway", f"{slot.gateway} of {slot.site}, {slot.agent_avail or 'unknown'}"),
        ("link", link),
        ("quality now", slot.quality(now_s)),
        ("age", render.age(slot, now_s)),
        *([("sleeps", f"up to {format_duration(round(slot.sleep_s))}")] if slot.sleep_s else []),
        *flat(_in_words(slot)),
    ]


def _in_words(slot: SlotView) -> dict[str, Any]:
    """The values as they came; the state and what stands in the way of a rise in words too."""
    state = dict(slot.state or {"state": "no data"})
    name = str(state["state"]) if "state" in state else ""
    words = render.state_words(slot.kind, name)
    if words != name:
        state["state"] = f"{name}: {words}"
    guard = guards.words_of(state.get("raise_guard"), slot.name)
    if guard:
        state["raise_guard"] = f"{state['raise_guard']}: {guard}"
    return state
