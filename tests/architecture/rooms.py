"""Which files are there, and by which rules they live."""

from __future__ import annotations

import shutil
import subprocess

from tests.needs import ROOT

# The wire code that both ends run unchanged; `kernels_viper` is its MicroPython half.
DUAL_PROTOCOL = (
    "protocol/__init__.py",
    "protocol/ccm.py",
    "protocol/errors.py",
    "protocol/framing.py",
    "protocol/generated/__init__.py",
    "protocol/generated/wire.py",
    "protocol/generated/wire_gateway.py",
    "protocol/kernels.py",
    "protocol/kernels_plain.py",
    "protocol/kernels_viper.py",
    "protocol/keys.py",
    "protocol/link.py",
    "protocol/link_gateway.py",
    "protocol/orders.py",
    "protocol/security.py",
    "protocol/security_gateway.py",
)
ROOMS = ("firmware", "gateway", "hil", "protocol", "tests", "tools")
TOP = {
    *ROOMS,
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "pyproject.toml",
    "uv.lock",
}


def _walk() -> list[str]:
    names = {*TOP, ".ci/run"}
    top = [path for path in ROOT.iterdir() if path.name in names]
    files = [file for path in top for file in ([path] if path.is_file() else path.rglob("*"))]
    return [
        str(file.relative_to(ROOT))
        for file in files
        if file.is_file() and "__pycache__" not in file.parts
    ]


def committed_files() -> list[str]:
    """What git holds or would hold, as paths from the top; outside a clone, what lies there."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return sorted(_walk())
    listed = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def python_files() -> list[str]:
    """Every Python file of the project."""
    return [name for name in committed_files() if name.endswith(".py")]


def firmware_files() -> list[str]:
    """Every Python file that is put on a controller as firmware."""
    return [name for name in python_files() if name.startswith("firmware/")]


def dual_protocol_files() -> list[str]:
    """The dual modules of the protocol."""
    return [name for name in DUAL_PROTOCOL if (ROOT / name).is_file()]


def dual_test_files() -> list[str]:
    """The tests that MicroPython runs too."""
    return [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests/dual").glob("*.py"))
        if path.name not in ("conftest.py", "test_on_micropython.py")
    ]


def read(name: str) -> str:
    """The text of a file named from the top."""
    return (ROOT / name).read_text(encoding="utf-8")


def text_files() -> list[str]:
    """Every file that is not binary."""
    return [name for name in committed_files() if b"\0" not in (ROOT / name).read_bytes()]
