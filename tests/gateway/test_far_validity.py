"""An end of validity that lies years ahead is a number like any other. In virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.commands import Status
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
