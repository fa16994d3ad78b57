"""Writes generated/wire.py (dual) and generated/messages.py (host) from the layouts."""

from __future__ import annotations

from protocol import schema
from protocol.layouts import MARK, Field, Layout, Schema, constant_name, enumerations

# A controller's logic imports nothing and has its own names for these; its heap is spared ours.
GATEWAY_ENUMERATIONS = (
    "LampState",
    "LampReason",
    "BollardState",
    "BollardInput",
    "BollardSignal",
    "BinState",
)


# Whose a part of the schema is: a kind, both ends' ("") or the gateway's alone.
COMMON, GATEWAY = "", "gateway"


def _owner(name: str, member: str = "") -> str:
    """Owner of an enumeration, of one of its members, or of a layout."""
    if name in GATEWAY_ENUMERATIONS:
        return GATEWAY
    for kind, owned in schema.KIND_OWNED.items():
        if name in owned or f"{name}.{member}" in owned or name.lower().startswith(kind):
            return kind
    return COMMON


def _members(owner: str) -> list[str]:
    out: list[str] = []
    for name, (why, members) in enumerations():
        own = {m: value for m, value in members.items() if _owner(name, m) == owner}
        if own:
            out += ["", f"# {name}: {why}"]
            out += [f"{constant_name(name)}_{m.upper()} = {v}" for m, v in own.items()]
    return out


def _layouts(s: Schema, owner: str) -> list[str]:
    """Ids, sizes and the controller's half of the codec of an owner's layouts."""
    out: list[str] = []
    every = [*s.messages, *s.records, s.header]
    own = [item for item in every if _owner(item.name) == owner]
    for prefix, group in (("", s.messages), ("RECORD_", s.records)):
        ids = [f"{prefix}{item.name.upper()} = {item.id:#04x}" for item in group if item in own]
        out += ["", f"# {'Record' if prefix else 'Message'} ids", *ids] if ids else []
    out += ["", "# Bytes of the fixed part of each layout"]
    out += [f"{item.name.upper()}_SIZE = {item.size}" for item in own]
    for item in own:
        out += _unpack(item) if item.sender == schema.GATEWAY else _pack(item)
    return out


def _kind(f: Field) -> str:
    return "bytes" if f.format.endswith("s") else "int"


def _pack(item: Layout) -> list[str]:
    names = ", ".join(item.parts)
    typed = ", ".join(f"{n}: {k}" for n, k in zip(item.parts, _kinds(item), strict=True))
    return [
        *("", ""),
        f"def pack_{item.name}(buffer: bytearray, at: int, {typed}) -> int:",
        f'    pack_into("{item.format}", buffer, at, {names})',
        f"    return at + {item.size}",
    ]


def _unpack(item: Layout) -> list[str]:
    return [
        *("", ""),
        f"def unpack_{item.name}(",
        "    buffer: bytes | bytearray | memoryview, at: int, size: int",
        f") -> tuple[{', '.join(_kinds(item))}]:",
        f"    if size {'<' if item.has_tail else '!='} {item.size}:",
        f'        raise WireError("{item.name}")',
        f'    return unpack_from("{item.format}", buffer, at)',
    ]


def _kinds(item: Layout) -> list[str]:
    return [k for f in item.fields for k in [_kind(f)] * len(f.parts)]


_CODEC = [
    "pack_* write at an offset and return the offset behind; unpack_* return a tuple of the",
    "fixed fields and raise WireError when `size` bytes cannot be that layout. Trailing bytes",
    "start at `at + NAME_SIZE`.",
    '"""',
    "",
    "from struct import pack_into, unpack_from",
    "",
    "from protocol.errors import WireError",
    "",
]


def write_wire(s: Schema) -> str:
    """wire.py: numbers for both ends, and the controller's half of the codec. Dual."""
    out = [f'"""Numbers of the wire, and what a controller packs and unpacks. {MARK}', "", *_CODEC]
    out += [f"FINGERPRINT = 0x{s.fingerprint:08X}"]
    out += [f"{name} = {value}  # {why}" for name, (value, why) in schema.LIMITS.items()]
    out += _members(COMMON) + _layouts(s, COMMON)
    return "\n".join(out) + "\n"


