"""Becomes a MicroPython that does not outlive the process which started it.

Run as a script: `python -I -S launch.py PARENT_PID PROGRAM ARGUMENT…`, where PROGRAM is an
executable, or the folder of the wheel's `micropython_run` extension module.
"""

import ctypes
import importlib
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Tie this process to its parent, then be MicroPython."""
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        # Survives exec. Elsewhere the controller ends when its plant socket does.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):  # it died before the line above
        return
    if not Path(program).is_dir():
        os.execv(program, [program, *arguments])
    sys.path.insert(0, program)
    sys.exit(importlib.import_module("micropython_run").run_main(["micropython", *arguments]))


if __name__ == "__main__":
    main()
