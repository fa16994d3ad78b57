"""Forged frames under real MicroPython, on a heap of 128 KiB."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import needs

SCRIPT = Path(__file__).parent / "fuzz_on_micropython.py"


def fuzz(count: int, seed: int, timeout_s: float) -> dict[str, Any]:
    command = [*needs.micropython(), "-X", "heapsize=128k", str(SCRIPT), str(needs.ROOT)]
    done = subprocess.run(
        [*command, str(count), str(seed)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def check(count: int, seed: int, timeout_s: float) -> None:
    found = fuzz(count, seed, timeout_s)
    assert (found["raised"], found["unanswered"], found["forged"]) == (0, 0, 0)
    assert found["heap_growth"] <= 0
    assert found["refused"] > count / 5
    assert found["bad_frames"] > count / 10


@pytest.mark.emulator
def test_forged_frames_raise_nothing_do_nothing_and_cost_no_heap() -> None:
    check(20_000, 1, 50)


@pytest.mark.soak
@pytest.mark.emulator
@pytest.mark.parametrize("seed", range(2, 12))
def test_ten_million_forged_frames(seed: int) -> None:
    check(1_000_000, seed, 3600)
