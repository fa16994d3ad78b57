"""The bus in the street: sessions, discovery, disturbances, and news that needs no broker."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailableError
from gateway.port import Port
from gateway.survey import assign
from protocol import codec, framing, keyfile, link_gateway
from protocol.generated import messages as m
from protocol.generated import wire
from protocol.link_gateway import Requester
from tests.street.rig import House, house

pytestmark = [pytest.mark.emulator, pytest.mark.usefixtures("micropython_command")]

UNIT_1 = "5740ea0000000001"
FLOOR_DUTY = 14_000  # 20 % of 65535, and some


def alarms(h: House) -> list[tuple[str, bool]]:
    """(code, active) of the gateway's own events that reached the broker."""
    return [(r["code"], r["active"]) for r in h.ear.records if r["type"] == "gateway"]


async def ask_in_plain(h: House, address: int, kind: int, payload: bytes) -> m.Message:
    """What a stranger on the bus is told who asks without keys; the agent must be stopped."""
    port = Port(str(h.street.port("bus")), 115200)
    try:
        requester = Requester(address, 4711)
        for data in (requester.request(kind, payload), requester.repeat(), requester.repeat()):
            answer = await port.exchange(data, requester.accept, 0.2)
            if answer is not None:
                return codec.decode_message(answer[0], answer[2])
        raise AssertionError("no answer")
    finally:
        port.close()


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (wire.POLL, codec.encode_message(m.Poll(1, 1, 1, 0x20000001, 0x20000001, 200))),
        (wire.COMMAND, codec.encode_message(m.Command(1, m.Verb.SET, 5000, 0, 60, b""))),
    ],
)
async def test_who_has_no_keys_gets_no_records_and_moves_no_lamp(
    tmp_path: Path, kind: int, payload: bytes
) -> None:
    async with house(tmp_path, lamps=1, bollards=0, bins=0) as h:
        await h.stop_agent()
        refusal = await ask_in_plain(h, 1, kind, payload)
        assert isinstance(refusal, m.Refusal)
        assert refusal.reason is m.RefusalReason.UNSECURED
        identity = await ask_in_plain(h, 1, wire.IDENTIFY, codec.encode_message(m.Identify(0)))
        assert isinstance(identity, m.Hello)


async def test_a_forged_time_in_plain_does_not_set_a_clock(tmp_path: Path) -> None:
    async with house(tmp_path, lamps=1, bollards=0, bins=0) as h:
        forger = h.street.line("bus").add("forger").open_slave()
        forged = codec.encode_message(m.Time(1, 0, m.TimeTrust.SYNCHRONISED))
        await h.until(lambda: h.ear.timestamp("lamp-1") > "2026", "clock not set")
        os.write(forger, link_gateway.broadcast(wire.TIME, forged, 1))
        before = len(h.ear.seen)
        await h.until(lambda: len(h.ear.seen) > before + 5, "no records")
        assert h.ear.timestamp("lamp-1") > "2026"


async def test_a_gateway_with_another_key_gets_nowhere_and_says_why(tmp_path: Path) -> None:
    async with house(tmp_path, lamps=1, bollards=0, bins=0) as h:
        await h.stop_agent()
        path = tmp_path / "street" / "keys" / "link.json"
        keyfile.save(keyfile.new_key("link", "test"), path, replace_file=True)
        await h.start_agent()
        await h.until(lambda: h.ear.avail.get("lamp-1") == "unprovisioned", "not noticed")
        assert h.received() == 0
        result = await h.command("lamp-1", "auto", {}, lifetime_ms=1000)
        assert result["guard"] == "unreachable"


async def test_a_rotated_key_still_reaches_controllers_that_have_only_the_old_one(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, lamps=1, bollards=0, bins=0) as h:
        await h.stop_agent()
        path = tmp_path / "street" / "keys" / "link.json"
        keyfile.save(keyfile.load(path, "link").rotated(), path, replace_file=True)
        await h.start_agent()
        await h.until(lambda: h.received() > 3, "no records under the old key")


