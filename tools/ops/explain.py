"""`stoep explain`: would this be done now, and if not, what stands in the way?"""

from __future__ import annotations

import difflib
from typing import Annotated

import typer

from gateway.verbs import VERBS
from tools.errors import UsageError
from tools.ops.commands import give
from tools.ops.durations import DAY_S
from tools.ops.lamp import percent
from tools.ops.options import Connection, GivingFreely, Name, SlotName, duration, expanded


@expanded
def explain(
    verb: Annotated[str, typer.Argument(help="raise, lower, set, compact …")],
    slot: SlotName,
    over: Connection,
    actor: Name = None,
    for_: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="For a verb that lasts.")
    ] = "1m",
    level: Annotated[str, typer.Option(metavar="PERCENT", help="For set.")] = "100",
    on: Annotated[bool, typer.Option("--on/--off", help="For service.")] = True,
) -> None:
    """Ask a controller whether it would do this now; changes nothing, needs no key.

    Ends with 0 if it would, with 3 and the reason if not. Rights are not judged.
    """
    kinds = [kind for kind, verbs in VERBS.items() if verb in verbs]
    if not kinds:
        raise UsageError(f"there is no verb {verb!r}; {_nearest(verb)}")
    given: dict[str, int | bool] = {
        "duration_s": duration("--for", for_, most_s=DAY_S),
        "level": percent(level),
        "on": on,
    }
    args = {name: given[name] for name in VERBS[kinds[0]][verb]}
    asking = GivingFreely(
        broker=over.broker,
        site=over.site,
        gateway=over.gateway,
        as_json=over.as_json,
        actor=actor,
        dry_run=True,
    )
    give(slot, kinds[0] if len(kinds) == 1 else None, asking, verb, args)


def _nearest(verb: str) -> str:
    verbs = sorted({verb for verbs in VERBS.values() for verb in verbs})
    near = difflib.get_close_matches(verb, verbs, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(verbs)}"
