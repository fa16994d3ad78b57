"""Lamps on real MicroPython: without their gateway, and broken."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from firmware.logic import dali
from tests.street.rig import house

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("micropython_command"),
]

SAFE_LIMIT_S = 5.0
FLOOR_DUTY, SAFE_DUTY = dali.DUTY[dali.level(20)], dali.DUTY[dali.level(80)]
# Of the last slot of the site file, and one more.
LAMPS = """
[slot.parameters]
autonomous = false
safe_percent = 80
ramp_down_ms = 500
[[slot]]
name = "lamp-2"
kind = "lamp"
bus = "bus"
address = 9
unit = "5740ea0000000009"
[slot.parameters]
ramp_down_ms = 500
hold_s = 1
"""
RATED = """
[slot.parameters]
ramp_down_ms = 500
floor_percent = 60
rated_power_dw = 250
"""


async def test_without_a_profile_it_is_at_its_safe_level_within_5_s_of_link_loss(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, lamps=1, bollards=0, bins=0, more=LAMPS) as h:
        lost, going_on = h.street.lamp("lamp-1"), h.street.lamp("lamp-2")
        lost.presence(False)
        going_on.presence(False)
        await h.until(lambda: lost.pwm_duty == going_on.pwm_duty == FLOOR_DUTY, "no rest")
        h.street.line("bus").unplug()
        cut_s = time.monotonic()
        await h.street.until(lambda: lost.pwm_duty == SAFE_DUTY, what="safe level")
        assert time.monotonic() - cut_s <= SAFE_LIMIT_S
        # With a profile a lamp goes on by itself, its own sensor too.
        assert going_on.pwm_duty == FLOOR_DUTY
        going_on.presence(True)
        await h.street.until(lambda: going_on.pwm_duty == dali.FULL_DUTY, what="own sensor")
        going_on.presence(False)
        await h.street.until(lambda: going_on.pwm_duty == FLOOR_DUTY, what="floor again")
        h.street.line("bus").replug()
        await h.until(lambda: lost.pwm_duty == FLOOR_DUTY, "did not come back")


async def test_a_broken_lamp_and_a_hot_driver_are_told(tmp_path: Path) -> None:
    async with house(tmp_path, lamps=1, bollards=0, bins=0, more=RATED) as h:
        lamp = h.street.lamp("lamp-1")
        lamp.presence(False)

        def events(code: str) -> list[int]:
            return [r["active"] for r in h.ear.records if r.get("code") == code]

        lamp.broken = True
        await h.until(lambda: h.ear.state("lamp-1") == "lamp_fault", "failure not noticed")
        lamp.broken = False
        await h.until(lambda: h.ear.state("lamp-1") == "night_floor", "return not noticed")
        await h.until(lambda: len(events("lamp_failure")) == 2, "not told")
        lamp.ambient_c = lamp.driver_c = 85.0
        await h.until(lambda: len(events("driver_hot")) == 1, "not told")
