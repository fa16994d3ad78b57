"""The programs at the ends of the line that bench_bus measures; each runs as its own process.

`python -m tests.bench.bus_talkers ROLE PORT ADDRESSES REQUEST REPLY SECONDS KEYS`. A master talks
until it has settled, says `begin`, counts exchanges for so many seconds, then prints what it
counted. A responder says `begin` and answers until it is ended; PORT is then the number of an
inherited descriptor.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import struct
import sys
import termios
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import minimalmodbus
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient

from gateway.bus import Bus
from gateway.controller import Controller, Presence
from gateway.conversation import BusOptions, Identity
from gateway.ledger import EndedBoot
from gateway.records import Record
from protocol import keyfile
from protocol.generated import wire, wire_lamp
from protocol.security_gateway import GATEWAY_ID_SIZE

PATIENCE_S = 1.0
SETTLE_S = 0.5
ONLINE_S = 30.0
READ_HOLDING_REGISTERS = 3
MODBUS_REQUEST_BYTES = 8
MODBUS_OVERHEAD_BYTES = 5


@dataclass(frozen=True)
class Task:
    """What to do; sizes are of a frame on the wire, except that Modbus sets its own."""

    port: str
    addresses: int
    request_bytes: int
    reply_bytes: int
    payload_bytes: int
    duration_s: float
    keys: Path


class OneRecord(Controller):
    """Asks for exactly one record of 24 bytes every time: the newest but what is stored stays."""

    def poll(self, limit: int = wire.RECORD_HEADER_SIZE + wire_lamp.LAMP_STATUS_SIZE) -> bytes:
        self.routine.next = self.routine.acknowledged
        return super().poll(limit)

    def stored(self, boot: int, attempt: int, records: list[Record]) -> None:
        super().stored(boot, attempt, records)
        if boot == self.boot and self.routine.acknowledged > 1:
            self.routine.acknowledged -= 1


class Sink:
    """Takes everything at once: what is measured is the bus. Knows when all are on-line."""

    def __init__(self, controllers: int) -> None:
        self.all_online = asyncio.Event()
        self._online: set[str] = set()
        self._controllers = controllers

    async def put(self, records: Sequence[Record]) -> None:
        del records

    def resume(self, unit: str, boot: int) -> tuple[int, int]:
        del unit, boot
        return 1, wire.URGENT_SEQUENCE_BASE + 1

    def restarted(self, ended: EndedBoot) -> None:
        del ended

    def availability(self, controller: Controller, cause: str | None) -> None:
        del cause
        if controller.presence is Presence.ONLINE:
            self._online.add(controller.slot)
        if len(self._online) == self._controllers:
            self.all_online.set()


def say(**content: object) -> None:
    print(json.dumps(content), flush=True)


def modbus_crc(data: bytes) -> bytes:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


async def stoep(task: Task) -> None:
    """The gateway's own Bus, Port and Controller."""
    key = keyfile.load(task.keys, "link")
    lamps: list[Controller] = [
        OneRecord(f"lamp-{at}", "lamp", unit(at), at, key.device_keys(bytes.fromhex(unit(at))))
        for at in range(1, task.addresses + 1)
    ]
    identity = Identity(bytes(GATEWAY_ID_SIZE))
    sink = Sink(task.addresses)
    bus = Bus(BusOptions("bus", task.port, poll_interval_ms=0), lamps, sink, identity)
    running = asyncio.create_task(bus.run())
    async with asyncio.timeout(ONLINE_S):
        await sink.all_online.wait()
    await asyncio.sleep(SETTLE_S)
    say(begin=True)
    before, missed, began = bus.counters.exchanges, bus.counters.repeats, time.perf_counter()
    burned = time.process_time()
    await asyncio.sleep(task.duration_s)
    say(
        exchanges=bus.counters.exchanges - before,
        seconds=time.perf_counter() - began,
        processor_s=time.process_time() - burned,
        repeats=bus.counters.repeats - missed,
    )
    running.cancel()


