"""What one command or one controller brings out must not stop a whole gateway. In virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

import gateway.conversation
from gateway.commands import Status
from gateway.controller import Controller
from protocol.generated import messages as m
from tests.gateway.stations import DONE, Station, street
from tests.gateway.virtual_time import play

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
