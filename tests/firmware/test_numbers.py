"""logic imports nothing, so its numbers are written twice: they are those of the wire."""

from __future__ import annotations

from types import ModuleType

import pytest

from firmware.logic import bin as bin_logic
from firmware.logic import bollard, lamp
from protocol.generated import messages, wire, wire_bollard, wire_gateway


@pytest.mark.parametrize(
    ("module", "enum"),
    [
        (lamp, messages.LampState),
        (bollard, messages.BollardState),
        (bin_logic, messages.BinState),
    ],
)
def test_states_are_numbered_as_on_the_wire(module: ModuleType, enum: type) -> None:
    states = {member.name: member.value for member in enum}  # type: ignore[attr-defined] - an enum
    assert states == {name: getattr(module, name) for name in states}


def test_reasons_and_drives_are_numbered_as_on_the_wire() -> None:
    assert [
        lamp.BY_DEFAULT,
        lamp.BY_SCHEDULE,
        lamp.BY_PRESENCE,
        lamp.BY_OVERRIDE,
        lamp.BY_SAFETY,
    ] == [
        wire_gateway.LAMP_REASON_DEFAULT,
        wire_gateway.LAMP_REASON_SCHEDULE,
        wire_gateway.LAMP_REASON_PRESENCE,
        wire_gateway.LAMP_REASON_OVERRIDE,
        wire_gateway.LAMP_REASON_SAFETY,
    ]
    assert (bollard.OFF, bollard.DRIVE_UP, bollard.DRIVE_DOWN) == (
        wire_bollard.DRIVE_OFF,
        wire_bollard.DRIVE_UP,
        wire_bollard.DRIVE_DOWN,
    )


def test_inputs_signals_and_guards_of_a_post_are_those_of_the_wire() -> None:
    for name in messages.BollardInput.__members__:
        assert getattr(bollard, name) == getattr(wire_gateway, f"BOLLARD_INPUT_{name}")
    for name in messages.BollardSignal.__members__:
        assert getattr(bollard, name) == getattr(wire_gateway, f"BOLLARD_SIGNAL_{name}")
    for name, value in vars(bollard).items():
        if name.startswith("GUARD_"):
            assert value == getattr(wire_bollard, name, getattr(wire, name, None))
    assert bin_logic.UNKNOWN == wire.NO_READING_U16


def test_settled_is_no_input_of_the_wire() -> None:
    assert not bollard.SETTLED & max(messages.BollardInput)


def test_tables_are_rectangular() -> None:
    for module, events in ((lamp, 8), (bin_logic, 12)):
        assert {len(row) for row in module.NEXT} == {events}
    assert len(lamp.NEXT) == len(lamp.LEVEL) == len(lamp.REASON) == 9
    assert len(bollard.NEXT) == 15 * bollard.EVENTS == 15 * (bollard.ON_NOTHING + 1)
    assert len(bollard.DRIVE) == len(bollard.SIGNALS) == len(bollard.LETTERS) == 15
    assert set(bollard.NEXT) == set(bollard.LETTERS)
    assert len(bin_logic.NEXT) == 11
