"""What happens in the demo: three places, each with acts that follow one another and are checked.

At the gate a van is granted passage and a post meets somebody's suitcase; along the path a cyclist
is preceded by light; a bin fills, is compacted and is emptied. Every order is given as an operator
gives it: signed, through the broker. What the plants then show decides whether an act is true.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.commands import Status
from tools.demo.street_process import StreetProcess
from tools.errors import ToolError
from tools.ops.address import BrokerAddress
from tools.ops.client import Scope
from tools.ops.dispatch import Dispatch, dispatching
from tools.ops.order import Order, Result
from tools.ops.signing import Signer
from tools.ops.street import SlotView

PATIENCE_S = 60.0
PAUSE_S = 2.0
"""Between two acts, so that people can follow."""
VAN_M_PER_S = 4.0
LIT = 0.9
"""Of full light: a lamp with so much was there before the cyclist."""
BELOW_M = 3.0
"""Somebody so near to a lamp has reached it."""
DEPOSIT_MM = 150.0
MOST_DEPOSITS = 12


class Untrue(Exception):
    """The street does not show what the act tells; the text says what it shows."""


@dataclass
class Act:
    """One thing that happened, for `--json`; `ok` is None while it goes on."""

    place: str
    title: str
    ok: bool | None = None
    detail: str = ""
    seconds: float = 0.0


@dataclass
class Stage:
    """What all acts need: the street's hands, an operator's desk, and who signs."""

    street: StreetProcess
    dispatch: Dispatch
    signer: Signer
    places_m: Mapping[str, float]
    """Where each lamp is along the path."""
    told: dict[str, str] = field(default_factory=dict[str, str])
    """Place -> what goes on there, in one line."""

    def slots(self, kind: str) -> list[SlotView]:
        """Slots of a kind by name, as the broker tells them."""
        return self.dispatch.street.sorted(kind)

    def plant(self, slot: str) -> Mapping[str, Any]:
        """What somebody in the street sees at that slot."""
        slots: Mapping[str, Mapping[str, Any]] = self.street.snapshot.get("slots", {})
        return slots.get(slot, {})

    async def see(self, what: str, true: Callable[[], bool], limit_s: float = PATIENCE_S) -> None:
        """Wait until the street shows it; raises Untrue when it does not."""
        if not await self.street.until(lambda _: true(), limit_s):
            raise Untrue(f"not within {limit_s:.0f} s: {what}")

    async def order(self, slot: SlotView, verb: str, reason: str) -> Result:
        """Give a signed order and wait for its end."""
        order = Order(verb, {}, self.signer.name, reason)
        return await self.dispatch.give(slot, order, [self.signer])

    async def all(self, slots: list[SlotView], verb: str, reason: str) -> None:
        """Give all the same order at once; raises Untrue unless each is DONE."""
        results = await asyncio.gather(*(self.order(slot, verb, reason) for slot in slots))
        for slot, result in zip(slots, results, strict=True):
            if result.status is not Status.DONE:
                raise Untrue(f"{verb} of {slot.name} ended {result.status} {result.guard or ''}")


Play = Callable[[Stage], Awaitable[str]]
"""Plays an act; returns what was seen. Raises Untrue, or a ToolError."""


async def _gate_closes(stage: Stage) -> str:
    posts = stage.slots("bollard")
    await stage.all(posts, "raise", "the gate is closed for the evening")
    await stage.see("all posts up", lambda: all(_height(stage, p) > 0.69 for p in posts))
    return f"{len(posts)} posts warned for their time, then rose"


async def _van_passes(stage: Stage) -> str:
    posts = stage.slots("bollard")
    stage.street.do("vehicle", slot=posts[0].name, model="van", speed=VAN_M_PER_S)
    await stage.see("the van at the gate", lambda: bool(stage.plant(posts[0].name).get("loops")))
    await stage.all(posts, "grant", "delivery for the kiosk")
    await stage.see("all posts up again", lambda: all(_height(stage, p) > 0.69 for p in posts))
    hurt = sum(
        int(stage.plant(p.name).get(harm, 0)) for p in posts for harm in ("lifted", "rammed")
    )
    if hurt:
        raise Untrue("a post met the van")
    return "lowered for one van, rose again behind it"


async def _post_meets_something(stage: Stage) -> str:
    post = stage.slots("bollard")[0]
    await stage.all([post], "lower", "let the cleaners in")
    stage.street.do("obstruct", slot=post.name)
    try:
        result = await stage.order(post, "raise", "the cleaners are in")
        if result.status is Status.DONE:
            raise Untrue("the post rose through a suitcase")
        await stage.see("the post down again", lambda: _height(stage, post) < 0.01)
    finally:
        stage.street.do("unblock", slot=post.name)
    await stage.all([post], "raise", "the suitcase is gone")
    return f"a suitcase on {post.name}: it turned round ({result.guard}), and rose when it was gone"


async def _cyclist_rides(stage: Stage) -> str:
    stage.street.do("person", cycling=True)
    lamps = sorted(stage.places_m, key=lambda name: stage.places_m[name])
    await stage.see("somebody on the path", lambda: bool(stage.street.snapshot.get("people")))
    reached: dict[str, float] = {}

    def rides() -> bool:
        for name, at_m in stage.places_m.items():
            if any(abs(p[0] - at_m) <= BELOW_M for p in stage.street.snapshot["people"]):
                reached.setdefault(name, float(stage.plant(name).get("light", 0.0)))
        return len(reached) == len(lamps)

    await stage.see("somebody below every lamp", rides, 2 * PATIENCE_S)
    # The first lamp has nobody ahead of it to tell it.
    dark = [name for name in lamps[1:] if reached[name] < LIT]
    if dark:
        raise Untrue(f"dark when they came: {', '.join(dark)}")
    return f"{len(lamps) - 1} lamps were lit before anybody came"


async def _bin_is_used(stage: Stage) -> str:
    slot = stage.slots("bin")[0]
    compacted, emptied = _count(slot, "cycles"), _count(slot, "emptyings")
    for _ in range(MOST_DEPOSITS):
        if _count(slot, "cycles") > compacted:
            break
        stage.street.do("deposit", slot=slot.name, height_mm=DEPOSIT_MM)
        await asyncio.sleep(PAUSE_S * 2)
    await stage.see("a compaction", lambda: _count(slot, "cycles") > compacted)
    stage.told["bins"] = f"{slot.name} was compacted; the crew empties it"
    stage.street.do("door", slot=slot.name, open=True)
    await asyncio.sleep(PAUSE_S)
    stage.street.do("empty", slot=slot.name)
    await asyncio.sleep(PAUSE_S)
    stage.street.do("door", slot=slot.name, open=False)
    await stage.see("the emptying noticed", lambda: _count(slot, "emptyings") > emptied)
    return f"{slot.name} filled, was compacted and emptied, and knows it"


PLACES: Mapping[str, tuple[tuple[str, str, Play], ...]] = {
    "gate": (
        ("bollard", "the gate closes", _gate_closes),
        ("bollard", "a delivery van is granted passage", _van_passes),
        ("bollard", "a post meets a suitcase", _post_meets_something),
    ),
    "path": (("lamp", "a cyclist is preceded by light", _cyclist_rides),),
    "bins": (("bin", "a bin fills, is compacted, is emptied", _bin_is_used),),
}


class Story:
    """Plays the acts of every place; `told` is what goes on now, `acts` what happened.

    `signer` gives the orders; `places_m` as in Stage.
    """

    def __init__(
        self,
        street: StreetProcess,
        broker: BrokerAddress,
        scope: Scope,
        signer: Signer,
        places_m: Mapping[str, float],
    ) -> None:
        self._street = street
        self._broker = broker
        self._scope = scope
        self._signer = signer
        self._places_m = places_m
        self.acts: list[Act] = []
        self.told: dict[str, str] = {}

    async def play(self, *, once: bool) -> None:
        """Play every place once, or for ever; a place without slots of its kind stays empty.

        Raises Unreachable when the broker is lost.
        """
        async with (
            dispatching(self._broker, self._scope) as dispatch,
            asyncio.TaskGroup() as places,
        ):
            stage = Stage(self._street, dispatch, self._signer, self._places_m, self.told)
            for place, acts in PLACES.items():
                places.create_task(self._play_place(stage, place, acts, once=once))

    async def _play_place(
        self, stage: Stage, place: str, acts: tuple[tuple[str, str, Play], ...], *, once: bool
    ) -> None:
        while True:
            for kind, title, play in acts:
                if not stage.slots(kind):
                    return
                await self._play_act(stage, Act(place, title), play)
                await asyncio.sleep(PAUSE_S)
            if once:
                return

    async def _play_act(self, stage: Stage, act: Act, play: Play) -> None:
        self.acts.append(act)
        self.told[act.place] = act.title
        started_s = time.monotonic()
        try:
            act.detail = await play(stage)
            act.ok = True
        except (Untrue, ToolError) as error:
            act.ok, act.detail = False, str(error)
        act.seconds = round(time.monotonic() - started_s, 1)
        self.told[act.place] = ("✓ " if act.ok else "✗ ") + act.detail

    def as_json(self) -> list[dict[str, Any]]:
        """Every act."""
        return [asdict(act) for act in self.acts]


def _height(stage: Stage, slot: SlotView) -> float:
    return float(stage.plant(slot.name).get("height_m", 0.0))


def _count(slot: SlotView, name: str) -> int:
    value = (slot.state or {}).get(name)
    return int(value) if isinstance(value, (int, float)) else 0
