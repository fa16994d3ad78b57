"""Modules with one guard taken out, to show that a test notices."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

from protocol import security, security_gateway


def mutant(module: ModuleType, *changes: tuple[str, str]) -> ModuleType:
    """The module again; for each (old, new) the one place where its source says old says new."""
    path = Path(str(module.__file__))
    source = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert source.count(old) == 1, f"{path.name} says this {source.count(old)} times: {old}"
        source = source.replace(old, new)
    made = ModuleType(module.__name__)
    made.__file__ = str(path)
    exec(compile(source, f"{path.name}, changed", "exec"), made.__dict__)
    return made


def plant(
    users: Iterable[ModuleType],
    module: ModuleType,
    changes: list[tuple[str, str]],
    patch: pytest.MonkeyPatch,
) -> None:
    """Let the users of a module use its mutant; a mutant of security serves both ends."""
    made = {module: mutant(module, *changes)}
    if module is security:
        patch.setitem(sys.modules, module.__name__, made[module])
        made[security_gateway] = mutant(security_gateway)
    for user in users:
        for old, new in made.items():
            name = old.__name__.rpartition(".")[2]
            if getattr(user, name, None) is old:
                patch.setattr(user, name, new)
