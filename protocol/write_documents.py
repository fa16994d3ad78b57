"""Writes generated/PROTOCOL.md (byte tables) and generated/stoep.lua (Wireshark dissector)."""

from __future__ import annotations

from protocol import schema
from protocol.layouts import MARK, Field, Layout, Schema, enumerations

_LUA_TYPES = {
    "B": "uint8",
    "b": "int8",
    "H": "uint16",
    "h": "int16",
    "I": "uint32",
    "i": "int32",
}
_TYPE_NAMES = {"B": "u8", "b": "i8", "H": "u16", "h": "i16", "I": "u32", "i": "i32"}


def _type_name(f: Field) -> str:
    if f.is_tail:
        return "bytes"
    if f.format.endswith("s"):
        return f"{f.size} bytes"
    name = _TYPE_NAMES[f.format[-1]]
    return f"{f.format[:-1]} × {name}" if f.format[:-1] else name


def _table(item: Layout) -> list[str]:
    sender = f", sent by the {item.sender}" if item.sender else ""
    frozen = " Frozen for ever." if item.frozen else ""
    tail = " and what follows" if item.has_tail else ""
    out = [f"### `{item.name}` {item.id:#04x}", ""]
    out += [f"{item.sentence}{frozen} {item.size} bytes{tail}{sender}.", ""]
    out += ["| offset | field | type | unit | meaning |", "|---|---|---|---|---|"]
    at = 0
    for f in item.fields:
        kind = f"{_type_name(f)} {f.enum or f.flags}".strip()
        out.append(f"| {at} | `{f.name}` | {kind} | {f.unit} | {f.sentence} |")
        at += f.size
    return [*out, ""]


def write_tables(s: Schema) -> str:
    """PROTOCOL.md: every layout as a table of bytes."""
    out = ["# Bytes on the Stoep bus", "", MARK, ""]
    out += [
        f"Schema fingerprint `0x{s.fingerprint:08X}`. Integers are little-endian.",
        "",
    ]
    out += ["## Limits", "", "| name | value | meaning |", "|---|---|---|"]
    out += [f"| {name} | {v:#x} ({v}) | {why} |" for name, (v, why) in schema.LIMITS.items()]
    out += ["", "## Messages", ""]
    for item in s.messages:
        out += _table(item)
    out += [
        "## Records",
        "",
        "Inside `records`, one after the other: this header, then a body.",
        "",
    ]
    for item in (s.header, *s.records):
        out += _table(item)
    out += ["## Enums and flags", ""]
    for name, (why, members) in enumerations():
        style = hex if name in schema.FLAGS else str
        values = ", ".join(f"{style(v)} {m}" for m, v in members.items())
        out += [f"- **{name}**, {why}: {values}"]
    return "\n".join(out) + "\n"


def _lua_field(prefix: str, f: Field) -> str:
    key = f'"stoep.{prefix}.{f.name}"'
    title = f'"{f.name}{" [" + f.unit + "]" if f.unit else ""}"'
    if f.is_tail or f.format[-1] == "s" or len(f.format) > 1:
        return f"ProtoField.bytes({key}, {title})"
    base = ", base.DEC" + (f", enum_{f.enum}" if f.enum else "")
    if f.flags:
        base = ", base.HEX"
    return f"ProtoField.{_LUA_TYPES[f.format]}({key}, {title}{base})"


def _lua_layout(group: str, item: Layout) -> list[str]:
    out = [f"{group}[{item.id:#04x}] = {{ name = {item.name!r}, size = {item.size}, fields = {{"]
    out += [f"  {{ {f.size}, {_lua_field(item.name, f)} }}," for f in item.fields]
    return [*out, "} }"]


