"""The record as the gateway carries it from the bus to the broker, and its meaning in JSON."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields as dataclass_fields
from enum import IntEnum, IntFlag
from typing import Any, NamedTuple

import msgspec

from gateway.ledger import StreamKey
from protocol.errors import WireError
from protocol.generated import messages as wire
from protocol.generated.wire import (
    EPOCH_UNIX_S,
    NO_READING_I8,
    NO_READING_U16,
    URGENT_SEQUENCE_BASE,
)

GATEWAY_RECORD = 0
"""Record type of what the gateway itself has to say: the body is a JSON object."""

NO_READING_I16 = -32768
DALI_FULL = 254


class Priority(IntEnum):
    """What the store may drop when it is full, and what overtakes what on the way out."""

    ROUTINE = 0
    ALARM = 1
    AUDIT = 2


class Record(NamedTuple):
    """One record; `(unit, boot, sequence)` is its identity for ever.

    `slot` and `kind` are those of the place where `unit` (16 hex digits, or the gateway's name)
    was when the record arrived. `time_ms` is the controller's own time in Unix milliseconds,
    `quality` the Quality bits, `body` the wire bytes of the layout `type`.
    """

    slot: str
    kind: str
    unit: str
    boot: int
    sequence: int
    type: int
    quality: int
    time_ms: int
    body: bytes
    priority: int = Priority.ROUTINE

    @property
    def stream(self) -> StreamKey:
        """The stream that the sequence number counts in."""
        return StreamKey(self.unit, self.boot, is_urgent(self.sequence))


class Row(NamedTuple):
    """A stored record: `id` ascends in the order of arrival, `received_ms` is Unix time."""

    id: int
    received_ms: int
    record: Record


class GapNotice(NamedTuple):
    """Numbers `first..last` of one stream are lost for ever because of `cause`.

    `last` is the number that the notice itself travelled under.
    """

    unit: str
    boot: int
    first: int
    last: int
    cause: str


def is_urgent(sequence: int) -> bool:
    """True when the number counts in the urgent stream of its boot."""
    return sequence > URGENT_SEQUENCE_BASE


def first_sequence(*, urgent: bool) -> int:
    """The number of the first record of a boot in this stream."""
    return URGENT_SEQUENCE_BASE + 1 if urgent else 1


def unix_ms() -> int:
    """The wall clock in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def from_wire(
    slot: str, kind: str, unit: str, boot: int, header: wire.RecordHeader, body: bytes
) -> Record:
    """The record that a controller sent as `header` and `body` during its boot number `boot`."""
    return Record(
        slot=slot,
        kind=kind,
        unit=unit,
        boot=boot,
        sequence=header.sequence,
        type=header.type,
        quality=int(header.quality),
        time_ms=(EPOCH_UNIX_S + header.seconds) * 1000 + header.milliseconds,
        body=bytes(body),
        priority=Priority.ALARM if is_urgent(header.sequence) else Priority.ROUTINE,
    )


def gap_of(record: Record) -> GapNotice | None:
    """The loss that this record reports, or None when it is not a readable gap record."""
    if record.type != wire.Gap.ID:
        return None
    try:
        gap = wire.decode_gap(record.body)
    except WireError:
        return None
    if gap.count < 1:
        return None
    last = gap.first + gap.count - 1
    return GapNotice(record.unit, record.boot, gap.first, last, gap.cause.name.lower())


_DALI_PERCENT = (0.0, *(round(10 ** ((n - 1) * 3 / 253 - 1), 1) for n in range(1, 255)))


def is_presence(record: Record) -> bool:
    """Whether this record says that somebody has just come to a lamp."""
    if record.type != wire.Event.ID:
        return False
    try:
        event = wire.decode_event(record.body)
    except WireError:
        return False
    return event.code is wire.EventCode.PRESENCE and event.active == 1


def result_of(event: wire.Event) -> wire.CommandResult | None:
    """What became of a command, told by an event: status, guard and progress in its value."""
    if event.code is not wire.EventCode.COMMAND_RESULT:
        return None
    try:
        return wire.CommandResult(
            event.transaction,
            wire.Status(event.value & 0xFF),
            wire.Guard(event.value >> 8 & 0xFF),
            event.value >> 16 & 0xFF,
        )
    except ValueError:
        return None


def is_pressing(record: Record) -> bool:
    """Whether it should be durable at once: every alarm, and what happens to bollards and bins.

    A lamp's presences and transitions are published at once too, but may wait for the disk.
    """
    if record.priority == Priority.ROUTINE:
        return False
    if record.kind != "lamp" or record.type != wire.Event.ID:
        return True
    try:
        return wire.decode_event(record.body).severity is not wire.Severity.INFO
    except WireError:
        return True


def dali_percent(level: int) -> float:
    """Light in percent of a DALI level 0 to 254, one decimal; IEC 62386-102: 10^((n-1)*3/253-1)."""
    return _DALI_PERCENT[max(0, min(level, DALI_FULL))]


def _reading(absent: int) -> Callable[[int], int | None]:
    return lambda value: None if value == absent else value


def _tenths(absent: int) -> Callable[[int], float | None]:
    return lambda value: None if value == absent else value / 10


def _up_to(highest: int) -> Callable[[int], int | None]:
    """What is out of range is no reading."""
    return lambda value: value if value <= highest else None


def _fill_percent(permille: int) -> float | None:
    return permille / 10 if permille <= 1000 else None


def person(field: bytes) -> str | None:
    """The name of who signed, from its eight bytes on the wire; None when nobody did."""
    return field.rstrip(b"\0").decode("ascii", "replace") or None


_RENAMED: dict[tuple[type, str], tuple[str, Callable[[Any], Any]]] = {
    (wire.LampStatus, "level"): ("level_percent", dali_percent),
    (wire.LampStatus, "target"): ("target_percent", dali_percent),
    (wire.LampStatus, "power_dw"): ("power_w", _tenths(NO_READING_U16)),
    (wire.LampStatus, "temperature_c"): ("temperature_c", _reading(NO_READING_I8)),
    (wire.BollardStatus, "position_percent"): ("position_percent", _up_to(100)),
    (wire.BollardStatus, "current_ma"): ("current_ma", _reading(NO_READING_U16)),
    (wire.BollardStatus, "pressure_kpa"): ("pressure_kpa", _reading(NO_READING_U16)),
    (wire.BollardStatus, "nonce"): ("cmd_nonce", bytes.hex),
    (wire.Motion, "operator"): ("operator", person),
    (wire.Motion, "second"): ("second", person),
    (wire.BollardMeters, "rise_ms"): ("rise_ms", _reading(0)),
    (wire.BinMeters, "battery_least_mv"): ("battery_least_mv", _reading(NO_READING_U16)),
    (wire.BinStatus, "level_permille"): ("level_percent", _fill_percent),
    (wire.BinStatus, "distance_mm"): ("distance_mm", _reading(NO_READING_U16)),
    (wire.BinStatus, "temperature_dc"): ("temperature_c", _tenths(NO_READING_I16)),
    (wire.BinStatus, "battery_mv"): ("battery_mv", _reading(NO_READING_U16)),
    (wire.BinStatus, "press_ma"): ("press_ma", _reading(NO_READING_U16)),
    (wire.Event, "active"): ("active", bool),
}
"""Wire fields whose JSON differs: (class, field) -> (JSON name, conversion)."""

_Step = tuple[str, str, Callable[[Any], Any] | None]
_PLANS: dict[type, list[_Step]] = {}
_FLAG_NAMES: dict[tuple[type, int], list[str]] = {}


def _flag_names(value: IntFlag) -> list[str]:
    key = (type(value), int(value))
    names = _FLAG_NAMES.get(key)
    if names is None:
        names = [flag.name.lower() for flag in type(value) if flag in value and flag.name]
        _FLAG_NAMES[key] = names
    return names


def _step(kind: type[Any], field: str) -> _Step:
    renamed = _RENAMED.get((kind, field))
    return (field, field, None) if renamed is None else (field, *renamed)


def _plan(kind: type[Any]) -> list[_Step]:
    plan = _PLANS.get(kind)
    if plan is None:
        plan = _PLANS[kind] = [_step(kind, field.name) for field in dataclass_fields(kind)]
    return plan


def body_fields(body: wire.RecordBody) -> dict[str, Any]:
    """The fields of a decoded record as JSON values.

    Enums become lower-case names, flags sorted lists of names, a reading that is not there null,
    tenths become decimals and DALI levels percent of light; the unit is in the name.
    """
    values: dict[str, Any] = {}
    for source, name, convert in _plan(type(body)):
        value = getattr(body, source)
        if convert is not None:
            value = convert(value)
        elif isinstance(value, IntFlag):
            value = _flag_names(value)
        elif isinstance(value, IntEnum):
            value = value.name.lower()
        values[name] = value
    return values


_TYPE_NAMES: dict[int, str] = {
    wire.LampStatus.ID: "lamp_status",
    wire.BollardStatus.ID: "bollard_status",
    wire.BinStatus.ID: "bin_status",
    wire.Event.ID: "event",
    wire.Gap.ID: "gap",
    wire.Health.ID: "health",
    wire.LampMeters.ID: "lamp_meters",
    wire.Motion.ID: "motion",
    wire.BollardMeters.ID: "bollard_meters",
    wire.BinMeters.ID: "bin_meters",
}

STATUS_TYPES: Mapping[int, str] = {
    wire.LampStatus.ID: "lamp",
    wire.BollardStatus.ID: "bollard",
    wire.BinStatus.ID: "bin",
}
"""Record types whose fields are the state of a slot -> the slot's kind."""


def describe(record: Record) -> tuple[str, dict[str, Any]]:
    """The record's type name and its fields as JSON values.

    A layout that this gateway does not know, or that does not fit, is not lost: its type comes
    out as `unknown_0x..` with the body in hexadecimal.
    """
    if record.type == GATEWAY_RECORD:
        try:
            return "gateway", msgspec.json.decode(record.body, type=dict[str, Any])
        except msgspec.DecodeError:
            return "gateway", {"raw": record.body.hex()}
    decode = wire.RECORD_DECODERS.get(record.type)
    with suppress(WireError):
        if decode is not None:
            return _TYPE_NAMES[record.type], body_fields(decode(record.body))
    return f"unknown_0x{record.type:02x}", {"raw": record.body.hex()}
