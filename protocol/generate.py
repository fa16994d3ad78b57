"""Writes `generated/` from `schema.py`; `--check` fails when the two differ.

python -m protocol.generate            write the files
python -m protocol.generate --check    exit 1 on drift, on a removed or a changed released layout
python -m protocol.generate --release [NAME ...]  promise these layouts (all) for ever
python -m protocol.generate --vectors  append the cases of vector_cases that are not yet golden
"""

from __future__ import annotations

import argparse
import json
import keyword
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import construct as c

from protocol import schema, vector_cases, write_documents, write_python, write_vectors
from protocol.layouts import Field, Layout, Schema, enumerations

HERE = Path(__file__).parent
RELEASED = HERE / "vectors" / "released.json"
VECTORS = HERE / "vectors" / "frames.json"

# Parameters of the generated functions, which a field of the same name would hide.
TAKEN_NAMES = ("buffer", "at", "self", "data", "message")

# What construct calls a 32-bit "L" is "I" to struct on every port.
FORMATS = {
    "B": ("B", 1),
    "b": ("b", 1),
    "H": ("H", 2),
    "h": ("h", 2),
    "L": ("I", 4),
    "l": ("i", 4),
}


class GenerateError(Exception):
    """The schema uses something that the wire does not allow."""


def _labels(con: Any) -> tuple[Any, str, str]:
    """What lies under the Renamed wrappers, and the enum or flag set that they name."""
    enum = flags = ""
    while isinstance(con, c.Renamed):
        renamed: Any = con
        label: str = renamed.docs or ""
        enum = label.removeprefix("enum ") if label.startswith("enum ") else enum
        flags = label.removeprefix("flags ") if label.startswith("flags ") else flags
        con = renamed.subcon
    return con, enum, flags


def _named(con: Any, where: str) -> tuple[str, str, str]:
    """Name, unit and sentence of a field; raises GenerateError when one is missing or unusable."""
    name, docs = con.name, con.docs or ""
    if not name:
        raise GenerateError(f"{where}: a field without a name")
    unit, _, sentence = docs[1:].partition("] ") if docs.startswith("[") else ("", "", docs)
    if not sentence:
        raise GenerateError(f"{where}.{name}: a field without a sentence")
    if keyword.iskeyword(name) or not name.isidentifier() or name in TAKEN_NAMES:
        raise GenerateError(f"{where}.{name}: not a usable name")
    return name, unit, sentence


def _is(con: Any, *kinds: Any) -> bool:
    """isinstance, which would otherwise turn what construct does not type into unknowns."""
    return isinstance(con, kinds)


def _field(con: Any, where: str, *, last: bool) -> Field:
    name, unit, sentence = _named(con, where)
    part, enum, flags = _labels(con)
    if _is(part, c.Enum, c.FlagsEnum):
        if not (enum or flags):
            raise GenerateError(f"{where}.{name}: enums come from ENUMS and FLAGS only")
        part = part.subcon
        _check_members(enum or flags, part, f"{where}.{name}")
    if part is c.GreedyBytes:
        if not last:
            raise GenerateError(f"{where}.{name}: GreedyBytes must be the last field")
        return Field(name, "", 0, unit, sentence)
    if _is(part, c.Bytes):
        if not isinstance(part.length, int):
            raise GenerateError(f"{where}.{name}: Bytes must have a fixed length")
        return Field(name, f"{part.length}s", part.length, unit, sentence)
    elements = 0
    if _is(part, c.Array):
        if not isinstance(part.count, int) or part.count < 1:
            raise GenerateError(f"{where}.{name}: Array must have a fixed count")
        elements, part = part.count, part.subcon
    if _is(part, c.FormatField) and part.fmtstr[0] == "<" and part.fmtstr[1:] in FORMATS:
        code, size = FORMATS[part.fmtstr[1:]]
        text = f"{elements}{code}" if elements else code
        return Field(name, text, (elements or 1) * size, unit, sentence, enum, flags, elements)
    raise GenerateError(
        f"{where}.{name}: {type(part).__name__} is not allowed on the wire; use little-endian"
        " integers, Enum, FlagsEnum, Array, Bytes or one trailing GreedyBytes"
    )


def _check_members(enumeration: str, base: Any, where: str) -> None:
    """Raises GenerateError when a member of the enum or flag set does not fit its base."""
    members = (schema.ENUMS.get(enumeration) or schema.FLAGS[enumeration])[1]
    if len(set(members.values())) != len(members):
        raise GenerateError(f"{where}: two members of {enumeration} have one value")
    if isinstance(base, c.FormatField):
        top = 1 << 8 * base.length
        if not all(0 <= value < top for value in members.values()):
            raise GenerateError(f"{where}: a member of {enumeration} does not fit the field")


def layout(name: str, definition: schema.Definition) -> Layout:
    """The layout of one definition; raises GenerateError for what the wire does not allow."""
    if not isinstance(definition.layout, c.Struct):
        raise GenerateError(f"{name}: the layout must be a Struct")
    if not definition.sentence:
        raise GenerateError(f"{name}: a layout without a sentence")
    struct: Any = definition.layout
    cons: list[Any] = list(struct.subcons)
    fields = tuple(_field(con, name, last=con is cons[-1]) for con in cons)
    if len({f.name for f in fields}) != len(fields):
        raise GenerateError(f"{name}: two fields with one name")
    d = definition
    return Layout(name, d.id, d.sentence, d.sender, d.frozen, fields)


