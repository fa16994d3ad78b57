"""Posts in a test house: their tables in the site file, signed orders, and what must follow."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.contract import parse_timestamp
from gateway.records import unix_ms
from hil.pins import BollardPin
from hil.plants.bollard import BollardPlant
from protocol import orders
from protocol.generated.messages import Role, Verb
from protocol.generated.wire import LEVEL_UNCHANGED
from tests.street.rig import House, house

FAST = {
    "status_period_ms": 500,
    "settle_ms": 200,
    "warning_ms": 1000,
    "travel_ms": 5000,
    "dead_time_ms": 200,
    "clear_ms": 1000,
    "raise_wait_s": 6,
    "grant_wait_s": 5,
    "passage_wait_s": 8,
}
"""A post as quick as it may be commissioned."""

TABLE = """
[[slot]]
name = "{name}"
kind = "bollard"
bus = "bus"
address = {address}
unit = "{unit}"
position = [0, {across_m}]
{group}
[slot.parameters]
{parameters}
"""
ALICE = (("alice", Role.OPERATOR),)
BOB = (("bob", Role.SUPERVISOR),)
BOTH = (("bob", Role.SUPERVISOR), ("carol", Role.SUPERVISOR))
TECHNICIAN = (("tom", Role.TECHNICIAN),)
VALIDITY_MS = 20_000

People = Sequence[tuple[str, Role]]


def unit_of(number: int) -> str:
    """Hardware id of post `number`."""
    return f"5740ea00000001{number:02x}"


def post(number: int, *, group: str = "", across_m: float = 0.0, **parameters: int) -> str:
    """The site file's table of `post-NUMBER`; parameters over those of FAST."""
    values = {**FAST, **parameters}
    return TABLE.format(
        name=f"post-{number}",
        address=100 + number,
        unit=unit_of(number),
        across_m=across_m,
        group=f'group = "{group}"' if group else "",
        parameters="\n".join(f"{name} = {str(value).lower()}" for name, value in values.items()),
    )


