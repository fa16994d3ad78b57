"""How much heap a controller's firmware takes on real MicroPython, compiled as in the field."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from hil.controller import HEAP
from hil.staging import stage
from tests import needs

PROGRAM = Path(__file__).parent / "firmware" / "controllers" / "heap.py"
# The gateway's half, which shares the interpreter, is compiled on the spot and needs room.
ROOMY_HEAP = "512k"


# A 32-bit build of MicroPython's unix port, to measure what a board's words take; without native
# code, so with the plain kernels.
VARIABLE_32 = "STOEP_MICROPYTHON_32"
HEAP_32 = "190k"


def heap_report(kind: str) -> dict[str, Any]:
    """What `firmware/controllers/heap.py` prints; AssertionError with its output if it fails."""
    return _report(needs.micropython(), stage(), HEAP, kind)


def heap_report_32(kind: str) -> dict[str, Any] | None:
    """The same of the MicroPython that VARIABLE_32 names, in HEAP_32; None when it is not set."""
    interpreter = os.environ.get(VARIABLE_32)
    if not interpreter:
        return None
    return _report([interpreter], stage(native=""), HEAP_32, kind)


def _report(interpreter: list[str], staged: Path, heap: str, kind: str) -> dict[str, Any]:
    found = _run(interpreter, staged, ROOMY_HEAP, kind, str(needs.ROOT))
    alone = _run(interpreter, staged, heap, kind)
    return {**found, "free_bytes": alone["free_bytes"] - found["session_bytes"]}


def _run(
    interpreter: list[str], staged: Path, heap: str, kind: str, *sources: str
) -> dict[str, Any]:
    command = [*interpreter, "-X", f"heapsize={heap}", str(PROGRAM), kind]
    done = subprocess.run(
        [*command, str(staged / "root"), *sources],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
