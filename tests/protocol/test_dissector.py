"""The Wireshark dissector shows the fields that the schema names; run where tshark is installed."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from protocol import codec
from protocol.frame_reader import FrameReader
from protocol.generated import messages as m
from protocol.link_gateway import Requester

LUA = Path(__file__).parents[2] / "protocol" / "generated" / "stoep.lua"
DLT_USER0 = 147
pytestmark = pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")


def capture(path: Path, frames: list[bytes]) -> Path:
    """A capture file with one unstuffed frame a packet."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, DLT_USER0))
        for number, frame in enumerate(frames):
            file.write(struct.pack("<IIII", number, 0, len(frame), len(frame)) + frame)
    return path


def frame(message: m.Message) -> bytes:
    """The bytes of a request between COBS byte and delimiter, unstuffed."""
    data = Requester(9, 41).request(type(message).ID, codec.encode_message(message))
    (read,) = FrameReader().feed(data)
    return bytes(read[1:])


def dissect(path: Path) -> list[dict[str, object]]:
    """What tshark shows of each packet, as its layers."""
    done = subprocess.run(
        ["tshark", "-r", path, "-X", f"lua_script:{LUA}", "-T", "json", "--no-duplicate-keys"],
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    assert "error" not in done.stderr.lower()
    return [packet["_source"]["layers"]["stoep"] for packet in json.loads(done.stdout)]


def flat(layers: object) -> dict[str, str]:
    """Every field of a packet, by name."""
    found: dict[str, str] = {}
    if isinstance(layers, list):
        for layer in layers:
            found |= flat(layer)
    if isinstance(layers, dict):
        for name, value in layers.items():
            if isinstance(value, str):
                found[str(name)] = value
            else:
                found |= flat(value)
    return found


def test_fields_have_the_names_and_values_of_the_schema(tmp_path: Path) -> None:
    poll = m.Poll(3, 100, 120, 0x20000001, 0x20000002, 200)
    command = m.Command(7, m.Verb.SET, 5000, 80, 60, b"")
    shown = dissect(capture(tmp_path / "bus.pcap", [frame(poll), frame(command)]))
    first, second = flat(shown[0]), flat(shown[1])
    assert first["stoep.destination"] == "9"
    assert first["stoep.counter"] == "42"
    assert first["stoep.poll.routine_next"] == "120"
    assert first["stoep.poll.limit"] == "200"
    assert second["stoep.command.level_percent"] == "80"
    assert second["stoep.command.duration_s"] == "60"


def test_records_are_shown_one_by_one(tmp_path: Path) -> None:
    status = m.LampStatus(
        m.LampState.HOLD, m.LampReason.PRESENCE, 254, 254, m.LampFault(0), 5, 250, 21
    )
    entries = codec.encode_record(status, 17) + codec.encode_record(m.Gap(18, 4, m.GapCause(1)), 21)
    shown = dissect(capture(tmp_path / "bus.pcap", [frame(m.Records(1, 2, entries))]))
    fields = flat(shown[0])
    assert fields["stoep.lamp_status.presence_count"] == "5"
    assert fields["stoep.gap.count"] == "4"


def test_a_secured_frame_shows_its_header_and_that_the_rest_is_sealed(tmp_path: Path) -> None:
    sealed = bytes([0x23, 0, 9, 0x11, 1, 0]) + bytes(12) + bytes(8) + bytes(2)
    fields = flat(dissect(capture(tmp_path / "bus.pcap", [sealed]))[0])
    assert fields["stoep.source"] == "9"
    assert len(fields["stoep.tag"].replace(":", "")) == 16
    assert "stoep.records.boot" not in fields
