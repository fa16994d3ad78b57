"""What a reload of the site file changes, and what only a new start takes over. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from gateway.site_model import Bus, Site, Slot

_S = TypeVar("_S", Bus, Slot)


class Effect(StrEnum):
    """What a change means while the gateway runs."""

    AT_ONCE = "at once"
    ADDED = "is asked from now on"
    REMOVED = "is not asked any more, its retained topics are cleared"
    SWAPPED = "another unit; topics, configuration and history stay with the slot"
    MOVED = "is asked at its new place from now on"
    RENAMED = "is another slot: the topics of the old one are cleared"
    BUS_OPENED = "is opened"
    BUS_CLOSED = "is closed"
    REOPENED = "the bus is opened anew, its slots are off-line for a moment"
    RECONNECTED = "connects to the broker anew"
    RESTART = "only at the next start of the gateway"


@dataclass(frozen=True)
class Change:
    """One difference: `what` is the table, `key` its key, or None when all of it came or went."""

    what: str
    key: str | None
    old: Any
    new: Any
    effect: Effect

    def __str__(self) -> str:
        if self.key is None:
            sign, value = ("+", self.new) if self.old is None else ("-", self.old)
            return f"{sign} {self.what} ({value}): {self.effect}"
        return f"~ {self.what}, {self.key}: {_show(self.old)} -> {_show(self.new)}: {self.effect}"


_ONLY_AT_START = (
    *(("site", "name"), ("site", "gateway")),
    *(("store", "path"), ("store", "linger_s"), ("metrics", "listen")),
)
_SLOT_EFFECTS = {
    "kind": Effect.RENAMED,
    "unit": Effect.SWAPPED,
    "bus": Effect.MOVED,
    "address": Effect.MOVED,
}


def compare(old: Site, new: Site) -> list[Change]:
    """Everything in which `new` differs from `old`, in the order of a site file."""
    return [
        *_tables(old, new),
        *_entries("bus", old.buses, new.buses, Effect.BUS_OPENED, Effect.BUS_CLOSED),
        *_entries("slot", old.slots, new.slots, Effect.ADDED, Effect.REMOVED),
    ]


def running(old: Site, new: Site) -> Site:
    """`new` as a gateway that was started with `old` can run it."""
    replace = msgspec.structs.replace
    for table, key in _ONLY_AT_START:
        kept = replace(getattr(new, table), **{key: getattr(getattr(old, table), key)})
        new = replace(new, **{table: kept})
    return new


def _tables(old: Site, new: Site) -> Iterator[Change]:
    for table in ("site", "broker", "store", "metrics"):
        for key, before, after in _differences(getattr(old, table), getattr(new, table)):
            effect = Effect.RECONNECTED if table == "broker" else Effect.AT_ONCE
            if (table, key) in _ONLY_AT_START:
                effect = Effect.RESTART
            yield Change(f"[{table}]", key, before, after, effect)


def _entries(
    table: str, old: Iterable[_S], new: Iterable[_S], came: Effect, went: Effect
) -> Iterator[Change]:
    before = {entry.name: entry for entry in old}
    after = {entry.name: entry for entry in new}
    for name, entry in before.items():
        if name not in after:
            yield Change(f"{table} {name}", None, _describe(entry), None, went)
    for name, entry in after.items():
        if name not in before:
            yield Change(f"{table} {name}", None, None, _describe(entry), came)
            continue
        for key, was, now in _differences(before[name], entry):
            effect = Effect.REOPENED
            if table == "slot":
                effect = _SLOT_EFFECTS.get(key, Effect.AT_ONCE)
            yield Change(f"{table} {name}", key, was, now, effect)


def _differences(old: msgspec.Struct, new: msgspec.Struct) -> Iterator[tuple[str, Any, Any]]:
    """The fields that differ; those of a table inside one by one, where it is of the same sort."""
    for field in old.__struct_fields__:
        before, after = getattr(old, field), getattr(new, field)
        if before == after:
            continue
        if isinstance(before, msgspec.Struct) and type(before) is type(after):
            for key, was, now in _differences(before, after):
                yield f"{field}.{key}", was, now
        elif not isinstance(before, msgspec.Struct):
            yield field, before, after


def _describe(entry: Bus | Slot) -> str:
    if isinstance(entry, Bus):
        return f"{entry.port} at {entry.baud} baud"
    return f"{entry.kind}, bus {entry.bus}, address {entry.address}, unit {entry.unit}"


def _show(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]  # of any type
    return "none" if value is None else str(value)
