"""`stoep zone`: one command to many slots at once, the results as one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

from tools.ops import bins, bollard, lamp
from tools.ops.identify import identify_slot
from tools.ops.options import expanded

app = typer.Typer(
    help="One command to many slots at once: names, patterns in quotes such as 'lamp-*', all posts "
    "of a lane (--group gate), or all of a kind (--kind lamp).\n\n"
    "Each slot judges for itself and the results come as one table. The exit code is the worst of "
    "them: a wrong key file first, then unreachable, failed, expired, refused.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

VERBS: dict[str, tuple[Callable[..., Any], str]] = {
    "set": (lamp.set_level, "Override lamps; the override ends by itself."),
    "off": (lamp.off, "Make lamps dark for a while; people may walk there."),
    "auto": (lamp.auto, "Give lamps back to their programme."),
    "raise": (bollard.raise_post, "Raise posts."),
    "lower": (bollard.lower_post, "Lower posts."),
    "hold": (bollard.hold_down, "Lower posts and hold them down for a while."),
    "grant": (bollard.grant_passage, "Let one vehicle pass a row of posts."),
    "reset": (bollard.reset_post, "End faults and locks whose cause is gone; moves nothing."),
    "compact": (bins.compact, "Press the waste in bins together."),
    "service": (bins.service, "Begin or end the service of bins."),
    "identify": (identify_slot, "Let controllers blink."),
}
"""Every verb but the bypass, which is for one post that somebody stands beside."""

for _name, (_function, _help) in VERBS.items():
    app.command(_name, help=_help)(expanded(_function, several=True))
