"""Operators' commands against a real broker and a gateway that answers as the test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from gateway import contract
from gateway.commands import Command, Outcome, Status
from gateway.contract import Avail
from hil.broker import EmbeddedBroker
from tests.tools.conftest import Stoep, run_stoep
from tests.tools.fake_gateway import BIN, LAMP, FakeGateway
from tools.ops.address import parse_broker
from tools.ops.client import Scope
from tools.ops.dispatch import dispatching, progress_words
from tools.ops.order import Order, Result
from tools.ops.street import StreetView

SET = ("lamp", "set", "lamp-1", "--level", "40%", "--for", "15m", "--reason", "party")


def ending(status: Status, guard: str | None = None, detail: str | None = None):
    def answer(_: Command) -> Sequence[Outcome]:
        return [Outcome(Status.ACCEPTED), Outcome(status, guard, detail)]

    return answer


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


async def test_a_slot_that_is_not_there_is_answered_with_the_nearest_names(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port):
        ended = await stoep("show", "lamp1")
    assert ended.code == 2
    assert "did you mean lamp-1" in ended.err


async def test_a_lamp_command_to_a_bin_is_a_usage_error(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port) as gateway:
        ended = await stoep("lamp", "auto", "bin-1")
        assert not gateway.messages
    assert (ended.code, "bin-1 is a bin, not a lamp" in ended.err) == (2, True)


async def test_lamp_set_sends_one_command_by_the_contract_and_prints_its_result(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port) as gateway:
        ended = await stoep(*SET, "--ticket", "WO-7", "--actor", "ann@desk")
        assert (ended.code, ended.out) == (0, "lamp-1: set done\n"), ended.err
        [command] = gateway.commands
        assert (command.verb, command.args) == ("set", {"level": 40, "duration_s": 900})
        assert (command.actor, command.reason, command.ticket) == ("ann@desk", "party", "WO-7")
        assert command.not_after_ms - command.issued_ms == 10_000
        [message] = gateway.messages
        assert not message.retain
        properties: Any = message.properties
        assert properties.MessageExpiryInterval == 10


async def test_lamp_off_is_dark_for_a_while_and_says_what_that_means(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port) as gateway:
        off = ("lamp", "off", "lamp-1", "--for", "10m", "--reason", "stars")
        for arguments in (off, ("lamp", "set", "--level", "0", *off[2:])):
            ended = await stoep(*arguments)
            assert (ended.code, ended.out) == (0, "lamp-1: set done\n")
            assert "lamp-1: dark for 10m, also for who walks there" in ended.err
        dark = {"level": 0, "duration_s": 600}
        assert [c.args for c in gateway.commands] == [dark, dark]


async def test_who_gives_a_command_is_said_by_as_or_by_the_environment(
    stoep: Stoep, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeGateway(broker.port) as gateway:
        assert (await stoep("lamp", "auto", "lamp-1")).code == 0
        monkeypatch.setenv("STOEP_OPERATOR", "ann")
        assert (await stoep("lamp", "auto", "lamp-1")).code == 0
        assert (await stoep("lamp", "auto", "lamp-1", "--as", "bob")).code == 0
        actors = [command.actor for command in gateway.commands]
    assert "@" in actors[0]
    assert actors[1:] == ["ann", "bob"]


async def test_bin_compact_and_service_say_why(stoep: Stoep, broker: EmbeddedBroker) -> None:
    async with FakeGateway(broker.port) as gateway:
        why = ("bin-1", "--reason", "market day")
        assert (await stoep("bin", "compact", *why)).code == 0
        assert (await stoep("bin", "service", "--on", *why)).code == 0
        assert (await stoep("bin", "service", "--off", *why)).code == 0
        assert [(c.verb, c.args) for c in gateway.commands] == [
            ("compact", {}),
            ("service", {"on": True}),
            ("service", {"on": False}),
        ]
        for arguments in (("compact", "bin-1"), ("service", "bin-1", "--on")):
            ended = await stoep("bin", *arguments)
            assert (ended.code, "--reason TEXT is missing" in ended.err) == (2, True)
        ended = await stoep("bin", "service", *why)
        assert (ended.code, "--on" in ended.err) == (2, True)


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


async def test_lamp_auto_and_identify_need_no_reason(stoep: Stoep, broker: EmbeddedBroker) -> None:
    async with FakeGateway(broker.port) as gateway:
        assert (await stoep("lamp", "auto", "lamp-2")).code == 0
        assert (await stoep("identify", "post-1", "--for", "5s")).code == 0
        assert [(c.verb, c.args) for c in gateway.commands] == [
            ("auto", {}),
            ("identify", {"duration_s": 5}),
        ]


@pytest.mark.parametrize(
    ("status", "code"),
    [(Status.REJECTED, 3), (Status.FAILED, 4), (Status.CANCELLED, 4), (Status.EXPIRED, 5)],
)
async def test_the_exit_code_tells_how_a_command_ended(
    stoep: Stoep, broker: EmbeddedBroker, status: Status, code: int
) -> None:
    async with FakeGateway(broker.port, ending(status, "busy", "because")):
        ended = await stoep(*SET, "--json")
    assert ended.code == code
    assert ended.json["status"] == status
    assert (ended.json["slot"], ended.json["guard"]) == ("lamp-1", "busy")
    assert f"{status.lower()} by busy: because" in ended.err


async def test_a_gateway_that_says_nothing_is_unreachable_after_the_timeout(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port, lambda _: []):
        ended = await stoep(*SET, "--timeout", "1s")
    assert ended.code == 6
    assert "no result from gateway gw-1" in ended.err


async def test_a_broker_that_goes_while_a_result_is_waited_for_is_unreachable(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port, lambda _: [Outcome(Status.ACCEPTED)]) as gateway:
        giving = asyncio.create_task(stoep(*SET))
        await gateway.heard.wait()
    await broker.kill()
    ended = await giving
    assert (ended.code, "was lost" in ended.err) == (6, True)
    assert "what was sent may act" in ended.err


async def test_nothing_is_sent_to_a_gateway_that_is_off_line(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port) as gateway:
        pass
    ended = await stoep(*SET)
    assert ended.code == 6
    assert "nothing was sent" in ended.err
    assert not gateway.messages


async def test_a_broker_without_gateways_is_unreachable(stoep: Stoep) -> None:
    ended = await stoep("ls")
    assert ended.code == 6
    assert "no gateway has published" in ended.err


async def test_a_name_that_two_gateways_have_must_be_chosen(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port), FakeGateway(broker.port, name="gw-2") as second:
        ended = await stoep(*SET)
        assert ended.code == 2
        assert "--site park --gateway gw-1" in ended.err
        assert "--site park --gateway gw-2" in ended.err
        assert (await stoep(*SET, "--gateway", "gw-2")).code == 0
        assert len(second.commands) == 1
        assert "park/gw-2" in (await stoep("ls")).out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--broker", "127.0.0.1:1883", "ls"), "No such option"),
        (("ls", "--broker", "127.0.0.1:1883"), "no scheme"),
        (("ls", "--broker", "http://x"), "neither mqtt nor mqtts"),
        (("ls", "--broker", "mqtt://x:99999"), "port"),
        (("ls", "--site", "a/b"), "--site"),
        (("ls", "--kind", "tree"), "lamp, bollard, bin"),
        (("lamp", "set", "lamp-1", "--level", "101", "--for", "1m", "--reason", "x"), "--level"),
        (("lamp", "set", "lamp-1", "--level", "5", "--for", "9", "--reason", "x"), "no unit"),
        (("lamp", "set", "lamp-1", "--level", "5", "--for", "1m", "--reason", " "), "--reason"),
        (("lamp", "set", "lamp-1", "--level", "5", "--for", "1m"), "--reason"),
        (("lamps",), "Did you mean 'lamp'"),
    ],
)
async def test_what_makes_no_sense_is_a_usage_error_of_one_line(
    arguments: tuple[str, ...], words: str
) -> None:
    ended = await run_stoep(*arguments)
    assert ended.code == 2
    assert words in ended.err
    assert len(ended.err.splitlines()) == 1
    assert ended.err.startswith("stoep: ")


async def test_a_broker_that_is_not_there_is_unreachable(broker: EmbeddedBroker) -> None:
    await broker.stop()
    ended = await run_stoep("ls", "--broker", broker.url)
    assert ended.code == 6
    assert f"no broker answers at {broker.url}" in ended.err
    assert "--broker" in ended.err


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


async def test_who_waits_for_a_command_hears_that_the_gateway_is_gone_and_that_it_is_back(
    broker: EmbeddedBroker,
) -> None:
    heard: list[str] = []
    back = asyncio.Event()

    def progress(result: Result) -> None:
        heard.append(progress_words(result))
        if "offline" in heard[-1]:
            back.set()

    def begun(_: Command) -> Sequence[Outcome]:
        return [Outcome(Status.ACCEPTED)]

    async with (
        FakeGateway(broker.port, begun) as gateway,
        dispatching(parse_broker(broker.url), Scope()) as dispatch,
    ):
        slot = dispatch.street.find("lamp-1")
        order = Order("auto", {}, "anna", "test")
        giving = asyncio.create_task(dispatch.give(slot, order, (), progress))
        await gateway.heard.wait()
        agent = gateway.topics.agent("avail")
        await gateway.publish(agent, contract.avail(Avail.OFFLINE))
        await back.wait()
        await gateway.publish(agent, contract.avail(Avail.ONLINE))
        [message] = gateway.messages
        number = gateway.commands[0].id
        failed = Outcome(Status.FAILED, "gateway_restarted")
        await gateway._reply(message, number, failed)
        assert (await giving).guard == "gateway_restarted"
    assert heard == [
        "ACCEPTED",
        "IN_PROGRESS, gateway gw-1 is offline",
        "IN_PROGRESS, gateway gw-1 is online",
    ]
