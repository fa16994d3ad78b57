"""What the generator refuses, and what it calls drift."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import construct as c
import pytest

from protocol import generate, schema
from protocol.layouts import Schema
from protocol.schema import Definition, field

SENTENCE = "What it is for."


def layout_of(*fields: Any) -> Any:
    return generate.layout("planted", Definition(1, SENTENCE, c.Struct(*fields)))


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (c.Int16ub, "FormatField is not allowed"),
        (c.Int16un, "FormatField is not allowed"),
        (c.Int64ul, "FormatField is not allowed"),
        (c.Float32l, "FormatField is not allowed"),
        (c.VarInt, "VarInt is not allowed"),
        (c.If(c.this.other, c.Int8ul), "is not allowed"),
        (c.Switch(c.this.other, {}), "Switch is not allowed"),
        (c.Struct(c.Renamed(c.Int8ul, newname="inner")), "Struct is not allowed"),
        (c.PascalString(c.Int8ul, "utf8"), "is not allowed"),
        (c.Bytes(c.this.other), "fixed length"),
        (c.Array(c.this.other, c.Int8ul), "fixed count"),
        (c.Array(0, c.Int8ul), "fixed count"),
        (c.Array(2, c.Int16ub), "is not allowed"),
        (c.Array(2, schema.enum(c.Int8ul, "Kind")), "is not allowed"),
        (c.Enum(c.Int8ul, made_up=1), "ENUMS and FLAGS only"),
        (c.GreedyRange(c.Int8ul), "GreedyRange is not allowed"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_a_field_that_the_wire_does_not_allow_is_refused(kind: Any, told: str) -> None:
    with pytest.raises(generate.GenerateError, match=told):
        layout_of(field("planted", kind, "", SENTENCE))


def test_trailing_bytes_that_are_not_last_are_refused() -> None:
    tail = field("tail", c.GreedyBytes, "", SENTENCE)
    with pytest.raises(generate.GenerateError, match="must be the last"):
        layout_of(tail, field("after", c.Int8ul, "", SENTENCE))


@pytest.mark.parametrize("name", ["class", "buffer", "at", "two words"])
def test_a_name_that_the_generated_code_cannot_use_is_refused(name: str) -> None:
    with pytest.raises(generate.GenerateError, match="not a usable name"):
        layout_of(field(name, c.Int8ul, "", SENTENCE))


def test_a_field_without_a_sentence_or_a_name_is_refused() -> None:
    with pytest.raises(generate.GenerateError, match="without a sentence"):
        layout_of(field("mute", c.Int8ul, "ms", ""))
    with pytest.raises(generate.GenerateError, match="without a name"):
        layout_of(c.Int8ul)


def test_a_layout_without_a_sentence_is_refused() -> None:
    with pytest.raises(generate.GenerateError, match="without a sentence"):
        generate.layout("planted", Definition(1, "", c.Struct()))


def test_two_fields_of_one_name_are_refused() -> None:
    with pytest.raises(generate.GenerateError, match="one name"):
        layout_of(field("twin", c.Int8ul, "", SENTENCE), field("twin", c.Int8ul, "", SENTENCE))


def test_an_array_becomes_one_value_an_element() -> None:
    layout = layout_of(field("samples", c.Array(3, c.Int16ul), "mV", SENTENCE))
    assert (layout.format, layout.size) == ("<3H", 6)
    assert layout.parts == ["samples_0", "samples_1", "samples_2"]


def planted(monkeypatch: pytest.MonkeyPatch, group: str, name: str, definition: Definition) -> None:
    monkeypatch.setitem(getattr(schema, group), name, definition)


def byte(name: str = "value") -> Any:
    return c.Struct(field(name, c.Int8ul, "", SENTENCE))


@pytest.mark.parametrize(
    ("group", "definition", "told"),
    [
        ("MESSAGES", Definition(0x01, SENTENCE, byte()), "one id"),
        ("RECORDS", Definition(0x01, SENTENCE, byte()), "one id"),
        ("MESSAGES", Definition(0x100, SENTENCE, byte()), "within 1 to 255"),
        (
            "MESSAGES",
            Definition(0x70, SENTENCE, c.Struct(field("much", c.Bytes(238), "", SENTENCE))),
            "do not fit a frame",
        ),
        (
            "RECORDS",
            Definition(0x70, SENTENCE, c.Struct(field("much", c.Bytes(221), "", SENTENCE))),
            "at most 220",
        ),
        (
            "RECORDS",
            Definition(0x70, SENTENCE, c.Struct(field("tail", c.GreedyBytes, "", SENTENCE))),
            "a record is fixed",
        ),
    ],
    ids=["message id", "record id", "id range", "large message", "large record", "open record"],
)
def test_a_layout_that_cannot_travel_is_refused(
    group: str, definition: Definition, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(monkeypatch, group, "planted", definition)
    with pytest.raises(generate.GenerateError, match=told):
        generate.read_schema()


def test_enum_members_that_do_not_fit_or_coincide_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for members, told in (({"a": 256}, "does not fit"), ({"a": 1, "b": 1}, "one value")):
        monkeypatch.setitem(schema.ENUMS, "Planted", (SENTENCE, members))
        with pytest.raises(generate.GenerateError, match=told):
            layout_of(field("planted", schema.enum(c.Int8ul, "Planted"), "", SENTENCE))


def test_the_committed_files_are_what_the_schema_says() -> None:
    assert generate.main(["--check"]) == 0


def test_drift_of_a_generated_file_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = generate.HERE / "generated" / "wire.py"
    monkeypatch.setattr(generate, "files", lambda: {path: "# not what lies there\n"})
    assert generate.main(["--check"]) == 1
    assert "wire.py is out of date" in capsys.readouterr().err


def test_every_change_of_a_layout_changes_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    before = generate.read_schema().fingerprint
    for group, name, value in (
        ("MESSAGES", "planted", Definition(0x70, SENTENCE, byte())),
        ("RECORDS", "planted", Definition(0x70, SENTENCE, byte())),
        ("LIMITS", "PLANTED", (1, SENTENCE)),
        ("ENUMS", "Planted", (SENTENCE, {"a": 1})),
    ):
        with monkeypatch.context() as changed:
            changed.setitem(getattr(schema, group), name, value)
            assert generate.read_schema().fingerprint != before
    assert generate.read_schema().fingerprint == before


@pytest.fixture
def released() -> dict[str, Any]:
    return json.loads(generate.RELEASED.read_text())


def drift(released: dict[str, Any]) -> list[str]:
    return generate.released_drift(generate.read_schema(), released)


def test_the_frozen_messages_are_released(released: dict[str, Any]) -> None:
    assert {"identify", "hello", "refusal"} <= set(released["layouts"])
    assert not generate.unreleased_frozen(generate.read_schema(), released)


def test_a_frozen_message_that_nobody_released_is_found(released: dict[str, Any]) -> None:
    del released["layouts"]["hello"]
    assert generate.unreleased_frozen(generate.read_schema(), released) == [
        "hello is frozen but not released; run --release hello"
    ]


def test_a_removed_released_layout_is_found(
    released: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rest = {name: d for name, d in schema.MESSAGES.items() if name != "hello"}
    monkeypatch.setattr(schema, "MESSAGES", rest)
    assert "released layout hello was removed; it must stay for ever" in drift(released)


@pytest.mark.parametrize(
    "changed",
    [
        c.Struct(field("blink_s", c.Int32ul, "s", SENTENCE)),
        c.Struct(field("blink_ms", c.Int16ul, "s", SENTENCE)),
        c.Struct(field("blink_s", c.Int16ul, "ms", SENTENCE)),
        c.Struct(field("blink_s", c.Int16ul, "s", SENTENCE), field("more", c.Int8ul, "", SENTENCE)),
    ],
    ids=["size", "name", "unit", "an added field"],
)
def test_a_changed_released_layout_is_found(
    changed: Any, released: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    identify = schema.MESSAGES["identify"]._replace(layout=changed)
    planted(monkeypatch, "MESSAGES", "identify", identify)
    assert drift(released) == ["released layout identify changed; add a new one instead"]


def test_a_changed_or_removed_member_of_a_released_enum_is_found(
    released: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for members in ({"lamp": 9, "bollard": 2, "bin": 3}, {"bollard": 2, "bin": 3}):
        monkeypatch.setitem(schema.ENUMS, "Kind", (SENTENCE, members))
        assert drift(released) == ["released member Kind.lamp changed; add a new one instead"]


def test_a_new_member_of_a_released_enum_is_no_drift(
    released: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence, members = schema.ENUMS["Kind"]
    monkeypatch.setitem(schema.ENUMS, "Kind", (sentence, {**members, "shutter": 4}))
    assert not drift(released)


def test_a_release_adds_to_what_was_promised_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "RELEASED", tmp_path / "released.json")
    monkeypatch.setattr(generate, "files", dict)
    assert generate.main(["--release", "identify", "hello", "refusal"]) == 0
    assert generate.main(["--release", "poll"]) == 0
    promised = generate.read_released()
    assert set(promised["layouts"]) == {"identify", "hello", "refusal", "poll"}
    assert generate.main(["--release"]) == 0
    s: Schema = generate.read_schema()
    everything = {item.name for item in (*s.messages, *s.records, s.header)}
    assert set(generate.read_released()["layouts"]) == everything


def test_a_release_of_a_changed_layout_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "released.json"
    path.write_text(generate.RELEASED.read_text())
    monkeypatch.setattr(generate, "RELEASED", path)
    monkeypatch.setattr(generate, "files", dict)
    before = path.read_text()
    identify = schema.MESSAGES["identify"]._replace(layout=byte("blink_s"))
    planted(monkeypatch, "MESSAGES", "identify", identify)
    assert generate.main(["--release"]) == 1
    assert path.read_text() == before
    assert "identify changed" in capsys.readouterr().err


def test_a_release_of_something_unknown_is_refused_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "files", lambda: {tmp_path / "wire.py": "written"})
    assert generate.main(["--release", "no_such_layout"]) == 1
    assert "no layout is called no_such_layout" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
