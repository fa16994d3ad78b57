"""Vehicles and posts: what a whole gate does with them, on real MicroPython."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hil.pins import BollardPin
from hil.plants.vehicle import Vehicle
from tests.street.posts import Gate, gate, post

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.deadline,
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("micropython_command"),
]


async def halted(g: Gate, number: int, model: str, front_m: float, speed: float = 15.0) -> Vehicle:
    """A vehicle that does not care for lights has stopped with its front there."""
    vehicle = g[number].arrive(speed, model, halt_at_m=front_m, obedient=False)
    await g.until(lambda: front_m - vehicle.front_m < 0.01, "not there")
    return vehicle


async def test_the_bus_of_cambridge_is_not_caught(tmp_path: Path) -> None:
    often = 2
    tables = [post(1), post(2), post(3, inversions_most=often), post(4, raise_wait_s=30)]
    tables.append(post(5, inversions_most=often))
    async with gate(tmp_path, *tables) as g:
        # A bus stands above the posts 1 to 3; loops of 2 and 3 are stuck clear. Above post 5 stands
        # a trailer whose middle no loop finds.
        g[2].fail("loop_a", "stuck_0")
        g[3].fail("loop_a", "stuck_0")
        g[3].fail("loop_b", "stuck_0")
        buses = await asyncio.gather(
            *(halted(g, number, "bus", 2.0) for number in (1, 2, 3)),
            halted(g, 4, "bus", -3.2),
            halted(g, 5, "trailer", 8.0),
        )
        await g.until(lambda: not (g[5].loop_a.occupied or g[5].loop_b.occupied), "it is found")
        # Two see it on a loop. Two feel it, turn round twice and give up.
        felt = [g.begin(number, "raise") for number in (3, 5)]
        first, second = await asyncio.gather(g.order(1, "raise"), g.order(2, "raise"))
        assert first == second == ("REJECTED", "occupied")
        assert g.motions(1, 2) == 0
        # The fourth rises when a bus creeps onto its loop: it goes down, and up behind the bus.
        (fourth,) = await g.rising(4)
        buses[3].go(3.0)
        await g.until(lambda: g[4].driving < 0, "it does not turn round")
        # Meanwhile the bus above the first creeps on, and then it may rise.
        buses[0].go(3.0)
        await g.until(lambda: not g[1].loop_b.occupied, "the bus is still there")
        await g.sees(1, "loop_b", active=False)
        await g.raised(1)
        assert await asyncio.gather(*felt) == [("FAILED", "inversions")] * 2
        assert g[3].at_bottom
        assert g[5].at_bottom
        assert await fourth == ("DONE", None)
        assert g[4].at_top
        assert buses[3].rear_m > 0


async def test_one_passage_is_granted_and_nobody_slips_in(tmp_path: Path) -> None:
    async with gate(tmp_path, post(1), post(2), post(3), post(4)) as g:
        # They come while the posts rise.
        van = g[1].arrive(6.0, "van")
        first = g[2].arrive(6.0)
        second = g[2].arrive(6.0, obedient=False, halt_at_m=-9.0)
        await g.raised(1, 2, 3, 4)
        await g.until(lambda: g[1].loop_a.occupied and g[2].loop_a.occupied, "nobody waits")
        # Who waits before a post that is up is of no concern to it.
        await g.stands(1, 2)
        orders = [g.begin(number, "grant") for number in (1, 2, 3, 4)]
        follower = asyncio.create_task(follow(g, first.front_m, second))
        # Red at once when the van is on its way, up again when it has gone.
        await g.until(lambda: van.rear_m > -1, "the van does not pass")
        assert not g[1].digital_out(BollardPin.GREEN)
        assert await orders[0] == ("DONE", None)
        assert van.rear_m > 0
        assert g[1].at_top
        # The post waits for whoever follows, and tells.
        await follower
        assert await orders[1] == ("DONE", None)
        assert first.rear_m > second.rear_m > 0
        unit = g.house.agent.controllers["post-2"].unit
        await g.house.until(
            lambda: any(
                r.get("code") == "tailgate" and r["unit"] == unit for r in g.house.ear.records
            ),
            "nobody was told of the tailgater",
        )
        # Nobody came to the third, which closed again; the fourth was closing when somebody came.
        late = g[4].arrive(12.0)
        assert await orders[2] == ("FAILED", "no_passage")
        assert g[3].at_top
        assert await orders[3] in (("FAILED", "no_passage"), ("FAILED", "occupied"))
        assert late.front_m < 0 or g[4].at_bottom
        await g.audited(1, 2, 3)


async def follow(g: Gate, waits_m: float, second: Vehicle) -> None:
    """Let the second vehicle of post 2 go when the first has just left its first loop."""
    first = g[2].vehicles[0]
    await g.until(lambda: first.front_m > waits_m + 1, "the first does not go")
    await g.until(lambda: not g[2].loop_a.occupied, "the first does not leave the loop")
    second.go()


async def test_a_lane_rises_only_when_all_of_it_is_clear(tmp_path: Path) -> None:
    tables = (post(1, group="lane"), post(2, group="lane", across_m=1.0))
    async with gate(tmp_path, *tables) as g:
        g[2].fail("loop_b", "stuck_1")
        await g.sees(2, "loop_b", active=True)
        assert await g.order(1, "raise") == ("REJECTED", "group")
        assert g.motions(1, 2) == 0
        g[2].fail("loop_b", None)
        await g.sees(2, "loop_b", active=False)
        await g.raised(1, 2)
        lowered = await asyncio.gather(g.order(1, "lower"), g.order(2, "lower"))
        assert lowered == [("DONE", None)] * 2
        # Presence at one post takes the permission from the other.
        orders = await g.rising(1, 2)
        g.fail_now(2, "loop_a", "stuck_1")
        assert await g.seconds_to_off(2) <= 0.1
        assert await g.seconds_to_off(1) <= 1.0
        assert [status for status, _ in await asyncio.gather(*orders)] != ["DONE", "DONE"]
        await g.until(lambda: g[1].at_bottom and g[2].at_bottom, "not all went down")


async def test_one_vehicle_occupies_the_whole_lane(tmp_path: Path) -> None:
    tables = (post(1, group="lane"), post(2, group="lane", across_m=1.0))
    async with gate(tmp_path, *tables) as g:
        await halted(g, 1, "car", -1.5)
        results = await asyncio.gather(g.order(1, "raise"), g.order(2, "raise"))
        assert {status for status, _ in results} == {"REJECTED"}
        assert {guard for _, guard in results} <= {"occupied", "group"}
        assert g.motions(1, 2) == 0
