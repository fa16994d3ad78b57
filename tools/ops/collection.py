"""Which bins to collect, and why: from what they last said. Pure; times are Unix seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.contract import parse_timestamp
from tools.ops.durations import format_age
from tools.ops.street import SlotView

COLLECT, VISIT, LEAVE = "collect", "visit", "leave"
"""What a bin needs: to be emptied, somebody who looks after it, or nothing."""

VISITS = {
    "fire": "it burns, or did",
    "jam": "its press is jammed",
    "tilted": "it is tilted",
    "lid_stuck": "its lid stays open",
    "water": "water stands in it",
    "distance_sensor": "its level is not measured",
    "battery_floor": "its battery is nearly empty",
}
"""Faults that a collection does not mend -> in words; the most urgent first."""
_ALSO = {"tilt": "tilted", "water": "water"}
"""Inputs that tell the same as a fault."""

EARTH_RADIUS_M, EARTH_E2 = 6_378_137.0, 0.006_694_379_990_14
"""WGS 84: equatorial radius, and eccentricity squared."""

Position = tuple[float, float]
"""Longitude and latitude in degrees, in the order of GeoJSON."""


@dataclass(frozen=True)
class Reason:
    """Why, as one word for machines and as a few for people."""

    code: str
    text: str


@dataclass(frozen=True)
class Round:
    """When it is planned, when the next one is, and what counts as full."""

    now_s: float
    next_s: float
    threshold_percent: float
    max_age_s: float
    careful: bool = False
    """Collect also what may be full before the next round, though it likely is not."""


@dataclass(frozen=True)
class Stop:
    """A bin of the round, or one that is left."""

    slot: SlotView
    action: str
    reasons: tuple[Reason, ...]
    likely_full_s: float | None
    position: Position | None = None

    @property
    def level_percent(self) -> float | None:
        """As last measured."""
        return _number(self.slot.state, "level_percent")

    def as_json(self, now_s: float) -> dict[str, Any]:
        """For `--json`, and the properties of a feature."""
        state = self.slot.state or {}
        age_s = self.slot.age_s(now_s)
        return {
            "site": self.slot.site,
            "gateway": self.slot.gateway,
            "slot": self.slot.name,
            "action": self.action,
            "reasons": [{"code": why.code, "text": why.text} for why in self.reasons],
            "level_percent": self.level_percent,
            "fill_rate_percent_per_day": _number(state, "fill_rate_percent_per_day"),
            "full_at": state.get("full_at"),
            "link": self.slot.link,
            "quality": str(state.get("q", "none")),
            "age_s": None if age_s is None else round(age_s, 1),
        }


def plan_round(bins: Iterable[SlotView], when: Round) -> list[Stop]:
    """Every bin with what it needs, the most urgent first."""
    return sorted((_judge(slot, when) for slot in bins), key=_urgency)


def _judge(slot: SlotView, when: Round) -> Stop:
    state = slot.state or {}
    low_s, likely_s, _ = (_moment(state, name) for name in ("low", "likely", "high"))
    wrong, full, doubt = _wrong(state), _full(state, when), _doubts(slot, when)
    if not full:
        full = _full_soon(low_s, likely_s, when)
    if any(why.code == "fire" for why in wrong):
        action = VISIT  # whoever comes brings no bags for it
    elif full:
        action = COLLECT
    else:
        action = VISIT if wrong or doubt else LEAVE
    return Stop(slot, action, (*wrong, *full, *doubt), likely_s)


def _wrong(state: Mapping[str, Any]) -> tuple[Reason, ...]:
    told = {str(word) for word in _words(state, "faults")} | {str(state.get("state"))}
    told |= {_ALSO[word] for word in _words(state, "inputs") if word in _ALSO}
    return tuple(Reason(code, text) for code, text in VISITS.items() if code in told)


def _full(state: Mapping[str, Any], when: Round) -> tuple[Reason, ...]:
    level = _number(state, "level_percent")
    if level is not None and level >= when.threshold_percent:
        return (Reason("full", f"{level:.0f} % full"),)
    if state.get("state") == "full":
        return (Reason("full", "says that it is full"),)
    return ()


def _full_soon(low_s: float | None, likely_s: float | None, when: Round) -> tuple[Reason, ...]:
    """What the forecast says; a bin that cannot be heard goes on filling all the same."""
    if likely_s is not None and likely_s <= when.now_s:
        return (Reason("full_by_now", "full by now, by the forecast"),)
    if likely_s is not None and likely_s <= when.next_s:
        return (Reason("full_soon", f"full in {_ahead(likely_s, when)}, before the next round"),)
    if when.careful and low_s is not None and low_s <= when.next_s:
        return (Reason("may_be_full", "may be full before the next round"),)
    return ()


def _doubts(slot: SlotView, when: Round) -> tuple[Reason, ...]:
    """Why what it says may be wrong by now."""
    if slot.state is None:
        return (Reason("no_data", "never said anything"),)
    age_s = slot.age_s(when.now_s)
    if slot.undated:
        return (Reason("stale", "its clock is not set"),)
    if age_s is None or age_s > when.max_age_s:
        age = "of unknown age" if age_s is None else f"{format_age(age_s)} old"
        return (Reason("stale", f"its data is {age}"),)
    if _number(slot.state, "level_percent") is None or slot.state.get("q") == "invalid":
        return (Reason("no_level", "its level is not known"),)
    return ()


def _ahead(moment_s: float, when: Round) -> str:
    return format_age(moment_s - when.now_s)


def _urgency(stop: Stop) -> tuple[object, ...]:
    codes = {why.code for why in stop.reasons}
    level = stop.level_percent
    return (
        (COLLECT, VISIT, LEAVE).index(stop.action) if "fire" not in codes else -1,
        not codes & {"full", "full_by_now"},
        math.inf if stop.likely_full_s is None else stop.likely_full_s,
        -(level if level is not None else -1.0),
        (len(stop.slot.name), stop.slot.name),
    )


# --- where they are -------------------------------------------------------------------------------


def position(latitude: float, longitude: float, east_m: float, north_m: float) -> Position:
    """The place so far from another one, given in degrees; good to centimetres within a town.

    On the tangent of the WGS 84 ellipsoid: a metre is another angle to the north than to the east.
    """
    sine = math.sin(math.radians(latitude))
    curve = 1 - EARTH_E2 * sine * sine
    across_m = EARTH_RADIUS_M / math.sqrt(curve) * math.cos(math.radians(latitude))
    along_m = EARTH_RADIUS_M * (1 - EARTH_E2) / curve**1.5
    return (
        round(longitude + math.degrees(east_m / across_m), 7),
        round(latitude + math.degrees(north_m / along_m), 7),
    )


def geojson(stops: Sequence[Stop], now_s: float) -> dict[str, Any]:
    """The stops as a FeatureCollection (RFC 7946); one without a known place has no geometry."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": None
                if stop.position is None
                else {"type": "Point", "coordinates": list(stop.position)},
                "properties": stop.as_json(now_s),
            }
            for stop in stops
        ],
    }


# --- what others may have published ---------------------------------------------------------------


def _number(state: Mapping[str, Any] | None, name: str) -> float | None:
    value = (state or {}).get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value)


def _words(state: Mapping[str, Any], name: str) -> list[Any]:
    value = state.get(name)
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]  # JSON has any type


def _moment(state: Mapping[str, Any], name: str) -> float | None:
    times = state.get("full_at")
    text = times.get(name) if isinstance(times, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # as above
    try:
        return parse_timestamp(text) / 1000 if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None
