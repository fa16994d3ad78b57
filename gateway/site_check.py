"""From TOML tables to a `Site`: types, ranges, what must fit together. Collects, never raises."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from gateway.site_findings import Findings
from gateway.site_lanes import check_groups
from gateway.site_model import (
    DEFAULT_PORTS,
    Broker,
    Bus,
    MetricsTable,
    Site,
    SiteTable,
    Slot,
    StoreTable,
)
from gateway.site_parameter_checks import check_parameters, located
from gateway.site_parameters import (
    PARAMETERS,
    RANGES,
)
from gateway.toml_lines import Path as KeyPath
from protocol.generated.wire import ADDRESS_MAX

MAX_SLOTS_A_BUS = 64
"""Controllers on one RS-485 line (DESIGN.md, section 2)."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_UNIT = re.compile(r"[0-9a-f]{16}")
_S = TypeVar("_S", bound=msgspec.Struct)


class _Range(NamedTuple):
    low: float
    high: float
    unit: str

    def __call__(self, value: Any) -> str | None:
        if self.low <= value <= self.high:
            return None
        unit = f" {self.unit}" if self.unit else ""
        return f"{value} is out of range; allowed are {self.low} to {self.high}{unit}"


def _name(value: str) -> str | None:
    if _NAME.fullmatch(value):
        return None
    return (
        f"{value!r} cannot be part of a topic; use 1 to 63 letters, digits, '-', '_' or '.', "
        "a letter or digit first"
    )


def _unit(value: str) -> str | None:
    if _UNIT.fullmatch(value.lower()):
        return None
    return f"{value!r} is no hardware id; it has 16 hex digits, as printed on the unit"


def _port(value: str) -> str | None:
    if value.strip():
        return None
    return "is empty; name a device such as /dev/ttyUSB0 or a URL such as socket://HOST:PORT"


