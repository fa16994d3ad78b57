"""What a post makes of sensors and keys that tell half of it, or the wrong thing for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.pins import BollardPin
from tests.street.posts import Gate, gate, post, unit_of

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.deadline,
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("micropython_command"),
]

BETWEEN_M = 0.9
"""Where a bicycle's front wheel is when it stands on the post and over neither loop."""


async def told(g: Gate, number: int, code: str, *, active: bool) -> None:
    """Wait until the last event of that code from a post is raised, or cleared."""

    def last() -> bool:
        records = g.house.ear.records
        found = [r for r in records if r.get("code") == code and r["unit"] == unit_of(number)]
        return bool(found) and found[-1]["active"] is active

    await g.house.until(last, f"{code} of post-{number} is not told")


async def test_a_rider_who_stops_between_the_loops_is_not_struck(tmp_path: Path) -> None:
    async with gate(tmp_path, post(1, unproven_wait_s=30, passage_wait_s=20)) as g:
        await g.raised(1)
        rider = g[1].arrive(4.0, "bicycle", halt_at_m=BETWEEN_M)
        await g.until(lambda: g[1].loop_a.occupied, "nobody waits")
        order = g.begin(1, "grant")
        await g.until(lambda: BETWEEN_M - rider.front_m < 0.01, "the rider does not go")
        await g.until(lambda: not (g[1].loop_a.occupied or g[1].loop_b.occupied), "still seen")
        # No loop sees the rider, who stands there for longer than a warning and a second.
        await g.shows(1, "passing")
        assert not g[1].digital_out(BollardPin.GREEN)
        await g.stands(1, for_s=5.0)
        assert g[1].at_bottom
        rider.go()
        assert await order == ("DONE", None)
        assert rider.rear_m > 0
        assert g[1].at_top


async def test_after_a_car_that_turned_back_the_post_waits_and_tells(tmp_path: Path) -> None:
    async with gate(tmp_path, post(1, unproven_wait_s=6)) as g:
        await g.raised(1)
        car = g[1].arrive(4.0, halt_at_m=-2.0)
        await g.until(lambda: g[1].loop_a.occupied, "nobody waits")
        order = g.begin(1, "grant")
        await g.until(lambda: g[1].at_bottom, "it does not lower")
        await g.shows(1, "granted")
        g[1].vehicles.remove(car)
        await g.shows(1, "passing")
        await g.stands(1, for_s=4.0)
        assert g[1].at_bottom
        assert await order == ("FAILED", "no_passage")
        assert g[1].at_top
        await told(g, 1, "no_passage", active=True)


async def test_a_welded_key_raises_nothing_and_orders_count_all_the_same(tmp_path: Path) -> None:
    async with gate(tmp_path, post(1, key_hold_s=5), post(2)) as g:
        await g.raised(2)
        # The key of the first sticks while a car is there, that of the second is held on the way.
        g[1].arrive(15.0, halt_at_m=-1.5, obedient=False)
        await g.until(lambda: g[1].loop_a.occupied, "no car")
        await g.sees(1, "loop_a", active=True)
        lowered = g.begin(2, "lower")
        await g.until(lambda: g[2].driving < 0 and g[2].height_m < 0.6, "it does not go down")
        for number in (1, 2):
            g.now(number, local_key=True)
        assert await lowered == ("DONE", None)
        await g.shows(1, "manual")
        await told(g, 1, "sensor_fault", active=True)
        await g.shows(1, "down")
        g[1].vehicles.clear()
        await g.sees(1, "loop_a", active=False)
        # Longer than the warning that a key begins.
        await g.stands(1, 2, for_s=3.0)
        await g.raised(1)
        g.now(1, local_key=False)
        await told(g, 1, "sensor_fault", active=False)


async def test_a_current_sensor_that_froze_is_found_out_when_the_drive_is_off(
    tmp_path: Path,
) -> None:
    async with gate(tmp_path, post(1)) as g:
        (order,) = await g.rising(1)
        g.fail_now(1, "motor_current", "frozen")
        assert await order == ("DONE", None)
        await told(g, 1, "sensor_fault", active=True)
        # Lowering needs no force that must be limited.
        assert await g.order(1, "lower") == ("DONE", None)
        assert await g.order(1, "raise") == ("REJECTED", "sensor_invalid")
        g.fail_now(1, "motor_current", None)
        await told(g, 1, "sensor_fault", active=False)
        await g.raised(1)
