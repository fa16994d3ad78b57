"""A command that takes its time ends once, whatever gets lost on the way. In virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.commands import Outcome, Status
from gateway.execution import LONGEST_OTHER_S
from gateway.executor import ASK_AGAIN_MS
from protocol.generated import messages as m
from protocol.generated import wire
from tests.gateway.stations import IN_PROGRESS, Station, Street, street
from tests.gateway.virtual_time import play

LOWER = m.Verb.LOWER


def post() -> Station:
    station = Station("P1", "bollard", 1)
    station.answers[LOWER] = IN_PROGRESS
    return station


async def accepted(here: Street, task: asyncio.Task[Outcome]) -> int:
    """Wait until the post has accepted the command; its transaction."""
    await here.until(lambda: bool(here.interim) or task.done())
    return here.stations["P1"].acted[-1].transaction


def told(outcome: Outcome) -> tuple[Status, str | None]:
    return outcome.status, None if outcome.guard is None else str(outcome.guard)


def test_a_command_that_takes_its_time_is_told_as_it_goes_and_ends_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, [post()]) as here:
            task = asyncio.create_task(here.run(here.command("P1", "lower")))
            transaction = await accepted(here, task)
            await asyncio.sleep(20)  # far beyond its validity, which is for its beginning
            here.stations["P1"].end(transaction, (m.Status.IN_PROGRESS, m.Guard.NONE, 60))
            await here.until(lambda: len(here.interim) == 2)
            assert not task.done()
            here.stations["P1"].end(transaction, (m.Status.DONE, m.Guard.NONE, 100))
            outcome = await task
            assert told(outcome) == (Status.DONE, None)
            assert [one.progress for one in here.interim] == [0, 60]
            assert outcome.receipt is not None
            assert outcome.receipt.transaction == transaction
            assert len(here.stations["P1"].acted) == 1

    play(scenario())


def test_a_gateway_whose_clock_is_behind_carries_nothing_out_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a clock of its own it wakes up in the past, until it is told the time."""

    async def scenario() -> None:
        async with street(monkeypatch, [post()]) as here:
            here.stations["P1"].is_silent = True
            command = here.command("P1", "lower", lifetime_ms=5000)
            two_hours_ms = 2 * 3600 * 1000
            ahead = replace(
                command,
                issued_ms=command.issued_ms + two_hours_ms,
                not_after_ms=command.not_after_ms + two_hours_ms,
            )
            task = asyncio.create_task(here.run(ahead))
            await asyncio.sleep(6)
            here.stations["P1"].is_silent = False
            assert told(await task)[0] in {Status.EXPIRED, Status.FAILED}
            await asyncio.sleep(20)
            assert here.stations["P1"].acted == []

    play(scenario())


@pytest.mark.parametrize(
    ("end", "status", "guard"),
    [
        ((m.Status.CANCELLED, m.Guard.SUPERSEDED, 30), Status.CANCELLED, "superseded"),
        ((m.Status.FAILED, m.Guard.OVERLOAD, 70), Status.FAILED, "overload"),
    ],
)
def test_a_command_ends_as_its_controller_says(
    end: Any, status: Status, guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, [post()]) as here:
            task = asyncio.create_task(here.run(here.command("P1", "lower")))
            here.stations["P1"].end(await accepted(here, task), end)
            assert told(await task) == (status, guard)

    play(scenario())


def test_a_controller_that_restarts_meanwhile_ends_its_commands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, [post()]) as here:
            task = asyncio.create_task(here.run(here.command("P1", "lower")))
            await accepted(here, task)
            restarted_s = asyncio.get_running_loop().time()
            here.stations["P1"].restart()
            assert told(await task) == (Status.FAILED, "controller_restarted")
            assert asyncio.get_running_loop().time() - restarted_s < 1
            assert len(here.stations["P1"].acted) == 1

    play(scenario())


def test_a_command_whose_end_is_lost_is_asked_for_again_at_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, [post()]) as here:
            station = here.stations["P1"]
            task = asyncio.create_task(here.run(here.command("P1", "lower")))
            station.end(await accepted(here, task), (m.Status.DONE, m.Guard.NONE, 100))
            station.forget_records()
            began_s = asyncio.get_running_loop().time()
            assert told(await task) == (Status.DONE, None)
            assert asyncio.get_running_loop().time() - began_s >= LONGEST_OTHER_S - 1
            assert [one.lifetime_ms for one in station.heard][1:] == [0]
            assert len(station.acted) == 1

    play(scenario())


def test_a_command_that_never_ends_fails_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, [post()]) as here:
            outcome = await here.run(here.command("P1", "lower"))
            assert told(outcome) == (Status.FAILED, "timeout")
            assert not here.controllers["P1"].is_carrying_out

    play(scenario())


