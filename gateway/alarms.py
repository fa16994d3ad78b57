"""Which alarms of its buses a gateway raises and clears. Pure; it sees what `Bus` notices.

An alarm that is raised holds until it is cleared, or until the gateway starts anew (`started` on
the health topic is later than the alarm).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Line(Protocol):
    """What of a bus alarms are made of, see `gateway.bus.Bus`."""

    @property
    def name(self) -> str:
        """As in the site file."""
        ...

    connected: bool
    is_disturbed: bool
    babbling: int | None
    strangers: list[str]
    shared_addresses: dict[int, list[str]]


class Key(NamedTuple):
    """What there can be one alarm of."""

    bus: str
    code: str
    of: str = ""


Fields = Mapping[str, Any]


class Alarms:
    """The alarms that are raised now."""

    def __init__(self) -> None:
        self.raised: dict[Key, Fields] = {}

    def look(self, buses: Sequence[Line]) -> tuple[list[Fields], Callable[[], None]]:
        """The events that the buses make due, and what to call once they are stored."""
        now: dict[Key, Fields] = {}
        for bus in buses:
            now |= _alarms(bus, self.raised)
        cleared = [fields for key, fields in self.raised.items() if key not in now]
        new = [fields for key, fields in now.items() if key not in self.raised]
        events = [_event(fields, active=False) for fields in cleared]
        events += [_event(fields, active=True) for fields in new]

        def stored() -> None:
            self.raised = now

        return events, stored


def _event(fields: Fields, *, active: bool) -> Fields:
    return {**fields, "active": active}


def _alarms(bus: Line, raised: Mapping[Key, Fields]) -> dict[Key, Fields]:
    """What is wrong on a bus, each alarm as it was raised."""
    name = bus.name
    if not bus.connected:
        # Nobody knows what holds on a line that cannot be heard: it stays as it is.
        away = Key(name, "bus_away")
        kept = {key: fields for key, fields in raised.items() if key.bus == name}
        return kept | {away: _fields(away, "alarm", "its port is away")}
    found: dict[Key, Fields] = {}
    if bus.is_disturbed:
        who = "somebody" if bus.babbling is None else f"address {bus.babbling}"
        key = Key(name, "babble")
        text = f"{who} talks unasked and disturbs the others"
        found[key] = _fields(key, "alarm", text, address=bus.babbling)
    for address, units in bus.shared_addresses.items():
        key = Key(name, "shared_address", str(address))
        text = f"{' and '.join(units)} share address {address}; change one of them"
        found[key] = _fields(key, "alarm", text, address=address, units=units)
    for unit in bus.strangers:
        key = Key(name, "unassigned_unit", unit)
        found[key] = _fields(key, "warning", f"{unit} has no address yet", units=[unit])
    return {key: raised.get(key, fields) for key, fields in found.items()}


def _fields(
    key: Key,
    severity: str,
    text: str,
    *,
    address: int | None = None,
    units: Sequence[str] = (),
) -> Fields:
    return {
        "code": key.code,
        "severity": severity,
        "bus": key.bus,
        "address": address,
        "units": list(units),
        "text": text,
    }
