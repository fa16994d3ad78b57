"""What a controller costs, and how soon the street lives: `python -m tests.bench.bench_controller`.

Heap is that of real MicroPython with 64-bit words; with STOEP_MICROPYTHON_32, the path of a 32-bit
build of the unix port, also that of words as long as a board's.
The demo's time runs from the start of the command to the first record at a subscriber of the
broker, so with Python's start and that of 11 controllers, the agent and the broker in it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from tests.heap_report import HEAP, HEAP_32, VARIABLE_32, heap_report, heap_report_32

KINDS = ("lamp", "bollard", "bin")
DEMOS = 5
DEMO_S = 3


def seconds_to_first_record() -> float:
    """Of one demo, with everything compiled by an earlier one."""
    command = [sys.executable, "-m", "tools.cli", "demo", "--headless", "--json"]
    done = subprocess.run(
        [*command, "--duration", str(DEMO_S)], capture_output=True, text=True, check=False
    )
    found = json.loads(done.stdout)["seconds_to_first_record"]
    if found is None:
        raise RuntimeError(f"no record within {DEMO_S} s: {done.stderr}")
    return found


def print_heap(words: int, heap: str, report: Callable[[str], dict[str, Any] | None]) -> None:
    """Print a table of what each kind of controller takes."""
    print(f"heap of a controller, bytes of {heap}, {words}-bit words")
    print(f"{'':8} {'running':>8} {'free':>8} {'a poll':>7} {'an idle turn':>13} {'an hour':>8}")
    for kind in KINDS:
        found = report(kind)
        if found is None:
            print(f"not measured: {VARIABLE_32} names no 32-bit MicroPython")
            return
        print(
            f"{kind:8} {found['running_bytes']:8} {found['free_bytes']:8}"
            f" {found['bytes_a_poll']:7} {found['bytes_an_idle_turn']:13} {found['grown_bytes']:8}"
        )


def main() -> None:
    """Print the tables."""
    for words, heap, report in ((64, HEAP, heap_report), (32, HEAP_32, heap_report_32)):
        print_heap(words, heap, report)
    times = [seconds_to_first_record() for _ in range(DEMOS)]
    print(
        f"from `stoep demo` to the first record at the broker, s: {statistics.median(times):.2f}"
        f" (median of {DEMOS}, {min(times):.2f} to {max(times):.2f})"
    )


if __name__ == "__main__":
    main()
