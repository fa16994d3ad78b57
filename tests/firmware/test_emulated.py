"""The firmware on real MicroPython between a modelled line and physics: pins, pty, flash."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from hil.plugin import StreetFactory
from hil.street import Street
from protocol import codec
from protocol.framing import Deframer
from protocol.generated import messages as m
from protocol.generated import wire, wire_bin, wire_bollard, wire_lamp
from protocol.link_gateway import Requester, broadcast
from protocol.security import HANDSHAKE_NONCE_SIZE, SESSION_KEY_SIZE
from protocol.security_gateway import Group, Opening

pytestmark = pytest.mark.emulator

SITE: dict[str, Any] = {
    "site": {"name": "firmware"},
    "bus": [{"name": "bus"}],
    "slot": [
        {
            "name": "lamp",
            "kind": "lamp",
            "bus": "bus",
            "address": 1,
            "unit": "0102030405060708",
            "parameters": {"hold_s": 1, "ramp_down_ms": 500},
        },
        {"name": "post", "kind": "bollard", "bus": "bus", "address": 2},
        {"name": "bin", "kind": "bin", "bus": "bus", "address": 3},
    ],
}
ADDRESSES = {"lamp": 1, "post": 2, "bin": 3}
RISE_S = 0.3
HEADROOM_BYTES = 32 * 1024


class Gateway:
    """The smallest gateway: opens a session, asks, and asks again when there is no answer."""

    def __init__(self, street: Street) -> None:
        self.street = street
        self.descriptor = os.open(street.port("bus"), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.requesters = {name: Requester(at, 1000) for name, at in ADDRESSES.items()}
        self.deframer = Deframer()
        self.group = Group(secrets.token_bytes(SESSION_KEY_SIZE))

    async def identify(self, name: str) -> Any:
        """What anybody may ask, in plain."""
        return (await self.ask_plain(name, m.Identify(0)))[1]

    async def ask(self, name: str, message: Any) -> Any:
        """The answer under a session, which is opened when there is none."""
        requester = self.requesters[name]
        for _ in range(3):
            if requester.session is None:
                await self.open_session(name)
            data = requester.request(message.ID, codec.encode_message(message))
            kind, flags, payload = await self._exchange(name, data)
            if flags & wire.FLAG_SECURED:
                return codec.decode_message(kind, payload)
            requester.session = None
        raise AssertionError(f"{name} keeps no session\n{self.street.log()}")

    async def ask_plain(self, name: str, message: Any) -> tuple[int, Any]:
        """Flags and message of the answer to a request that nothing proves."""
        data = self.requesters[name].request(message.ID, codec.encode_message(message), plain=True)
        kind, flags, payload = await self._exchange(name, data)
        return flags, codec.decode_message(kind, payload)

    async def open_session(self, name: str) -> Any:
        """Its hello, the first word of the new session."""
        requester = self.requesters[name]
        unit = bytes.fromhex(self.street.controller(name).unit)
        keys = self.street.link_key.device_keys(unit)
        epoch = max(keys)
        nonce = secrets.token_bytes(HANDSHAKE_NONCE_SIZE)
        opening = Opening(keys[epoch], unit, b"the test", epoch, nonce)
        data = requester.request(wire.SESSION_OPEN, opening.payload(), plain=True)
        kind, _, accepted = await self._exchange(name, data)
        assert kind == wire.SESSION_ACCEPT
        payload, session = opening.confirm(accepted, requester.address, self.group, 0)
        kind, flags, hello = await self._exchange(name, requester.confirm(payload, session))
        assert flags & wire.FLAG_SECURED
        return codec.decode_message(kind, hello)

    def broadcast(self, message: Any) -> None:
        """Tell everybody who has a session."""
        data = broadcast(message.ID, codec.encode_message(message), 0, self.group)
        os.write(self.descriptor, data)

    async def _exchange(self, name: str, data: bytes) -> tuple[int, int, bytes]:
        requester = self.requesters[name]
        for _ in range(20):
            os.write(self.descriptor, data)
            answer = await self._answer(requester, time.monotonic() + 1.0)
            if answer is not None:
                return answer
            data = requester.repeat()
        raise AssertionError(f"{name} does not answer\n{self.street.log()}")

    async def _answer(self, requester: Requester, until_s: float) -> tuple[int, int, bytes] | None:
        while time.monotonic() < until_s:
            try:
                data = os.read(self.descriptor, 4096)
            except BlockingIOError:
                await asyncio.sleep(0.001)
                continue
            at = 0
            while at < len(data):
                at = self.deframer.push(data, at, len(data))
                if self.deframer.size >= 0:
                    answer = requester.accept(self.deframer.buffer, self.deframer.size)
                    if answer is not None:
                        return answer
        return None

    async def status(self, name: str, wanted: int) -> Any:
        """The newest status record that a controller holds."""
        boot = (await self.identify(name)).boot
        routine = 1
        newest = None
        while True:
            first_urgent = wire.URGENT_SEQUENCE_BASE * 2 - 1  # none of them
            answer = await self.ask(name, m.Poll(boot, 1, routine, 0, first_urgent, 220))
            records = list(codec.decode_records(answer.entries))
            for record in records:
                routine = record.header.sequence + 1
                if record.header.type == wanted:
                    newest = record.body
            if not records:
                return newest

    async def status_when(self, name: str, wanted: int, good: Callable[[Any], bool]) -> Any:
        """The first newest status that is good."""
        until_s = time.monotonic() + 20.0
        while True:
            status = await self.status(name, wanted)
            if status is not None and good(status):
                return status
            assert time.monotonic() < until_s, f"{status}\n{self.street.log()}"
            await asyncio.sleep(0.2)


@pytest_asyncio.fixture
async def running(street: StreetFactory) -> Street:
    started = await street(SITE, arrivals_per_hour=0, deposits_per_hour=0)
    await started.booted()
    return started


@pytest_asyncio.fixture
async def gateway(running: Street) -> AsyncIterator[Gateway]:
    made = Gateway(running)
    yield made
    os.close(made.descriptor)


async def test_every_kind_says_hello_as_it_was_provisioned(gateway: Gateway) -> None:
    kinds = {"lamp": m.Kind.LAMP, "post": m.Kind.BOLLARD, "bin": m.Kind.BIN}
    for name, kind in kinds.items():
        hello = await gateway.ask(name, m.Identify(0))
        assert (hello.kind, hello.address, hello.boot) == (kind, ADDRESSES[name], 1)
        assert hello.fingerprint == wire.FINGERPRINT
        assert m.Capability.PROVISIONED in hello.capabilities
    hello = await gateway.ask("lamp", m.Identify(0))
    assert hello.hardware_id.hex() == "0102030405060708"


@pytest.mark.deadline
async def test_presence_raises_the_pwm_of_its_lamp(running: Street, gateway: Gateway) -> None:
    await gateway.ask("lamp", m.Identify(0))
    lamp = running.lamp("lamp")
    floor = round(0.2 * 65535)
    await running.until(lambda: 0 < lamp.pwm_duty <= floor, timeout_s=20, what="the floor")
    lamp.presence(True)
    waited_s = await running.until(lambda: lamp.pwm_duty > floor, what="the PWM rises")
    assert waited_s <= RISE_S
    lamp.presence(False)
    await running.until(lambda: lamp.pwm_duty <= floor, timeout_s=20, what="the floor again")


async def test_a_command_reaches_the_pin_and_ends_by_itself(
    running: Street, gateway: Gateway
) -> None:
    lamp = running.lamp("lamp")
    result = await gateway.ask("lamp", m.Command(7, m.Verb.SET, 5000, 60, 2, b""))
    assert (result.transaction, result.status) == (7, m.Status.DONE)
    await running.until(lambda: abs(lamp.pwm_duty - 0.6 * 65535) < 700, what="60 percent")
    await running.until(lambda: lamp.pwm_duty < 0.21 * 65535, timeout_s=20, what="its end")


async def test_sensors_reach_the_records(running: Street, gateway: Gateway) -> None:
    running.bin("bin").deposit(400.0)
    running.bollard("post").door_open = True
    share = running.bin("bin").waste_mm / (1200 - 250)

    def filled(fill: Any) -> bool:
        return abs(fill.level_permille / 1000 - share) <= 0.03

    fill = await gateway.status_when("bin", wire_bin.RECORD_BIN_STATUS, filled)
    assert 12000 <= fill.battery_mv <= 13000
    post = await gateway.status_when(
        "post",
        wire_bollard.RECORD_BOLLARD_STATUS,
        lambda status: m.BollardInput.DOOR_OPEN in status.inputs,
    )
    assert post.raise_guard == m.Guard.DOOR_OPEN
    assert post.drive == m.Drive.OFF
    power_dw = 10 * 0.2 * 25
    await gateway.status_when(
        "lamp", wire_lamp.RECORD_LAMP_STATUS, lambda status: abs(status.power_dw - power_dw) <= 3
    )


async def test_a_power_cut_starts_the_next_boot_with_the_same_configuration(
    running: Street, gateway: Gateway
) -> None:
    before = await gateway.ask("lamp", m.Identify(0))
    for boot in (2, 3):
        running.controller("lamp").restart()
        await running.booted()
        after = await gateway.ask("lamp", m.Identify(0))
        assert after.boot == boot
        assert after.configuration_crc == before.configuration_crc


async def test_in_plain_a_controller_tells_who_it_is_and_nothing_else(gateway: Gateway) -> None:
    hello = await gateway.identify("lamp")
    assert hello.capabilities == m.Capability.PROVISIONED | m.Capability.SECURED
    poll = m.Poll(hello.boot, 1, 1, 0, wire.URGENT_SEQUENCE_BASE + 1, 220)
    for _ in range(2):
        flags, refusal = await gateway.ask_plain("lamp", poll)
        assert not flags & wire.FLAG_SECURED
        assert refusal == m.Refusal(wire.POLL, m.RefusalReason.UNSECURED)
        await gateway.open_session("lamp")
    assert (await gateway.ask("lamp", poll)).held


async def test_a_secured_broadcast_sets_every_clock(gateway: Gateway) -> None:
    for name in ADDRESSES:
        await gateway.open_session(name)
    noon_s = 215_000_000
    gateway.broadcast(m.Time(noon_s, 0, m.TimeTrust.SYNCHRONISED))
    for name in ADDRESSES:
        boot = (await gateway.identify(name)).boot
        until_s = time.monotonic() + 20.0
        while True:
            none = wire.URGENT_SEQUENCE_BASE * 2 - 1
            answer = await gateway.ask(name, m.Poll(boot, 1, 1, 0, none, 220))
            header = list(codec.decode_records(answer.entries))[-1].header
            acknowledged = header.sequence + 1
            await gateway.ask(name, m.Poll(boot, acknowledged, acknowledged, 0, none, 0))
            if header.seconds >= noon_s:
                break
            assert time.monotonic() < until_s, header
        assert header.seconds < noon_s + 60
        assert m.Quality.CLOCK_UNTRUSTED not in header.quality


async def test_a_running_secured_controller_has_room_to_spare(gateway: Gateway) -> None:
    for name in ADDRESSES:
        await gateway.open_session(name)
    for name in ADDRESSES:
        await gateway.ask(name, m.Command(1, m.Verb.IDENTIFY, 5000, 0, 1, b""))
        # From a time when it had been asked already; the firmware collects before it counts.
        health = await gateway.status_when(
            name, wire.RECORD_HEALTH, lambda status: status.uptime_s >= 10
        )
        assert health.heap_free >= HEADROOM_BYTES, name