@pytest.mark.deadline
async def test_somebody_at_a_lamp_lights_the_next_one_without_a_broker(tmp_path: Path) -> None:
    async with house(tmp_path, lamps=2, bollards=0, bins=0) as h:
        here, ahead = h.street.lamp("lamp-1"), h.street.lamp("lamp-2")
        here.presence(False)
        ahead.presence(False)
        await h.until(lambda: max(here.pwm_duty, ahead.pwm_duty) <= FLOOR_DUTY, "no rest")
        await h.broker.kill()
        here.presence(True)
        h.street.touch()
        waited_s = await h.street.until(lambda: ahead.pwm_duty > FLOOR_DUTY, what="lamp ahead")
        assert waited_s <= 0.5


@pytest.mark.deadline
@pytest.mark.timeout(120)
async def test_a_controller_without_an_address_is_found_while_the_others_are_served(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, strangers={"a": 254, "b": 254, "c": 254}, lamps=1) as h:
        (bus,) = h.agent.buses
        await h.until(lambda: len(bus.strangers) == 3, "not all were found")
        await h.until(
            lambda: alarms(h).count(("unassigned_unit", True)) == 3, "no alarms at the broker"
        )
        assert 0 < bus.status()["turnaround_us"] < 30_000
        await h.stop_agent()
        port = Port(str(h.street.port("bus")), 115200)
        try:
            unit = bytes.fromhex(bus.strangers[0])
            hello = await assign(port, unit, 40, 0.2)
        finally:
            port.close()
        assert hello is not None
        assert (hello.hardware_id, hello.address) == (unit, 40)
        await h.start_agent()
        (bus,) = h.agent.buses
        await h.until(lambda: len(bus.strangers) == 2, "the address was not taken")


async def test_what_a_restart_took_with_it_is_told_and_accounted_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, lamps=1, bollards=0, bins=0) as h:
        lamp, store = h.agent.controllers["lamp-1"], h.agent.store
        boot, taken = lamp.boot, h.received()

        async def refuse(*_: object) -> None:
            raise StoreUnavailableError("the disk is away")

        with monkeypatch.context() as patch:
            patch.setattr(store, "put", refuse)
            await h.until(lambda: h.received() > taken + 5, "no records to be lost")
            h.street.controller("lamp-1").restart()
            await h.until(lambda: lamp.boot == boot + 1, "no new boot")
        await h.until(lambda: any(r["type"] == "gap" for r in h.ear.records), "the gap is not told")
        gaps = [r for r in h.ear.records if r["type"] == "gap"]
        assert {(r["unit"], r["boot"], r["cause"]) for r in gaps} == {(UNIT_1, boot, "reboot")}
        store.flush()
        ledger = await store.ledger()
        assert not ledger.findings
        assert ledger.missing == 0
        lost = [gap for one in ledger.streams if one.key.boot == boot for gap in one.gaps]
        assert lost
        assert not any(gap.exact for gap in lost)


async def test_a_bus_that_is_lost_does_not_hold_up_another(tmp_path: Path) -> None:
    async with house(tmp_path, buses=["north", "south"], lamps=2, bollards=0, bins=0) as h:
        north, south = h.agent.buses
        h.street.line("north").unplug()
        await h.until(lambda: h.ear.avail["lamp-1"] == "offline", "loss not seen")
        before = south.counters.records
        await h.until(lambda: south.counters.records > before + 3, "the other bus stands still")
        assert h.ear.avail["lamp-2"] == "online"
        assert not north.connected


