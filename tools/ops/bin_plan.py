"""`stoep bin plan`: which bins to collect today, and why."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.contract import timestamp
from tools.errors import UsageError
from tools.gateway_site import read_site
from tools.ops import options, render
from tools.ops.collection import LEAVE, Position, Round, Stop, geojson, plan_round, position
from tools.ops.durations import DAY_S, format_age, parse_duration
from tools.ops.options import Connection, expanded
from tools.ops.views import street_of
from tools.output import console, print_json, table

LONGEST_S = 60 * DAY_S
"""Forecasts go no further."""
COLUMNS = ("SLOT", "DO", "LEVEL", "PER DAY", "FULL", "WHY", "AGE")
_SECOND_MS = 1000

Places = dict[tuple[str, str, str], Position]


@dataclass(frozen=True, kw_only=True)
class Planning(Connection):
    """When the next round is, what counts as full, and what is printed."""

    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When the next round is: 07:30, or with its date."),
    ] = None
    horizon: Annotated[
        str, typer.Option(metavar="DURATION", help="How long until the next round: 12h, 2d.")
    ] = "24h"
    threshold: Annotated[
        float, typer.Option(min=1, max=100, metavar="PERCENT", help="What counts as full.")
    ] = 80.0
    max_age: Annotated[
        str, typer.Option(metavar="DURATION", help="Data older than this is not believed.")
    ] = "6h"
    careful: Annotated[
        bool, typer.Option("--careful", help="Collect also what only may be full by then.")
    ] = False
    everything: Annotated[
        bool, typer.Option("--all", help="List the bins that need nothing, too.")
    ] = False
    site_files: Annotated[
        list[Path] | None,
        typer.Option("--site-file", metavar="FILE", help="Where the bins are; may be repeated."),
    ] = None
    as_geojson: Annotated[bool, typer.Option("--geojson", help="Print GeoJSON, for a map.")] = False

    def round(self, now_s: float) -> Round:
        """What is planned. Raises UsageError."""
        next_s = _next_round(self.until, self.horizon, now_s)
        max_age_s = _duration("--max-age", self.max_age)
        return Round(now_s, next_s, self.threshold, max_age_s, self.careful)


@expanded
def plan(how: Planning) -> None:
    """Plan a round: which bins to collect, which to look after, and why.

    A bin is collected when it is full, or will be before the next round by its forecast. Fire,
    jams, tilt, a lid that stays open, and data that is too old are visits. The places in --geojson
    come from --site-file: [site] latitude and longitude, and each slot's position in metres to the
    east and to the north.
    """
    if how.as_geojson and how.as_json:
        raise UsageError("give either --json or --geojson")
    when = how.round(time.time())
    options.run(_plan(how, when, _places(how.site_files or [])))


def _duration(option: str, text: str) -> int:
    try:
        return parse_duration(text, most_s=LONGEST_S)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def _next_round(until: str | None, horizon: str, now_s: float) -> float:
    """Unix time of the next round. Raises UsageError."""
    if until is None:
        return now_s + _duration("--horizon", horizon)
    now = datetime.fromtimestamp(now_s).astimezone()
    try:
        if len(until) <= len("07:30"):
            clock = datetime.strptime(until, "%H:%M").time()  # noqa: DTZ007  # the date is added below
            moment = datetime.combine(now.date(), clock).astimezone()
            if moment <= now:
                moment = datetime.combine(now.date() + timedelta(days=1), clock).astimezone()
        else:
            moment = datetime.fromisoformat(until).astimezone()
    except (ValueError, OverflowError):
        raise UsageError(f"--until {until!r} is no time: write 07:30 or 2027-01-31T07:30") from None
    if not now < moment <= now + timedelta(seconds=LONGEST_S):
        raise UsageError(f"--until {until!r} must be after now, and within 60 days")
    return moment.timestamp()


def _places(files: Sequence[Path]) -> Places:
    """Where the slots of site files are. Raises ConfigurationError."""
    found: Places = {}
    for file in files:
        site = read_site(file)
        table = site.site
        for slot in site.slots:
            place = position(table.latitude, table.longitude, *slot.position)
            found[table.name, table.gateway, slot.name] = place
    return found


async def _plan(how: Planning, when: Round, places: Places) -> None:
    street = await street_of(how)
    stops = [
        replace(stop, position=places.get((stop.slot.site, stop.slot.gateway, stop.slot.name)))
        for stop in plan_round(street.sorted("bin"), when)
    ]
    chosen = stops if how.everything else [stop for stop in stops if stop.action != LEAVE]
    if how.as_geojson:
        unplaced = [stop.slot.name for stop in chosen if stop.position is None]
        if unplaced:
            print(f"no place is known of {', '.join(unplaced)}; see --site-file", file=sys.stderr)
        print_json(geojson(chosen, when.now_s))
    elif how.as_json:
        print_json(_as_json(chosen, len(stops), when))
    else:
        _print(chosen, len(stops), when)


def _as_json(chosen: Sequence[Stop], bins: int, when: Round) -> dict[str, Any]:
    return {
        "at": _stamp(when.now_s),
        "until": _stamp(when.next_s),
        "threshold_percent": when.threshold_percent,
        "bins": bins,
        "stops": [
            {
                **stop.as_json(when.now_s),
                "position": None
                if stop.position is None
                else dict(zip(("longitude", "latitude"), stop.position, strict=True)),
            }
            for stop in chosen
        ],
    }


def _stamp(moment_s: float) -> str:
    return timestamp(round(moment_s * _SECOND_MS))


def _print(chosen: Sequence[Stop], bins: int, when: Round) -> None:
    out = console()
    several = len({(stop.slot.site, stop.slot.gateway) for stop in chosen}) > 1
    if chosen:
        rows = [
            (*((f"{stop.slot.site}/{stop.slot.gateway}",) if several else ()), *_row(stop, when))
            for stop in chosen
        ]
        out.print(table(("GATEWAY", *COLUMNS) if several else COLUMNS, rows))
    collect = sum(stop.action == "collect" for stop in chosen)
    visit = sum(stop.action == "visit" for stop in chosen)
    out.print(f"{collect} of {bins} bins to collect, {visit} to visit")


def _row(stop: Stop, when: Round) -> tuple[Any, ...]:
    level = stop.level_percent
    rate = (stop.slot.state or {}).get("fill_rate_percent_per_day")
    ahead_s = None if stop.likely_full_s is None else stop.likely_full_s - when.now_s
    return (
        stop.slot.name,
        stop.action,
        "-" if level is None else f"{level:.0f} %",
        f"{rate:.0f} %" if isinstance(rate, (int, float)) else "-",
        "-" if ahead_s is None else "now" if ahead_s <= 0 else f"in {format_age(ahead_s)}",
        "; ".join(why.text for why in stop.reasons) or "-",
        render.age(stop.slot, when.now_s),
    )
