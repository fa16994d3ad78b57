"""`stoep bin plan`: who is collected, who is visited, why, in which order, and where it is."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.contract import timestamp
from hil.broker import EmbeddedBroker
from tests.tools.conftest import Stoep, stoep_now
from tests.tools.fake_gateway import FakeGateway
from tools.ops.bin_plan import _next_round
from tools.ops.collection import Round, Stop, geojson, plan_round, position
from tools.ops.street import SlotView

NOW_S = 1_800_000_000.0
HOUR_S = 3600.0
TOMORROW = Round(NOW_S, NOW_S + 24 * HOUR_S, 80.0, 6 * HOUR_S)
CAREFUL = Round(NOW_S, NOW_S + 24 * HOUR_S, 80.0, 6 * HOUR_S, careful=True)


def stamp(seconds: float) -> str:
    return timestamp(round(seconds * 1000))


def full_at(low_h: float, likely_h: float, high_h: float) -> dict[str, str]:
    hours = {"low": low_h, "likely": likely_h, "high": high_h}
    return {name: stamp(NOW_S + hour * HOUR_S) for name, hour in hours.items()}


def bin_slot(name: str = "bin-1", *, age_s: float = 60.0, **state: Any) -> SlotView:
    told = {"ts": stamp(NOW_S - age_s), "q": "good", "state": "idle", "level_percent": 40.0}
    return SlotView("park", "gw", "bin", name, told | state, "online", None, "online")


def judged(slot: SlotView, when: Round = TOMORROW) -> tuple[str, list[str]]:
    (stop,) = plan_round([slot], when)
    return stop.action, [why.code for why in stop.reasons]


@pytest.mark.parametrize(
    ("state", "action", "reasons"),
    [
        ({}, "leave", []),
        ({"level_percent": 80.0}, "collect", ["full"]),
        ({"state": "full"}, "collect", ["full"]),
        ({"full_at": full_at(5, 20, 40)}, "collect", ["full_soon"]),
        ({"full_at": full_at(-9, -1, 5)}, "collect", ["full_by_now"]),
        ({"full_at": full_at(20, 30, 40)}, "leave", []),
        ({"full_at": None}, "leave", []),
        ({"state": "jam", "faults": ["jam"]}, "visit", ["jam"]),
        ({"inputs": ["tilt"]}, "visit", ["tilted"]),
        ({"faults": ["lid_stuck"], "level_percent": 90}, "collect", ["lid_stuck", "full"]),
        ({"state": "fire", "level_percent": 90.0}, "visit", ["fire", "full"]),
        ({"level_percent": None}, "visit", ["no_level"]),
        ({"q": "invalid"}, "visit", ["no_level"]),
        ({"clock_untrusted": True}, "visit", ["stale"]),
    ],
)
def test_what_a_bin_needs_follows_from_what_it_says(
    state: dict[str, Any], action: str, reasons: list[str]
) -> None:
    assert judged(bin_slot(**state)) == (action, reasons)


def test_a_careful_round_takes_what_only_may_be_full_too() -> None:
    slot = bin_slot(full_at=full_at(20, 30, 40))
    assert judged(slot, CAREFUL) == ("collect", ["may_be_full"])


def test_data_that_is_too_old_is_a_visit_and_a_full_bin_is_collected_all_the_same() -> None:
    assert judged(bin_slot(age_s=7 * HOUR_S)) == ("visit", ["stale"])
    assert judged(bin_slot(age_s=7 * HOUR_S, full_at=full_at(-5, -2, 1))) == (
        "collect",
        ["full_by_now", "stale"],
    )
    assert judged(SlotView("park", "gw", "bin", "bin-9", None, "offline")) == (
        "visit",
        ["no_data"],
    )


def test_the_most_urgent_comes_first() -> None:
    bins = [
        bin_slot("idle"),
        bin_slot("tomorrow", full_at=full_at(10, 20, 30)),
        bin_slot("soon", full_at=full_at(1, 3, 6)),
        bin_slot("jammed", faults=["jam"]),
        bin_slot("burning", faults=["fire"]),
        bin_slot("full", level_percent=95.0),
    ]
    order = [stop.slot.name for stop in plan_round(bins, TOMORROW)]
    assert order == ["burning", "full", "soon", "tomorrow", "jammed", "idle"]


@pytest.mark.parametrize(
    "state",
    [
        {"full_at": {"likely": 7}},
        {"full_at": "soon"},
        {"full_at": {"likely": "soon"}},
        {"faults": 7, "inputs": None},
        {"level_percent": True},
    ],
)
def test_what_nobody_can_read_stops_no_plan(state: dict[str, Any]) -> None:
    assert judged(bin_slot(**state))[0] in ("leave", "visit")


def test_metres_become_degrees() -> None:
    """A second of latitude at 50.85 degrees north is 30.9 m, one of longitude 19.6 m."""
    longitude, latitude = position(50.85, 4.35, 19.6, 30.9)
    assert latitude - 50.85 == pytest.approx(1 / 3600, rel=0.003)
    assert longitude - 4.35 == pytest.approx(1 / 3600, rel=0.003)
    assert position(50.85, 4.35, 0, 0) == (4.35, 50.85)


def test_a_kilometre_stays_a_kilometre() -> None:
    """Against the haversine of a sphere with the mean radius of the earth: half a percent."""
    longitude, latitude = position(50.85, 4.35, 600, 800)
    a, b = map(math.radians, (50.85, latitude))
    half = math.radians(longitude - 4.35) / 2
    square = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(half) ** 2
    assert 2 * 6_371_008.8 * math.asin(math.sqrt(square)) == pytest.approx(1000, rel=0.005)


def test_a_place_that_is_not_known_is_no_place_in_geojson() -> None:
    (stop,) = plan_round([bin_slot(level_percent=90.0)], TOMORROW)
    there = Stop(stop.slot, stop.action, stop.reasons, None, (4.35, 50.85))
    nowhere, here = geojson([stop, there], NOW_S)["features"]
    assert nowhere["geometry"] is None
    assert here["geometry"] == {"type": "Point", "coordinates": [4.35, 50.85]}
    assert here["properties"]["reasons"][0]["code"] == "full"


# --- the command --------------------------------------------------------------------------------

SITE = """
[site]
name = "park"
gateway = "gw-1"
latitude = 50.85
longitude = 4.35
[[bus]]
name = "path"
port = "/dev/ttyUSB0"
[[slot]]
name = "bin-1"
kind = "bin"
bus = "path"
address = 1
unit = "00000000000000b1"
position = [100.0, 200.0]
"""


def street() -> dict[str, str]:
    return {"bin-1": "bin", "bin-2": "bin", "bin-3": "bin", "lamp-1": "lamp"}


async def show(gateway: FakeGateway) -> None:
    """bin-1 is full, bin-2 will be in three hours, bin-3 needs nothing."""
    now_s = time.time()
    soon = {n: stamp(now_s + h * HOUR_S) for n, h in (("low", 1), ("likely", 3), ("high", 4))}
    await gateway.state("bin-1", state="full", level_percent=91.0, inputs=[], faults=[])
    await gateway.state(
        "bin-2", state="idle", level_percent=70.0, fill_rate_percent_per_day=120.0, full_at=soon
    )


async def test_the_plan_is_a_table_of_what_needs_somebody(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port, slots=street()) as gateway:
        await show(gateway)
        ended = await stoep("bin", "plan")
    assert ended.code == 0, ended.err
    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert lines[1].startswith("bin-1 collect 91 % - - 91 % full")
    assert lines[2].startswith("bin-2 collect 70 % 120 % in 3.0 h full in 3.0 h, before the next")
    assert lines[-1] == "2 of 3 bins to collect, 0 to visit"
    assert "bin-3" not in ended.out


async def test_the_plan_as_json_tells_when_what_and_why(
    stoep: Stoep, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    (tmp_path / "site.toml").write_text(SITE)
    async with FakeGateway(broker.port, slots=street()) as gateway:
        await show(gateway)
        places = ("--site-file", str(tmp_path / "site.toml"))
        ended = await stoep("bin", "plan", "--json", "--all", "--horizon", "1h", *places)
        map_ = await stoep("bin", "plan", "--geojson", *places)
    value = ended.json
    assert [(s["slot"], s["action"]) for s in value["stops"]] == [
        ("bin-1", "collect"),
        ("bin-2", "leave"),
        ("bin-3", "leave"),
    ]
    assert value["bins"] == 3
    place = value["stops"][0]["position"]
    assert (place["longitude"], place["latitude"]) == position(50.85, 4.35, 100, 200)
    features = json.loads(map_.out)["features"]
    assert [one["geometry"] is None for one in features] == [False, True]
    assert "no place is known of bin-2; see --site-file" in map_.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--until", "soon"), "is no time"),
        (("--until", "2020-01-01T07:00"), "must be after now"),
        (("--horizon", "99d"), "--horizon"),
        (("--max-age", "7"), "--max-age"),
        (("--json", "--geojson"), "either --json or --geojson"),
    ],
)
def test_what_cannot_be_planned_is_said(arguments: tuple[str, ...], says: str) -> None:
    ended = stoep_now("bin", "plan", *arguments)
    assert ended.code == 2
    assert says in ended.err


def test_a_time_of_day_is_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Brussels")
    time.tzset()
    try:
        # 2027-01-15 09:00 in Brussels.
        for until, ahead_h in (("10:30", 1.5), ("09:00", 24), ("07:30", 22.5)):
            assert _next_round(until, "24h", NOW_S) - NOW_S == ahead_h * HOUR_S
        assert _next_round("2027-01-16T09:00", "24h", NOW_S) - NOW_S == 24 * HOUR_S
        assert _next_round(None, "2d", NOW_S) - NOW_S == 48 * HOUR_S
    finally:
        monkeypatch.undo()
        time.tzset()
