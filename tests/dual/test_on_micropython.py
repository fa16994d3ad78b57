"""The dual tests once more, under real MicroPython: each module in a process of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import needs

HERE = Path(__file__).parent
MODULES = sorted(path.stem for path in HERE.glob("test_*.py") if path != Path(__file__))


def run(root: Path, *modules: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*needs.micropython(), str(HERE / "run.py"), str(root), *modules],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.emulator
@pytest.mark.parametrize("module", MODULES)
def test_a_dual_module_passes_under_micropython(module: str) -> None:
    done = run(needs.ROOT, f"tests.dual.{module}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"micropython tests.dual.{module}" in done.stdout


@pytest.mark.emulator
@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def test_wrong():\n    assert 1 == 2\n", "AssertionError"),
        ("def test_wrong():\n    import typing\n", "ImportError"),
        ("def helper():\n    pass\n", "0 passed, 0 failed"),
        ("def test_wrong(fixture):\n    pass\n", "TypeError"),
    ],
    ids=["a false assertion", "an import MicroPython lacks", "no test at all", "a fixture"],
)
def test_the_runner_fails_a_module_with(source: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(source)
    done = run(tmp_path, "planted")
    assert done.returncode == 1
    assert told in done.stdout
