"""The emulated street as a child process: its ports, its latest snapshot, commands to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import hil
from tools.errors import ConfigurationError, Failed

READY_S = 60.0
"""The first start on a machine compiles the firmware."""
STOP_S = 5.0
MAX_LINE_BYTES = 1 << 20
LAST_WORDS = 12


@dataclass
class StreetProcess:
    """Runs `python -m hil.street` between `async with`; raises when it does not start or dies."""

    site: Path
    folder: Path
    seed: int = 0
    arrivals_per_hour: float = 600.0
    ports: dict[str, str] = field(default_factory=dict[str, str])
    snapshot: dict[str, Any] = field(default_factory=dict[str, Any])
    """As `hil.street.Street.snapshot` gives it; empty before the first one."""
    exits: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Controllers that ended by themselves."""
    _words: deque[str] = field(default_factory=lambda: deque[str](maxlen=LAST_WORDS))
    _process: asyncio.subprocess.Process | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        """Start it and wait until its ports are there."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End it and all of its children; harmless when it does not run."""
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_S)
            # What is left of its session: nothing after an orderly end.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def died(self) -> None:
        """Wait for ever; raises Failed with its last words when the street ends by itself."""
        await self._ended.wait()
        raise Failed(f"the emulated street ended by itself: {self._last_words()}")

    async def until(self, condition: Callable[[dict[str, Any]], bool], timeout_s: float) -> bool:
        """Whether `condition(snapshot)` came true in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not (self.snapshot and condition(self.snapshot)):
                    self._changed.clear()
                    await self._changed.wait()
                return True
        return False

    def do(self, verb: str, **arguments: object) -> None:
        """Give the street a command (see `hil.process`); a street that is gone ignores it."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(json.dumps({"do": verb, **arguments}).encode() + b"\n")

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hil.street", "--site", str(self.site)),
            *("--runtime-dir", str(self.folder), "--seed", str(self.seed)),
            *("--arrivals-per-hour", str(self.arrivals_per_hour)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_paths())},
            limit=MAX_LINE_BYTES,
            # Ctrl-C in the terminal is for us; we end the street in order.
            start_new_session=True,
        )
        self._tasks = [
            asyncio.create_task(self._read(self._process), name="street events"),
            asyncio.create_task(self._listen(self._process), name="street complaints"),
        ]
        ready = asyncio.create_task(self._ready.wait())
        ended = asyncio.create_task(self._ended.wait())
        await asyncio.wait({ready, ended}, timeout=READY_S, return_when=asyncio.FIRST_COMPLETED)
        for task in (ready, ended):
            task.cancel()
        if self._ended.is_set():
            raise ConfigurationError(f"the emulated street does not start: {self._last_words()}")
        if not self._ready.is_set():
            raise Failed(f"the emulated street is not ready after {READY_S:.0f} s")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101  # it was asked for
        async for line in process.stdout:
            event: dict[str, Any] = json.loads(line)
            match event.pop("event"):
                case "ready":
                    self.ports = event["ports"]
                    self._ready.set()
                case "state":
                    self.snapshot = event
                    self._changed.set()
                case "exit":
                    self.exits.append(event)
                case _:
                    pass
        await process.wait()
        # Its complaints may still be on their way.
        await asyncio.wait(self._tasks[1:], timeout=1)
        self._ended.set()

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None  # noqa: S101  # it was asked for
        async for line in process.stderr:
            self._words.append(line.decode(errors="replace").rstrip())

    def _last_words(self) -> str:
        said = [words.removeprefix("hil.street: ") for words in self._words if words.strip()]
        return " ".join(said) if len(said) == 1 else (said[-1] if said else "it said nothing")


def _paths() -> list[str]:
    """Where the child finds `hil`, also when this runs from a source tree."""
    root = str(Path(hil.__file__).resolve().parent.parent)
    return [root, *filter(None, [os.environ.get("PYTHONPATH")])]
