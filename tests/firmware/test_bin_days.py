"""Level and emptyings of a bin over days and years, with every fault: DOMAIN's figures."""

from __future__ import annotations

import pytest

from tests.firmware.bin_days import BinLife, Verdict

DAYS = 1000
LIVES = 4
SHORT_DAYS = 60
FAULTS = (
    "frozen",
    "noisy",
    "disconnected",
    "drifting",
    "lid stuck",
    "tilt",
    "water",
    "jam",
    "fire",
)


def judge(verdict: Verdict) -> None:
    print(verdict)
    assert not verdict.wrong, f"{verdict}\n" + "\n".join(verdict.wrong[:20])
    assert verdict.worst <= 0.03
    assert verdict.good_ms > 0.7 * verdict.days * 86_400_000


@pytest.mark.parametrize("seed", [1, 2])
def test_levels_are_within_3_percent_and_emptyings_are_told_once(seed: int) -> None:
    judge(BinLife(seed).live(SHORT_DAYS))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 10 + LIVES))
def test_a_thousand_days_of_bins_with_everything_that_fails(seed: int) -> None:
    verdict = BinLife(seed).live(DAYS // LIVES)
    judge(verdict)
    assert all(verdict.counts[what] for what in FAULTS), verdict.counts


@pytest.mark.soak
def test_a_bin_that_never_sleeps_is_within_3_percent_in_every_report_of_three_days() -> None:
    verdict = BinLife(4, sleep_s=0).live(3)
    judge(verdict)
    assert verdict.reports > 200_000


def test_a_slice_of_sleep_in_which_nothing_changes_changes_nothing() -> None:
    """What makes the jumps of these days right: living through every second tells the same."""
    told: list[list[tuple[int, int, int]]] = []
    for everything in (False, True):
        # A thermometer is read in each slice; it would be found out a little earlier.
        life = BinLife(4, everything=everything, spared=("thermometer",), weather=False)
        life.live(1)
        assert not life.verdict.wrong
        told.append([event[:3] for event in life.paper.events])
    assert told[0] == told[1]
