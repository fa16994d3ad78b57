"""`stoep bin`: how full bins are, their press, and their service mode."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tools.ops import options, render
from tools.ops.bin_plan import plan
from tools.ops.commands import give
from tools.ops.options import Connection, Giving, SlotName, expanded
from tools.ops.street import SlotView
from tools.ops.views import street_of
from tools.output import console, print_json, table

app = typer.Typer(
    help="How full bins are, which to collect; press the waste, take a bin into service.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

COLUMNS = ("SLOT", "LINK", "FULL", "STATE", "BATTERY", "TEMPERATURE", "WRONG", "QUALITY", "AGE")


def ls(over: Connection) -> None:
    """List the bins, the fullest first."""
    options.run(_ls(over))


def compact(slot: SlotName, giving: Giving) -> None:
    """Press the waste together.

    Only with door and lid closed, and with enough in the battery.
    """
    give(slot, "bin", giving, "compact", {})


def service(
    slot: SlotName,
    on: Annotated[bool, typer.Option("--on/--off", help="Begin or end the service.")],
    giving: Giving,
) -> None:
    """Begin or end the service of a bin; its press stays off meanwhile."""
    give(slot, "bin", giving, "service", {"on": on})


app.command("ls")(expanded(ls))
app.command("plan")(plan)
app.command("compact")(expanded(compact))
app.command("service")(expanded(service))


async def _ls(over: Connection) -> None:
    street, now_s = await street_of(over), time.time()
    bins = sorted(street.sorted("bin"), key=_fullness, reverse=True)
    if over.as_json:
        print_json([slot.as_json(now_s) for slot in bins])
        return
    several = len({(slot.site, slot.gateway) for slot in bins}) > 1
    columns = ("GATEWAY", *COLUMNS) if several else COLUMNS
    rows = [
        (*((f"{slot.site}/{slot.gateway}",) if several else ()), *_row(slot, now_s))
        for slot in bins
    ]
    console().print(table(columns, rows))


def _fullness(slot: SlotView) -> float:
    level = (slot.state or {}).get("level_percent")
    return level if isinstance(level, (int, float)) else -1.0


def _row(slot: SlotView, now_s: float) -> tuple[Any, ...]:
    state: Mapping[str, Any] = slot.state or {}
    return (
        slot.name,
        render.link(slot),
        _value(state.get("level_percent"), "%"),
        render.state_words(slot.kind, str(state.get("state", "no data"))),
        _value(state.get("battery_mv"), "V", 1000),
        _value(state.get("temperature_c"), "°C"),
        ", ".join(map(str, state.get("faults") or ())) or "-",
        render.quality(slot, now_s),
        render.age(slot, now_s),
    )


def _value(value: object, unit: str, divisor: int = 1) -> str:
    return f"{value / divisor:.3g} {unit}" if isinstance(value, (int, float)) else "-"
