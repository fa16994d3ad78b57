"""Plays the controllers of several buses: `python -m tests.bench.crowd BUSES CONTROLLERS_A_BUS`.

Each bus is a pty of its own; its controllers are `Station`s, with real links and sessions, that
answer after the time that both frames take on a line of 115200 baud. It prints the ports as a line
of JSON and then plays until it is ended; every lamp puts one routine record a second. Each line
that it reads is answered with the number of requests so far.
"""

from __future__ import annotations

import asyncio
import json
import os
import pty
import random
import sys
import tty

from protocol.frame_reader import FrameReader
from protocol.generated import messages as m
from tests.gateway.stations import ANSWER_S, WIRE_S_A_BYTE, Station

RECORD_EVERY_S = 1.0
STATUS = m.LampStatus(
    m.LampState.HOLD, m.LampReason.PRESENCE, 230, 230, m.LampFault(0), 12, 400, 25
)


def station(bus: int, address: int) -> Station:
    """The lamp at that address of that bus."""
    made = Station(f"lamp-{bus}-{address}", "lamp", address)
    made.unit = bytes([0x57, bus, 0, 0, 0, 0, 0, address])
    made.restart()
    return made


class Bus:
    """One pty and who listens at its far end."""

    def __init__(self, number: int, controllers: int) -> None:
        self.near, self._far = pty.openpty()
        tty.setraw(self._far)
        self.port = os.ttyname(self._far)
        self.requests = 0
        self._reader = FrameReader()
        self._stations = {at: station(number, at) for at in range(1, controllers + 1)}
        asyncio.get_running_loop().add_reader(self.near, self._heard)

    def _heard(self) -> None:
        data = os.read(self.near, 4096)
        for frame in self._reader.feed(data):
            addressed = self._stations.get(frame[2])
            if addressed is not None:
                self.requests += 1
                reply = addressed.receive(bytearray(frame))
                took_s = WIRE_S_A_BYTE * (len(data) + len(reply)) + ANSWER_S
                asyncio.get_running_loop().call_later(took_s, os.write, self.near, reply)

    async def report(self) -> None:
        """Put a record of every lamp each second, not all at once."""
        chance = random.Random(self.port)
        lamps = list(self._stations.values())
        while True:
            for lamp in chance.sample(lamps, len(lamps)):
                lamp.tell(STATUS)
                await asyncio.sleep(RECORD_EVERY_S / len(lamps))


async def main() -> None:
    buses, controllers = map(int, sys.argv[1:])
    made = [Bus(number, controllers) for number in range(buses)]
    print(json.dumps([bus.port for bus in made]), flush=True)

    def told() -> None:
        if sys.stdin.readline():
            print(sum(bus.requests for bus in made), flush=True)

    asyncio.get_running_loop().add_reader(sys.stdin, told)
    async with asyncio.TaskGroup() as group:
        for bus in made:
            group.create_task(bus.report())


if __name__ == "__main__":
    asyncio.run(main())