class Gate:
    """A house with posts only. `[n]` is the plant of post-n."""

    def __init__(self, house_: House) -> None:
        self.house = house_
        self.street = house_.street

    def __getitem__(self, number: int) -> BollardPlant:
        return self.street.bollard(f"post-{number}")

    def state(self, number: int) -> str | None:
        """State that the broker has of a post."""
        return self.house.ear.state(f"post-{number}")

    async def shows(self, number: int, *states: str) -> None:
        """Wait until the broker has one of these states of a post."""
        await self.house.until(
            lambda: self.state(number) in states, f"post-{number} is not {states}"
        )

    async def sees(self, number: int, sensor: str, *, active: bool) -> None:
        """Wait until the broker has that input of a post as active, or as not."""
        slot = f"post-{number}"
        await self.house.until(
            lambda: (sensor in self.house.ear.states[slot]["inputs"]) is active,
            f"{sensor} of {slot} is not seen",
        )

    async def until(self, condition: Any, what: str, timeout_s: float = 20.0) -> float:
        """Wait for something in the street; seconds waited."""
        return await self.street.until(condition, what=what, timeout_s=timeout_s)

    def authority(
        self,
        number: int,
        verb: str,
        args: dict[str, Any],
        people: People,
        *,
        validity_ms: int = VALIDITY_MS,
        nonce: str | None = None,
        key_of: int | None = None,
    ) -> dict[str, Any]:
        """`auth` of an order as the tool of these people makes it, for the nonce shown now.

        `key_of`: signed with the keys for another post.
        """
        shown = self.house.ear.states[f"post-{number}"]
        nonce = nonce or str(shown["cmd_nonce"])
        since_ms = parse_timestamp(shown["cmd_nonce_since"])
        age_ms = min(60_000, max(0, unix_ms() - since_ms))
        transaction = random.randint(1, 2**30 - 1)  # tells commands apart, no secret
        order = orders.Order(
            Verb[verb.upper()],
            args.get("level", LEVEL_UNCHANGED),
            args.get("duration_s", 0),
            max(0, age_ms + validity_ms),
            transaction,
        )
        message = order.signed_bytes(bytes.fromhex(nonce), bytes.fromhex(unit_of(number)))
        device = bytes.fromhex(unit_of(key_of or number))
        epochs = self.street.command_key.device_keys(device)
        command_key = epochs[max(epochs)]
        signatures = [
            {
                "operator": name,
                "role": role.name.lower(),
                "tag": orders.sign(
                    orders.person_key(command_key, role, orders.operator_field(name)), message
                ).hex(),
            }
            for name, role in people
        ]
        return {
            "nonce": nonce,
            "lifetime_ms": order.lifetime_ms,
            "transaction": transaction,
            "signatures": signatures,
        }

    async def order(
        self, number: int, verb: str, by: People = ALICE, **args: Any
    ) -> tuple[str, str | None]:
        """Give a signed order; (status, guard) of its end. A nonce that has just changed: again."""
        result: dict[str, Any] = {}
        for _ in range(3):
            shown = self.house.ear.states[f"post-{number}"].get("cmd_nonce")
            auth = self.authority(number, verb, args, by)
            slot = f"post-{number}"
            result = await self.house.command(
                slot, verb, args, auth=auth, actor=by[0][0], lifetime_ms=VALIDITY_MS
            )
            if result.get("guard") not in ("old_nonce", "late"):
                return result["status"], result.get("guard")
            await self.house.until(
                lambda shown=shown, slot=slot: self.house.ear.states[slot]["cmd_nonce"] != shown,
                "no new nonce",
            )
        return result["status"], result.get("guard")

    def begin(self, number: int, verb: str, by: People = ALICE, **args: Any) -> asyncio.Task[Any]:
        """Give an order and go on; its end is the task's result."""
        return asyncio.create_task(self.order(number, verb, by, **args))

    async def raised(self, *numbers: int) -> None:
        """Raise these posts, all at once."""
        results = await asyncio.gather(*(self.order(number, "raise") for number in numbers))
        assert results == [("DONE", None)] * len(numbers), results
        assert all(self[number].at_top for number in numbers)

    async def rising(self, *numbers: int, height_m: float = 0.15) -> list[asyncio.Task[Any]]:
        """Have these posts on their way up, at least so high; the orders that are under way."""
        tasks = [self.begin(number, "raise") for number in numbers]
        await self.until(
            lambda: all(self[n].height_m >= height_m and self[n].driving > 0 for n in numbers),
            "not all rise",
        )
        return tasks

    async def up_and_rising(self, up: int, rising: int) -> asyncio.Task[Any]:
        """Have one post up, and another on its way up; the order of the second."""
        first = self.begin(up, "raise")
        await self.until(lambda: self[up].height_m > 0.3, "the first does not rise")
        (second,) = await self.rising(rising)
        assert await first == ("DONE", None)
        return second

    def now(self, number: int, **switches: bool) -> None:
        """Set attributes of a post's plant, and let its controller see them at once."""
        for name, on in switches.items():
            setattr(self[number], name, on)
        self[number].step(0.0)
        self.street.touch()

    def fail_now(self, number: int, sensor: str, failure: str | None) -> None:
        """Let a sensor fail, or repair it, and let the controller see it at once."""
        self[number].fail(sensor, failure)
        self.now(number)

    async def seconds_to_off(self, number: int) -> float:
        """How long it takes until no drive of a post is on, as seen at its pins."""
        return await self.until(lambda: self.is_off(number), f"post-{number} drives on", 5.0)

    def motions(self, *numbers: int) -> int:
        """How often a drive of these posts went on, whatever the controller says."""
        return sum(len(self.street.watch.monitors[f"post-{n}"].motions) for n in numbers)

    async def stands(self, *numbers: int, for_s: float = 1.0) -> None:
        """See that none of these posts moves for a while."""
        before, motions = [self[number].height_m for number in numbers], self.motions(*numbers)
        await asyncio.sleep(for_s)
        assert self.motions(*numbers) == motions
        for number, height_m in zip(numbers, before, strict=True):
            # What the springs in its hydraulics do is no motion.
            assert abs(self[number].height_m - height_m) < 0.01, f"post-{number} moved"

    def is_off(self, number: int) -> bool:
        """Whether neither drive of a post is on."""
        post_ = self[number]
        return not (
            post_.digital_out(BollardPin.DRIVE_UP) or post_.digital_out(BollardPin.DRIVE_DOWN)
        )

    def motion_records(self, number: int) -> list[dict[str, Any]]:
        """What the broker was told of motions of a post."""
        unit = unit_of(number)
        return [r for r in self.house.ear.records if r["type"] == "motion" and r["unit"] == unit]

    async def audited(self, *numbers: int) -> None:
        """Every motion of these posts has one record (invariant 18)."""
        for number in numbers:
            monitor = self.street.watch.monitors[f"post-{number}"]
            await self.house.until(
                lambda number=number, monitor=monitor: (
                    len(self.motion_records(number)) >= len(monitor.motions)
                ),
                f"motions of post-{number} without a record",
            )
            monitor.audit(len(self.motion_records(number)), 0.0)

    def hurt(self) -> int:
        """Everybody and everything that the posts have hurt."""
        plants = self.street.plants.values()
        return sum(plant.harm for plant in plants if isinstance(plant, BollardPlant))


@asynccontextmanager
async def gate(folder: Path, *tables: str) -> AsyncGenerator[Gate]:
    """A running gate; at its end nobody was hurt and no invariant was broken."""
    more = "".join(tables)
    async with house(folder, more=more, lamps=0, bollards=0, bins=0) as running:
        ready = Gate(running)
        posts = [slot for slot in running.agent.controllers if slot.startswith("post-")]
        await running.until(
            lambda: all(running.ear.states.get(slot, {}).get("cmd_nonce") for slot in posts),
            "no nonce",
        )
        await running.until(
            lambda: all(running.ear.state(slot) != "boot" for slot in posts), "not settled"
        )
        yield ready
        assert ready.hurt() == 0