def bare(task: Task) -> None:
    """The same bytes by nothing but read and write: what the modelled line itself carries."""
    port = os.open(task.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    termios.tcflush(port, termios.TCIFLUSH)
    request = b"\x55" * task.request_bytes

    def exchange(_address: int) -> None:
        os.write(port, request)
        left = task.reply_bytes
        while left > 0:
            if not select.select([port], [], [], PATIENCE_S)[0]:
                raise TimeoutError
            left -= len(os.read(port, 4096))

    count_exchanges(task, exchange)


def minimal(task: Task) -> None:
    """minimalmodbus as its manual shows it, the port kept open."""
    instruments = {
        at: minimalmodbus.Instrument(task.port, at) for at in range(1, task.addresses + 1)
    }
    for instrument in instruments.values():
        port: Any = instrument.serial
        port.baudrate, port.timeout = 115200, PATIENCE_S
    registers = task.payload_bytes // 2
    count_exchanges(task, lambda address: instruments[address].read_registers(0, registers))


async def pymodbus(task: Task) -> None:
    """pymodbus' asynchronous RTU client."""
    client = AsyncModbusSerialClient(
        task.port, framer=FramerType.RTU, baudrate=115200, timeout=PATIENCE_S
    )
    if not await client.connect():
        raise ConnectionError(task.port)
    registers = task.payload_bytes // 2

    async def exchange(address: int) -> None:
        await client.read_holding_registers(0, count=registers, device_id=address)

    await count_awaited_exchanges(task, exchange)
    client.close()


def count_exchanges(task: Task, exchange: Callable[[int], object]) -> None:
    async def awaited(address: int) -> None:
        exchange(address)

    asyncio.run(count_awaited_exchanges(task, awaited))


async def count_awaited_exchanges(
    task: Task, exchange: Callable[[int], Awaitable[object]]
) -> None:  # one loop for both kinds, so that nothing but the exchange differs
    addresses = range(1, task.addresses + 1)
    settled = time.perf_counter() + SETTLE_S
    while time.perf_counter() < settled:
        for address in addresses:
            await exchange(address)
    say(begin=True)
    count, began, burned = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() < began + task.duration_s:
        for address in addresses:
            await exchange(address)
        count += task.addresses
    say(
        exchanges=count,
        seconds=time.perf_counter() - began,
        processor_s=time.process_time() - burned,
        repeats=0,
    )


def respond(task: Task, modbus: bool) -> None:
    """Answer every request of a known size; the bytes of a Modbus reply are ready beforehand."""
    port = int(task.port)
    os.set_blocking(port, True)
    replies = [b"\x55" * task.reply_bytes] * 256
    if modbus:
        payload = bytes(task.payload_bytes)
        for address in range(256):
            body = bytes((address, READ_HOLDING_REGISTERS, len(payload))) + payload
            replies[address] = body + modbus_crc(body)
    request_bytes = MODBUS_REQUEST_BYTES if modbus else task.request_bytes
    heard = b""
    termios.tcflush(port, termios.TCIFLUSH)  # what the one before had said last
    say(begin=True)
    while True:
        heard += os.read(port, 4096)
        if len(heard) >= request_bytes:
            os.write(port, replies[heard[0]])
            heard = b""


def unit(address: int) -> str:
    """Hardware id of the controller of an address."""
    return f"5740ea00000000{address:02x}"


def payload_bytes() -> int:
    """What a reply carries: the head of a batch and one record of a lamp, 24 bytes of it."""
    return wire.RECORDS_SIZE + wire.RECORD_HEADER_SIZE + wire_lamp.LAMP_STATUS_SIZE


def main() -> None:
    role, port, addresses, request_bytes, reply_bytes, duration_s, keys = sys.argv[1:]
    task = Task(
        port,
        int(addresses),
        int(request_bytes),
        int(reply_bytes),
        payload_bytes(),
        float(duration_s),
        Path(keys),
    )
    if role == "stoep":
        asyncio.run(stoep(task))
    elif role == "pymodbus":
        asyncio.run(pymodbus(task))
    elif role == "minimalmodbus":
        minimal(task)
    elif role == "bare":
        bare(task)
    else:
        respond(task, modbus=role == "modbus-responder")


if __name__ == "__main__":
    main()
