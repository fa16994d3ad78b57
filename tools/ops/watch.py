"""`stoep watch`: the street as it changes; a table in a terminal, lines in a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Annotated, Any

import aiomqtt
import msgspec
import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from gateway.contract import LEVEL_TOPIC_WORDS
from tools.errors import Unreachable
from tools.ops import options, render
from tools.ops.address import BrokerAddress
from tools.ops.client import Scope, collect, connect
from tools.ops.durations import DAY_S
from tools.ops.options import Connection, expanded
from tools.ops.street import AGENT_TOPIC_WORDS, SlotView, StreetView, source_of
from tools.output import console, print_json, table

REDRAW_S = 0.25
RECONNECT_S = 1.0
EVENTS_KEPT = 8
LEAVES = ("state", "avail", "event")


@expanded
def watch(
    over: Connection,
    for_: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="Stop by itself after this.")
    ] = None,
) -> None:
    """Follow the street until Ctrl-C: a live table, lines when not a terminal, or JSON lines."""
    scope, address = over.scope, over.address
    limit_s = None if for_ is None else options.duration("--for", for_, most_s=7 * DAY_S)
    if over.as_json:
        viewer: Viewer = JsonViewer()
    elif sys.stdout.isatty():
        viewer = TableViewer()
    else:
        viewer = LineViewer()
    options.run(_watch(scope, address, viewer, limit_s))


class Viewer:
    """Shows what happens; this one shows nothing."""

    def start(self, street: StreetView) -> None:
        """The street as it is now; also after a reconnect."""

    def changed(self, slot: SlotView) -> None:
        """A slot's state or availability came."""

    def event(self, kind: str, slot: str, fields: dict[str, Any]) -> None:
        """An event came."""

    def note(self, message: str) -> None:
        """Something about the connection."""
        print(f"stoep: {message}", file=sys.stderr, flush=True)

    async def run(self) -> None:
        """Runs beside the connection until cancelled."""
        await asyncio.Event().wait()


class JsonViewer(Viewer):
    """One JSON object a line: {"what": "slot" | "event", …}."""

    def start(self, street: StreetView) -> None:
        """Every slot once."""
        for slot in street.sorted():
            self.changed(slot)

    def changed(self, slot: SlotView) -> None:
        """The whole slot."""
        print_json({"what": "slot", **slot.as_json()})

    def event(self, kind: str, slot: str, fields: dict[str, Any]) -> None:
        """The event as it came."""
        print_json({"what": "event", "kind": kind, "slot": slot, "event": fields})


@dataclass
class LineViewer(Viewer):
    """A line when what a slot says, or whether it is reached, is no longer the same."""

    shown: dict[int, tuple[str, str]] = field(default_factory=dict[int, tuple[str, str]])

    def start(self, street: StreetView) -> None:
        """Every slot once."""
        self.shown.clear()
        for slot in street.sorted():
            self.changed(slot)

    def changed(self, slot: SlotView) -> None:
        """A line, if it differs."""
        now_s = time.time()
        essence = (render.summary(slot), f"{slot.link} {slot.quality(now_s)}")
        if self.shown.get(id(slot)) != essence:
            self.shown[id(slot)] = essence
            print(f"{render.clock(now_s)} {render.line(slot, now_s)}", flush=True)

    def event(self, kind: str, slot: str, fields: dict[str, Any]) -> None:
        """A line."""
        print(
            f"{render.clock(time.time())} event   {render.event_line(kind, slot, fields)}",
            flush=True,
        )


@dataclass
class TableViewer(Viewer):
    """A table that is drawn anew a few times a second, so that ages count on."""

    street: StreetView = field(default_factory=StreetView)
    events: deque[str] = field(default_factory=lambda: deque[str](maxlen=EVENTS_KEPT))
    message: str = ""

    def start(self, street: StreetView) -> None:
        """Draw this street from now on."""
        self.street, self.message = street, ""

    def event(self, kind: str, slot: str, fields: dict[str, Any]) -> None:
        """Below the table."""
        line = render.event_line(kind, slot, fields)
        self.events.append(f"{render.event_time(fields)} {line}")

    def note(self, message: str) -> None:
        """Below the table too."""
        self.message = message

    def draw(self) -> Group:
        """The table now."""
        slots, now_s = self.street.sorted(), time.time()
        several = len({(slot.site, slot.gateway) for slot in slots}) > 1
        rows = [render.row(slot, now_s, several=several) for slot in slots]
        return Group(
            table(render.columns(several=several), rows),
            *(Text(event, "dim") for event in self.events),
            Text(self.message or "Ctrl-C ends", "red" if self.message else "dim"),
        )

    async def run(self) -> None:
        """Draw until cancelled."""
        with Live(self.draw(), console=console(), auto_refresh=False) as live:
            while True:
                await asyncio.sleep(REDRAW_S)
                live.update(self.draw(), refresh=True)


async def _watch(scope: Scope, address: BrokerAddress, viewer: Viewer, limit_s: int | None) -> None:
    drawing: asyncio.Task[None] | None = None
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while True:
                    try:
                        async with connect(address) as client:
                            street = await collect(client, scope, *LEAVES)
                            if drawing is None:
                                street.require_gateways(scope, address)
                                drawing = asyncio.create_task(viewer.run())
                            await _follow(client, street, viewer)
                    except Unreachable as error:
                        if drawing is None:
                            raise
                        viewer.note(f"{error}; trying again")
                        await asyncio.sleep(RECONNECT_S)
    finally:
        if drawing is not None:
            drawing.cancel()
            await asyncio.gather(drawing, return_exceptions=True)


async def _follow(client: aiomqtt.Client, street: StreetView, viewer: Viewer) -> None:
    viewer.start(street)
    async for message in client.messages:
        topic = str(message.topic)
        payload = message.payload
        words = topic.split("/")
        if words[-1] == "event" and len(words) in (LEVEL_TOPIC_WORDS, AGENT_TOPIC_WORDS):
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
                told = msgspec.json.decode(payload, type=dict[str, Any])
                viewer.event(*source_of(words), told)
            continue
        slot = street.take(topic, payload)
        if slot is not None:
            viewer.changed(slot)
            continue
        for behind in street.sorted():  # the agent's availability concerns them all
            viewer.changed(behind)
