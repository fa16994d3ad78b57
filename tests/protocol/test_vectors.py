"""The golden vectors against construct and the host's codec, and that they are only appended to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from protocol import codec, generate, schema, vector_cases, write_vectors
from protocol.frame_reader import FrameReader
from protocol.generated import messages

GOLDEN: list[dict[str, Any]] = json.loads(generate.VECTORS.read_text())
LAYOUTS = [vector for vector in GOLDEN if vector["case"] in ("message", "record")]
STREAMS = [vector for vector in GOLDEN if vector["case"] == "stream"]


def name_of(vector: dict[str, Any]) -> str:
    return vector["name"]


def values_of(vector: dict[str, Any]) -> dict[str, Any]:
    pairs: list[tuple[str, Any]] = vector["values"]
    return {k: bytes.fromhex(v["hex"]) if isinstance(v, dict) else v for k, v in pairs}


def definition_of(name: str) -> Any:
    if name == "record_header":
        return schema.RECORD_HEADER
    return {**schema.MESSAGES, **schema.RECORDS}[name].layout


def class_of(name: str) -> Any:
    return getattr(messages, "".join(part.capitalize() for part in name.split("_")))


@pytest.mark.parametrize("vector", LAYOUTS, ids=name_of)
def test_construct_builds_the_promised_bytes(vector: dict[str, Any]) -> None:
    built = definition_of(vector["layout"]).build(values_of(vector))
    assert built.hex() == vector["payload"]


@pytest.mark.parametrize("vector", LAYOUTS, ids=name_of)
def test_the_host_codec_builds_and_reads_the_promised_bytes(vector: dict[str, Any]) -> None:
    name, payload = vector["layout"], bytes.fromhex(vector["payload"])
    message = class_of(name)(**values_of(vector))
    assert getattr(messages, f"encode_{name}")(message) == payload
    assert getattr(messages, f"decode_{name}")(payload) == message


@pytest.mark.parametrize("vector", STREAMS, ids=name_of)
def test_the_host_reader_finds_the_promised_frames(vector: dict[str, Any]) -> None:
    reader = FrameReader()
    found = [f for chunk in vector["chunks"] for f in reader.feed(bytes.fromhex(chunk))]
    assert [frame[1:-2].hex() for frame in found] == vector["bodies"]
    assert reader.bad_frames == vector["bad_frames"]


def test_every_message_and_record_has_a_vector() -> None:
    missing = {*schema.MESSAGES, *schema.RECORDS} - {vector["layout"] for vector in LAYOUTS}
    assert not missing


def test_a_batch_vector_holds_a_record_that_can_be_read() -> None:
    vector = next(v for v in LAYOUTS if v["name"] == "records: one lamp status")
    batch = codec.decode_message(messages.Records.ID, bytes.fromhex(vector["payload"]))
    assert isinstance(batch, messages.Records)
    (record,) = codec.decode_records(batch.entries)
    assert record.header.sequence == 41
    assert isinstance(record.body, messages.LampStatus)
    assert record.body.state is messages.LampState.HOLD


def test_the_golden_file_holds_every_case_and_appending_changes_nothing() -> None:
    assert write_vectors.appended(GOLDEN, vector_cases.cases()) == GOLDEN
    assert write_vectors.formatted(GOLDEN) == generate.VECTORS.read_text()


def test_a_case_that_would_change_a_golden_vector_is_refused() -> None:
    changed = [dict(vector) for vector in GOLDEN]
    changed[0]["wire"] = "00"
    with pytest.raises(write_vectors.VectorChanged, match="identify"):
        write_vectors.appended(changed, vector_cases.cases())


def test_vectors_are_appended_by_the_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "frames.json"
    path.write_text(write_vectors.formatted(GOLDEN[:3]))
    monkeypatch.setattr(generate, "VECTORS", path)
    monkeypatch.setattr(generate, "files", dict)
    assert generate.main(["--vectors"]) == 0
    appended: list[Any] = json.loads(path.read_text())
    assert appended[:3] == GOLDEN[:3]
    assert len(appended) == len(GOLDEN)
