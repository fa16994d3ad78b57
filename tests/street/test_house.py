"""The whole house, every layer the real one: what the three users count on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hil.broker import EmbeddedBroker
from tests.street.rig import house

pytestmark = [pytest.mark.emulator, pytest.mark.usefixtures("micropython_command")]

WELL_LIT_DUTY = 30_000
UNIT_1 = "5740ea0000000001"


@pytest.mark.deadline
async def test_presence_at_a_lamp_raises_its_light_within_300_ms(tmp_path: Path) -> None:
    async with house(tmp_path, lamps=1, bollards=0, bins=0) as h:
        lamp = h.street.lamp("lamp-1")
        lamp.presence(False)
        await h.until(lambda: h.ear.state("lamp-1") == "night_floor", "no rest")
        before = lamp.pwm_duty
        lamp.presence(True)
        h.street.touch()
        waited_s = await h.street.until(lambda: lamp.pwm_duty > before, what="light rises")
        assert waited_s <= 0.3


async def test_a_level_is_set_for_a_time_and_ends_by_itself(tmp_path: Path) -> None:
    async with house(tmp_path, lamps=1, bollards=0, bins=0) as h:
        lamp = h.street.lamp("lamp-1")
        lamp.presence(False)
        result = await h.command("lamp-1", "set", {"level": 100, "duration_s": 1})
        assert result["status"] == "DONE"
        await h.until(lambda: lamp.pwm_duty > WELL_LIT_DUTY, "not set")
        await h.until(lambda: h.ear.state("lamp-1") != "override", "did not end")
        await h.until(lambda: lamp.pwm_duty < WELL_LIT_DUTY, "stayed lit")


async def test_a_bollard_refuses_what_nobody_signed_and_says_why(tmp_path: Path) -> None:
    async with house(tmp_path, lamps=0, bollards=1, bins=0) as h:
        unsigned = await h.command("bollard-1", "raise", {})
        assert (unsigned["status"], unsigned["guard"]) == ("REJECTED", "unauthorised")
        await h.until(lambda: "cmd_nonce" in h.ear.states.get("bollard-1", {}), "no state")
        auth = {
            "nonce": h.ear.states["bollard-1"]["cmd_nonce"],
            "lifetime_ms": 60_000,
            "transaction": 1,
            "signatures": [{"operator": "test", "role": "operator", "tag": "00" * 16}],
        }
        forged = await h.command("bollard-1", "raise", {}, auth=auth)
        assert (forged["status"], forged["guard"]) == ("REJECTED", "bad_authority")
        old = await h.command("bollard-1", "raise", {}, auth={**auth, "nonce": "00" * 8})
        assert (old["status"], old["guard"]) == ("REJECTED", "old_nonce")
        assert not h.street.bollard("bollard-1").driving


async def test_a_broker_that_is_killed_and_restarted_loses_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.until(lambda: len(h.ear.seen) > 20, "no records")
        await h.broker.kill()
        received = h.received()
        await h.until(lambda: h.received() > received + 15, "nothing is taken any more")
        assert not h.agent.uplink.health.connected
        await h.broker.start()
        await h.until(lambda: h.agent.uplink.health.connected, "no reconnect")
        await h.settled()
        for controller in h.agent.controllers.values():
            assert h.ear.holes(controller.unit) == []


async def test_commands_work_again_after_the_broker_came_back(tmp_path: Path) -> None:
    async with house(tmp_path, lamps=1, bollards=0, bins=0) as h:
        await h.broker.kill()
        await h.until(lambda: not h.agent.uplink.health.connected, "not noticed")
        await h.broker.start()
        await h.until(lambda: h.agent.uplink.health.connected, "no reconnect")
        result = await h.command("lamp-1", "auto", {})
        assert result["status"] == "DONE"


async def test_a_port_that_is_unplugged_and_returns_loses_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, lamps=2, bollards=0, bins=0) as h:
        await h.until(lambda: len(h.ear.seen) > 10, "no records")
        h.street.line("bus").unplug()
        await h.until(lambda: h.ear.avail["lamp-1"] == "offline", "loss not seen")
        assert h.ear.avail["gateway"] == "online"
        h.street.line("bus").replug()
        await h.until(h.all_online, "not back")
        heard = len(h.ear.seen)
        await h.until(lambda: len(h.ear.seen) > heard + 6, "no records after the return")
        await h.settled()
        assert h.ear.holes(UNIT_1) == []


async def test_a_command_to_a_silent_slot_fails_and_says_so(tmp_path: Path) -> None:
    async with house(tmp_path, lamps=2, bollards=0, bins=0) as h:
        h.street.line("bus").detach("lamp-1")
        result = await h.command("lamp-1", "auto", {}, lifetime_ms=400)
        assert result["status"] in ("FAILED", "EXPIRED")
        assert result["guard"] == "unreachable"
        assert (await h.command("lamp-2", "auto", {}))["status"] == "DONE"


@pytest.mark.parametrize(
    ("payload", "guard"),
    [
        (b"{", "malformed"),
        (b"\xff\xfe", "malformed"),
        (b'{"verb": "auto"}', "no_id"),
        (b"[1, 2]", "malformed"),
    ],
)
async def test_nonsense_on_the_command_topic_is_refused_and_the_agent_goes_on(
    tmp_path: Path, payload: bytes, guard: str
) -> None:
    async with house(tmp_path, lamps=1, bollards=0, bins=0) as h:
        await h.publish("lamp-1", payload)
        result = await h.result(None)
        assert (result["status"], result["guard"]) == ("REJECTED", guard)
        assert (await h.command("lamp-1", "auto", {}))["status"] == "DONE"


async def test_a_retained_command_does_nothing_when_the_agent_starts(tmp_path: Path) -> None:
    async with house(tmp_path, lamps=1, bollards=0, bins=0) as h:
        lamp = h.street.lamp("lamp-1")
        lamp.presence(False)
        await h.until(lambda: lamp.pwm_duty < WELL_LIT_DUTY, "no rest")
        await h.stop_agent()
        command = {
            "id": "kept",
            "verb": "set",
            "args": {"level": 100, "duration_s": 60},
            "issued": "2026-01-01T00:00:00.000Z",
            "not_after": "2090-01-01T00:00:00.000Z",
            "actor": "test",
            "reason": "a test",
        }
        await h.publish("lamp-1", json.dumps(command).encode(), retain=True)
        await h.start_agent()
        await h.until(h.all_online, "not back")
        assert (await h.command("lamp-1", "auto", {}))["status"] == "DONE"
        assert all(r["guard"] == "retained" for r in h.ear.finals("kept"))
        assert lamp.pwm_duty < WELL_LIT_DUTY


async def test_an_agent_that_restarts_goes_on_without_gap_or_repetition(tmp_path: Path) -> None:
    async with house(tmp_path, lamps=2, bollards=0, bins=0) as h:
        await h.until(lambda: len(h.ear.seen) > 10, "no records")
        await h.stop_agent()
        assert h.ear.avail["gateway"] == "offline"
        await h.start_agent()
        await h.until(lambda: h.ear.avail["gateway"] == "online", "not back")
        heard = len(h.ear.seen)
        await h.until(lambda: len(h.ear.seen) > heard + 10, "no records after the restart")
        await h.settled()
        assert h.ear.holes(UNIT_1) == []
        counters = await h.agent.store.counters()
        assert counters["received"] == counters["stored"] + counters["duplicates"]


async def test_a_controller_that_restarts_is_a_new_boot_and_nothing_is_mixed_up(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, lamps=1, bollards=0, bins=0) as h:
        await h.until(lambda: len(h.ear.seen) > 5, "no records")
        h.street.controller("lamp-1").restart()
        await h.until(lambda: any(boot == 2 for _, boot, _ in h.ear.seen), "no second boot")
        assert h.ear.holes(UNIT_1) == []


async def test_an_agent_without_a_broker_stores_and_delivers_when_one_appears(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, lamps=1, bollards=0, bins=0) as h:
        await h.stop_agent()
        port = h.broker.port
        await h.broker.kill()
        await h.start_agent()
        await h.until(lambda: h.received() > 5, "nothing is taken without a broker")
        late = EmbeddedBroker(port)
        async with late:
            heard = len(h.ear.seen)
            await h.until(lambda: len(h.ear.seen) >= heard + 5, "not delivered")
            await h.settled()
            assert h.ear.holes(UNIT_1) == []
