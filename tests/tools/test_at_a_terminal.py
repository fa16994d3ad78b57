"""What a person sees who gives a command at a terminal: questions, progress, Ctrl-C."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.commands import Command, Outcome, Status
from hil.broker import EmbeddedBroker
from protocol import keyfile
from tests.tools.fake_gateway import FakeGateway
from tests.tools.people import People
from tests.tools.terminal import Terminal


def halfway(_: Command) -> Sequence[Outcome]:
    """A post that has begun to move."""
    return [Outcome(Status.ACCEPTED), Outcome(Status.IN_PROGRESS, progress=40)]


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(tmp_path, OFFICE, ["post-1"])


OFFICE = keyfile.new_key("command", "park")


async def test_reason_and_ticket_are_asked_for(broker: EmbeddedBroker, people: People) -> None:
    reset = ("bollard", "reset", "post-1", "--key", people.key("sam"))
    async with (
        FakeGateway(broker.port, command_key=OFFICE) as gateway,
        Terminal(*reset, STOEP_BROKER=broker.url) as terminal,
    ):
        await terminal.until("Reason: ")
        terminal.type("cause is gone")
        await terminal.until("Ticket: ")
        terminal.type("WO-7")
        assert await terminal.ended() == 0
        [command] = gateway.commands
    assert (command.reason, command.ticket) == ("cause is gone", "WO-7")
    assert "post-1: reset done" in terminal.text


async def test_progress_is_shown_while_it_lasts_and_ctrl_c_says_what_goes_on(
    broker: EmbeddedBroker, people: People
) -> None:
    lift = ("bollard", "raise", "post-1", "--reason", "x", "--key", people.key("alice"))
    async with (
        FakeGateway(broker.port, halfway, command_key=OFFICE),
        Terminal(*lift, STOEP_BROKER=broker.url) as terminal,
    ):
        await terminal.until("post-1: raise IN_PROGRESS 40 %")
        terminal.interrupt()
        assert await terminal.ended() == 130
    assert "still under way: post-1: raise (IN_PROGRESS 40 %)" in terminal.text
    assert "Traceback" not in terminal.text


async def test_ctrl_c_at_a_question_sends_nothing(broker: EmbeddedBroker, people: People) -> None:
    lift = ("bollard", "raise", "post-1", "--key", people.key("alice"))
    async with (
        FakeGateway(broker.port, command_key=OFFICE) as gateway,
        Terminal(*lift, STOEP_BROKER=broker.url) as terminal,
    ):
        await terminal.until("Reason: ")
        terminal.interrupt()
        assert await terminal.ended() == 130
        assert not gateway.messages
    assert "Traceback" not in terminal.text


async def test_of_many_the_ended_ones_are_counted(broker: EmbeddedBroker) -> None:
    def one_waits(command: Command) -> Sequence[Outcome]:
        waits = command.address.slot == "lamp-2"
        return [Outcome(Status.ACCEPTED), *(() if waits else (Outcome(Status.DONE),))]

    async with (
        FakeGateway(broker.port, one_waits),
        Terminal("zone", "auto", "lamp-*", STOEP_BROKER=broker.url) as terminal,
    ):
        await terminal.until("auto: 2 of 3 ended")
        terminal.interrupt()
        assert await terminal.ended() == 130
    assert "still under way: lamp-2: auto (ACCEPTED)" in terminal.text
