"""What a post reads from wires that are cut: never a hand, never an end it is not at."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from firmware.boards import emulated, esp32, pico, pico2
from firmware.logic import bollard
from hil.pins import LIVE, BollardPin

OF_THE_STREET = {
    BollardPin.AT_BOTTOM: bollard.AT_BOTTOM,
    BollardPin.LOCAL_KEY: bollard.LOCAL_KEY,
    BollardPin.LOCAL_LOWER: bollard.LOCAL_LOWER,
}


class FakePin:
    """An input that nothing is connected to reads as its pull resistor; `levels` are the wires."""

    IN, OUT, PULL_UP, PULL_DOWN = range(4)
    levels: dict[int, int] = {}  # noqa: RUF012 - one street, as with real pins

    def __init__(self, number: int, mode: int, pull: int) -> None:
        assert mode == self.IN
        self._number = number
        self._open = 1 if pull == self.PULL_UP else 0

    def value(self) -> int:
        return self.levels.get(self._number, self._open)


@pytest.fixture
def drivers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The shipped driver over fake pins."""
    machine: Any = ModuleType("machine")
    machine.Pin = FakePin
    machine.ADC = lambda pin: pin  # pyright: ignore[reportUnknownLambdaType] - is not read here
    monkeypatch.setitem(sys.modules, "machine", machine)
    monkeypatch.setattr(FakePin, "levels", {})
    names = ("firmware.drivers.pins", "firmware.drivers.bollard")
    yield import_module(names[1])
    for name in names:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("board", [pico, pico2, esp32, emulated])
def test_open_wires_are_unsafe_and_neither_press_a_key_nor_reach_the_lower_end(
    drivers: Any, board: Any
):
    live = bollard.KEYS | bollard.AT_BOTTOM
    inputs = drivers.BollardInputs(board)
    assert inputs.bits() == 0xFFF & ~live
    for i, pin in enumerate(board.POST_CONTACTS):
        FakePin.levels = {other: 0 for other in board.POST_CONTACTS if other != pin}
        assert inputs.bits() == (1 << i) & ~live
        FakePin.levels[pin] = 1
        assert inputs.bits() == 1 << i


def test_the_street_knows_the_same_wires():
    assert {OF_THE_STREET[pin] for pin in LIVE} == {
        bollard.AT_BOTTOM,
        bollard.LOCAL_KEY,
        bollard.LOCAL_LOWER,
    }
