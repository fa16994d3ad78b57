"""What a controller costs, and how soon the street lives: `python -m tests.bench.bench_controller`.

Heap is that of real MicroPython with 64-bit words, which take twice the bytes of a 32-bit board's.
The demo's time runs from the start of the command to the first record at a subscriber of the
broker, so with Python's start and that of 11 controllers, the agent and the broker in it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from tests.heap_report import HEAP, heap_report

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


def main() -> None:
    """Print the tables."""
    print(f"heap of a controller, bytes of {HEAP}, 64-bit words")
    print(f"{'':8} {'running':>8} {'free':>8} {'a poll':>7} {'an idle turn':>13} {'an hour':>8}")
    for kind in KINDS:
        found = heap_report(kind)
        print(
            f"{kind:8} {found['running_bytes']:8} {found['free_bytes']:8}"
            f" {found['bytes_a_poll']:7} {found['bytes_an_idle_turn']:13} {found['grown_bytes']:8}"
        )
    times = [seconds_to_first_record() for _ in range(DEMOS)]
    print(
        f"from `stoep demo` to the first record at the broker, s: {statistics.median(times):.2f}"
        f" (median of {DEMOS}, {min(times):.2f} to {max(times):.2f})"
    )


if __name__ == "__main__":
    main()
