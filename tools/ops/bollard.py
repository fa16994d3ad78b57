"""`stoep bollard`: commands that move posts, each signed by a person, each with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tools.errors import UsageError
from tools.ops import options, together
from tools.ops.client import Scope
from tools.ops.commands import followed, give, tell
from tools.ops.dispatch import dispatching, progress_words
from tools.ops.durations import DAY_S, format_duration
from tools.ops.options import (
    Connection,
    GivingSigned,
    GivingTogether,
    SlotName,
    duration,
    expanded,
)
from tools.ops.signing import KeyOptions, find_signers

HOUR_S = 3600
LONG_HOLD_S = HOUR_S
"""A post that is held down for longer leaves a street open: that needs a ticket."""

A_BYPASS = "a bypass"

app = typer.Typer(
    help="Move bollards. Each command is signed with a person's key and says why.\n\n"
    "Somebody stands in the street: the post judges by its own loops and refuses to rise while a "
    "vehicle is there. 'stoep explain raise SLOT' asks it first.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


def raise_post(slot: SlotName, giving: GivingSigned) -> None:
    """Raise a post, if nothing stands in the way.

    It warns first, for as long as it was commissioned to.
    """
    give(slot, "bollard", giving, "raise", {})


def lower_post(slot: SlotName, giving: GivingSigned) -> None:
    """Lower a post; it also ends a rise that is under way."""
    give(slot, "bollard", giving, "lower", {})


def hold_down(
    slot: SlotName,
    for_: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How long: 15m, 2h; at most 24h.")
    ],
    giving: GivingSigned,
) -> None:
    """Lower a post and hold it down for a while.

    Over an hour it needs a --ticket.
    """
    seconds = duration("--for", for_, most_s=DAY_S)
    long = f"a hold of {format_duration(seconds)}" if seconds > LONG_HOLD_S else None
    give(slot, "bollard", giving, "hold", {"duration_s": seconds}, ticket_for=long)


def grant_passage(slot: SlotName, giving: GivingSigned) -> None:
    """Let one vehicle pass.

    The post goes down and waits for it; the light is red as soon as it is on the loops, and the
    post rises again behind it. The grant ends by itself when no vehicle comes.
    """
    give(slot, "bollard", giving, "grant", {})


def reset_post(slot: SlotName, giving: GivingSigned) -> None:
    """End a fault or a lock whose cause is gone; moves nothing.

    For supervisors and technicians; needs a --ticket.
    """
    give(slot, "bollard", giving, "reset", {}, ticket_for="a reset")


def bypass(
    slot: SlotName,
    for_: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How long: 30s, 10m; at most 1h.")
    ],
    giving: GivingTogether,
) -> None:
    """Relax one guard of a post for a while; two people sign.

    The post may then rise without the gateway's permission, which also speaks for the others of
    its row, and without its rest after many movements.
    Two supervisors sign: --key of one and --second-key of the other. The loops, the obstacle
    sensors and the emergency stop are never bypassed. It is alarmed while it lasts and ends by
    itself. Needs a --ticket.

    Where the second is elsewhere: --request FILE writes the order, and within a minute the other
    gives 'stoep bollard countersign FILE' and 'stoep bollard send FILE'.
    """
    seconds = duration("--for", for_, most_s=HOUR_S)
    if giving.request is not None and not giving.dry_run:
        request_bypass(slot, giving, giving.request, seconds)
        return
    give(
        slot,
        "bollard",
        giving,
        "bypass",
        {"duration_s": seconds},
        ticket_for=A_BYPASS,
        warning=f"{slot}: a bypass for {format_duration(seconds)}: have somebody watch the post",
    )


def request_bypass(slot: str, giving: GivingTogether, file: Path, seconds: int) -> None:
    """Write a bypass that one person has signed to a file, for the other."""
    if giving.second_key is not None:
        raise UsageError("give either --second-key or --request")
    order = giving.order("bypass", {"duration_s": seconds}, ticket_for=A_BYPASS)
    [first] = giving.signers("bypass")

    async def begin() -> int:
        async with dispatching(giving.address, giving.scope) as dispatch:
            found = dispatch.street.find(slot, "bollard")
            with followed(dispatch, as_json=False) as show:
                show(f"{slot}: waiting for a nonce that is young enough, at most a minute")
                return await together.begin(dispatch, found, order, first, file)

    left_s = options.run(begin())
    print(f"{file}: signed by {first.name}, and worth something for {left_s} s")
    print(f"the second: stoep bollard countersign {file}; stoep bollard send {file}")


def countersign(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What --request wrote.")],
    key: Annotated[
        Path | None, typer.Option(envvar="STOEP_KEY", metavar="FILE", help="Your key file.")
    ] = None,
) -> None:
    """Sign what another person has asked for, as the second.

    Read first what it says: your name goes with it.
    """
    if key is None:
        raise UsageError("name your key file with --key or STOEP_KEY")
    [second] = find_signers(KeyOptions(key), "bypass")
    signed = together.countersign(file, second)
    print(f"signed: {signed}")
    print(f"now: stoep bollard send {file}")


def send(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An order with both signatures.")],
    over: Connection,
) -> None:
    """Send an order that two people have signed in a file."""
    draft = together.read(file)

    async def sent() -> None:
        async with dispatching(over.address, Scope(draft.site, draft.gateway)) as dispatch:
            slot = dispatch.street.find(draft.slot, "bollard")
            with followed(dispatch, as_json=over.as_json) as show:
                result = await together.send(dispatch, draft, lambda r: show(progress_words(r)))
        tell(slot, draft.order(), result, as_json=over.as_json)

    options.run(sent())


app.command("raise")(expanded(raise_post))
app.command("lower")(expanded(lower_post))
app.command("hold")(expanded(hold_down))
app.command("grant")(expanded(grant_passage))
app.command("reset")(expanded(reset_post))
app.command("bypass")(expanded(bypass))
app.command("countersign")(countersign)
app.command("send")(expanded(send))
