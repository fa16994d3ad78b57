"""Posts of one lane: who may go up, who is asked first. In virtual time, on a real bus."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from gateway import lanes
from gateway.commands import Status
from gateway.controller import STARVED_MS, Controller
from protocol.generated import messages as m
from protocol.generated import wire
from tests.gateway.stations import CLEAR, IN_PROGRESS, Station, Street, street
from tests.gateway.virtual_time import play

NEXT_STATUS_S = 0.3
RAISE, GRANT = m.Verb.RAISE, m.Verb.GRANT


def posts(count: int = 2) -> list[Station]:
    return [Station(f"P{number}", "bollard", number) for number in range(1, count + 1)]


def status(**changes: Any) -> m.BollardStatus:
    return msgspec.structs.replace(CLEAR, **changes)


def newest(station: Station) -> bool:
    """Whether the newest poll of this post carried the permission."""
    return station.permits[-1][1]


async def sees(here: Street, slot: str, **changes: Any) -> None:
    """The post tells another status, and the gateway has heard it."""
    body = status(**changes)
    here.stations[slot].tell(body)
    await here.until(lambda: here.controllers[slot].status == body)
    await asyncio.sleep(NEXT_STATUS_S)


def test_a_post_without_a_lane_is_always_permitted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, posts()) as here:
            await sees(here, "P2", inputs=m.BollardInput.LOOP_A)
            here.stations["P2"].is_silent = True
            await asyncio.sleep(2)
            assert newest(here.stations["P1"])

    play(scenario())


def test_only_polls_of_bollards_carry_the_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, [Station("L1", "lamp", 1)]) as here:
            assert not any(permitted for _, permitted in here.stations["L1"].permits)

    play(scenario())


UNSAFE = [
    {"inputs": one}
    for one in m.BollardInput
    if one
    not in (
        m.BollardInput.AT_TOP,
        m.BollardInput.AT_BOTTOM,
        m.BollardInput.DOOR_OPEN,
        m.BollardInput.LOCAL_KEY,
        m.BollardInput.LOCAL_LOWER,
    )
]
OUT_OF_ORDER = [
    {"state": state}
    for state in (
        m.BollardState.FAULT,
        m.BollardState.EMERGENCY_DOWN,
        m.BollardState.POWER_FAIL,
        m.BollardState.INVERTING,
        m.BollardState.MANUAL,
        m.BollardState.BOOT,
    )
]


@pytest.mark.parametrize("changes", [*UNSAFE, *OUT_OF_ORDER], ids=str)
def test_a_post_that_is_not_clear_keeps_the_others_of_its_lane_down(
    changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, posts(3)) as here:
            here.lane("P1", "P2", "P3")
            await asyncio.sleep(NEXT_STATUS_S)
            assert newest(here.stations["P1"])
            await sees(here, "P2", **changes)
            assert not newest(here.stations["P1"])
            assert not newest(here.stations["P3"])
            assert newest(here.stations["P2"])
            outcome = await here.run(here.command("P1", "raise"))
            assert (outcome.status, outcome.guard) == (Status.REJECTED, "group")
            assert (outcome.detail or "").startswith("P2 ")
            assert here.stations["P1"].heard == []
            await sees(here, "P2")
            assert newest(here.stations["P1"])
            assert (await here.run(here.command("P1", "raise"))).status is Status.DONE

    play(scenario())


@pytest.mark.parametrize("verb", ["lower", "hold", "reset"])
def test_a_post_of_a_lane_that_is_not_clear_may_still_go_down(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, posts()) as here:
            here.lane("P1", "P2")
            await sees(here, "P2", inputs=m.BollardInput.LOOP_A)
            args = {"duration_s": 60} if verb == "hold" else {}
            assert (await here.run(here.command("P1", verb, args))).status is Status.DONE

    play(scenario())


def test_who_is_to_pass_may_stand_on_the_loops_of_the_lane_already(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, posts()) as here:
            here.lane("P1", "P2")
            await sees(here, "P2", inputs=m.BollardInput.LOOP_A, raise_guard=m.Guard.OCCUPIED)
            assert (await here.run(here.command("P1", "grant"))).status is Status.DONE
            assert (await here.run(here.command("P1", "raise"))).guard == "group"
            await sees(here, "P2", inputs=m.BollardInput.OBSTACLE)
            assert (await here.run(here.command("P1", "grant"))).guard == "group"

    play(scenario())


def test_a_post_that_falls_silent_stops_its_lane_within_half_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, posts()) as here:
            here.lane("P1", "P2")
            await asyncio.sleep(NEXT_STATUS_S)
            silent_ms = int(asyncio.get_running_loop().time() * 1000)
            here.stations["P2"].is_silent = True
            await asyncio.sleep(2)
            last_ms = max(at for at, permitted in here.stations["P1"].permits if permitted)
            assert last_ms - silent_ms <= lanes.FRESH_MS
            outcome = await here.run(here.command("P1", "grant"))
            assert (outcome.guard, outcome.detail) == ("group", "P2 does not answer")

    play(scenario())


def test_a_post_whose_backlog_is_not_read_yet_is_not_clear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, posts()) as here:
            here.lane("P1", "P2")
            await asyncio.sleep(NEXT_STATUS_S)
            for _ in range(400):
                here.stations["P2"].tell(CLEAR)
            here.stations["P2"].tell(status(inputs=m.BollardInput.OBSTACLE))
            flooded_ms = int(asyncio.get_running_loop().time() * 1000)
            await here.until(lambda: here.controllers["P2"].status != CLEAR)
            read_ms = int(asyncio.get_running_loop().time() * 1000)
            assert read_ms - flooded_ms > 2 * lanes.FRESH_MS
            late = [p for at, p in here.stations["P1"].permits if at > flooded_ms + lanes.FRESH_MS]
            assert late
            assert not any(late)

    play(scenario())


def test_a_post_that_restarts_is_not_clear_until_it_tells_how_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, posts()) as here:
            here.lane("P1", "P2")
            await asyncio.sleep(NEXT_STATUS_S)
            station = here.stations["P2"]
            station.restart()
            station.forget_records()
            await here.until(lambda: here.controllers["P2"].boot == 2)
            await asyncio.sleep(NEXT_STATUS_S)
            assert not newest(here.stations["P1"])

    play(scenario())


@pytest.mark.parametrize(
    "guard", [m.Guard.LOCKED, m.Guard.DOOR_OPEN, m.Guard.DUTY_CYCLE, m.Guard.INVERSIONS]
)
def test_a_post_that_cannot_rise_keeps_the_others_from_beginning(
    guard: m.Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, posts()) as here:
            here.lane("P1", "P2")
            await sees(here, "P2", raise_guard=guard)
            assert newest(here.stations["P1"]), "what has begun may go on"
            outcome = await here.run(here.command("P1", "raise", dry_run=True))
            assert (outcome.guard, outcome.detail) == (
                "group",
                f"P2 would refuse: {guard.name.lower()}",
            )

    play(scenario())


@pytest.mark.parametrize("guard", [m.Guard.LEASE, m.Guard.GROUP, m.Guard.POSITION, m.Guard.BUSY])
def test_posts_of_a_lane_rise_one_after_the_other(
    guard: m.Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, posts()) as here:
            here.lane("P1", "P2")
            await sees(here, "P2", state=m.BollardState.RISING, raise_guard=guard)
            assert (await here.run(here.command("P1", "raise"))).status is Status.DONE

    play(scenario())


def test_two_people_may_take_over_from_the_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, posts()) as here:
            here.lane("P1", "P2")
            here.stations["P2"].is_silent = True
            await sees(here, "P1", faults=m.BollardFault.BYPASS)
            await asyncio.sleep(2)
            assert (await here.run(here.command("P1", "raise"))).status is Status.DONE

    play(scenario())


# --- a long bus ---------------------------------------------------------------------------------


def full_bus() -> list[Station]:
    """64 controllers: a round of polls takes longer than a permission holds."""
    return [*posts(), *(Station(f"L{at}", "lamp", at) for at in range(3, 65))]


def gaps_ms(station: Station, since_ms: int) -> list[int]:
    """Times between polls of a post since then, the one that is not over included."""
    now_ms = int(asyncio.get_running_loop().time() * 1000)
    times = [since_ms, *(at for at, _ in station.permits if at >= since_ms), now_ms]
    return [after - before for before, after in pairwise(times)]


def test_a_raise_finds_the_permission_fresh_on_a_full_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, full_bus()) as here:
            here.lane("P1", "P2")
            await asyncio.sleep(5)
            assert max(gaps_ms(here.stations["P1"], 1_001_000)) > 300, "or this proves nothing"
            assert (await here.run(here.command("P1", "raise"))).status is Status.DONE
            now_ms = int(asyncio.get_running_loop().time() * 1000)
            at, permitted = here.stations["P1"].permits[-1]
            assert permitted
            assert now_ms - at <= 250

    play(scenario())


@pytest.mark.parametrize("silent", [0, 2])
def test_a_lane_that_moves_is_asked_every_150_ms_and_starves_nobody(
    silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        stations = full_bus()
        async with street(monkeypatch, stations) as here:
            here.lane("P1", "P2")
            here.stations["P1"].answers[RAISE] = IN_PROGRESS
            task = asyncio.create_task(here.run(here.command("P1", "raise")))
            await here.until(lambda: bool(here.interim))
            here.stations["P1"].tell(status(state=m.BollardState.RISING))
            for station in stations[10 : 10 + silent]:
                station.is_silent = True
            began_ms = int(asyncio.get_running_loop().time() * 1000)
            await asyncio.sleep(10)
            assert max(gaps_ms(here.stations["P1"], began_ms)) <= 150
            assert max(gaps_ms(here.stations["P2"], began_ms)) <= 150
            for station in stations[20:]:
                assert max(gaps_ms(station, began_ms)) <= 3 * STARVED_MS
            task.cancel()

    play(scenario())


def test_a_flood_of_commands_starves_neither_posts_nor_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, full_bus()) as here:
            here.stations["P1"].tell(status(state=m.BollardState.LOWERING))
            await here.until(lambda: is_hurried(here.controllers["P1"]))
            began_ms = int(asyncio.get_running_loop().time() * 1000)
            args = {"level": 60, "duration_s": 9}
            flood = [here.command("L5", "set", args, lifetime_ms=60_000) for _ in range(600)]
            tasks = [asyncio.create_task(here.run(one)) for one in flood]
            await asyncio.wait(tasks)
            assert all(task.result().status is Status.DONE for task in tasks)
            assert max(gaps_ms(here.stations["P1"], began_ms)) <= 150
            assert max(gaps_ms(here.stations["L9"], began_ms)) <= 3 * STARVED_MS

    play(scenario())


def is_hurried(controller: Controller) -> bool:
    return lanes.is_hurried(controller, int(asyncio.get_running_loop().time() * 1000))


def test_a_post_that_fell_silent_on_its_way_hurries_nobody_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with street(monkeypatch, posts()) as here:
            here.lane("P1", "P2")
            await sees(here, "P2", state=m.BollardState.RISING)
            assert is_hurried(here.controllers["P1"])
            here.stations["P2"].is_silent = True
            await asyncio.sleep(lanes.FORGOTTEN_MS / 1000 + 1)
            assert not is_hurried(here.controllers["P1"])

    play(scenario())


def test_the_flag_is_part_of_what_a_poll_proves() -> None:
    """A permission that somebody sets on the wire is no permission: the tag covers the header."""
    station = Station("P1", "bollard", 1)

    async def scenario() -> None:
        with pytest.MonkeyPatch.context() as patch:
            async with street(patch, [station]) as here:
                here.controllers["P1"].mates = (Controller("gone", "bollard", "00" * 8, 9),)
                genuine = station.receive
                await here.until(lambda: not newest(station))
                before, meddled = len(station.permits), 0

                def meddle(frame: bytearray) -> bytes:
                    nonlocal meddled
                    if frame[4] == wire.POLL:
                        frame[1] |= wire.FLAG_PERMIT
                        meddled += 1
                    return genuine(frame)

                patch.setattr(station, "receive", meddle)
                await asyncio.sleep(2)
                assert meddled > 2
                assert len(station.permits) == before, "none of them was taken"

    play(scenario())
