"""Mistakes in a site file: where they are and what to do about them, all at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from gateway.errors import GatewayError
from gateway.toml_lines import Path as KeyPath
from gateway.toml_lines import line_of


@dataclass(frozen=True)
class Problem:
    """One mistake: its line (0 = the whole file) and key, what is wrong, and what to do."""

    file: Path
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        return f"{where}{self.key}: {self.message}" if self.key else f"{where}{self.message}"


class SiteError(GatewayError):
    """A site file with mistakes; `problems` holds all of them, in the order of the file."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Findings:
    """Collects the problems of one file."""

    def __init__(self, file: Path, lines: dict[KeyPath, int], names: dict[int, str]) -> None:
        self._file = file
        self._lines = lines
        self._names = names
        self.problems: list[Problem] = []

    def add(self, path: KeyPath, message: str) -> None:
        """Notes that what stands at `path` is wrong."""
        line = line_of(self._lines, path)
        self.problems.append(Problem(self._file, line, self._key(path), message))

    def line(self, path: KeyPath) -> int:
        """The line where `path` stands."""
        return line_of(self._lines, path)

    def _key(self, path: KeyPath) -> str:
        """`slot L3, parameters.hold_s` for ("slot", 2, "parameters", "hold_s")."""
        if len(path) >= 2 and isinstance(path[1], int):
            name = self._names.get(path[1]) if path[0] == "slot" else None
            head = f"{path[0]} {name or f'number {path[1] + 1}'}"
            rest = ".".join(str(part) for part in path[2:])
            return f"{head}, {rest}" if rest else head
        return ".".join(str(part) for part in path)


def slot_names(tables: dict[str, Any]) -> dict[int, str]:
    """The names of the slots by position, as far as they have one; for messages."""
    slots: Any = tables.get("slot")
    names: dict[int, str] = {}
    if isinstance(slots, list):
        for index, slot in enumerate(cast("list[Any]", slots)):
            if isinstance(slot, dict):
                name = cast("dict[str, Any]", slot).get("name")
                if isinstance(name, str):
                    names[index] = name
    return names
