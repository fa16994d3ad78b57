"""Every rule finds what it is for: each line here is a mistake, or looks like one and is none."""

from __future__ import annotations

import pytest

from tests.architecture import rules


@pytest.mark.parametrize(
    "source",
    ["import machine", "from machine import Pin", "def f():\n    import machine", "import rp2"],
)
def test_hardware_is_seen_wherever_it_is_imported(source: str) -> None:
    assert rules.hardware_imports(source)


def test_the_machine_room_is_not_the_hardware() -> None:
    assert not rules.hardware_imports("from firmware.drivers import machines")


@pytest.mark.parametrize("source", ["import math", "def f():\n    from micropython import const"])
def test_logic_may_not_import_anything_anywhere(source: str) -> None:
    assert rules.any_imports(source)


@pytest.mark.parametrize(
    "source",
    [
        "from __future__ import annotations",
        "import typing",
        "from typing import Any",
        "from dataclasses import dataclass",
        "import enum",
        "from abc import ABC",
        "import functools",
        "from collections.abc import Callable",
        "import struct\npair = struct.Struct('<HH')",
        "from binascii import crc_hqx",
        "from protocol.framing import _CRC",
        "match 1:\n    case 1:\n        pass",
        "import pytest",
    ],
)
def test_what_micropython_lacks_is_seen(source: str) -> None:
    assert rules.not_dual(source)


def test_dual_code_may_use_what_both_have() -> None:
    source = "import struct\nfrom binascii import hexlify\nsize = struct.calcsize('<H')"
    assert not rules.not_dual(source)


@pytest.mark.parametrize(
    "source",
    [
        "seen = []",
        "seen: dict = {}",
        "buffer = bytearray(16)",
        "lamp = Lamp()",
        "rows = (1, [2])",
        "rows = tuple([0] for _ in range(3))",
        "try:\n    cache = {}\nexcept ImportError:\n    pass",
        "class Lamp:\n    levels = []",
        "def f():\n    global level\n    level = 1",
        "start()",
        "level = 1\nlevel += 1",
        "for level in (1, 2):\n    pass",
    ],
)
def test_state_shared_between_controllers_is_seen(source: str) -> None:
    assert rules.global_state(source)


@pytest.mark.parametrize(
    "source",
    [
        '"""Title."""\nimport struct\nSIZE = struct.calcsize("<HH")',
        "A, B = MODES = tuple(range(2))",
        "CURVE = bytes(n * n for n in range(9))",
        "try:\n    from time import ticks_ms\nexcept ImportError:\n    ticks_ms = None",
        "class Lamp:\n    MAX = 3\n    def __init__(self):\n        self.levels = []",
        "def main():\n    pass\nif __name__ == '__main__':\n    main()",
    ],
)
def test_constants_are_not_state(source: str) -> None:
    assert not rules.global_state(source)


# In two parts, so that these lines are not taken for suppressions of their own.
@pytest.mark.parametrize(
    "comment",
    [
        "# no" + "qa",
        "# no" + "qa: S101",
        "# no" + "qa: S101, E501 -",
        "# type: " + "ignore",
        "# type: " + "ignore[arg-type]",
        "# pyright: " + "ignore[reportAny]  #",
    ],
)
def test_a_suppression_without_code_or_reason_is_seen(comment: str) -> None:
    assert rules.unexplained_suppressions(f"x = 1  {comment}\n")


def test_a_suppression_with_code_and_reason_passes() -> None:
    comment = "# no" + "qa: BLE001 - whatever a test raises is its failure"
    assert not rules.unexplained_suppressions(f"x = 1  {comment}\n")
    assert not rules.unexplained_suppressions('x = "# no' + 'qa"\n')


@pytest.mark.parametrize("start", ["/" + "home/ann/x", "/" + "root/x", "/" + "Users/ann/x"])
def test_a_path_of_one_machine_is_seen(start: str) -> None:
    assert rules.machine_specific(f"cd {start}\n")
