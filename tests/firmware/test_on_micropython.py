"""The firmware as a controller runs it: compiled, on real MicroPython, on a small heap."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from hil.staging import stage
from tests import needs
from tests.heap_report import heap_report

HERE = Path(__file__).parent / "controllers"
RUNNER = needs.ROOT / "tests" / "dual" / "run.py"
# Tests that build one controller after the other need room for two, and for themselves.
ROOMY_HEAP = "512k"
# In 64-bit words, where everything takes 1.36 times as much as on an RP2040 (bench_controller):
# there they are 32 KiB of headroom, and a budget of 107 KB for what runs: a post takes 105 KB, of
# which 2 KB keep its counters.
HEADROOM_BYTES = 44 * 1024
RUNNING_BYTES = 142 * 1024
# Two tuples.
POLL_BYTES = 128
IMAGE_BYTES = 16 * 4096


@pytest.mark.emulator
@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["lamp", "bollard", "bin"])
def test_the_heap_of_a_running_controller_and_its_session_stays_within_budget(kind: str) -> None:
    found = heap_report(kind)
    assert found["running_bytes"] <= RUNNING_BYTES, found
    assert found["free_bytes"] >= HEADROOM_BYTES, found
    assert found["bytes_a_poll"] <= POLL_BYTES, found
    assert found["bytes_an_idle_turn"] == 0, found
    assert found["grown_bytes"] == 0, found


@pytest.mark.emulator
@pytest.mark.parametrize("module", ["safe_boot", "kept_meters"])
def test_boots_crashes_and_power_cuts_end_safe_and_lose_nothing(
    tmp_path: Path, module: str
) -> None:
    staged = stage()
    image = tmp_path / "flash.img"
    image.write_bytes(b"\xff" * IMAGE_BYTES)
    done = subprocess.run(
        [*needs.micropython(), "-X", f"heapsize={ROOMY_HEAP}", str(RUNNER), str(HERE), module],
        env={
            "MICROPYPATH": f"{staged / 'shadow'}:{staged / 'root'}:.frozen",
            "PATH": os.environ.get("PATH", ""),
            "STOEP_FLASH": str(image),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout
