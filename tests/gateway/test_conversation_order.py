"""Records are taken while the next request is on the line, and no later. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from gateway.controller import Controller
from gateway.conversation import DEFECT_PAUSE_MS, monotonic_ms
from gateway.port import PortError
from gateway.records import Record
from protocol.generated import messages as m
from protocol.generated import wire
from tests.gateway import stations
from tests.gateway.stations import Station, street
from tests.gateway.virtual_time import play

STATUS = m.LampStatus(m.LampState(1), m.LampReason(1), 1, 2, m.LampFault(0), 3, 4, 21)
ADDRESS = 2
"""Where a frame has its destination, behind the COBS byte."""
SETTLE_S = 2.0
"""Virtual seconds until the first search and the first time have gone out."""


def lamps(count: int) -> list[Station]:
    return [Station(f"L{at}", "lamp", at) for at in range(1, count + 1)]


def log_of(patch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """("ask", slot) for each request on the line, ("take", slot) for each batch that is taken."""
    told: list[tuple[str, str]] = []
    exchange, take = stations.Line.exchange, Controller.take

    async def asked(self: Any, data: bytes, accept: Callable[..., Any], turnaround_s: float) -> Any:
        address = data.lstrip(b"\0")[ADDRESS]
        told.append(("ask", f"L{address}"))
        return await exchange(self, data, accept, turnaround_s)

    def taken(self: Controller, batch: m.Records, flags: int = 0) -> list[Record]:
        told.append(("take", self.slot))
        return take(self, batch, flags)

    patch.setattr(stations.Line, "exchange", asked)
    patch.setattr(Controller, "take", taken)
    return told


def test_the_next_one_is_asked_before_what_the_last_one_told_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        told = log_of(monkeypatch)
        async with street(monkeypatch, lamps(3)) as here:
            here.bus.options.poll_interval_ms = 0
            await asyncio.sleep(SETTLE_S)
            told.clear()
            await here.until(lambda: len(told) > 60)
        # ask 1, ask 2, take 1, ask 3, take 2, …: one is on the line while another is read.
        assert all(one[0] != other[0] for one, other in pairwise(told))
        taken = [at for at, (what, _) in enumerate(told) if what == "take"][2:]
        for at in taken:
            assert told[at - 3] == ("ask", told[at][1])
            assert told[at - 1][1] != told[at][1]

    play(scenario())


def test_whoever_is_alone_on_its_bus_is_read_before_it_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        told = log_of(monkeypatch)
        (lamp,) = lamps(1)
        async with street(monkeypatch, [lamp]) as here:
            await asyncio.sleep(SETTLE_S)
            told.clear()
            for _ in range(40):
                lamp.tell(STATUS)
            await here.until(lambda: len(here.records) >= 40)
            assert [record.sequence for record in here.records] == list(range(1, 41))
        assert set(pairwise(told)) == {
            (("ask", "L1"), ("take", "L1")),
            (("take", "L1"), ("ask", "L1")),
        }

    play(scenario())


def test_what_a_post_tells_is_read_before_anybody_else_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        told = log_of(monkeypatch)
        async with street(monkeypatch, [*lamps(2), Station("L3", "bollard", 3)]) as here:
            here.bus.options.poll_interval_ms = 0
            await asyncio.sleep(SETTLE_S)
            told.clear()
            await here.until(lambda: len(told) > 60)
        # While the post is asked, what the one before told is read; then at once what it told.
        behind = [two for one, two in zip(told, told[2:], strict=False) if one == ("ask", "L3")]
        assert set(behind) == {("take", "L3")}

    play(scenario())


def test_a_defect_in_what_one_lamp_told_is_no_end_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        posts = lamps(2)
        async with street(monkeypatch, posts) as here:
            take = Controller.take

            def breaks(self: Controller, batch: m.Records, flags: int = 0) -> list[Record]:
                if self.slot == "L1" and batch.entries:
                    raise ZeroDivisionError
                return take(self, batch, flags)

            with monkeypatch.context() as broken:
                broken.setattr(Controller, "take", breaks)
                posts[0].tell(STATUS)
                first = here.controllers["L1"]
                await here.until(lambda: first.requester.session is None)
                left_ms = first.due_ms - monotonic_ms()
                assert DEFECT_PAUSE_MS - 100 < left_ms <= DEFECT_PAUSE_MS
                posts[1].tell(STATUS)
                await here.until(lambda: [r.slot for r in here.records] == ["L2"], left_ms / 2000)
            await here.until(lambda: {r.slot for r in here.records} == {"L1", "L2"})

    play(scenario())


def test_what_was_told_before_the_port_went_away_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        posts = lamps(2)
        async with street(monkeypatch, posts) as here:
            asked = stations.Line.exchange
            answers: list[Any] = []

            async def breaks(self: Any, *args: Any) -> Any:
                if answers:
                    monkeypatch.setattr(stations.Line, "exchange", asked)
                    raise PortError("gone")
                answer = await asked(self, *args)
                # Nothing but what tells of a record is longer than an empty batch.
                answers.extend([answer] if answer and len(answer[2]) > wire.RECORDS_SIZE else [])
                return answer

            posts[0].tell(STATUS)
            monkeypatch.setattr(stations.Line, "exchange", breaks)
            await here.until(lambda: here.bus.counters.port_losses == 1)
            assert [record.slot for record in here.records] == ["L1"]

    play(scenario())
