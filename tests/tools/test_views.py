"""What operators are shown: lists, one slot, and the street as it changes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from gateway.contract import Avail
from hil.broker import EmbeddedBroker
from tests.tools.conftest import Stoep
from tests.tools.fake_gateway import BIN, LAMP, FakeGateway
from tools.ops.street import StreetView


async def test_ls_shows_every_slot_with_quality_and_age(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port):
        ended = await stoep("ls")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0].split() == ["SLOT", "KIND", "LINK", "STATE", "QUALITY", "AGE"]
    assert [line.split()[0] for line in lines[1:]] == [
        "lamp-1",
        "lamp-2",
        "lamp-10",
        "post-1",
        "bin-1",
    ]
    assert "20 %, night_floor (schedule)" in lines[1]
    assert "good" in lines[1]


async def test_ls_as_json_has_ages_and_the_state_as_it_came(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port) as gateway:
        await gateway.state("lamp-1", age_s=3.0, **LAMP)
        slots = {slot["slot"]: slot for slot in (await stoep("ls", "--json")).json}
    assert 3.0 <= slots["lamp-1"]["age_s"] < 60
    assert slots["lamp-1"]["state"]["level_percent"] == 20.0
    assert slots["lamp-2"]["link"] == "online"
    assert len(slots) == 5


async def test_ls_of_one_kind_leaves_the_others_out(stoep: Stoep, broker: EmbeddedBroker) -> None:
    async with FakeGateway(broker.port):
        assert [s["slot"] for s in (await stoep("ls", "--kind", "bin", "--json")).json] == ["bin-1"]


async def test_what_is_old_or_off_line_is_never_shown_as_good(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port) as gateway:
        await gateway.state("lamp-1", age_s=600, **LAMP)
        await gateway.avail("lamp-2", Avail.OFFLINE)
        await gateway.state("lamp-10", q="invalid", **LAMP)
        slots = {slot["slot"]: slot for slot in (await stoep("ls", "--json")).json}
    assert slots["lamp-1"]["quality"] == "stale"
    assert (slots["lamp-2"]["link"], slots["lamp-2"]["quality"]) == ("offline", "stale")
    assert slots["lamp-10"]["quality"] == "invalid"
    assert slots["bin-1"]["quality"] == "good"


async def test_a_bin_that_sleeps_is_stale_when_it_has_overslept(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    slots: dict[str, str] = dict.fromkeys(("bin-1", "bin-2", "bin-3", "bin-4"), "bin")
    told: list[dict[str, Any]] = [
        {"slot": slot, "kind": "bin", "sleep_s": 900} for slot in ("bin-1", "bin-2", "bin-4")
    ]
    told.append({"slot": "bin-3", "kind": "bin"})
    async with FakeGateway(broker.port, slots=slots, inventory=told) as gateway:
        for slot, age_s in (("bin-1", 880), ("bin-2", 1000), ("bin-3", 60), ("bin-4", 60)):
            await gateway.state(slot, age_s=age_s, **BIN)
        await gateway.avail("bin-4", Avail.OFFLINE)
        seen = {slot["slot"]: slot for slot in (await stoep("ls", "--json")).json}
        shown = await stoep("show", "bin-1")
    qualities = [seen[slot]["quality"] for slot in slots]
    assert qualities == ["good", "stale", "stale", "stale"]
    assert (seen["bin-1"]["sleep_s"], seen["bin-3"]["sleep_s"]) == (900, None)
    assert ["sleeps", "up to 15m"] in [
        line.strip().split(maxsplit=1) for line in shown.out.splitlines()
    ]


async def test_a_slot_is_gone_when_neither_the_broker_nor_its_gateway_knows_it() -> None:
    street = StreetView()
    base = "stoep/v1/park/gw-1"
    told = b'{"ts": "", "slots": [{"slot": "bin-1", "kind": "bin"}, {"slot": "x", "kind": "?"}]}'
    street.take(f"{base}/gateway/slots", told)
    street.take(f"{base}/bin/bin-1/avail", b'{"status": "online"}')
    assert [slot.name for slot in street.sorted()] == ["bin-1"]
    street.take(f"{base}/bin/bin-1/avail", b"")
    assert street.find("bin-1").avail is None
    street.take(f"{base}/gateway/slots", b"not for us")
    assert not street.slots


async def test_a_controller_that_was_never_told_the_time_has_values_without_an_age(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port) as gateway:
        await gateway.state("lamp-1", age_s=2e8, clock_untrusted=True, **LAMP)
        await gateway.state("lamp-2", age_s=2e8, clock_untrusted=True, **LAMP)
        await gateway.avail("lamp-2", Avail.OFFLINE)
        slots = {slot["slot"]: slot for slot in (await stoep("ls", "--json")).json}
    assert (slots["lamp-1"]["quality"], slots["lamp-1"]["age_s"]) == ("undated", None)
    assert slots["lamp-2"]["quality"] == "stale"


async def test_everything_is_stale_once_the_gateway_is_gone(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port):
        pass
    ended = await stoep("ls", "--json")
    assert {(s["link"], s["quality"]) for s in ended.json} == {("gateway offline", "stale")}


async def test_show_tells_all_that_is_known_of_a_slot(stoep: Stoep, broker: EmbeddedBroker) -> None:
    async with FakeGateway(broker.port) as gateway:
        await gateway.avail("lamp-1", Avail.OFFLINE, "no answer for 3 s")
        ended = await stoep("show", "lamp-1")
    assert ended.code == 0
    for words in ("gw-1 of park", "offline (no answer for 3 s)", "level_percent", "stale"):
        assert words in ended.out


async def test_bin_ls_lists_the_fullest_first(stoep: Stoep, broker: EmbeddedBroker) -> None:
    slots = dict.fromkeys(("bin-1", "bin-2", "bin-3"), "bin") | {"lamp-1": "lamp"}
    async with FakeGateway(broker.port, slots=slots) as gateway:
        full: dict[str, Any] = {"level_percent": 91.5, "battery_mv": 12400, "temperature_c": 21.5}
        await gateway.state("bin-2", **BIN, faults=["water"])
        await gateway.state("bin-3", state="jam", **full)
        ended = await stoep("bin", "ls")
        names = [one["slot"] for one in (await stoep("bin", "ls", "--json")).json]
    assert names[0] == "bin-3"
    rows = {line.split()[0]: line for line in ended.out.splitlines()}
    assert list(rows)[0:2] == ["SLOT", "bin-3"]
    assert "lamp-1" not in rows
    for words in ("91.5 %", "press jammed", "12.4 V", "21.5 °C", "good"):
        assert words in rows["bin-3"]
    assert "water" in rows["bin-2"]


async def test_a_posts_state_and_what_stops_its_rise_are_shown_in_words(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    post: dict[str, Any] = {"position_percent": 0, "raise_guard": "occupied"}
    async with FakeGateway(broker.port) as gateway:
        for state, words in (
            ("down", "down, 0 %, no rise: a vehicle is on a loop, or a loop cannot be trusted"),
            ("granted", "down for one vehicle, 0 %, no rise: a vehicle"),
            ("passing", "a vehicle is passing, 0 %"),
            ("stopped", "stopped between the ends, 0 %"),
            ("locked_down", "locked down, 0 %"),
            ("rising", "rising, 0 % "),
        ):
            await gateway.state("post-1", state=state, **post)
            shown = (await stoep("ls", "--kind", "bollard")).out
            assert words in shown
        await gateway.state("post-1", state="granted", **post)
        ended = await stoep("show", "post-1")
    assert "granted: down for one vehicle" in ended.out
    assert "occupied: a vehicle is on a loop" in ended.out
    assert "wait until it has left" in ended.out


async def test_watch_in_a_pipe_prints_a_line_for_each_change_and_event(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    bright: dict[str, Any] = {**LAMP, "level_percent": 80.0, "state": "hold"}
    async with FakeGateway(broker.port) as gateway:
        watching = asyncio.create_task(stoep("watch", "--for", "3s"))
        while not watching.done():
            await gateway.state("lamp-1", **bright)
            await gateway.event("bin-1", code="fire", severity="critical", active=True)
            await gateway.event("lamp-2", code="state_change", severity="info", value=4)
            await gateway.event("post-1", code="state_change", severity="info", value=13)
            await asyncio.wait({watching}, timeout=0.2)
        ended = await watching
    assert ended.code == 0, ended.err
    assert sum("lamp-10" in line for line in ended.out.splitlines()) == 1
    assert ended.out.count("80 % to 20 %, hold") == 1
    assert "bin-1 fire (critical)" in ended.out
    assert "lamp-2 is now hold" in ended.out
    assert "post-1 is now passing (a vehicle is passing)" in ended.out


async def test_watch_goes_on_after_the_broker_was_away(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port):
        watching = asyncio.create_task(stoep("watch", "--for", "8s"))
        await asyncio.sleep(1.5)
    await broker.kill()
    await broker.start()
    async with FakeGateway(broker.port, slots={"lamp-99": "lamp"}):
        ended = await watching
    assert ended.code == 0, ended.err
    assert "trying again" in ended.err
    assert "lamp-1:" in ended.out
    assert "lamp-99:" in ended.out


async def test_watch_as_json_prints_an_object_a_line(stoep: Stoep, broker: EmbeddedBroker) -> None:
    async with FakeGateway(broker.port):
        ended = await stoep("watch", "--for", "1s", "--json")
    slots = [json.loads(line) for line in ended.out.splitlines()]
    assert {slot["slot"] for slot in slots} == {"lamp-1", "lamp-2", "lamp-10", "post-1", "bin-1"}
    assert all(slot["what"] == "slot" for slot in slots)
