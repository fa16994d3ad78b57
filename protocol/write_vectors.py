"""Makes vectors/frames.json from vector_cases: the bytes on the line, for ever. CPython only.

Payloads come from construct, frames from the textbook forms of CRC-16 and COBS below, which share
nothing with the code that both ends run.
"""

from __future__ import annotations

import json
from typing import Any

from protocol import schema

Case = dict[str, Any]


class VectorChanged(Exception):
    """A golden vector would have to change: the wire is no longer what it was."""


def crc16(data: bytes) -> int:
    """CRC-16/CCITT bit by bit: polynomial 0x1021, initial value 0xFFFF, nothing reflected."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def cobs(data: bytes) -> bytes:
    """Consistent overhead byte stuffing of fewer than 254 bytes, after Cheshire and Baker 1999."""
    return b"".join(bytes([len(run) + 1]) + run for run in data.split(b"\0"))


def wire(body: bytes) -> bytes:
    """A frame on the line: CRC, stuffing and delimiter around header, payload and tag."""
    return cobs(body + crc16(body).to_bytes(2, "little")) + b"\0"


def header(flags: int, destination: int, source: int, kind: int, counter: int) -> bytes:
    """The six bytes of a header."""
    version = schema.LIMITS["PROTOCOL_VERSION"][0] << 5
    return bytes([version | flags, destination, source, kind]) + counter.to_bytes(2, "little")


def _payload(layout: Any, values: dict[str, Any]) -> bytes:
    return layout.build(values)


def _plain(values: dict[str, Any]) -> list[list[Any]]:
    """Ordered pairs with bytes as hex, for interpreters whose dicts forget the order."""
    return [[k, {"hex": v.hex()} if isinstance(v, bytes) else v] for k, v in values.items()]


def message(about: str, name: str, route: tuple[int, int], values: dict[str, Any]) -> Case:
    """A message from or to a station, with the frame's counter."""
    station, counter = route
    definition = schema.MESSAGES[name]
    payload = _payload(definition.layout, values)
    reply = definition.sender == schema.CONTROLLER
    flags = schema.LIMITS["FLAG_REPLY"][0] if reply else 0
    destination, source = (0, station) if reply else (station, 0)
    frame = header(flags, destination, source, definition.id, counter) + payload
    return {
        "case": "message",
        "name": f"{name}: {about}",
        "layout": name,
        "values": _plain(values),
        "payload": payload.hex(),
        "flags": flags,
        "destination": destination,
        "source": source,
        "counter": counter,
        "wire": wire(frame).hex(),
    }


def record(about: str, name: str, values: dict[str, Any]) -> Case:
    """The body of a record, or the header before it."""
    layout = schema.RECORD_HEADER if name == "record_header" else schema.RECORDS[name].layout
    return {
        "case": "record",
        "name": f"{name}: {about}",
        "layout": name,
        "values": _plain(values),
        "payload": _payload(layout, values).hex(),
    }


def stream(name: str, chunks: list[bytes], bodies: list[bytes], bad_frames: int) -> Case:
    """Chunks on the line, and the headers and payloads that a receiver finds in them."""
    return {
        "case": "stream",
        "name": name,
        "chunks": [chunk.hex() for chunk in chunks],
        "bodies": [body.hex() for body in bodies],
        "bad_frames": bad_frames,
    }


def appended(golden: list[Case], cases: list[Case]) -> list[Case]:
    """The golden vectors and behind them the new cases; VectorChanged when an old one differs."""
    known = {case["name"]: case for case in golden}
    for case in cases:
        if known.setdefault(case["name"], case) != case:
            raise VectorChanged(case["name"])
    return list(known.values())


def formatted(vectors: list[Case]) -> str:
    """The vectors as JSON, one a line, so that a change shows as what it is."""
    return "[\n" + ",\n".join(json.dumps(case) for case in vectors) + "\n]\n"
