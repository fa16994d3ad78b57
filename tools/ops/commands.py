"""Commands to slots: find them, send, show how it goes, print the results, end with a code."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from rich.console import Console

from gateway.commands import Status
from tools.errors import (
    ConfigurationError,
    Expired,
    Failed,
    Interrupted,
    Refused,
    ToolError,
    Unreachable,
)
from tools.ops import guards, options
from tools.ops.dispatch import Dispatch, dispatching, progress_words
from tools.ops.options import Giving
from tools.ops.order import Order, Result
from tools.ops.signing import Signer
from tools.ops.street import Selection, SlotView
from tools.output import console, print_json, table

ERRORS: dict[Status, type[ToolError]] = {
    Status.REJECTED: Refused,
    Status.FAILED: Failed,
    Status.CANCELLED: Failed,
    Status.EXPIRED: Expired,
}
"""Final status -> what the command ends with; DONE ends well."""
WORST_FIRST: tuple[type[ToolError], ...] = (
    ConfigurationError,
    Unreachable,
    Failed,
    Expired,
    Refused,
)
"""Of many results, the first of these decides: a wrong key file, then what may have acted, then
what surely did not."""


@dataclass(frozen=True)
class Answer:
    """What came of a command to one slot; `error` is None when it ended well."""

    slot: SlotView
    order: Order
    result: Result | None
    error: ToolError | None

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the result as it came, and words for its guard."""
        place = {"site": self.slot.site, "gateway": self.slot.gateway}
        head: dict[str, Any] = {
            **place,
            "slot": self.slot.name,
            "kind": self.slot.kind,
            "verb": self.order.verb,
        }
        if self.order.dry_run:
            head["dry_run"] = True
        if self.result is None:
            return {**head, "status": self._unsent, "guard": None, "detail": str(self.error)}
        words = guards.words_of(self.result.guard, self.slot.name)
        return {**head, **msgspec.to_builtins(self.result), "words": words}

    @property
    def _unsent(self) -> str:
        return "UNREACHABLE" if isinstance(self.error, Unreachable) else "NOT_SENT"

    def row(self) -> tuple[str, str, str]:
        """For a table of many."""
        if self.result is None:
            return self.slot.name, self._unsent.replace("_", " "), str(self.error)
        if self.order.dry_run:
            said = "would be done" if self.error is None else "would be refused"
        else:
            said = str(self.result.status)
        return self.slot.name, said, _because(self.slot, self.result)


def give(
    slot: str | Selection,
    kind: str | None,
    giving: Giving,
    verb: str,
    args: dict[str, int | bool],
    *,
    ticket_for: str | None = None,
    warning: str | None = None,
) -> None:
    """Give a command to a slot (of this kind); raises the ToolError of its final status.

    With a selection, to all of it at once; then the worst result decides. A
    command with `ticket_for` needs a ticket; the warning is shown before it is sent.
    """
    order = giving.order(verb, args, ticket_for=ticket_for)
    signers = giving.signers(verb)
    if warning and not order.dry_run:
        print(f"stoep: {warning}", file=sys.stderr, flush=True)
    if isinstance(slot, str):
        options.run(_give_one(slot, kind, giving, order, signers))
    else:
        options.run(_give_many(slot, kind, giving, order, signers))


async def _give_one(
    name: str, kind: str | None, giving: Giving, order: Order, signers: Sequence[Signer]
) -> None:
    async with dispatching(giving.address, giving.scope) as dispatch:
        slot = dispatch.street.find(name, kind)
        with followed(dispatch, as_json=giving.as_json) as show:
            said = f"{slot.name}: {order.verb} "
            result = await dispatch.give(
                slot, order, signers, lambda r: show(said + progress_words(r))
            )
    tell(slot, order, result, as_json=giving.as_json)


