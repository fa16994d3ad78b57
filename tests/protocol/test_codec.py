"""The generated codecs against construct, over every layout, and against each other."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import codec, generate, schema
from protocol.errors import EncodeError, WireError
from protocol.generated import messages, wire, wire_bin, wire_bollard, wire_gateway, wire_lamp
from protocol.layouts import Field, Layout

SCHEMA = generate.read_schema()
LAYOUTS = [*SCHEMA.messages, *SCHEMA.records, SCHEMA.header]
CONSTRUCTS: dict[str, Any] = {
    **{name: d.layout for name, d in {**schema.MESSAGES, **schema.RECORDS}.items()},
    "record_header": schema.RECORD_HEADER,
}
RANGES = {
    "B": (0, 2**8),
    "H": (0, 2**16),
    "I": (0, 2**32),
    "b": (-(2**7), 2**7),
    "h": (-(2**15), 2**15),
    "i": (-(2**31), 2**31),
}


def values_of(f: Field) -> st.SearchStrategy[Any]:
    if f.is_tail:
        return st.binary(max_size=100)
    if f.format.endswith("s"):
        return st.binary(min_size=f.size, max_size=f.size)
    if f.enum:
        return st.sampled_from([*getattr(messages, f.enum)])
    low, end = RANGES[f.format]
    plain = st.integers(low, end - 1)
    return plain.map(getattr(messages, f.flags)) if f.flags else plain


def messages_of(layout: Layout) -> st.SearchStrategy[tuple[Layout, Any]]:
    kind = getattr(messages, layout.class_name)
    return st.tuples(
        st.just(layout), st.builds(kind, **{f.name: values_of(f) for f in layout.fields})
    )


any_message = st.one_of([messages_of(layout) for layout in LAYOUTS])
any_layout = st.sampled_from(LAYOUTS)
record_bodies = st.one_of(
    [messages_of(layout).map(lambda pair: pair[1]) for layout in SCHEMA.records]
)


WIRE = (wire, wire_gateway, wire_lamp, wire_bollard, wire_bin)


def of(layout: Layout, what: str) -> Any:
    return getattr(messages, f"{what}_{layout.name}")


def wire_function(name: str) -> Any:
    """A function of the dual codec, from the half that has it."""
    found = [getattr(half, name) for half in WIRE if hasattr(half, name)]
    assert len(found) == 1
    return found[0]


def plain(message: Any) -> dict[str, Any]:
    return {f.name: getattr(message, f.name) for f in fields(message)}


@given(any_message)
def test_the_host_codec_writes_what_construct_writes(pair: tuple[Layout, Any]) -> None:
    layout, message = pair
    values = {k: int(v) if isinstance(v, int) else v for k, v in plain(message).items()}
    assert of(layout, "encode")(message) == CONSTRUCTS[layout.name].build(values)


@given(any_message)
def test_what_was_encoded_is_decoded_to_the_same_message(pair: tuple[Layout, Any]) -> None:
    layout, message = pair
    assert of(layout, "decode")(of(layout, "encode")(message)) == message


@given(any_layout, st.data())
def test_the_host_codec_reads_what_construct_reads(layout: Layout, data: st.DataObject) -> None:
    room = 60 if layout.has_tail else 0
    payload = data.draw(st.binary(min_size=layout.size, max_size=layout.size + room))
    seen = CONSTRUCTS[layout.name].parse(payload)
    known = all(
        int(seen[f.name]) in [int(m) for m in getattr(messages, f.enum)]
        for f in layout.fields
        if f.enum
    )
    if not known:
        with pytest.raises(WireError, match="no such value"):
            of(layout, "decode")(payload)
        return
    for f in layout.fields:
        value = getattr(of(layout, "decode")(payload), f.name)
        if f.flags:
            members = schema.FLAGS[f.flags][1]
            assert {k: bool(value & v) for k, v in members.items()} == {
                k: seen[f.name][k] for k in members
            }
        else:
            assert value == (int(seen[f.name]) if f.enum else seen[f.name])


@given(any_message)
def test_both_ends_write_and_read_the_same_bytes(pair: tuple[Layout, Any]) -> None:
    layout, message = pair
    fixed = [getattr(message, f.name) for f in layout.fields if not f.is_tail]
    tail = getattr(message, layout.fields[-1].name) if layout.has_tail else b""
    buffer = bytearray(layout.size + 3)
    assert wire_function(f"pack_{layout.name}")(buffer, 3, *fixed) == layout.size + 3
    payload = of(layout, "encode")(message)
    assert bytes(buffer[3:]) + tail == payload
    assert list(wire_function(f"unpack_{layout.name}")(payload, 0, len(payload))) == fixed


@given(any_layout, st.binary(max_size=60))
def test_bytes_of_another_size_are_a_wire_error_at_both_ends(layout: Layout, data: bytes) -> None:
    fits = len(data) >= layout.size if layout.has_tail else len(data) == layout.size
    if fits:
        return
    with pytest.raises(WireError, match=layout.name):
        of(layout, "decode")(data)
    with pytest.raises(WireError, match=layout.name):
        wire_function(f"unpack_{layout.name}")(data, 0, len(data))


@given(st.integers(0, 255), st.binary(max_size=240))
def test_decoding_any_message_returns_it_or_raises_wire_error(kind: int, payload: bytes) -> None:
    try:
        message = codec.decode_message(kind, payload)
    except WireError:
        return
    assert codec.encode_message(message) == payload


@given(st.binary(max_size=240))
def test_decoding_any_batch_yields_records_or_ends_in_wire_error(entries: bytes) -> None:
    taken = 0
    try:
        for record in codec.decode_records(entries):
            taken += wire.RECORD_HEADER_SIZE + len(record.raw)
            assert record.header.size == len(record.raw)
    except WireError:
        assert taken < len(entries)
    else:
        assert taken == len(entries)


@given(st.lists(record_bodies, max_size=8), st.integers(0, 2**32 - 9))
def test_a_batch_is_read_back_in_order(bodies: list[Any], first: int) -> None:
    batch = b"".join(
        codec.encode_record(body, first + i, 5, 999, 0x04) for i, body in enumerate(bodies)
    )
    records = list(codec.decode_records(batch))
    assert [record.body for record in records] == bodies
    assert [record.header.sequence for record in records] == [first + i for i in range(len(bodies))]
    assert [
        codec.encode_record(r.body, r.header.sequence, 5, 999, 4) for r in records if r.body
    ] == [batch[i : i + len(r.raw) + 13] for r, i in zip(records, starts(records), strict=True)]


def starts(records: list[codec.Record]) -> list[int]:
    sizes = [13 + len(record.raw) for record in records]
    return [sum(sizes[:i]) for i in range(len(sizes))]


def test_a_record_of_a_later_schema_is_carried_without_a_body() -> None:
    known = codec.encode_record(messages.Gap(1, 2, messages.GapCause.REBOOT), 3)
    foreign = bytes([0x7F, 3, 0]) + bytes(10) + b"abc"
    records = list(codec.decode_records(foreign + known))
    assert (records[0].body, records[0].raw) == (None, b"abc")
    assert records[1].body == messages.Gap(1, 2, messages.GapCause.REBOOT)


def test_a_record_with_an_unknown_enum_value_is_carried_without_a_body() -> None:
    gap = bytearray(codec.encode_record(messages.Gap(1, 2, messages.GapCause.REBOOT), 3))
    gap[-1] = 99
    (record,) = codec.decode_records(bytes(gap))
    assert (record.body, record.raw, record.header.sequence) == (None, bytes(gap[13:]), 3)


def test_records_before_a_cut_off_one_are_not_lost() -> None:
    whole = codec.encode_record(messages.Gap(1, 2, messages.GapCause.REBOOT), 3)
    for cut in range(1, len(whole)):
        reader = codec.decode_records(whole + whole[:cut])
        assert next(reader).header.sequence == 3
        with pytest.raises(WireError, match="record"):
            next(reader)


@pytest.mark.parametrize(
    "message",
    [
        messages.Identify(70_000),
        messages.Identify(-1),
        messages.SessionOpen(b"short", bytes(8), 1),
        messages.SessionOpen(bytes(16), bytes(9), 1),
    ],
    ids=["too large", "negative", "too few bytes", "too many bytes"],
)
def test_a_value_that_does_not_fit_is_an_encode_error(message: messages.Message) -> None:
    with pytest.raises(EncodeError):
        codec.encode_message(message)


def test_a_message_cannot_be_changed_but_replaced() -> None:
    identify = messages.Identify(5)
    with pytest.raises(AttributeError):
        identify.blink_s = 6  # pyright: ignore[reportAttributeAccessIssue] - that is the point
    assert replace(identify, blink_s=6) == messages.Identify(6)
    assert hash(identify) == hash(messages.Identify(5))


def test_flags_seen_in_noise_do_not_fill_the_memory() -> None:
    remembered: Any = getattr(messages, "_BOLLARD_FAULT")  # noqa: B009 - private to the module
    for faults in range(5000):
        body = bytes(5) + faults.to_bytes(2, "little") + bytes(16)
        assert messages.decode_bollard_status(body).faults == faults
    assert len(remembered) <= 1024
