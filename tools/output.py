"""How `stoep` prints: JSON for machines, tables for people, nothing fancy into a pipe."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table


def print_json(value: object) -> None:
    """One line of JSON on stdout, at once."""
    print(msgspec.json.encode(value).decode(), flush=True)


def console() -> Console:
    """For stdout; a pipe gets every word of a table, whatever its width."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=200, color_system=None)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """A plain table; the cells may be rich renderables."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def flat(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and texts of a payload's values, for people."""
    return [(name, text_of(value)) for name, value in fields.items()]


def text_of(value: object) -> str:
    """A JSON value as a person reads it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"  # pyright: ignore[reportUnknownArgumentType]  # JSON has any type
    return str(value)
