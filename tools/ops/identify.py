"""`stoep identify`: let a controller blink, so that somebody in the street can find it."""

from __future__ import annotations

from typing import Annotated

import typer

from tools.ops.commands import give
from tools.ops.options import GivingFreely, SlotName, duration, expanded

LONGEST_S = 3600


def identify_slot(
    slot: SlotName,
    giving: GivingFreely,
    for_: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How long it blinks; at most 1h.")
    ] = "30s",
) -> None:
    """Let a controller's identify light blink."""
    duration_s = duration("--for", for_, most_s=LONGEST_S)
    give(slot, None, giving, "identify", {"duration_s": duration_s})


identify = expanded(identify_slot)
