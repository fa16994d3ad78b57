"""Durations: everything that is written is read back, and nothing else is guessed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.ops.durations import DAY_S, format_age, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("2h", 7200), ("1h30m", 5400), ("1h 30 min", 5400), ("24h", DAY_S)],
)
def test_durations_read_as_people_write_them(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@given(st.integers(1, DAY_S))
def test_what_is_formatted_parses_to_the_same(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.text(max_size=20))
def test_any_text_is_a_duration_in_range_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert 1 <= parse_duration(text) <= DAY_S


@pytest.mark.parametrize("text", ["", "15", "0s", "25h", "h", "1h1h", "1m2h", "-5s", "5 parsecs"])
def test_what_is_no_duration_or_too_long_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"\d+[smh]"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (3.21, "3.2 s"), (9.96, "10 s"), (300, "5 min"), (8000, "2.2 h")],
)
def test_ages_are_short(seconds: float, text: str) -> None:
    assert format_age(seconds) == text


def test_an_age_from_the_future_tells_that_the_clocks_differ() -> None:
    assert "clocks differ" in format_age(-30)
