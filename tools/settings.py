"""What the root of the command line hands to its commands."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Self

import typer


@dataclass(frozen=True)
class Settings:
    """`debug` asks for tracebacks and all logs; `started_s` is when we began (monotonic)."""

    debug: bool = False
    started_s: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, context: typer.Context) -> Self:
        """Those of this run; defaults when a command is called without the root."""
        found: object = context.obj  # pyright: ignore[reportUnknownMemberType]  # typer has it open
        return found if isinstance(found, cls) else cls()
