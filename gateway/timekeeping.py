"""Whether this machine's clock can be trusted: what the controllers are told with the time."""

from __future__ import annotations

import ctypes
import sys
import time

from protocol.generated.wire import EPOCH_UNIX_S

TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronised to a reliable server."""
TIMEX_BYTES = 256
"""struct timex has 208 bytes on 64-bit Linux and 128 on 32-bit; its first field, modes, stays 0."""
BUILT_UNIX_S = 1_767_225_600
"""2026-01-01: no gateway of this version ran before."""
LATEST_UNIX_S = EPOCH_UNIX_S + 2**30
"""2054-01-10: times on the wire stay small integers on a controller until then."""


def is_plausible(unix_s: float) -> bool:
    """Whether a gateway of this version can live at that time; 1970 after a boot is not."""
    return BUILT_UNIX_S <= unix_s < LATEST_UNIX_S


def kernel_says_synchronised() -> bool:
    """What the kernel knows from the machine's NTP service; False where it cannot be asked."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        library = ctypes.CDLL(None, use_errno=True)
        state = library.adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except (OSError, AttributeError):
        return False
    return 0 <= state < TIME_ERROR


def is_trusted(*, without_ntp: bool = False) -> bool:
    """Whether the wall clock is plausible and, unless `without_ntp`, synchronised."""
    return is_plausible(time.time()) and (without_ntp or kernel_says_synchronised())
