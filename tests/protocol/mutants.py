"""Modules with one guard taken out, to show that a test notices."""

from __future__ import annotations

import sys
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
    tests: ModuleType, module: ModuleType, changes: list[tuple[str, str]], patch: pytest.MonkeyPatch
) -> None:
    """Let the tests of a module use its mutant; a mutant of security serves both ends."""
    made = mutant(module, *changes)
    patch.setattr(tests, module.__name__.rpartition(".")[2], made)
    if module is security:
        patch.setitem(sys.modules, module.__name__, made)
        patch.setattr(tests, "security_gateway", mutant(security_gateway))
