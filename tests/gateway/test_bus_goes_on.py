"""What one command or one controller brings out must not stop a whole gateway. In virtual time."""

from __future__ import annotations

import asyncio
import termios
from dataclasses import replace
from typing import Any

import pytest

import gateway.bus
import gateway.conversation
import gateway.port
from gateway.commands import Status
from gateway.controller import Controller, Presence
from gateway.errors import StoreFullError
from gateway.port import PortError, open_serial
from protocol.generated import messages as m
from tests.gateway.stations import DONE, Station, street
from tests.gateway.virtual_time import play

CLEAR_LAMP = m.LampStatus(m.LampState.DAY, m.LampReason.SCHEDULE, 0, 0, m.LampFault(0), 0, 0, 20)
HUNDRED_YEARS_MS = 100 * 365 * 86_400_000


def test_a_command_that_is_valid_for_a_hundred_years_neither_stops_the_bus_nor_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        post = Station("P1", "bollard", 1)
        post.answers[m.Verb.IDENTIFY] = DONE
        async with street(monkeypatch, [post]) as here:
            command = here.command("P1", "identify", {"duration_s": 5})
            far = replace(command, not_after_ms=command.not_after_ms + HUNDRED_YEARS_MS)
            outcome = await here.run(far)
            assert outcome.status is Status.DONE
            assert [one.lifetime_ms for one in post.acted] == [0xFFFF_FFFF]
            polls = len(post.permits)
            await here.until(lambda: len(post.permits) > polls)

    play(scenario())


def test_a_defect_with_one_controller_is_no_end_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        posts = [Station(slot, "bollard", at) for at, slot in enumerate(("P1", "P2"), 1)]
        for post in posts:
            post.answers[m.Verb.IDENTIFY] = DONE
        async with street(monkeypatch, posts) as here:
            shipped = gateway.conversation.deliver

            async def breaks(line: Any, controller: Controller) -> None:
                if controller.slot == "P1":
                    raise ZeroDivisionError
                await shipped(line, controller)

            monkeypatch.setattr(gateway.conversation, "deliver", breaks)
            commands = [here.command(slot, "identify", {"duration_s": 5}) for slot in ("P1", "P2")]
            first, second = await asyncio.gather(*(here.run(one) for one in commands))
            assert (first.status, second.status) == (Status.FAILED, Status.DONE)
            asked = len(posts[0].permits)
            await here.until(lambda: len(posts[0].permits) > asked)

    play(scenario())


def test_a_wall_clock_of_another_century_is_no_end_of_a_bus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(gateway.bus, "unix_ms", lambda: 3 * HUNDRED_YEARS_MS)
        async with street(monkeypatch, [Station("L1", "lamp", 1)]) as here:
            assert here.bus.counters.port_losses == 0

    play(scenario())


def test_a_defect_of_a_bus_itself_is_told_and_it_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, [Station("L1", "lamp", 1)]) as here:
            shipped = here.bus._broadcast_time

            async def breaks(_: Any) -> None:
                monkeypatch.setattr(here.bus, "_broadcast_time", shipped)
                raise ZeroDivisionError

            monkeypatch.setattr(here.bus, "_broadcast_time", breaks)
            here.bus._time_due_ms = 0
            await here.until(lambda: here.bus.counters.port_losses == 1)
            await here.until(lambda: here.controllers["L1"].presence is Presence.ONLINE)

    play(scenario())


def test_an_adapter_that_goes_away_while_it_is_opened_is_a_port_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise termios.error(5, "Input/output error")

    monkeypatch.setattr(gateway.port.serial, "serial_for_url", gone)
    with pytest.raises(PortError, match="Input/output"):
        open_serial("/dev/ttyUSB0", 115_200)


def test_nobody_is_told_of_people_who_passed_while_the_line_was_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, [Station("L1", "lamp", 1)]) as here:
            bus = here.bus
            bus.announce([(1, 5), (2, 5), (1, 7)])
            assert sorted(bus._news) == [(1, 7), (2, 5)], "of a lamp the latest counts"
            bus._all_offline()
            assert not bus._news
            bus.connected = False
            bus.announce([(1, 5)])
            assert not bus._news

    play(scenario())


def test_a_full_disk_is_told_once_and_a_lamp_is_not_asked_the_same_at_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        lamp = Station("L1", "lamp", 1)
        async with street(monkeypatch, [lamp]) as here:

            async def full(_: object) -> None:
                raise StoreFullError("the disk is full")

            stored = here.put
            monkeypatch.setattr(here, "put", full)
            lamp.tell(CLEAR_LAMP)
            await asyncio.sleep(20)
            told = [one for one in caplog.records if "could not be stored" in one.message]
            assert len(told) == 1
            assert told[0].exc_info is None
            assert here.controllers["L1"].attempt <= 20
            monkeypatch.setattr(here, "put", stored)
            await here.until(lambda: len(here.records) == 1)

    play(scenario())
