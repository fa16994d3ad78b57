"""Records and commands that tests send around."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import strategies as st

from gateway.contract import timestamp
from gateway.records import Priority, Record, first_sequence, unix_ms
from protocol.generated import messages as wire

UNIT = "0011223344556677"
LAMP = wire.LampStatus(
    wire.LampState.HOLD, wire.LampReason.PRESENCE, 235, 254, wire.LampFault(0), 5, 123, 31
)
BOLLARD = wire.BollardStatus(
    wire.BollardState.DOWN,
    wire.Drive.OFF,
    wire.BollardInput.LOOP_A | wire.BollardInput.AT_BOTTOM,
    wire.BollardSignal.GREEN,
    wire.BollardFault(0),
    wire.Guard.OCCUPIED,
    0,
    0xFFFF,
    900,
    3,
    bytes(range(8)),
)
BIN = wire.BinStatus(
    wire.BinState.FILLING, 421, 700, wire.BinInput(0), wire.BinFault(0), -32768, 12400, 0, 1, 2
)
FIRE = wire.Event(wire.EventCode.FIRE, wire.Severity.CRITICAL, 1, 93, 0)
MOTION = wire.Motion(
    wire.Drive.UP,
    wire.MotionCause.COMMAND,
    wire.BollardState.RISING,
    7,
    b"anna\0\0\0\0",
    bytes(8),
)
_numbers = itertools.count(1)


def record(
    sequence: int,
    body: Any = LAMP,
    *,
    slot: str = "L1",
    kind: str = "lamp",
    unit: str = UNIT,
    boot: int = 1,
    quality: int = 0,
) -> Record:
    """A routine record."""
    return Record(
        slot, kind, unit, boot, sequence, type(body).ID, quality, 1_764_000_000_250, encode(body)
    )


def alarm(number: int, body: Any = FIRE, **place: Any) -> Record:
    """The alarm number 1, 2, ... of a boot."""
    made = record(first_sequence(urgent=True) + number - 1, body, **place)
    return made._replace(priority=Priority.ALARM)


def encode(body: Any) -> bytes:
    return wire.RECORD_ENCODERS[type(body)](body)


def command(**changes: Any) -> bytes:
    """A valid `set` for a lamp, with changes; a change to None removes the key."""
    now = unix_ms()
    fields: dict[str, Any] = {
        "id": f"test-{now}-{next(_numbers)}",
        "verb": "set",
        "args": {"level": 60, "duration_s": 30},
        "issued": timestamp(now),
        "not_after": timestamp(now + 60_000),
        "actor": "an",
        "reason": "test",
    } | changes
    return json.dumps({k: v for k, v in fields.items() if v is not None}).encode()


def auth(**changes: Any) -> dict[str, Any]:
    """An `auth` that has the right form, with changes."""
    signature = {"operator": "an", "role": "operator", "tag": "ab" * 16}
    fields = {"nonce": "00" * 8, "lifetime_ms": 5000, "transaction": 7, "signatures": [signature]}
    return fields | changes


def bodies() -> st.SearchStrategy[tuple[int, bytes]]:
    """(record type, wire bytes) of every layout, with any values that the wire allows."""
    sizes = {
        kind: len(encode(body))
        for kind, body in (
            (wire.LampStatus.ID, LAMP),
            (wire.BollardStatus.ID, BOLLARD),
            (wire.BinStatus.ID, BIN),
            (wire.Event.ID, FIRE),
            (wire.Gap.ID, wire.Gap(1, 2, wire.GapCause.REBOOT)),
            (wire.Health.ID, wire.Health(0, 0, 0, 0, 0, 0)),
            (wire.LampMeters.ID, wire.LampMeters(0, 0, 0, 0)),
            (wire.Motion.ID, MOTION),
            (wire.BollardMeters.ID, wire.BollardMeters(0, 0, 0, 0, 0, 0, 0, 0)),
            (wire.BinMeters.ID, wire.BinMeters(0, 0, 0, 0, 0, 0)),
        )
    }
    known = st.sampled_from(sorted(sizes)).flatmap(
        lambda kind: st.tuples(
            st.just(kind),
            st.binary(min_size=sizes[kind], max_size=sizes[kind]).map(
                lambda data, kind=kind: _plausible(kind, data)
            ),
        )
    )
    return known | st.tuples(st.integers(1, 255), st.binary(max_size=40))


def _plausible(kind: int, data: bytes) -> bytes:
    """The same bytes with small enum values, so that most of them decode."""
    head = {1: 2, 2: 2, 3: 1, wire.Motion.ID: 3}.get(kind, 0)
    changed = bytearray(data)
    for index in range(head):
        changed[index] %= 3
    if kind == wire.Event.ID:
        changed[0:3] = bytes([changed[0] % 19 + 1, 0, changed[2] % 4 + 1])
    if kind == wire.Gap.ID:
        changed[8] = changed[8] % 3 + 1
    if kind == wire.BollardStatus.ID:
        changed[7] %= 20
    return bytes(changed)
