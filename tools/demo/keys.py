"""Ending the live view from the keyboard: q or Ctrl-C, which then is a key and no signal.

A signal would also reach the `make` or script that started us, and end it with an error.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

ENDING = b"qQ\x03"
LOCAL_FLAGS, CONTROL_CHARACTERS = 3, 6  # indices of what termios.tcgetattr returns
DISABLED = b"\x00"


@contextmanager
def ends_on_key(end: Callable[[], None]) -> Generator[None]:
    """Call `end` for q, Ctrl-C or SIGINT; after that Ctrl-C is a signal again, for the impatient.

    For the running loop. Without a keyboard, and outside the main thread, less of it works.
    """
    loop = asyncio.get_running_loop()
    keyboard = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
    before = None if keyboard is None else termios.tcgetattr(keyboard)

    def restore() -> None:
        with suppress(NotImplementedError, RuntimeError):
            loop.remove_signal_handler(signal.SIGINT)
        if keyboard is not None and before is not None:
            loop.remove_reader(keyboard)
            termios.tcsetattr(keyboard, termios.TCSADRAIN, before)

    def finish() -> None:
        restore()
        end()

    def pressed() -> None:
        # No bytes: the terminal is gone.
        keys = os.read(keyboard, 64) if keyboard is not None else b""
        if not keys or any(key in ENDING for key in keys):
            finish()

    with suppress(NotImplementedError, RuntimeError):
        loop.add_signal_handler(signal.SIGINT, finish)
    if keyboard is not None:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, _without_interrupt(keyboard))
        loop.add_reader(keyboard, pressed)
    try:
        yield
    finally:
        restore()


def _without_interrupt(keyboard: int) -> list[Any]:
    """The terminal's settings with keys as they are typed, unseen, and no signal for Ctrl-C."""
    changed: list[Any] = termios.tcgetattr(keyboard)
    changed[LOCAL_FLAGS] &= ~(termios.ICANON | termios.ECHO)
    changed[CONTROL_CHARACTERS][termios.VINTR] = DISABLED
    changed[CONTROL_CHARACTERS][termios.VMIN] = 1
    changed[CONTROL_CHARACTERS][termios.VTIME] = 0
    return changed
