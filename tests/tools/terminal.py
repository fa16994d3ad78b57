"""`stoep` in a process of its own at a terminal of its own, as a person has it."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
from types import TracebackType
from typing import Self

from tests.needs import ROOT


class Terminal:
    """Runs a command line between `async with`; what it writes comes at one terminal."""

    def __init__(self, *arguments: str, **settings: str) -> None:
        self._arguments = arguments
        self._settings = settings
        self.text = ""

    async def __aenter__(self) -> Self:
        self._start()
        return self

    def _start(self) -> None:
        self._master, slave = pty.openpty()
        os.set_blocking(self._master, False)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.cli", *self._arguments],
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "200", **self._settings},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    async def until(self, words: str) -> None:
        """Wait until it has written that."""
        async with asyncio.timeout(20):
            while words not in self.text:
                self._read()
                await asyncio.sleep(0.02)

    async def ended(self) -> int:
        """Its exit code."""
        async with asyncio.timeout(20):
            while self._process.poll() is None:
                self._read()
                await asyncio.sleep(0.02)
        self._read()
        return self._process.returncode

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._master, f"{line}\n".encode())

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def _read(self) -> None:
        try:
            while data := os.read(self._master, 65536):
                self.text += data.decode(errors="replace")
        except OSError:  # nothing now, or nobody there any more
            return
