"""`stoep gateway ledger`: what became of every record, beside a gateway that runs or not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.errors import StoreError
from gateway.ledger import CausedRange, Range, StreamReport
from gateway.queries import Ledger, read_ledger
from gateway.site import Site
from tools.errors import ConfigurationError, Failed, UsageError
from tools.gateway_site import SiteFile, read_site
from tools.output import console, print_json, table

COLUMNS = (
    *("SLOT", "UNIT", "BOOT", "STREAM"),
    *("DELIVERED", "PENDING", "GAPS", "DROPPED", "MISSING"),
)


def ledger(
    site: SiteFile = Path("site.toml"),
    slot: Annotated[
        str | None, typer.Option(metavar="SLOT", help="Only the unit that is in this slot now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Account for every record that a controller ever numbered; the gateway may be running.

    Delivered: confirmed by the broker. Pending: stored, on its way. Gaps: lost before they came
    here, and why; of those that a restart took with it at least so many. Dropped: given up here for
    want of room. Missing: without any explanation. Ends with 4 when a number is missing or the sums
    do not agree.
    """
    loaded = read_site(site)
    unit = _unit_in(loaded, slot)
    try:
        found = read_ledger(loaded.store_path)
    except StoreError as error:
        raise ConfigurationError(f"the store cannot be read: {error}") from error
    streams = [one for one in found.streams if unit in (None, one.key.unit)]
    problems = [*found.findings, *_missing(streams, loaded)]
    if as_json:
        print_json(_as_json(found, streams, problems, loaded))
    else:
        _print(found, streams, loaded, whole=slot is None)
    if problems:
        raise Failed("the ledger does not add up: " + "; ".join(problems))


def _unit_in(site: Site, slot: str | None) -> str | None:
    if slot is None:
        return None
    found = site.slot(slot)
    if found is None:
        names = ", ".join(one.name for one in site.slots)
        raise UsageError(f"there is no slot {slot!r} in {site.file}; there are {names}")
    return found.unit


def _name(unit: str, site: Site) -> str:
    """Where a unit is now; the gateway numbers its own audit records under its name."""
    if unit == site.site.gateway:
        return "(gateway)"
    return next((slot.name for slot in site.slots if slot.unit == unit), "-")


def _stream(report: StreamReport) -> str:
    return "urgent" if report.key.urgent else "routine"


def _title(report: StreamReport, site: Site) -> str:
    unit, boot, _ = report.key
    name = _name(unit, site)
    return f"{unit if name == '-' else name} boot {boot} {_stream(report)}"


def _numbers(part: Range | CausedRange) -> str:
    return f"{part.first}" if part.size == 1 else f"{part.first} to {part.last} ({part.size})"


def _size(parts: Sequence[Range | CausedRange]) -> int:
    return sum(part.size for part in parts)


def _missing(streams: Sequence[StreamReport], site: Site) -> list[str]:
    return [
        f"{_title(one, site)}: {_numbers(part)} missing" for one in streams for part in one.missing
    ]


def _as_json(
    found: Ledger, streams: Sequence[StreamReport], problems: Sequence[str], site: Site
) -> dict[str, Any]:
    return {
        "ok": not problems,
        "store": str(site.store_path),
        "counters": found.counters,
        "dropped": found.dropped,
        "pending": found.pending,
        "streams": [
            {
                "slot": _name(one.key.unit, site),
                "unit": one.key.unit,
                "boot": one.key.boot,
                "stream": _stream(one),
                "delivered": _size(one.delivered),
                "pending": _size(one.pending),
                "gaps": [part._asdict() | {"exact": part.exact} for part in one.gaps],
                "dropped": [part._asdict() for part in one.dropped],
                "missing": [part._asdict() for part in one.missing],
            }
            for one in streams
        ],
        "problems": list(problems),
    }


def _print(found: Ledger, streams: Sequence[StreamReport], site: Site, *, whole: bool) -> None:
    out = console()
    rows = [
        (
            *(_name(one.key.unit, site), one.key.unit, str(one.key.boot), _stream(one)),
            *(str(_size(part)) for part in (one.delivered, one.pending, one.gaps, one.dropped)),
            str(_size(one.missing)),
        )
        for one in streams
    ]
    if rows:
        out.print(table(COLUMNS, rows))
    else:
        out.print("no record was ever received" if whole else "no record came from this unit")
    for one in streams:
        for word, parts in (("lost", one.gaps), ("dropped", one.dropped)):
            for part in parts:
                least = "" if part.exact else " or more"
                out.print(f"{_title(one, site)}: {_numbers(part)}{least} {word}, {part.cause}")
    counted, dropped = found.counters, sum(found.dropped.values())
    out.print()
    out.print("all slots: " if not whole else "", end="")
    out.print(
        f"received {counted['received']} = stored {counted['stored']} "
        f"+ duplicates {counted['duplicates']} + dropped {dropped}"
    )
    out.print(
        f"stored {counted['stored']} = delivered {counted['delivered']} + pending {found.pending}"
    )
    if not (found.findings or any(one.missing for one in streams)):
        out.print("the sums agree and no number is missing")
