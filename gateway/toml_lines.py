"""Where in a TOML text each key stands: tomllib gives values, people need lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]
"""Keys and, for arrays of tables, indices from the root, as in ("slot", 3, "address")."""

_KEY_PART = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(\.?)""")
_QUOTES = ('"""', "'''", '"', "'")


def key_lines(text: str) -> dict[Path, int]:
    """Line number, from 1, of every table header and key of a well-formed TOML text.

    Keys inside inline tables and arrays are not listed; `line_of` answers with their parent's.
    """
    lines: dict[Path, int] = {(): 1}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, line in _logical_lines(text):
        if line.startswith("[["):
            path = _resolve(_parts(line[2:]), counts)
            index = counts.get(path, 0)
            counts[path] = index + 1
            lines.setdefault(path, number)
            table = (*path, index)
            lines[table] = number
        elif line.startswith("["):
            table = _resolve(_parts(line[1:]), counts)
            lines.setdefault(table, number)
        else:
            path = table
            for part in _parts(line):
                path = (*path, part)
                lines.setdefault(path, number)
    return lines


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """The line of `path`, or of its nearest parent that has one."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _resolve(parts: list[str], counts: Mapping[Path, int]) -> Path:
    """A header's path, with the index of the newest table where it passes an array of tables."""
    path: Path = ()
    for position, part in enumerate(parts):
        path = (*path, part)
        if position < len(parts) - 1 and path in counts:
            path = (*path, counts[path] - 1)
    return path


def _parts(text: str) -> list[str]:
    parts: list[str] = []
    position = 0
    while match := _KEY_PART.match(text, position):
        double, single, bare, dot = match.groups()
        parts.append(next(part for part in (double, single, bare) if part is not None))
        position = match.end()
        if not dot:
            break
    return parts


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that begin a header or a key, skipping what values and comments spread over."""
    depth = 0
    quote = ""
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not quote and depth == 0 and stripped and not stripped.startswith("#"):
            yield number, stripped
            header = stripped.startswith("[")
        else:
            header = False
        depth, quote = _scan(line, 0 if header else depth, quote)
        if header:
            depth = 0


def _scan(line: str, depth: int, quote: str) -> tuple[int, str]:
    """Bracket depth and open multi-line quote after `line`."""
    position = 0
    while position < len(line):
        if quote:
            position, quote = _leave_quote(line, position, quote)
            continue
        character = line[position]
        if character == "#":
            break
        opened = next((mark for mark in _QUOTES if line.startswith(mark, position)), "")
        if opened:
            quote = opened
            position += len(opened)
            continue
        depth += (character in "[{") - (character in "]}")
        position += 1
    return depth, quote if len(quote) == 3 else ""


def _leave_quote(line: str, position: int, quote: str) -> tuple[int, str]:
    if line[position] == "\\" and quote[0] == '"':
        return position + 2, quote
    if line.startswith(quote, position):
        return position + len(quote), ""
    return position + 1, quote
