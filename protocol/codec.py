"""Payload bytes to typed messages and back, on the host; the generated code does the work."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import cast

from protocol.errors import EncodeError, WireError
from protocol.generated import messages as m
from protocol.generated.wire import RECORD_HEADER_SIZE

# Makes Record importable from here, where its readers are.
Record = m.Record


def decode_message(kind: int, payload: bytes | bytearray | memoryview) -> m.Message:
    """The message of that type; WireError when the type is unknown or the bytes are not one."""
    decode = m.MESSAGE_DECODERS.get(kind)
    if decode is None:
        raise WireError(f"no message has type {kind:#04x}")
    return decode(payload)


def encode_message(message: m.Message) -> bytes:
    """Payload of a message; EncodeError when a value does not fit its field."""
    return m.MESSAGE_ENCODERS[type(message)](message)


def decode_records(entries: bytes) -> Iterator[Record]:
    """The records of a batch in order; after the good ones WireError, where bytes are left over."""
    records: list[Record] = []
    at, end = 0, len(entries)
    readers = m.RECORD_READERS
    while at < end:
        try:
            record = readers[entries[at]](entries, at)
        except (KeyError, struct.error, WireError):
            try:
                record = _foreign_record(entries, at)
            except WireError as error:
                return _and_then(records, error)
        records.append(record)
        at += RECORD_HEADER_SIZE + record.header.size
    return iter(records)


def _and_then(records: list[Record], error: WireError) -> Iterator[Record]:
    """What was good, and then what was not."""
    yield from records
    raise error


def _foreign_record(entries: bytes, at: int) -> Record:
    """A record whose body this schema does not know; WireError when it is cut off."""
    body_at = at + RECORD_HEADER_SIZE
    header = m.decode_record_header(entries[at:body_at])
    raw = entries[body_at : body_at + header.size]
    if len(raw) != header.size:
        raise WireError("a record is cut off")
    return Record(header, None, raw)


def encode_record(
    body: m.RecordBody,
    sequence: int,
    seconds: int = 0,
    milliseconds: int = 0,
    quality: int = 0,
) -> bytes:
    """Header and body of one record; EncodeError when a value does not fit its field."""
    raw = m.RECORD_ENCODERS[type(body)](body)
    if len(raw) > 255:
        raise EncodeError("a record body has at most 255 bytes")
    flags = cast("m.Quality", quality)  # packs alike, and an IntFlag takes a while to make
    header = m.RecordHeader(type(body).ID, len(raw), flags, sequence, seconds, milliseconds)
    return m.encode_record_header(header) + raw
