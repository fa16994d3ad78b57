"""A gateway that booted in 1970 or has no NTP does not call its time trusted."""

from __future__ import annotations

import pytest

from gateway import timekeeping

NOVEMBER_2026 = 1_795_500_000
TWENTY_YEARS_S = 20 * 365 * 86_400


@pytest.mark.parametrize(
    ("unix_s", "plausible"),
    [
        (0, False),
        (NOVEMBER_2026, True),
        (NOVEMBER_2026 - TWENTY_YEARS_S, False),
        (NOVEMBER_2026 + TWENTY_YEARS_S, True),
        (2**32, False),
    ],
)
def test_only_times_in_which_a_gateway_can_live_are_plausible(
    unix_s: int, *, plausible: bool
) -> None:
    assert timekeeping.is_plausible(unix_s) is plausible


@pytest.mark.parametrize(
    ("unix_s", "synchronised", "trusted"),
    [
        (NOVEMBER_2026, True, True),
        (NOVEMBER_2026, False, False),
        (0, True, False),
    ],
)
def test_the_time_is_trusted_when_it_is_plausible_and_synchronised(
    monkeypatch: pytest.MonkeyPatch, unix_s: int, *, synchronised: bool, trusted: bool
) -> None:
    monkeypatch.setattr(timekeeping.time, "time", lambda: unix_s)
    monkeypatch.setattr(timekeeping, "kernel_says_synchronised", lambda: synchronised)
    assert timekeeping.is_trusted() is trusted


def test_a_clock_that_is_trusted_without_ntp_must_still_be_plausible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timekeeping, "kernel_says_synchronised", lambda: False)
    for unix_s, trusted in ((NOVEMBER_2026, True), (0, False)):
        monkeypatch.setattr(timekeeping.time, "time", lambda unix_s=unix_s: unix_s)
        assert timekeeping.is_trusted(without_ntp=True) is trusted


def test_a_system_that_cannot_be_asked_is_not_synchronised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timekeeping.sys, "platform", "plan9")
    assert timekeeping.kernel_says_synchronised() is False
