"""Who and what may move a post, on real MicroPython: a fresh signed order, and nothing else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.contract import timestamp
from gateway.records import unix_ms
from protocol.generated.messages import Role
from tests.street.posts import ALICE, BOB, TECHNICIAN, gate, post

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.deadline,
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("micropython_command"),
]

VIEWER = (("vera", Role.VIEWER),)


def envelope(auth: dict[str, Any], *, verb: str = "raise", lifetime_ms: int = 20_000) -> bytes:
    """A command as the tool would publish it."""
    now_ms = unix_ms()
    command = {
        "id": f"by-hand-{auth['transaction']}",
        "verb": verb,
        "args": {},
        "issued": timestamp(now_ms),
        "not_after": timestamp(now_ms + lifetime_ms),
        "actor": auth["signatures"][0]["operator"],
        "reason": "a test",
        "auth": auth,
    }
    return json.dumps(command).encode()


async def test_a_signed_order_raises_and_lowers_it_and_each_motion_is_on_record(
    tmp_path: Path,
) -> None:
    async with gate(tmp_path, post(1), post(2)) as g:
        await g.raised(1, 2)
        held = g.begin(2, "hold", duration_s=4)
        assert await g.order(1, "lower") == ("DONE", None)
        assert await held == ("DONE", None)
        assert g[1].at_bottom
        assert g[2].at_bottom
        assert await g.order(2, "raise") == ("REJECTED", "locked")
        await g.shows(2, "down")
        await g.raised(2)
        await g.audited(1, 2)
        told = [(r["drive"], r["cause"], r["operator"]) for r in g.motion_records(1)]
        assert told == [("up", "command", "alice"), ("down", "command", "alice")]
        transactions = [r["transaction"] for r in g.motion_records(1)]
        assert 0 not in transactions
        assert len(set(transactions)) == 2


async def test_lower_and_hold_overtake_a_raise_and_a_raise_overtakes_neither(
    tmp_path: Path,
) -> None:
    async with gate(tmp_path, post(1), post(2)) as g:
        warning = g.begin(1, "raise")
        rising = g.begin(2, "raise")
        await g.shows(1, "prewarn")
        assert (await g.order(1, "hold", duration_s=60))[0] == "DONE"
        await g.until(lambda: g[2].height_m > 0.2, "it does not rise")
        lower = g.begin(2, "lower")
        await g.until(lambda: g[2].driving < 0, "it does not go down")
        assert (await g.order(2, "raise"))[0] == "REJECTED"
        assert await warning == await rising == ("CANCELLED", "superseded")
        assert await lower == ("DONE", None)
        assert await g.order(1, "raise") == ("REJECTED", "locked")
        await g.stands(1, 2)
        assert g.motions(1) == 0
        await g.audited(1, 2)


async def test_what_is_not_a_fresh_order_of_somebody_who_may_moves_nothing(tmp_path: Path) -> None:
    async with gate(tmp_path, post(1), post(2)) as g:
        await g.raised(2)
        moved = g.motions(1, 2)

        async def refused(auth: dict[str, Any] | None, guard: str) -> None:
            more: dict[str, Any] = {} if auth is None else {"auth": auth}
            actor = "alice" if auth is None else auth["signatures"][0]["operator"]
            result = await g.house.command(
                "post-1", "raise", {}, lifetime_ms=20_000, actor=actor, **more
            )
            assert result.get("guard") == guard
            assert result["status"] in ("REJECTED", "EXPIRED")

        await refused(None, "unauthorised")
        await refused(g.authority(1, "raise", {}, ALICE, key_of=2), "bad_authority")
        await refused(g.authority(1, "lower", {}, ALICE), "bad_authority")
        await refused(g.authority(1, "raise", {}, VIEWER), "role")
        await refused(g.authority(1, "raise", {}, ALICE, nonce="00" * 8), "old_nonce")
        stretched = g.authority(1, "raise", {}, ALICE)
        stretched["lifetime_ms"] += 1000
        await refused(stretched, "bad_authority")
        promoted = g.authority(1, "raise", {}, ALICE)
        promoted["signatures"][0]["role"] = "supervisor"
        await refused(promoted, "bad_authority")
        await refused(g.authority(1, "raise", {}, ALICE, validity_ms=-60_000), "late")
        await g.stands(1, 2)
        assert g.motions(1, 2) == moved
        await g.raised(1)


async def test_a_repeated_and_a_late_order_move_nothing(tmp_path: Path) -> None:
    async with gate(tmp_path, post(1)) as g:
        # One order, three times: it acts once.
        again = envelope(g.authority(1, "raise", {}, ALICE))
        number = json.loads(again)["id"]
        for _ in range(3):
            await g.house.publish("post-1", again)
        finals = g.house.ear.finals
        await g.house.until(
            lambda: any(r["status"] == "DONE" for r in finals(number)), "the order is not done"
        )
        assert await g.order(1, "lower") == ("DONE", None)
        await g.house.publish("post-1", again)
        await g.house.until(lambda: len(finals(number)) == 4, f"not four answers: {finals(number)}")
        refused = [r.get("guard") for r in finals(number) if r["status"] == "REJECTED"]
        assert refused == ["duplicate"] * 3
        # The same signature under another name: it was given before.
        renamed = json.loads(again) | {"id": "another"}
        await g.house.publish("post-1", json.dumps(renamed).encode())
        assert (await g.house.result("another"))["guard"] == "signed_before"
        late = envelope(g.authority(1, "raise", {}, ALICE), lifetime_ms=-1)
        await g.house.publish("post-1", late)
        assert (await g.house.result(json.loads(late)["id"]))["status"] == "EXPIRED"
        await g.stands(1)
        assert g.motions(1) == 2


async def test_a_broker_that_restarts_moves_nothing_and_orders_work_again(tmp_path: Path) -> None:
    async with gate(tmp_path, post(1), post(2)) as g:
        (await g.up_and_rising(2, 1)).cancel()
        await g.house.broker.kill()
        # The gateway is there, and with it the permission: what was ordered is done.
        await g.until(lambda: g[1].at_top and g.is_off(1), "it stops without a broker")
        await g.stands(1, 2)
        await g.house.broker.start()
        await g.house.until(lambda: g.house.agent.uplink.health.connected, "no reconnect")
        await g.stands(1, 2)
        lowered = await asyncio.gather(g.order(1, "lower"), g.order(2, "lower"))
        assert lowered == [("DONE", None)] * 2
        await g.audited(1, 2)


async def test_an_order_that_waited_in_a_broker_moves_nothing_when_the_gateway_comes(
    tmp_path: Path,
) -> None:
    async with gate(tmp_path, post(1)) as g:
        order = envelope(g.authority(1, "raise", {}, ALICE, validity_ms=500), lifetime_ms=500)
        await g.house.stop_agent()
        await g.house.publish("post-1", order)
        await g.house.publish("post-1", order, retain=True)
        await g.stands(1)
        await g.house.start_agent()
        await g.house.until(g.house.all_online, "not back")
        await g.stands(1)
        assert g.motions(1) == 0
        await g.house.publish("post-1", b"", retain=True)
        await g.raised(1)


async def test_a_gateway_that_goes_away_stops_a_rise_and_its_return_moves_nothing(
    tmp_path: Path,
) -> None:
    async with gate(tmp_path, post(1), post(2)) as g:
        (await g.up_and_rising(2, 1)).cancel()
        await g.house.stop_agent()
        await g.until(lambda: g[1].at_bottom and g.is_off(1), "it does not go down")
        await g.house.start_agent()
        await g.house.until(g.house.all_online, "not back")
        await g.stands(1, 2)
        await g.shows(2, "up")
        await g.raised(1)


async def test_a_controller_that_restarts_leaves_its_drive_off_until_a_new_order(
    tmp_path: Path,
) -> None:
    async with gate(tmp_path, post(1), post(2), post(3)) as g:
        await g.raised(2, 3)
        (rising,) = await g.rising(1)
        lowering = g.begin(2, "lower")
        await g.until(lambda: g[2].driving < 0 and g[2].height_m < 0.6, "it does not go down")
        old = envelope(g.authority(3, "lower", {}, ALICE), verb="lower")
        for number in (1, 2, 3):
            g.street.controller(f"post-{number}").restart()
            assert g.is_off(number)
        for order in (rising, lowering):
            status, guard = await order
            assert (status, guard) == ("FAILED", "controller_restarted")
        await g.shows(1, "stopped")
        await g.shows(2, "stopped")
        await g.shows(3, "up")
        await g.stands(1, 2, 3)
        # An order for the life before is none in this one.
        await g.house.publish("post-3", old)
        result = await g.house.result(json.loads(old)["id"])
        assert (result["status"], result["guard"]) == ("REJECTED", "old_nonce")
        await g.stands(3)
        assert await g.order(1, "lower") == ("DONE", None)
        await g.raised(2)


async def test_a_stuck_a_broken_and_a_loose_loop_keep_it_down_and_let_it_down(
    tmp_path: Path,
) -> None:
    faults = {
        1: ("loop_a", "stuck_1", "occupied"),
        2: ("loop_fault", "stuck_1", "sensor_invalid"),
        3: ("loop_b", "disconnected", "occupied"),
        4: ("obstacle", "disconnected", "obstacle"),
    }
    async with gate(tmp_path, *(post(n) for n in faults)) as g:
        for number, (sensor, failure, _) in faults.items():
            g[number].fail(sensor, failure)
        for number, (sensor, _, guard) in faults.items():
            await g.sees(number, sensor, active=True)
            assert await g.order(number, "raise") == ("REJECTED", guard)
        assert g.motions(*faults) == 0
        for number, (sensor, _, _) in faults.items():
            g[number].fail(sensor, None)
            await g.sees(number, sensor, active=False)
        await g.raised(*faults)
        for number, (sensor, failure, _) in faults.items():
            g[number].fail(sensor, failure)
        await g.stands(*faults)
        lowered = await asyncio.gather(*(g.order(number, "lower") for number in faults))
        assert lowered == [("DONE", None)] * len(faults)


async def test_a_wire_that_is_cut_presses_no_key_and_moves_nothing(tmp_path: Path) -> None:
    wires = ("local_key", "local_lower", "at_bottom", "emergency_lower", "power_lost", "door")
    async with gate(tmp_path, *(post(n) for n in range(1, len(wires) + 1))) as g:
        numbers = range(1, len(wires) + 1)
        for number, wire in zip(numbers, wires, strict=True):
            g[number].fail(wire, "disconnected")
        await g.sees(5, "power_lost", active=True)
        await g.stands(*numbers, for_s=1.5)
        assert g.motions(*numbers) == 0
        refused = await asyncio.gather(*(g.order(number, "raise") for number in (4, 5, 6)))
        assert refused == [
            ("REJECTED", "emergency"),
            ("REJECTED", "power"),
            ("REJECTED", "door_open"),
        ]


async def test_a_loop_that_chatters_never_lets_it_rise(tmp_path: Path) -> None:
    async with gate(tmp_path, post(1), post(2)) as g:
        g[1].fail("loop_a", "noisy")
        g[2].fail("at_top", "stuck_1")
        await g.shows(2, "fault")  # both ends at once
        status, guard = await g.order(1, "raise", TECHNICIAN)
        assert status in ("REJECTED", "FAILED")
        assert guard == "occupied"
        await g.until(lambda: g[1].at_bottom and g.is_off(1), "not down")
        assert await g.order(2, "lower") == ("REJECTED", "fault")
        assert await g.order(2, "reset", BOB) == ("REJECTED", "sensor_invalid")
        g[2].fail("at_top", None)
        await g.sees(2, "at_top", active=False)
        assert await g.order(2, "reset", BOB) == ("DONE", None)
        await g.raised(2)


async def test_a_noisy_line_repeats_frames_and_no_motion(tmp_path: Path) -> None:
    async with gate(tmp_path, post(1), post(2)) as g:
        line = g.street.line("bus")
        line.set_bit_error_rate(5e-4)
        orders = [g.begin(number, "raise") for number in (1, 2)]
        outcomes = await asyncio.gather(*orders)
        # Too many lost polls may end the permission; then it goes down and says so.
        assert {status for status, _ in outcomes} <= {"DONE", "FAILED"}
        line.set_bit_error_rate(0.0)
        (bus,) = g.house.agent.buses
        assert bus.counters.repeats > 0
        await g.until(lambda: g.is_off(1) and g.is_off(2), "not at rest")
        for number, (status, _) in enumerate(outcomes, 1):
            assert g[number].at_top == (status == "DONE")
            assert g.motions(number) == (1 if status == "DONE" else 2)
        await g.audited(1, 2)