def write_wire_kind(s: Schema, kind: str) -> str:
    """wire_KIND.py: what only controllers of that kind need. Dual."""
    out = [f'"""Numbers of the wire that only a {kind} needs, and what it packs. {MARK}"""', ""]
    out += ["from struct import pack_into", ""]
    return "\n".join(out + _members(kind) + _layouts(s, kind)) + "\n"


def write_wire_gateway(s: Schema) -> str:
    """wire_gateway.py: the gateway's half of the codec; a controller's heap is spared it. Dual."""
    out = [f'"""What a gateway packs and unpacks, the mirror of wire.py. {MARK}', "", *_CODEC]
    out += _members(GATEWAY)
    for item in (*s.messages, *s.records, s.header):
        out += _pack(item) if item.sender == schema.GATEWAY else _unpack(item)
    return "\n".join(out) + "\n"


def _value(f: Field, size: int, prefix: str = "") -> str:
    """Expression for the decoded value of a field in a decoder."""
    if f.is_tail:
        return f"bytes(data[{size}:])"
    if f.elements:
        return f"({', '.join(prefix + part for part in f.parts)},)"
    if f.enum or f.flags:
        return f"_{constant_name(f.enum or f.flags)}[{prefix}{f.name}]"
    return prefix + f.name


def _decoder(item: Layout) -> list[str]:
    lines = [f"def decode_{item.name}(data: _Buffer) -> {item.class_name}:"]
    lines += [
        f'    """{item.class_name} of exactly these bytes; WireError when they are not one."""'
    ]
    body, errors = list[str](), list[str]()
    if item.has_tail:
        lines += [f"    if len(data) < {item.size}:", f'        raise WireError("{item.name}")']
    else:
        errors += ["    except _struct_error:", f'        raise WireError("{item.name}") from None']
    if any(f.enum for f in item.fields):
        errors += ["    except KeyError as error:"]
        errors += [
            f'        raise WireError(f"{item.name}: no such value: {{error}}") from None',
        ]
    if item.size or not item.has_tail:
        body += [f"{', '.join(item.parts)}, = _{item.name}_unpack(data)"]
    values = ", ".join(_value(f, item.size) for f in item.fields)
    body += [f"return {item.class_name}({values})"]
    indent = "        " if errors else "    "
    lines += ["    try:"] if errors else []
    return [*lines, *(indent + line for line in body), *errors, "", ""]


def _fused(item: Layout, header: Layout) -> list[str]:
    """Header and body of one record in one go: half the time of one after the other."""
    lines = [f"def _read_{item.name}(data: bytes, at: int) -> Record:"]
    names = [f"h_{name}" for name in header.parts] + item.parts
    lines += [f"    {', '.join(names)} = _{item.name}_read(data, at)"]
    lines += [f"    if h_size != {item.size}:", f'        raise WireError("{item.name}")']
    made: list[str] = []
    for layout, prefix in ((header, "h_"), (item, "")):
        values = ", ".join(_value(f, 0, prefix) for f in layout.fields)
        made += [f"{layout.class_name}({values})"]
    made += [f"data[at + {header.size} : at + {header.size + item.size}]"]
    return [*lines, f"    return Record({', '.join(made)})", "", ""]


def _encoder(item: Layout) -> list[str]:
    fields = [f for f in item.fields if not f.is_tail]
    fixed = ", ".join(f"{'*' if f.elements else ''}message.{f.name}" for f in fields)
    tail = f" + message.{item.fields[-1].name}" if item.has_tail else ""
    return [
        f"def encode_{item.name}(message: {item.class_name}) -> bytes:",
        '    """Bytes of the message; EncodeError when a value does not fit its field."""',
        *[
            line
            for f in fields
            if f.format.endswith("s")
            for line in (
                f"    if len(message.{f.name}) != {f.size}:",
                f'        raise EncodeError("{item.name}: {f.name} has {f.size} bytes")',
            )
        ],
        "    try:",
        f"        return _{item.name}_pack({fixed}){tail}",
        "    except _struct_error as error:",
        f'        raise EncodeError(f"{item.name}: {{error}}") from None',
        "",
        "",
    ]


