"""Operators' commands against a real broker and a gateway that answers as the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from gateway import contract
from gateway.commands import Command, Outcome, Status
from gateway.contract import Avail
from hil.broker import EmbeddedBroker
from tests.tools.conftest import Stoep, run_stoep
from tests.tools.fake_gateway import FakeGateway
from tools.ops.address import parse_broker
from tools.ops.client import Scope
from tools.ops.dispatch import dispatching, progress_words
from tools.ops.order import Order, Result

SET = ("lamp", "set", "lamp-1", "--level", "40%", "--for", "15m", "--reason", "party")


def ending(status: Status, guard: str | None = None, detail: str | None = None):
    def answer(_: Command) -> Sequence[Outcome]:
        return [Outcome(Status.ACCEPTED), Outcome(status, guard, detail)]

    return answer


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
