"""`stoep lamp`: override a lamp for a while, or give it back to its programme."""

from __future__ import annotations

from typing import Annotated

import typer

from tools.errors import UsageError
from tools.ops.commands import give
from tools.ops.durations import DAY_S
from tools.ops.options import Giving, GivingFreely, SlotName, duration, expanded

FULL_PERCENT = 100

app = typer.Typer(
    help="Override a lamp, or end an override.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("set")
@expanded
def set_level(
    slot: SlotName,
    level: Annotated[str, typer.Option(metavar="PERCENT", help="Light, 0 to 100.")],
    for_: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How long: 90s, 15m, 2h; at most 24h.")
    ],
    giving: Giving,
) -> None:
    """Override the programme of a lamp; the override ends by itself."""
    duration_s = duration("--for", for_, most_s=DAY_S)
    give(slot, "lamp", giving, "set", {"level": percent(level), "duration_s": duration_s})


@app.command("auto")
@expanded
def auto(slot: SlotName, giving: GivingFreely) -> None:
    """End an override: the lamp goes back to its programme."""
    give(slot, "lamp", giving, "auto", {})


def percent(text: str) -> int:
    """Whole percent from 0 to 100, with or without the sign. Raises UsageError."""
    digits = text.strip().removesuffix("%").strip()
    if not (digits.isascii() and digits.isdecimal()) or int(digits) > FULL_PERCENT:
        raise UsageError(f"--level {text!r} is no whole number from 0 to {FULL_PERCENT}")
    return int(digits)
