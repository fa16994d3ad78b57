"""One command to one slot: find it, send, print the result, end with its exit code."""

from __future__ import annotations

import msgspec

from gateway.commands import Status
from tools.errors import Expired, Failed, Refused, ToolError
from tools.ops import options
from tools.ops.client import Result, collect, connect, send
from tools.ops.options import Giving
from tools.output import print_json

ERRORS: dict[Status, type[ToolError]] = {
    Status.REJECTED: Refused,
    Status.FAILED: Failed,
    Status.CANCELLED: Failed,
    Status.EXPIRED: Expired,
}
"""Final status -> what the command ends with; DONE ends well."""


def give(
    slot: str, kind: str | None, giving: Giving, verb: str, args: dict[str, int | bool]
) -> None:
    """Give a command to a slot (of this kind); raises the ToolError of its final status."""
    options.run(_give(slot, kind, giving, verb, args))


async def _give(
    name: str, kind: str | None, giving: Giving, verb: str, args: dict[str, int | bool]
) -> None:
    scope, address, order = giving.scope, giving.address, giving.order(verb, args)
    async with connect(address) as client:
        street = await collect(client, scope, "avail")
        street.require_gateways(scope, address)
        slot = street.find(name, kind)
        result = await send(client, slot, order)
    if giving.as_json:
        fields = msgspec.to_builtins(result)
        print_json({"slot": slot.name, "kind": slot.kind, "verb": verb, **fields})
    elif result.status is Status.DONE:
        print(f"{slot.name}: {verb} done")
    if result.status is not Status.DONE:
        raise ERRORS[result.status](f"{slot.name}: {verb} {_words(result)}")


def _words(result: Result) -> str:
    words = result.status.lower()
    if result.guard:
        words += f" by {result.guard}"
    return f"{words}: {result.detail}" if result.detail else words