async def test_silent_controllers_are_asked_rarely_and_come_back_by_themselves(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, lamps=3, bollards=0, bins=0) as h:
        line = h.street.line("bus")
        line.detach("lamp-1")
        line.detach("lamp-2")
        away = ["lamp-1", "lamp-2"]
        await h.until(lambda: {h.ear.avail[s] for s in away} == {"offline"}, "silence not seen")
        (bus,) = h.agent.buses
        exchanges, timeouts, taken = bus.counters.exchanges, bus.counters.timeouts, h.received()
        await h.until(lambda: h.received() > taken + 4, "the third is not served")
        asked = bus.counters.exchanges - exchanges
        assert (bus.counters.timeouts - timeouts) < asked / 4
        line.attach("lamp-1")
        line.attach("lamp-2")
        await h.until(h.all_online, "not back")


async def test_two_controllers_at_one_address_are_both_named(tmp_path: Path) -> None:
    only_first = ["lamp-1"]
    async with house(
        tmp_path, strangers={"twin": 2}, online=only_first, lamps=2, bollards=0, bins=0
    ) as h:
        (bus,) = h.agent.buses
        await h.until(lambda: 2 in bus.shared_addresses, "not noticed")
        assert len(bus.shared_addresses[2]) == 2
        assert "5740ea0000000002" in bus.shared_addresses[2]
        assert any("share address 2" in problem for problem in bus.problems())
        await h.until(lambda: ("shared_address", True) in alarms(h), "no alarm at the broker")
        before = h.received()
        await h.until(lambda: h.received() > before + 3, "the others are not served")


async def test_who_talks_unasked_is_named_and_the_others_are_served(tmp_path: Path) -> None:
    async with house(tmp_path, lamps=2, bollards=0, bins=0) as h:
        (bus,) = h.agent.buses
        babbler = h.street.line("bus").add("babbler").open_slave()
        buffer = bytearray(framing.BUFFER_SIZE)
        framing.start_frame(buffer, wire.FLAG_REPLY, 0, 77, wire.HELLO, 0)
        noise = bytes(buffer[: framing.finish_frame(buffer, 20)])

        async def babble() -> None:
            while True:
                os.write(babbler, noise)
                await asyncio.sleep(0.05)

        babbling = asyncio.create_task(babble())
        try:
            await h.until(lambda: bus.is_disturbed, "not noticed")
            assert bus.problems() == ["bus bus is disturbed: address 77 talks unasked"]
            await h.until(lambda: ("babble", True) in alarms(h), "no alarm at the broker")
            before = h.received()
            await h.until(lambda: h.received() > before + 3, "the others are not served")
        finally:
            babbling.cancel()
        await h.until(lambda: not bus.is_disturbed, "not over")
        await h.until(lambda: ("babble", False) in alarms(h), "the alarm is not cleared")


async def test_a_noisy_line_costs_repetitions_and_no_record(tmp_path: Path) -> None:
    often = "\n[slot.parameters]\nstatus_period_ms = 200\n"  # of the last lamp
    async with house(tmp_path, lamps=2, bollards=0, bins=0, more=often) as h:
        h.street.line("bus").set_bit_error_rate(1e-3)
        before = h.received()
        await h.until(lambda: h.received() > before + 25, "nothing gets through")
        (bus,) = h.agent.buses
        assert bus.counters.repeats > 0
        h.street.line("bus").set_bit_error_rate(0.0)
        await h.until(h.all_online, "not back")
        await h.settled()
        assert h.ear.holes(UNIT_1) == []


async def test_the_conversation_opens_a_new_session_when_the_old_one_is_due(tmp_path: Path) -> None:
    async with house(tmp_path, lamps=1, bollards=0, bins=0) as h:
        controller = h.agent.controllers["lamp-1"]
        session = controller.requester.session
        assert session is not None
        session.opened_ms -= 90_000_000
        await h.until(lambda: controller.requester.session is not session, "no new session")
        before = h.received()
        await h.until(lambda: h.received() > before + 2, "no records under the new session")
        assert h.ear.avail["lamp-1"] == "online"
        assert h.ear.holes(UNIT_1) == []
