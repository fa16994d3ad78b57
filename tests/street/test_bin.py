"""A bin in the whole house: packed by command, stopped by its lid, and asleep on its battery."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hil.plants.bin import BinPlant
from tests.street.rig import House, house

pytestmark = [pytest.mark.emulator, pytest.mark.usefixtures("micropython_command")]

SLOT = """
[[slot]]
name = "bin-1"
kind = "bin"
bus = "bus"
address = 9
unit = "5740ea0000000009"
parameters = {{ {parameters} }}
"""


def bin_house(folder: Path, parameters: str):
    more = SLOT.format(parameters=parameters)
    return house(folder, lamps=0, bollards=0, bins=0, more=more)


async def half_full(h: House) -> BinPlant:
    """The bin with 500 mm in it, at rest, its press home and its level good; nobody else comes."""
    plant = h.street.bin("bin-1")
    plant.leave_alone()
    plant.deposit(500.0)

    def is_measured() -> bool:
        state = h.ear.states.get("bin-1", {})
        level = state.get("level_percent") or 0
        return level > 40 and (state["state"], state["q"]) == ("idle", "good")

    await h.until(is_measured, "not measured")
    return plant


async def test_waste_is_packed_by_command_and_the_level_falls(tmp_path: Path) -> None:
    async with bin_house(tmp_path, "status_period_ms = 500") as h:
        plant = await half_full(h)
        before = plant.waste_mm
        asking = asyncio.create_task(h.command("bin-1", "compact", {}))
        await h.until(lambda: h.ear.state("bin-1") == "compacting", "it does not press")
        result = await asking
        assert result["status"] == "DONE"
        assert plant.waste_mm < 0.6 * before
        await h.until(lambda: h.ear.states["bin-1"]["cycles"] == 1, "no cycle is told")
        assert h.ear.states["bin-1"]["emptyings"] == 0


async def test_a_lid_that_opens_stops_the_press_and_the_command_says_so(tmp_path: Path) -> None:
    async with bin_house(tmp_path, "status_period_ms = 500") as h:
        plant = await half_full(h)
        asking = asyncio.create_task(h.command("bin-1", "compact", {}))
        await h.street.until(lambda: plant.plate > 0.2, timeout_s=20, what="the plate comes down")
        plant.lid_stuck = True
        result = await asking
        assert (result["status"], result["guard"]) == ("FAILED", "lid_open")
        stopped_at = plant.plate
        await asyncio.sleep(1.0)
        assert plant.plate == stopped_at
        plant.lid_stuck = False
        await h.street.until(lambda: plant.plate == 0.0, timeout_s=20, what="the plate is home")


async def test_a_sleeping_bin_stays_on_line_and_takes_commands_with_its_next_wake(
    tmp_path: Path,
) -> None:
    async with bin_house(tmp_path, "press = false, sleep_s = 6, awake_ms = 1500") as h:
        controller = h.agent.controllers["bin-1"]
        plant = h.street.bin("bin-1")
        plant.leave_alone()
        await h.until(lambda: h.ear.states.get("bin-1", {}).get("q") == "good", "no good level")
        await h.until(lambda: controller.is_dozing, "it does not sleep")
        assert h.ear.avail["bin-1"] == "online"
        result = await h.command("bin-1", "identify", {"duration_s": 2}, lifetime_ms=15_000)
        assert result["status"] == "DONE"
        await h.street.until(lambda: plant.identifying, what="the light")
        await h.until(lambda: controller.is_dozing, "it does not sleep again")
        plant.burning = True
        await h.until(lambda: h.ear.state("bin-1") == "fire", "fire is not told")
        assert h.ear.avail["bin-1"] == "online"
        assert controller.boot == 1
        assert h.street.controller("bin-1").watchdog_resets == 0
