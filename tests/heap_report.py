"""How much heap a controller's firmware takes on real MicroPython, compiled as in the field."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from hil.staging import stage
from tests import needs

PROGRAM = Path(__file__).parent / "firmware" / "controllers" / "heap.py"
HEAP = "192k"


def heap_report(kind: str) -> dict[str, Any]:
    """What `firmware/controllers/heap.py` prints; AssertionError with its output if it fails."""
    command = [*needs.micropython(), "-X", f"heapsize={HEAP}", str(PROGRAM), kind]
    done = subprocess.run(
        [*command, str(stage() / "root"), str(needs.ROOT)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