def _url(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        good = parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
        extra = bool(parts.path.strip("/") or parts.query or parts.fragment)
    except ValueError:
        good, extra, parts = False, False, urlsplit("")
    if not good or extra:
        return f"{value!r} is no broker; write mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS"
    if parts.username is not None or parts.password is not None:
        return "holds a login; use broker.username and broker.password_file instead"
    return None


def _listen(value: str) -> str | None:
    try:
        parts = urlsplit(f"//{value}")
        good = bool(parts.hostname) and parts.port is not None and parts.netloc == value
    except ValueError:
        good = False
    return None if good else f"{value!r} is no place to listen; write 127.0.0.1:9464"


_CHECKS: Mapping[type, Mapping[str, Callable[[Any], str | None]]] = {
    SiteTable: {
        "name": _name,
        "gateway": _name,
        "latitude": _Range(-90, 90, "degrees north"),
        "longitude": _Range(-180, 180, "degrees east"),
        "users": lambda value: "is empty; name a file" if value == "" else None,
    },
    Broker: {"url": _url},
    StoreTable: {
        "path": lambda value: None if value.strip() else "is empty; name a file",
        "limit_mb": _Range(4, 1_048_576, "MB"),
        "linger_s": _Range(0, 60, "seconds"),
    },
    MetricsTable: {"listen": lambda value: None if value is None else _listen(value)},
    Bus: {
        "name": _name,
        "port": _port,
        "baud": _Range(1200, 4_000_000, "bit/s"),
        "turnaround_ms": _Range(1, 1000, "ms"),
    },
    Slot: {
        "name": _name,
        "address": _Range(1, ADDRESS_MAX, ""),
        "unit": _unit,
        "group": lambda value: None if value is None else _name(value),
    },
    **{
        kind: {name: _Range(*limits) for name, limits in ranges.items()}
        for kind, ranges in RANGES.items()
    },
}
_TABLES = ("site", "broker", "store", "metrics", "bus", "slot")
_TYPE_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text in quotes",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}


def build(tables: dict[str, Any], file: Path, findings: Findings) -> Site | None:
    """The site of these tables; None, or wrong in places, exactly when there are findings."""
    _unknown_keys(tables, _TABLES, (), findings)
    site = _struct(SiteTable, tables.get("site"), ("site",), findings)
    broker = _struct(Broker, tables.get("broker", {}), ("broker",), findings)
    store = _struct(StoreTable, tables.get("store", {}), ("store",), findings)
    metrics = _struct(MetricsTable, tables.get("metrics", {}), ("metrics",), findings)
    buses = _array(tables, "bus", findings, lambda table, path: _bus(table, path, findings))
    slots = _array(tables, "slot", findings, lambda table, path: _slot(table, path, findings))
    _check_broker_files(broker, findings)
    _check_together(buses, slots, tables, findings)
    check_groups(slots, findings)
    if site is None or broker is None or store is None or metrics is None:
        return None
    return Site(
        file=file,
        site=site,
        broker=broker,
        store=store,
        metrics=metrics,
        buses=tuple(bus for _, bus in buses),
        slots=tuple(slot if findings.problems else located(slot, site) for _, slot in slots),
    )


_Placed = list[tuple[KeyPath, _S]]


def _array(
    tables: Mapping[str, Any],
    key: str,
    findings: Findings,
    make: Callable[[Any, KeyPath], _S | None],
) -> _Placed[_S]:
    if key not in tables:
        findings.add((), f"there is no [[{key}]]; add at least one")
        return []
    entries = tables[key]
    if not isinstance(entries, list):
        findings.add((key,), f"must be written [[{key}]] with two brackets, once for each {key}")
        return []
    made = [((key, n), make(entry, (key, n))) for n, entry in enumerate(cast("list[Any]", entries))]
    return [(path, value) for path, value in made if value is not None]


def _bus(table: Any, path: KeyPath, findings: Findings) -> Bus | None:
    return _struct(Bus, table, path, findings)


def _slot(table: Any, path: KeyPath, findings: Findings) -> Slot | None:
    slot = _struct(Slot, table, path, findings, skip=("parameters",))
    if not isinstance(table, dict):
        return None
    values = cast("dict[str, Any]", table)
    kind = values.get("kind")
    parameters_type = PARAMETERS.get(kind) if isinstance(kind, str) else None
    if parameters_type is None:
        return None
    at = (*path, "parameters")
    before = len(findings.problems)
    parameters = _struct(parameters_type, values.get("parameters", {}), at, findings)
    if parameters is not None and len(findings.problems) == before:
        check_parameters(parameters, values.get("parameters"), at, findings)
    if slot is None or parameters is None:
        return None
    return msgspec.structs.replace(slot, unit=slot.unit.lower(), parameters=parameters)


def _struct(
    kind: type[_S], table: Any, path: KeyPath, findings: Findings, skip: tuple[str, ...] = ()
) -> _S | None:
    """The struct of a table; each key is checked on its own, so that all mistakes are found."""
    if table is None:
        findings.add((), f"there is no [{'.'.join(map(str, path))}]; add it")
        return None
    if not isinstance(table, dict):
        findings.add(path, "must be a table of keys and values")
        return None
    values = cast("dict[str, Any]", table)
    known = msgspec.structs.fields(kind)
    _unknown_keys(values, [field.name for field in known], path, findings)
    checks = _CHECKS.get(kind, {})
    good: dict[str, Any] = {}
    for field in known:
        if field.name in skip:
            continue
        at = (*path, field.name)
        if field.name not in values:
            if field.required:
                findings.add(path, f"{field.name} is missing; add {field.name} = ...")
            continue
        try:
            value = msgspec.convert(values[field.name], field.type)
        except msgspec.ValidationError as error:
            findings.add(at, _in_words(str(error), values[field.name], field.type))
            continue
        check = checks.get(field.name)
        wrong = check(value) if check else None
        if wrong:
            findings.add(at, wrong)
        good[field.name] = value
    if any(field.required and field.name not in good for field in known):
        return None
    return kind(**good)


def _unknown_keys(
    table: Mapping[str, Any], known: Iterable[str], path: KeyPath, findings: Findings
) -> None:
    names = list(known)
    for key in table:
        if key not in names:
            close = get_close_matches(key, names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(names)}"
            findings.add((*path, key), f"is not known here; {hint}")


def _in_words(message: str, value: object, kind: Any) -> str:
    expected = re.search(r"Expected `([^`]+)`", message)
    shown = repr(value)
    shown = shown if len(shown) <= 40 else shown[:37] + "..."
    where = re.search(r" - at `\$\[(\d+)\]`", message)
    entry = f"entry {int(where[1]) + 1} " if where else ""
    if expected is None:
        choices = getattr(kind, "__args__", ())
        return f"{shown} is not possible; write {' or '.join(map(str, choices))}"
    if "length" in message:
        return f"must be {message.removeprefix('Expected ').replace('`', '')}"
    wanted = " or ".join(
        _TYPE_WORDS.get(word.strip(), word.strip()) for word in expected[1].split("|")
    )
    return f"{entry}must be {wanted}, not {shown}"


def _check_broker_files(broker: Broker | None, findings: Findings) -> None:
    if broker is None or _url(broker.url):
        return
    for key in ("ca_file", "certificate_file", "key_file"):
        if getattr(broker, key) is not None and not broker.tls:
            findings.add(("broker", key), "needs TLS; make the url mqtts://...")
    for key, other in (("certificate_file", "key_file"), ("key_file", "certificate_file")):
        if getattr(broker, key) is not None and getattr(broker, other) is None:
            findings.add(("broker", key), f"needs {other} as well")
    if broker.password_file is not None and broker.username is None:
        findings.add(("broker", "password_file"), "needs username as well")


def _check_together(
    buses: _Placed[Bus], slots: _Placed[Slot], tables: Mapping[str, Any], findings: Findings
) -> None:
    _unique(buses, "name", findings, lambda bus: bus.name, "take another name")
    _unique(buses, "port", findings, lambda bus: bus.port, "one port is one bus")
    _unique(slots, "name", findings, lambda slot: slot.name, "a slot's name is its topic")
    _unique(slots, "unit", findings, lambda slot: slot.unit, "a unit is in one slot")
    _unique(
        slots,
        "address",
        findings,
        lambda slot: (slot.bus, slot.address),
        "take a free address of the bus",
        lambda slot: f"address {slot.address} of bus {slot.bus}",
    )
    bus_names = _written_names(tables, "bus")
    names = _written_names(tables, "slot")
    counts: dict[str, int] = {}
    for path, slot in slots:
        if slot.bus not in bus_names:
            findings.add((*path, "bus"), f"there is no bus {slot.bus!r}; {_one_of(bus_names)}")
            continue
        counts[slot.bus] = counts.get(slot.bus, 0) + 1
        if counts[slot.bus] == MAX_SLOTS_A_BUS + 1:
            findings.add(
                (*path, "bus"),
                f"{slot.bus} has more than {MAX_SLOTS_A_BUS} slots; move some to another bus",
            )
        _check_neighbours(path, slot, names, findings)


def _check_neighbours(path: KeyPath, slot: Slot, names: set[str], findings: Findings) -> None:
    at = (*path, "neighbours")
    seen: set[str] = set()
    for neighbour in slot.neighbours:
        if neighbour == slot.name:
            findings.add(at, "a slot is no neighbour of itself; remove it")
        elif neighbour in seen:
            findings.add(at, f"{neighbour} is listed twice; remove one")
        elif neighbour not in names:
            close = get_close_matches(neighbour, sorted(names), n=1)
            hint = f"did you mean {close[0]}?" if close else "remove it, or add that slot"
            findings.add(at, f"there is no slot {neighbour!r}; {hint}")
        seen.add(neighbour)


def _unique(
    placed: _Placed[_S],
    key: str,
    findings: Findings,
    value_of: Callable[[_S], object],
    advice: str,
    show: Callable[[_S], str] | None = None,
) -> None:
    first: dict[object, KeyPath] = {}
    for path, item in placed:
        value = value_of(item)
        if value in first:
            what = show(item) if show else str(value)
            line = findings.line((*first[value], key))
            findings.add((*path, key), f"{what} is used in line {line} already; {advice}")
        else:
            first[value] = path


def _written_names(tables: Mapping[str, Any], key: str) -> set[str]:
    """Every name that is written down, also in entries with other mistakes."""
    entries = tables.get(key)
    if not isinstance(entries, list):
        return set()
    names: set[str] = set()
    for entry in cast("list[Any]", entries):
        if isinstance(entry, dict):
            name = cast("dict[str, Any]", entry).get("name")
            if isinstance(name, str):
                names.add(name)
    return names


def _one_of(names: set[str]) -> str:
    return f"there are {', '.join(sorted(names))}" if names else "add a [[bus]]"
