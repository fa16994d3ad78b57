"""Every controller is found, whoever shares a prefix with whom, and a search always ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.discovery import MAX_QUESTIONS, Ask, Heard, Hush, Prefix, search

IDS = st.integers(0, 2**64 - 1)
Answer = Callable[[list[int]], "Heard | int"]


def garbled(answers: list[int]) -> Heard | int:
    """Two answers at once are noise."""
    if not answers:
        return Heard.SILENCE
    return answers[0] if len(answers) == 1 else Heard.COLLISION


def strongest(answers: list[int]) -> Heard | int:
    """The strongest transmitter drowns the others."""
    return max(answers) if answers else Heard.SILENCE


def run(
    population: set[int], line: Answer, deaf: frozenset[int] = frozenset()
) -> tuple[list[int], int]:
    """Search among controllers, of which the deaf ones ignore a hush: (found, questions)."""
    hushed: set[int] = set()
    going, questions = search(), 0
    heard: Heard | int | None = None
    try:
        step = next(going)
        while True:
            if isinstance(step, Ask):
                questions += 1
                heard = line([i for i in population - hushed if step.prefix.matches(i)])
            else:
                assert isinstance(step, Hush)
                hushed |= {step.hardware_id} - deaf
                heard = None
            step = going.send(heard)
    except StopIteration as end:
        return end.value, questions


@given(st.sets(IDS, max_size=64))
def test_a_search_finds_every_controller(population: set[int]) -> None:
    assert run(population, garbled)[0] == sorted(population)


@given(st.sets(IDS, max_size=64))
def test_a_strong_answer_hides_no_weak_one(population: set[int]) -> None:
    assert run(population, strongest)[0] == sorted(population)


@given(st.integers(0, 2**64 - 65))
def test_neighbouring_ids_are_told_apart(first: int) -> None:
    population = set(range(first, first + 16))
    assert run(population, garbled)[0] == sorted(population)


@given(st.sets(IDS, min_size=1, max_size=12), st.data())
def test_a_controller_that_ignores_a_hush_does_not_keep_the_search_from_its_end(
    population: set[int], data: st.DataObject
) -> None:
    deaf = data.draw(st.frozensets(st.sampled_from(sorted(population))))
    found, questions = run(population, garbled, deaf)
    assert set(found) >= population - deaf
    assert questions < 65 * 4 * (len(population) + 1)


def test_noise_without_end_still_ends() -> None:
    going = search()
    next(going)
    for _ in range(MAX_QUESTIONS - 1):
        going.send(Heard.COLLISION)
    with pytest.raises(StopIteration) as end:
        going.send(Heard.COLLISION)
    assert end.value.value == []


def test_a_population_of_32_takes_about_three_questions_each() -> None:
    population = {(0x9E3779B97F4A7C15 * i) % 2**64 for i in range(1, 33)}
    found, questions = run(population, garbled)
    assert found == sorted(population)
    assert questions <= 4 * 32


def test_a_prefix_matches_what_begins_with_it() -> None:
    low, high = Prefix(0, 0).halves()
    assert high.matches(2**63)
    assert not low.matches(2**63)
    assert low.matches(2**63 - 1)
