"""The dimming table against the formula it comes from."""

from __future__ import annotations

import pytest

from firmware.logic import dali


def curve(level: float) -> float:
    """Light in percent, IEC 62386-102."""
    return 10 ** ((level - 1) * 3 / 253 - 1)


def test_every_duty_of_the_table_is_the_formula_rounded() -> None:
    assert len(dali.DUTY) == dali.FULL_LEVEL + 1
    assert dali.DUTY[0] == 0
    for level in range(1, dali.FULL_LEVEL + 1):
        assert dali.DUTY[level] == round(curve(level) / 100 * dali.FULL_DUTY)


def test_between_two_levels_the_error_is_below_a_fifth_of_a_step() -> None:
    for fine in range(dali.FINE, dali.FULL_FINE + 1):
        exact = curve(fine / dali.FINE) / 100 * dali.FULL_DUTY
        # One count for rounding down, and 0.01 % for the straight line between two points.
        assert abs(dali.duty(fine) - exact) <= 1.5 + exact * 0.0001


@pytest.mark.parametrize("percent", range(101))
def test_the_level_of_a_percentage_is_the_one_whose_light_is_nearest(percent: int) -> None:
    chosen = dali.level(percent)
    if percent == 0:
        assert chosen == 0
        return
    errors = [abs(curve(level) - percent) for level in range(1, 255)]
    assert abs(curve(chosen) - percent) <= min(errors) + 0.002


def test_the_percentage_of_a_level_is_its_light_rounded_and_never_0_when_lit() -> None:
    for level in range(1, 255):
        assert abs(dali.percent(level) - max(curve(level), 1)) <= 0.51
    assert dali.percent(0) == 0