_LUA_BODY = """
local frame = {
  version_flags = ProtoField.uint8("stoep.version_flags", "version and flags", base.HEX),
  destination = ProtoField.uint8("stoep.destination", "destination", base.DEC),
  source = ProtoField.uint8("stoep.source", "source", base.DEC),
  type = ProtoField.uint8("stoep.type", "type", base.HEX),
  counter = ProtoField.uint16("stoep.counter", "counter", base.DEC),
  sealed = ProtoField.bytes("stoep.sealed", "encrypted payload"),
  tag = ProtoField.bytes("stoep.tag", "tag"),
  crc = ProtoField.uint16("stoep.crc", "CRC-16", base.HEX),
}
local all = {}
for _, field in pairs(frame) do all[#all + 1] = field end
for _, group in ipairs({ messages, records, { record_header } }) do
  for _, layout in pairs(group) do
    for _, field in ipairs(layout.fields) do all[#all + 1] = field[2] end
  end
end
stoep.fields = all

local function show(tree, layout, range)
  local at = 0
  for _, field in ipairs(layout.fields) do
    local size = field[1]
    if size == 0 then size = range:len() - at end
    if size > 0 and at + size <= range:len() then
      tree:add_le(field[2], range(at, size))
    end
    at = at + size
  end
end

local function show_records(tree, range)
  local at, head = 0, record_header.size
  while at + head <= range:len() do
    local kind, size = range(at, 1):uint(), range(at + 1, 1):uint()
    if at + head + size > range:len() then break end
    local layout = records[kind]
    local branch = tree:add(stoep, range(at, head + size), layout and layout.name or "record")
    show(branch, record_header, range(at, head))
    if layout and layout.size == size then show(branch, layout, range(at + head, size)) end
    at = at + head + size
  end
end

-- One frame a packet, after COBS: header, payload, tag when secured, CRC.
function stoep.dissector(buffer, packet, root)
  if buffer:len() < 8 then return 0 end
  packet.cols.protocol = "STOEP"
  local tree = root:add(stoep, buffer())
  local flags, kind = buffer(0, 1):uint(), buffer(3, 1):uint()
  tree:add_le(frame.version_flags, buffer(0, 1))
  tree:add_le(frame.destination, buffer(1, 1))
  tree:add_le(frame.source, buffer(2, 1))
  tree:add_le(frame.type, buffer(3, 1))
  tree:add_le(frame.counter, buffer(4, 2))
  local last = buffer:len() - 2
  local layout = messages[kind]
  local name = layout and layout.name or string.format("type 0x%02x", kind)
  packet.cols.info = string.format("%d > %d %s", buffer(2, 1):uint(), buffer(1, 1):uint(), name)
  if flags % 2 == 1 then
    if last >= 14 then
      if last > 14 then tree:add(frame.sealed, buffer(6, last - 14)) end
      tree:add(frame.tag, buffer(last - 8, 8))
    end
  elseif layout and last > 6 then
    local range = buffer(6, last - 6)
    local branch = tree:add(stoep, range, name)
    show(branch, layout, range)
    if name == "records" and range:len() > layout.size then
      show_records(branch, range(layout.size, range:len() - layout.size))
    end
  end
  tree:add_le(frame.crc, buffer(last, 2))
  return buffer:len()
end

-- DLT_USER0 (147): what `stoep sniff` writes into a capture file.
DissectorTable.get("wtap_encap"):add(wtap.USER0, stoep)
"""


def write_dissector(s: Schema) -> str:
    """stoep.lua: a Wireshark dissector for captures of one unstuffed frame a packet."""
    out = [f"-- {MARK}", 'local stoep = Proto("stoep", "Stoep street bus")']
    for name, (_, members) in schema.ENUMS.items():
        values = ", ".join(f'[{v}] = "{m}"' for m, v in members.items())
        out += [f"local enum_{name} = {{ {values} }}"]
    out += ["local messages, records = {}, {}"]
    for item in s.messages:
        out += _lua_layout("messages", item)
    for item in s.records:
        out += _lua_layout("records", item)
    out += [f"local record_header = {{ name = 'record_header', size = {s.header.size}, fields = {{"]
    out += [f"  {{ {f.size}, {_lua_field('record', f)} }}," for f in s.header.fields]
    out += ["} }", _LUA_BODY.strip("\n")]
    return "\n".join(out) + "\n"
