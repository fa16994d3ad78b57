"""Memory and processor of a whole gateway: `python -m tests.bench.bench_gateway`.

`stoep gateway run` with 256 controllers on four buses, each of which puts one routine record a
second; a broker and the controllers are processes of their own. A reader subscribes and counts, so
that what is measured did arrive. Processor time is a share of one core; `bare` is the share that a
loop of nothing but write, wait and read takes on this machine for as many exchanges.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import select
import subprocess
import sys
import tempfile
import time
import tty
from pathlib import Path

import aiomqtt

from gateway.contract import Topics
from hil.broker import HOST, EmbeddedBroker
from protocol import codec, keyfile
from protocol.generated import messages as m
from protocol.link_gateway import Requester
from tests.bench.crowd import station
from tests.bench.whole_street import BUS, SITE
from tests.gateway.brokers import BrokerUnderTest, Mosquitto
from tests.gateway.stations import EPOCH, SITE_KEY

BUSES, CONTROLLERS_A_BUS = 4, 64
ONLINE_LIMIT_S = 120.0
SETTLE_S = 5.0
WINDOW_S = 30.0
BARE_LIMIT_S = 1.0
GOAL_MB, GOAL_SHARE = 80, 0.15
TOPICS = Topics("bench", "gw")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")

SLOT = """
[[slot]]
name = "{lamp.slot}"
kind = "lamp"
bus = "bus-{bus}"
address = {lamp.address}
unit = "{unit}"
position = [{x}, {y}]
"""


def site_text(key: Path, broker: str, ports: list[str], controllers: int) -> str:
    """A site file of so many lamps on each of these ports."""
    parts = [SITE.format(key=key, broker=broker)]
    parts += [BUS.format(bus=f"bus-{number}", port=port) for number, port in enumerate(ports)]
    for number in range(len(ports)):
        for address in range(1, controllers + 1):
            lamp = station(number, address)
            parts.append(
                SLOT.format(
                    lamp=lamp, bus=number, unit=lamp.unit.hex(), x=25 * address, y=100 * number
                )
            )
    return "".join(parts)


class Reader:
    """A subscriber that counts who is on-line, and records."""

    def __init__(self) -> None:
        self.online: set[str] = set()
        self.records = 0

    async def run(self, port: int) -> None:
        """Until it is cancelled."""
        async with aiomqtt.Client(HOST, port, protocol=aiomqtt.ProtocolVersion.V5) as client:
            await client.subscribe(f"{TOPICS.base}/lamp/+/avail", qos=1)
            await client.subscribe(f"{TOPICS.base}/lamp/+/tele", qos=1)
            async for message in client.messages:
                value = json.loads(bytes(message.payload))  # type: ignore[arg-type]  # bytes in MQTT 5
                if "records" in value:
                    self.records += len(value["records"])
                elif value["status"] == "online":
                    self.online.add(str(message.topic))


def processor_s(process: int) -> float:
    """What a process has burned, proc(5), fields 14 and 15."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def resident_mb(process: int) -> float:
    """What it holds of memory."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def bare_exchange_s(port: str, exchanges: int = 300) -> float:
    """Processor time of an exchange that is nothing but write, wait and read."""
    request = Requester(1, 0).request(m.Identify.ID, codec.encode_message(m.Identify(0)), True)
    descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    tty.setraw(descriptor)
    began_s = time.process_time()
    for _ in range(exchanges):
        os.write(descriptor, request)
        reply = b""
        while not reply.endswith(b"\0"):
            if not select.select([descriptor], [], [], BARE_LIMIT_S)[0]:
                raise TimeoutError(f"{port}: nobody answers")
            reply += os.read(descriptor, 4096)
    os.close(descriptor)
    return (time.process_time() - began_s) / exchanges


async def requests(crowd: asyncio.subprocess.Process) -> int:
    """How many the controllers have heard."""
    assert crowd.stdin is not None
    assert crowd.stdout is not None
    crowd.stdin.write(b"\n")
    return int(await crowd.stdout.readline())


async def measure(buses: int, controllers: int, window_s: float) -> None:
    """Print the figures of one street."""
    broker: BrokerUnderTest = Mosquitto() if Mosquitto.installed() else EmbeddedBroker()
    # On a disk: what is mounted at /tmp may be memory.
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="stoep-bench-") as name:
        folder = Path(name)
        key = folder / "link.json"
        keyfile.save(keyfile.SiteKey("link", "bench", {EPOCH: SITE_KEY}), key)
        crowd = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.crowd", str(buses), str(controllers)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert crowd.stdout is not None
        ports = json.loads(await crowd.stdout.readline())
        await broker.start()
        site = folder / "site.toml"
        site.write_text(site_text(key, broker.url, ports, controllers))
        log = (folder / "gateway.log").open("wb")
        gateway = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tools.cli", "gateway", "run", "--site", str(site)),
            stdout=log,
            stderr=log,
        )
        reader = Reader()
        reading = asyncio.create_task(reader.run(broker.port))
        try:
            async with asyncio.timeout(ONLINE_LIMIT_S):
                while len(reader.online) < buses * controllers:  # noqa: ASYNC110  # no event tells
                    await asyncio.sleep(0.1)
            await asyncio.sleep(SETTLE_S)
            begun = processor_s(gateway.pid), reader.records, await requests(crowd)
            await asyncio.sleep(window_s)
            ended = processor_s(gateway.pid), reader.records, await requests(crowd)
            resident = resident_mb(gateway.pid)
            burned, records, exchanges = (
                (end - begin) / window_s for begin, end in zip(begun, ended, strict=True)
            )
            gateway.terminate()
            await gateway.wait()
            bare = await asyncio.to_thread(bare_exchange_s, ports[0]) * exchanges
            print(
                f"{buses * controllers:11} {records:14.1f} {exchanges:11.1f} {resident:12.1f}"
                f" {burned:9.2f} {bare:6.2f} {burned / bare:8.1f}"
            )
        except TimeoutError:
            text = (folder / "gateway.log").read_text()
            raise RuntimeError(f"{len(reader.online)} are on-line: {text[-2000:]}") from None
        finally:
            reading.cancel()
            for process in (gateway, crowd):
                if process.returncode is None:
                    process.terminate()
                    await process.wait()
            log.close()
            await broker.stop()


def main(buses: int = BUSES, controllers: int = CONTROLLERS_A_BUS) -> None:
    """Print the table."""
    print(f"a gateway, resident and its share of a core; goal {GOAL_MB} MB, {GOAL_SHARE}")
    print(
        f"{'controllers':>11} {'records/s seen':>14} {'exchanges/s':>11} {'resident, MB':>12}"
        f" {'processor':>9} {'bare':>6} {'× bare':>8}"
    )
    asyncio.run(measure(buses, controllers, WINDOW_S))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--buses", type=int, default=BUSES)
    parser.add_argument("--controllers", type=int, default=CONTROLLERS_A_BUS, help="a bus")
    chosen = parser.parse_args()
    main(chosen.buses, chosen.controllers)
