"""The bytes that README shows are golden."""

from __future__ import annotations

import json
import re
from typing import Any

from protocol import generate, write_vectors

README = (generate.HERE / "README.md").read_text(encoding="utf-8")
GOLDEN: list[dict[str, Any]] = json.loads(generate.VECTORS.read_text())


def examples() -> dict[str, str]:
    """Name and bytes of each example."""
    lines = "\n".join(re.findall(r"```hex\n(.*?)```", README, re.DOTALL)).split("\n")
    shown = [line for line in lines if line]
    return dict(zip(shown[::2], shown[1::2], strict=True))


def test_every_example_in_hex_is_a_golden_vector() -> None:
    wires = {vector["name"]: vector.get("wire") for vector in GOLDEN}
    assert len(examples()) >= 6
    for name, shown in examples().items():
        assert bytes.fromhex(shown).hex() == wires[name], name


def test_the_frame_that_is_taken_apart_is_the_one_that_is_shown() -> None:
    parts = re.findall(r"^(?:header|payload|CRC) +((?:[0-9a-f]{2} )+)", README, re.MULTILINE)
    body = bytes.fromhex("".join(parts))
    vector = next(v for v in GOLDEN if v["name"] == "identify: blink for five seconds")
    assert write_vectors.cobs(body) + b"\0" == bytes.fromhex(vector["wire"])


def test_every_file_has_its_place_in_the_table() -> None:
    named = set(re.findall(r"`(\w+\.py)`", README))
    files = {path.name for path in generate.HERE.glob("*.py")}
    assert files - named <= {"__init__.py", "kernels.py"}
    assert named <= files