def _class(item: Layout) -> list[str]:
    out = ["", "@_also_dataclass"]
    out += [f"class {item.class_name}(Struct, frozen=True, gc=False):"]
    out += [f'    """{item.sentence}"""', "", f"    ID: ClassVar[int] = {item.id:#04x}", ""]
    for f in item.fields:
        out += [f"    {f.name}: {f.annotation}"]
        out += [f'    """{("[" + f.unit + "] ") if f.unit else ""}{f.sentence}"""']
    return [*out, ""]


_MESSAGES_HEAD = """
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from struct import Struct as _Format
from struct import error as _struct_error
from typing import Any, ClassVar, TypeVar

from msgspec import Struct

from protocol.errors import EncodeError, WireError

_F = TypeVar("_F", bound=IntFlag)
_T = TypeVar("_T")
_Buffer = bytes | bytearray | memoryview
_FLAGS_REMEMBERED = 1024  # combinations of one flag set; noise must not fill the memory


# A Struct is made in C, four times as fast as a frozen dataclass; `fields` and `replace` work too.
def _also_dataclass(kind: type[_T]) -> type[_T]:
    return dataclass(init=False, repr=False, eq=False, match_args=False)(kind)


class _Flags(dict[int, _F]):
    def __init__(self, kind: type[_F]) -> None:
        super().__init__()
        self.kind = kind

    def __missing__(self, value: int) -> _F:
        flag = self.kind(value)
        if len(self) < _FLAGS_REMEMBERED:
            self[value] = flag
        return flag
"""


_RECORD_CLASS = '''
@_also_dataclass
class Record(Struct, frozen=True, gc=False):
    """One record; `body` is None when its type or size is not of this schema."""

    header: RecordHeader
    body: RecordBody | None
    raw: bytes
'''


def write_messages(s: Schema) -> str:
    """messages.py: enums, frozen dataclasses and their codec, for the host."""
    out = [f'"""Typed messages and records for the host. {MARK}"""', _MESSAGES_HEAD]
    for name, (why, members) in enumerations():
        base = "IntFlag" if name in schema.FLAGS else "IntEnum"
        out += [
            "",
            f"class {name}({base}):",
            f'    """{why[0].upper()}{why[1:]}."""',
            "",
        ]
        out += [f"    {m.upper()} = {v}" for m, v in members.items()]
        out += [""]
        made = f"_Flags({name})" if name in schema.FLAGS else f"{{m.value: m for m in {name}}}"
        out += ["", f"_{constant_name(name)} = {made}", ""]
    groups = (*s.messages, *s.records, s.header)
    for item in groups:
        out += _class(item)
    out += [""]
    out += ["Message = " + " | ".join(i.class_name for i in s.messages)]
    out += ["RecordBody = " + " | ".join(i.class_name for i in s.records), "", _RECORD_CLASS]
    for item in groups:
        unpack = "unpack_from" if item.has_tail else "unpack"
        out += [f'_{item.name}_unpack = _Format("{item.format}").{unpack}']
        out += [f'_{item.name}_pack = _Format("{item.format}").pack']
    for item in s.records:
        joined = s.header.format + item.format[1:]
        out += [f'_{item.name}_read = _Format("{joined}").unpack_from']
    out += ["", ""]
    for item in groups:
        out += _decoder(item) + _encoder(item)
    for item in s.records:
        out += _fused(item, s.header)
    out += [
        "# By type: the record at an offset. struct.error when the bytes end too soon, WireError"
    ]
    out += ["# when the body has another size, KeyError when an enum has no such value."]
    out += ["RECORD_READERS: dict[int, Any] = {"]
    out += [f"    {i.id:#04x}: _read_{i.name}," for i in s.records] + ["}"]
    for title, group in (("MESSAGE", s.messages), ("RECORD", s.records)):
        out += [f"{title}_DECODERS: dict[int, Any] = {{"]
        out += [f"    {item.id:#04x}: decode_{item.name}," for item in group] + ["}"]
        out += [f"{title}_ENCODERS: dict[type, Any] = {{"]
        out += [f"    {item.class_name}: encode_{item.name}," for item in group] + ["}"]
    return "\n".join(out) + "\n"
