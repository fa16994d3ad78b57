"""Controllers that sleep between their wakes: online, cheap to ask, and commands wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from gateway.commands import Status
from gateway.controller import WAKE_MS, WAKES_UNTIL_OFFLINE, Presence
from gateway.conversation import monotonic_ms
from protocol.generated import messages as m
from tests.gateway.stations import DONE, Station, Street, street
from tests.gateway.virtual_time import play

SLEEP_MS = 60_000
AWAKE_MS = 2500
PERIOD_MS = SLEEP_MS + AWAKE_MS
REPORT = m.Event(m.EventCode.EMPTIED, m.Severity.INFO, 1, 800, 0)


class Sleeper(Station):
    """A bin that listens for AWAKE_MS, then is deaf for SLEEP_MS, over and over."""

    begun_ms = 0
    is_dead = False
    asked_asleep = 0

    def is_awake(self) -> bool:
        return (monotonic_ms() - self.begun_ms) % PERIOD_MS < AWAKE_MS

    def receive(self, frame: bytearray) -> bytes:
        if self.is_dead or not self.is_awake():
            self.asked_asleep += 1
            return b""
        return super().receive(frame)


@asynccontextmanager
async def house(
    patch: pytest.MonkeyPatch, *others: Station
) -> AsyncGenerator[tuple[Street, Sleeper]]:
    """A bus with a sleeper that has just been found awake."""
    sleeper = Sleeper("B1", "bin", 1)
    sleeper.answers[m.Verb.COMPACT] = DONE
    sleeper.begun_ms = monotonic_ms()
    async with street(patch, [sleeper, *others]) as here:
        here.controllers["B1"].sleep_ms = SLEEP_MS
        yield here, sleeper


async def asleep(sleeper: Sleeper) -> None:
    """Wait until it sleeps and was asked in vain."""
    before = sleeper.asked_asleep
    while sleeper.asked_asleep == before:  # noqa: ASYNC110 - it takes no time
        await asyncio.sleep(0.01)


def test_a_sleeper_is_on_line_and_asked_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with house(monkeypatch) as (here, sleeper):
            await asleep(sleeper)
            before = sleeper.asked_asleep
            await asyncio.sleep(50)
            assert here.controllers["B1"].presence is Presence.ONLINE
            assert 48 <= sleeper.asked_asleep - before <= 51

    play(scenario())


def test_others_are_served_as_ever_while_one_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        lamp = Station("L1", "lamp", 2)
        async with house(monkeypatch, lamp) as (_, sleeper):
            await asleep(sleeper)
            begin = len(lamp.permits)
            await asyncio.sleep(10)
            assert len(lamp.permits) - begin >= 180  # of 200

    play(scenario())


def test_what_it_has_to_tell_comes_with_its_next_wake(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with house(monkeypatch) as (here, sleeper):
            await asleep(sleeper)
            sleeper.tell(REPORT, urgent=True)
            assert here.records == []
            await here.until(lambda: bool(here.records), limit_s=PERIOD_MS / 1000)
            assert sleeper.is_awake()

    play(scenario())


def test_a_command_waits_for_the_next_wake_and_acts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with house(monkeypatch) as (here, sleeper):
            await asleep(sleeper)
            asked = sleeper.asked_asleep
            command = here.command("B1", "compact", lifetime_ms=PERIOD_MS)
            outcome = await here.run(command)
            assert sleeper.asked_asleep - asked <= SLEEP_MS // 1000
            assert outcome.status is Status.DONE
            assert len(sleeper.acted) == 1
            assert sleeper.is_awake()

    play(scenario())


def test_a_command_that_does_not_live_until_the_next_wake_never_acts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with house(monkeypatch) as (here, sleeper):
            await asleep(sleeper)
            outcome = await here.run(here.command("B1", "compact", lifetime_ms=5000))
            assert outcome.status is Status.EXPIRED
            await asyncio.sleep(3 * PERIOD_MS / 1000)
            assert sleeper.heard == []
            assert here.controllers["B1"].presence is Presence.ONLINE

    play(scenario())


def test_one_that_misses_its_wakes_is_off_line_and_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with house(monkeypatch) as (here, sleeper):
            controller = here.controllers["B1"]
            await asleep(sleeper)
            sleeper.is_dead = True
            patience_s = WAKES_UNTIL_OFFLINE * (SLEEP_MS + WAKE_MS) / 1000
            await asyncio.sleep(patience_s - 2)
            assert controller.presence is Presence.ONLINE
            await asyncio.sleep(4)
            assert controller.presence is Presence.OFFLINE
            sleeper.is_dead = False
            await here.until(
                lambda: controller.presence is Presence.ONLINE, limit_s=2 * PERIOD_MS / 1000
            )

    play(scenario())


def test_one_that_restarts_asleep_is_found_with_its_next_boot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with house(monkeypatch) as (here, sleeper):
            await asleep(sleeper)
            sleeper.restart()
            await here.until(lambda: here.controllers["B1"].boot == 2, limit_s=2 * PERIOD_MS / 1000)
            assert here.controllers["B1"].presence is Presence.ONLINE

    play(scenario())
