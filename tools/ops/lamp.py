"""`stoep lamp`: override a lamp for a while, or give it back to its programme."""

from __future__ import annotations

from typing import Annotated

import typer

from tools.errors import UsageError
from tools.ops.commands import give
from tools.ops.durations import DAY_S, format_duration
from tools.ops.options import Giving, GivingFreely, SlotName, duration, expanded
from tools.ops.street import Selection

FULL_PERCENT = 100

app = typer.Typer(
    help="Override a lamp, or end an override.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

For = Annotated[
    str, typer.Option("--for", metavar="DURATION", help="How long: 90s, 15m, 2h; at most 24h.")
]


def set_level(
    slot: SlotName,
    level: Annotated[str, typer.Option(metavar="PERCENT", help="Light, 0 to 100.")],
    for_: For,
    giving: Giving,
) -> None:
    """Override the programme of a lamp; the override ends by itself."""
    _set(slot, percent(level), for_, giving)


def off(slot: SlotName, for_: For, giving: Giving) -> None:
    """Make a lamp dark for a while; it comes back by itself.

    A dark path is a risk: people walk there. Prefer a low level: stoep lamp set --level 10.
    """
    _set(slot, 0, for_, giving)


def auto(slot: SlotName, giving: GivingFreely) -> None:
    """End an override: the lamp goes back to its programme."""
    give(slot, "lamp", giving, "auto", {})


app.command("set")(expanded(set_level))
app.command("off")(expanded(off))
app.command("auto")(expanded(auto))


def _set(slot: str | Selection, level: int, for_: str, giving: Giving) -> None:
    duration_s = duration("--for", for_, most_s=DAY_S)
    dark = f"{slot}: dark for {format_duration(duration_s)}, also for who walks there"
    args: dict[str, int | bool] = {"level": level, "duration_s": duration_s}
    give(slot, "lamp", giving, "set", args, warning=None if level else dark)


def percent(text: str) -> int:
    """Whole percent from 0 to 100, with or without the sign. Raises UsageError."""
    digits = text.strip().removesuffix("%").strip()
    if not (digits.isascii() and digits.isdecimal()) or int(digits) > FULL_PERCENT:
        raise UsageError(f"--level {text!r} is no whole number from 0 to {FULL_PERCENT}")
    return int(digits)