def tell(slot: SlotView, order: Order, result: Result, *, as_json: bool) -> None:
    """Print the final result of one command; raises the ToolError of its status."""
    answer = _answer(slot, order, result)
    if as_json:
        print_json(answer.as_json())
    elif answer.error is None:
        print(f"{slot.name}: {order.verb} {'would be done' if order.dry_run else 'done'}")
    if answer.error is not None:
        raise answer.error


async def _give_many(
    wanted: Selection, kind: str | None, giving: Giving, order: Order, signers: Sequence[Signer]
) -> None:
    async with dispatching(giving.address, giving.scope) as dispatch:
        slots = dispatch.street.select(wanted, kind)
        with followed(dispatch, as_json=giving.as_json) as show:
            over = Overview(len(slots), order.verb, show)
            tasks = [_answered(dispatch, slot, order, signers, over) for slot in slots]
            answers = await asyncio.gather(*tasks)
    if giving.as_json:
        print_json([answer.as_json() for answer in answers])
    else:
        rows = [answer.row() for answer in answers]
        console().print(table(("SLOT", "RESULT", "WHY"), rows))
    errors = [answer.error for answer in answers if answer.error is not None]
    if errors:
        worst = min(errors, key=_rank)
        raise type(worst)(
            f"{order.verb}: {len(answers) - len(errors)} of {len(answers)} "
            f"{'would be ' if order.dry_run else ''}done; the worst: {worst}"
        )


@dataclass
class Overview:
    """How many of many commands have ended, in one line."""

    count: int
    verb: str
    show: Callable[[str], None]
    ended: int = 0

    def tell(self, slot: SlotView, result: Result | None) -> None:
        """Something came for a slot."""
        self.ended += result is None or result.status.final
        last = "ended" if result is None else progress_words(result)
        self.show(f"{self.verb}: {self.ended} of {self.count} ended; {slot.name} {last}")


async def _answered(
    dispatch: Dispatch, slot: SlotView, order: Order, signers: Sequence[Signer], over: Overview
) -> Answer:
    """The answer of one of many; what is wrong with one does not stop the others."""
    try:
        result = await dispatch.give(slot, order, signers, lambda r: over.tell(slot, r))
    except ToolError as error:
        over.tell(slot, None)
        return Answer(slot, order, None, error)
    over.tell(slot, result)
    return _answer(slot, order, result)


def _answer(slot: SlotView, order: Order, result: Result) -> Answer:
    if result.status is Status.DONE:
        return Answer(slot, order, result, None)
    because = _because(slot, result)
    if order.dry_run and result.status is Status.REJECTED:
        words = f"{slot.name}: {order.verb} would be refused: {because}"
    else:
        words = f"{slot.name}: {order.verb} {result.status.lower()}"
        words += f" by {because}" if result.guard else because and f": {because}"
    return Answer(slot, order, result, ERRORS[result.status](words))


def _because(slot: SlotView, result: Result) -> str:
    """`occupied: a vehicle is on a loop …`; what the gateway says itself comes first."""
    words = result.detail or guards.words_of(result.guard, slot.name)
    return ": ".join(part for part in (result.guard, words) if part)


def _rank(error: ToolError) -> int:
    places = [n for n, kind in enumerate(WORST_FIRST) if isinstance(error, kind)]
    return places[0] if places else 0


@contextmanager
def followed(dispatch: Dispatch, *, as_json: bool) -> Generator[Callable[[str], None]]:
    """Shows one line that changes, on a terminal; nothing elsewhere.

    On Ctrl-C, says what goes on without us. Raises Interrupted.
    """
    try:
        if as_json or not sys.stderr.isatty():
            yield lambda _: None
        else:
            with Console(stderr=True, highlight=False).status("waiting") as status:
                yield status.update
    except asyncio.CancelledError:
        if not dispatch.under_way:
            raise
        words = ", ".join(map(str, dispatch.under_way.values()))
        raise Interrupted(
            f"interrupted; still under way: {words}; it goes on without you, see 'stoep watch'"
        ) from None
