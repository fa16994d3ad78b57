"""An event loop whose waits are precise to microseconds, for the line model."""

import asyncio
import ctypes
import selectors
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

PR_SET_TIMERSLACK = 29  # linux/prctl.h


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop on select(2), which takes microseconds; epoll's waits are rounded up to 1 ms.

    Also lowers this thread's timer slack on Linux (default 50 us) to 1 us. select(2) limits the
    process to 1024 descriptors.
    """
    if sys.platform == "linux":
        # Only precision is lost where prctl is refused, so its answer does not matter.
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0)
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` on a precise loop."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)