def test_a_lost_answer_is_asked_for_again_and_acts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, [Station("P1", "bollard", 1)]) as here:
            station = here.stations["P1"]
            station.lose_replies_to = {wire.COMMAND}
            task = asyncio.create_task(here.run(here.command("P1", "lower")))
            await here.until(lambda: bool(station.acted))
            await asyncio.sleep(2)
            station.lose_replies_to = set()
            assert told(await task) == (Status.DONE, None)
            assert len(station.acted) == 1

    play(scenario())


def test_a_lost_answer_is_asked_for_beyond_the_validity_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, [Station("P1", "bollard", 1)]) as here:
            station = here.stations["P1"]
            station.lose_replies_to = {wire.COMMAND}
            task = asyncio.create_task(here.run(here.command("P1", "lower", lifetime_ms=500)))
            await asyncio.sleep(3)
            station.lose_replies_to = set()
            assert told(await task) == (Status.DONE, None)
            assert station.heard[-1].lifetime_ms == 0
            assert len(station.acted) == 1

    play(scenario())


def test_a_command_that_never_arrived_does_nothing_when_it_is_asked_for_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, [Station("P1", "bollard", 1)]) as here:
            station = here.stations["P1"]
            station.is_silent = True
            task = asyncio.create_task(here.run(here.command("P1", "lower", lifetime_ms=500)))
            await asyncio.sleep(3)
            station.is_silent = False
            assert told(await task) == (Status.EXPIRED, "late")
            assert station.acted == []

    play(scenario())


@pytest.mark.parametrize(("lifetime_ms", "heard"), [(-1, []), (0, []), (1, [1]), (2, [2])])
def test_a_command_is_sent_up_to_the_last_millisecond_with_what_is_left_of_its_lifetime(
    lifetime_ms: int, heard: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, [Station("P1", "bollard", 1)]) as here:
            polled = len(here.stations["P1"].permits)
            await here.until(lambda: len(here.stations["P1"].permits) > polled)
            await asyncio.sleep(0.02)  # the line is quiet now
            outcome = await here.run(here.command("P1", "lower", lifetime_ms=lifetime_ms))
            assert [one.lifetime_ms for one in here.stations["P1"].heard] == heard
            wanted = (Status.DONE, None) if heard else (Status.EXPIRED, "unreachable")
            assert told(outcome) == wanted

    play(scenario())


def test_a_controller_that_restarted_is_not_asked_for_a_command_it_forgot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, [Station("B1", "bin", 1)]) as here:
            station = here.stations["B1"]
            station.lose_replies_to = {wire.COMMAND}
            task = asyncio.create_task(here.run(here.command("B1", "compact")))
            await here.until(lambda: bool(station.acted))
            station.restart()
            station.lose_replies_to = set()
            assert told(await task) == (Status.FAILED, "controller_restarted")
            assert len(station.acted) == 1

    play(scenario())


def test_a_controller_that_stays_silent_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, [post()]) as here:
            here.stations["P1"].is_silent = True
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            outcome = await here.run(here.command("P1", "lower", lifetime_ms=60_000))
            assert told(outcome) == (Status.FAILED, "unreachable")
            assert loop.time() - began_s <= ASK_AGAIN_MS / 1000 + 0.5
            began_s = loop.time()
            outcome = await here.run(here.command("P1", "lower", lifetime_ms=800))
            assert outcome.status in (Status.FAILED, Status.EXPIRED)
            assert loop.time() - began_s <= 1
            assert here.stations["P1"].heard == []

    play(scenario())


def test_an_event_of_another_command_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, [post()]) as here:
            task = asyncio.create_task(here.run(here.command("P1", "lower")))
            transaction = await accepted(here, task)
            here.stations["P1"].end(transaction + 1, (m.Status.DONE, m.Guard.NONE, 100))
            await asyncio.sleep(5)
            assert not task.done()
            here.stations["P1"].end(transaction, (m.Status.FAILED, m.Guard.FAULT, 0))
            assert told(await task) == (Status.FAILED, "fault")

    play(scenario())


def test_a_dry_run_asks_and_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, [post(), Station("B1", "bin", 2)]) as here:
            station = here.stations["P1"]
            hold = here.command("P1", "hold", {"duration_s": 60}, dry_run=True)
            assert told(await here.run(hold)) == (Status.DONE, None)
            assert station.asked == [m.Explain(m.Verb.HOLD, wire.LEVEL_UNCHANGED, 60)]
            station.explains = (m.Status.REJECTED, m.Guard.EMERGENCY, 0)
            outcome = await here.run(here.command("P1", "raise", dry_run=True))
            assert told(outcome) == (Status.REJECTED, "emergency")
            unknown = await here.run(here.command("B1", "compact", dry_run=True))
            assert told(unknown) == (Status.REJECTED, "unsupported")
            assert station.acted == here.stations["B1"].acted == []

    play(scenario())