def read_schema() -> Schema:
    """The whole schema; raises GenerateError when ids repeat or a layout is not allowed."""
    groups: list[tuple[Layout, ...]] = []
    for definitions in (schema.MESSAGES, schema.RECORDS):
        layouts = tuple(layout(name, d) for name, d in definitions.items())
        if len({item.id for item in layouts}) != len(layouts):
            raise GenerateError("two layouts with one id")
        if not all(1 <= item.id <= 255 for item in layouts):
            raise GenerateError("an id is not within 1 to 255")
        groups.append(layouts)
    header = layout(
        "record_header",
        schema.Definition(0, "Precedes the body of every record.", schema.RECORD_HEADER),
    )
    for item in groups[0]:
        if item.size > schema.LIMITS["MAX_PAYLOAD"][0]:
            raise GenerateError(f"{item.name}: {item.size} bytes do not fit a frame")
    room = schema.LIMITS["MAX_PAYLOAD"][0] - header.size
    room -= next((item.size for item in groups[0] if item.name == "records"), 0)
    for item in groups[1]:
        if item.size > room or item.has_tail:
            raise GenerateError(f"{item.name}: a record is fixed and has at most {room} bytes")
    text = [item.canonical for group in (*groups, (header,)) for item in group]
    text += [f"{k}={v[0]}" for k, v in schema.LIMITS.items()]
    text += [f"{k}:{m}={v}" for k, (_, ms) in enumerations() for m, v in ms.items()]
    return Schema(groups[0], groups[1], header, zlib.crc32("\n".join(text).encode()))


def _formatted(text: str, name: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "100"]
    command += ["--stdin-filename", name, "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=HERE, check=True)
    return done.stdout


def files() -> dict[Path, str]:
    """Every generated file and what it must hold."""
    s = read_schema()
    python = {
        "wire.py": write_python.write_wire(s),
        "wire_gateway.py": write_python.write_wire_gateway(s),
        **{f"wire_{kind}.py": write_python.write_wire_kind(s, kind) for kind in schema.KIND_OWNED},
        "messages.py": write_python.write_messages(s),
    }
    texts = {name: _formatted(text, name) for name, text in python.items()}
    texts["PROTOCOL.md"] = write_documents.write_tables(s)
    texts["stoep.lua"] = write_documents.write_dissector(s)
    texts["__init__.py"] = ""
    return {HERE / "generated" / name: text for name, text in texts.items()}


def promise(s: Schema, names: list[str]) -> dict[str, Any]:
    """What a release of these layouts (none = all) promises, members of their enums included."""
    layouts = {item.name: item for item in (*s.messages, *s.records, s.header)}
    unknown = [name for name in names if name not in layouts]
    if unknown:
        raise GenerateError(f"no layout is called {', '.join(unknown)}")
    chosen = [layouts[name] for name in names] or list(layouts.values())
    members = {name: values for name, (_, values) in enumerations()}
    return {
        "layouts": {item.name: item.canonical for item in chosen},
        "enums": {name: dict(members[name]) for item in chosen for name in item.enumerations},
    }


def released_drift(s: Schema, released: dict[str, Any]) -> list[str]:
    """What a released schema promised and this one breaks, a sentence each."""
    now = promise(s, [])
    problems: list[str] = []
    for name, promised in released["layouts"].items():
        if name not in now["layouts"]:
            problems.append(f"released layout {name} was removed; it must stay for ever")
        elif now["layouts"][name] != promised:
            problems.append(f"released layout {name} changed; add a new one instead")
    for name, promised in released["enums"].items():
        for member, value in promised.items():
            if now["enums"].get(name, {}).get(member) != value:
                problems.append(f"released member {name}.{member} changed; add a new one instead")
    return problems


def unreleased_frozen(s: Schema, released: dict[str, Any]) -> list[str]:
    """The frozen messages that no release has promised yet, a sentence each."""
    return [
        f"{item.name} is frozen but not released; run --release {item.name}"
        for item in s.messages
        if item.frozen and item.name not in released["layouts"]
    ]


def read_released() -> dict[str, Any]:
    """The promises of every release so far."""
    return json.loads(RELEASED.read_text()) if RELEASED.exists() else {"layouts": {}, "enums": {}}


def _release(s: Schema, released: dict[str, Any], names: list[str]) -> None:
    added = promise(s, names)
    for group in ("layouts", "enums"):
        for name, value in added[group].items():
            old = released[group].get(name)
            released[group][name] = {**old, **value} if isinstance(old, dict) else value
    RELEASED.write_text(json.dumps(released, indent=2) + "\n")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m protocol.generate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--check", action="store_true", help="compare only; exit 1 on drift")
    add("--release", nargs="*", metavar="NAME", help="promise these layouts, or all, for ever")
    add(
        "--vectors", action="store_true", help="append new golden vectors; never changes an old one"
    )
    return parser.parse_args(arguments)


def _write(s: Schema, options: argparse.Namespace) -> None:
    promise(s, options.release or [])
    for path, text in files().items():
        path.write_text(text)
    if options.release is not None:
        _release(s, read_released(), options.release)
    if options.vectors:
        old: list[Any] = json.loads(VECTORS.read_text()) if VECTORS.exists() else []
        new = write_vectors.appended(old, vector_cases.cases())
        VECTORS.write_text(write_vectors.formatted(new))
        print(f"generate: {len(new) - len(old)} vectors appended to {len(old)}")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _options(arguments)
    try:
        s = read_schema()
        problems = released_drift(s, read_released())
        if options.check:
            for path, text in files().items():
                if not path.exists() or path.read_text() != text:
                    name = path.relative_to(HERE.parent)
                    problems.append(f"{name} is out of date; run python -m protocol.generate")
        elif not problems:
            _write(s, options)
        problems += unreleased_frozen(s, read_released())
    except write_vectors.VectorChanged as error:
        problems = [f"golden vector changed: {error}"]
    except GenerateError as error:
        problems = [str(error)]
    for problem in problems:
        print(f"generate: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
