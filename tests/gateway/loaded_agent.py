"""An agent under load that is killed over and over: store, uplink and desk of the real one.

    python -m tests.gateway.loaded_agent STORE PORT GATEWAY KILLS SEED DEADLINE_S [ARRANGEMENT ...]

Everything is imported once; each life is a fork that SIGKILL ends at a random moment. What the
world outside knows (records that controllers made and freed, commands that were carried out) is
in shared memory, so it outlives the agent like real controllers do. In the last life controllers
make nothing new, but repeat what they hold; it works in order until nothing is left to do. What
happened is printed as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import mmap
import os
import random
import signal
import sqlite3
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from gateway import desk, store
from gateway.commands import Command, Outcome, Status
from gateway.contract import Address, Topics
from gateway.desk import Desk, Incoming, Progress
from gateway.drain import Drain
from gateway.outbox import Outbox, PutResult
from gateway.records import Record
from gateway.site_model import Broker
from gateway.store import Store
from gateway.uplink import Uplink
from tests.gateway.brokers import until
from tests.gateway.samples import alarm, record

UNITS = 4
BASE_MS = 1_764_000_000_000
MAX_COMMANDS = 1 << 16
LONGEST_LIFE_S = 0.08
LINGER_S = 0.02
CONNECT_LIMIT_S = 5.0
LAST_LIFE_LIMIT_S = 30.0
"""What is not delivered by then never will be."""
CHECK_EVERY = 50
"""Kills between two checks of the whole file."""


LAST_LIFE = "the last life begins"
"""Printed before it; it begins when a line comes back."""


class World:
    """What outlives every agent."""

    MADE = 2 * UNITS
    VIOLATIONS, LIVES_CONNECTED = 4 * UNITS, 4 * UNITS + 1
    COMMANDS = 8 * (4 * UNITS + 2)

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, self.COMMANDS + MAX_COMMANDS)

    def get(self, index: int) -> int:
        return struct.unpack_from("<q", self._memory, 8 * index)[0]

    def set(self, index: int, value: int) -> None:
        struct.pack_into("<q", self._memory, 8 * index, value)

    def freed(self, unit: int, *, urgent: bool) -> int:
        """How many records of a stream its controller freed."""
        return self.get(2 * unit + urgent)

    def free(self, unit: int, count: int, *, urgent: bool) -> None:
        """Acknowledges records to the controller; a step back is noted as a violation."""
        if count < self.freed(unit, urgent=urgent):
            self.set(self.VIOLATIONS, self.get(self.VIOLATIONS) + 1)
        self.set(2 * unit + urgent, count)

    def made(self, unit: int, *, urgent: bool) -> int:
        """How many records of a stream its controller made; it repeats those it may not free."""
        return self.get(self.MADE + 2 * unit + urgent)

    def make(self, unit: int, count: int, *, urgent: bool) -> None:
        """So many records there are now; a gateway may hear of them, and forget them again."""
        self.set(self.MADE + 2 * unit + urgent, max(count, self.made(unit, urgent=urgent)))

    def carried_out(self, number: int) -> int:
        return self._memory[self.COMMANDS + number]

    def carry_out(self, number: int) -> None:
        self._memory[self.COMMANDS + number] += 1


def unit_name(unit: int) -> str:
    return f"{unit:016x}"


def made(unit: int, number: int, *, urgent: bool) -> Record:
    """The record of that number, always the same: its time tells its unit and number."""
    make = alarm if urgent else record
    one = make(number, slot=f"L{unit}", unit=unit_name(unit))
    return one._replace(time_ms=moment_ms(unit, one.sequence))


def moment_ms(unit: int, sequence: int) -> int:
    return BASE_MS + sequence % (1 << 29) * UNITS + unit


class Life:
    """One run of the agent."""

    kills_itself = False

    def __init__(self, world: World, path: Path, port: int, gateway: str) -> None:
        self._world = world
        topics = Topics("park", gateway)
        # Every second agent lets records wait for company, and publishes them before the commit.
        self.store = Store(path, linger_s=LINGER_S if gateway.endswith("1") else 0.0)
        self.uplink = Uplink(Broker(url=f"mqtt://127.0.0.1:{port}"), topics, self.store, self._take)
        self.desk = Desk(topics, self.store, self._knows, self._execute, self.uplink.reply)

    def _take(self, incoming: Incoming) -> None:
        self.desk.take(incoming)

    @staticmethod
    def _knows(address: Address) -> bool:
        return address == Address("lamp", "L0")

    async def _execute(self, command: Command, progress: Progress) -> Outcome:
        self._world.carry_out(int(command.id.rpartition("-")[2]))
        await progress(Outcome(Status.IN_PROGRESS, progress=50))
        await asyncio.sleep(random.uniform(0, 0.01))
        return Outcome(Status.DONE)

    async def until_killed(self) -> None:
        async with self.store, asyncio.TaskGroup() as group:
            group.create_task(self.uplink.run())
            for unit in range(UNITS):
                group.create_task(self._controller(unit, urgent=False))
            group.create_task(self._controller(0, urgent=True))
            await self.desk.recover()
            await until(lambda: self.uplink.health.connected)
            self._world.set(World.LIVES_CONNECTED, self._world.get(World.LIVES_CONNECTED) + 1)

    def _resume(self, unit: int, *, urgent: bool) -> int:
        """How many records of a stream the gateway does not ask for again."""
        first = (
            self.store.resume(unit_name(unit), 1)[urgent] - made(unit, 1, urgent=urgent).sequence
        )
        if first < self._world.freed(unit, urgent=urgent):
            self._world.set(World.VIOLATIONS, self._world.get(World.VIOLATIONS) + 1)
        return min(first, self._world.freed(unit, urgent=urgent))

    async def _controller(self, unit: int, *, urgent: bool) -> None:
        done = self._resume(unit, urgent=urgent)
        while True:
            # A controller repeats what it has not been allowed to free.
            count = random.randint(1, 4)
            await self._put(unit, done, done + count, urgent=urgent)
            done += count
            await asyncio.sleep(random.uniform(0, 0.03))

    async def _put(self, unit: int, done: int, upto: int, *, urgent: bool) -> None:
        records = [made(unit, number, urgent=urgent) for number in range(done + 1, upto + 1)]
        self._world.make(unit, upto, urgent=urgent)
        await self.store.put(records)
        self._world.free(unit, upto, urgent=urgent)
        self.uplink.state(records[-1])

    async def repeat_held(self) -> None:
        """Every controller sends what it made and was not allowed to free."""
        for unit in range(UNITS):
            for urgent in (False, True):
                done = self._resume(unit, urgent=urgent)
                if (upto := self._world.made(unit, urgent=urgent)) > done:
                    await self._put(unit, done, upto, urgent=urgent)

    async def in_order(self) -> None:
        """Works until everything is delivered and answered, then ends."""
        async with self.store:
            uplink = asyncio.create_task(self.uplink.run())
            await self.desk.recover()
            await self.repeat_held()
            limit_s = LAST_LIFE_LIMIT_S if FAULTS.keys().isdisjoint(sys.argv[7:]) else 2
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await until(self._has_nothing_to_do)
            await self.desk.close()
            await self.uplink.close()
            await uplink

    async def _has_nothing_to_do(self) -> bool:
        return not (await self.store.ledger()).pending and not await self.store.open_commands()


def fork(work: Life, number: int, *, to_the_end: bool) -> int:
    """Starts a life; returns its process."""
    child = os.fork()
    if child:
        return child
    random.seed(number)
    try:
        asyncio.run(work.in_order() if to_the_end else work.until_killed())
    except BaseException as error:  # noqa: BLE001 - nothing of the parent may run in the child
        print(f"life {number}: {error!r}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def main() -> None:
    path, port, gateway = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    kills, seed, deadline_s = int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6])
    for name in sys.argv[7:]:
        ARRANGEMENTS[name]()
    logging.basicConfig(level=logging.ERROR)
    world, chance = World(), random.Random(seed)
    gc.freeze()
    started_s = time.monotonic()
    killed = unsound = died = 0
    while killed < kills and time.monotonic() - started_s < deadline_s:
        before = world.get(World.LIVES_CONNECTED)
        child = fork(Life(world, path, port, gateway), seed * 1_000_000 + killed, to_the_end=False)
        if Life.kills_itself:
            os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        elif chance.random() < 0.6:
            wait_connected(world, before)
        time.sleep(chance.uniform(0, LONGEST_LIFE_S))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        died += not os.WIFSIGNALED(status)
        killed += 1
        if killed % CHECK_EVERY == 0:
            unsound += not is_sound(path)
    # A command that comes while the last life ends would be answered by a next one only.
    print(LAST_LIFE, flush=True)
    sys.stdin.readline()
    child = fork(Life(world, path, port, gateway), seed, to_the_end=True)
    _, status = os.waitpid(child, 0)
    report = {
        "kills": killed,
        "died": died + bool(status),
        "unsound": unsound + (not is_sound(path)),
        "violations": world.get(World.VIOLATIONS),
        "lives_connected": world.get(World.LIVES_CONNECTED),
        "routine": [world.freed(unit, urgent=False) for unit in range(UNITS)],
        "urgent": [world.freed(unit, urgent=True) for unit in range(UNITS)],
        "carried_out": [world.carried_out(number) for number in range(MAX_COMMANDS)],
        "seconds": time.monotonic() - started_s,
    }
    print(json.dumps(report))


def wait_connected(world: World, before: int) -> None:
    """Lets a life come as far as the broker, so that not only beginnings are killed."""
    deadline_s = time.monotonic() + CONNECT_LIMIT_S
    while world.get(World.LIVES_CONNECTED) == before and time.monotonic() < deadline_s:
        time.sleep(0.001)


def is_sound(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with the file."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    finally:
        connection.close()


# --- faults that the test must find -------------------------------------------------------------


def acknowledge_early() -> None:
    """Controllers may free records before the commit."""
    put, waiting = Store.put, set[asyncio.Task[None]]()

    async def later(store: Store, records: Any) -> None:
        await asyncio.sleep(0.02)
        await put(store, records)

    async def hasty(self: Store, records: Any) -> PutResult:
        waiting.add(asyncio.create_task(later(self, records)))
        return PutResult(len(records), 0)

    Store.put = hasty  # type: ignore[method-assign, assignment]  # a guard is taken out


def delete_early() -> None:
    """Records leave the store when they are sent, not when they are confirmed."""
    send = Drain._send

    async def hasty(self: Drain, connection: Any, publish: Any) -> None:
        await self._store.delete(publish.ids)
        await asyncio.sleep(0.005)
        await send(self, connection, publish)

    Drain._send = hasty  # type: ignore[method-assign]  # a guard is taken out


def forget_commands() -> None:
    """A command that was seen before is taken for a new one."""
    begin = Outbox.begin_command

    def forgetful(self: Outbox, entry: Any, note: Any = None) -> bool:
        begin(self, entry, note)
        return True

    Outbox.begin_command = forgetful  # type: ignore[method-assign]  # a guard is taken out
    desk._Newest.add = lambda *_: None  # type: ignore[method-assign]  # a guard is taken out


def forget_results() -> None:
    """What is not answered at the end of a life is not answered in the next one."""

    async def nothing(self: Desk) -> None:
        self._early = None

    Desk.recover = nothing  # type: ignore[method-assign]  # a guard is taken out


def die_before_the_commit() -> None:
    """No fault: each life ends when the broker has confirmed what was not committed yet."""
    live, confirm = Life.until_killed, Drain._confirm

    def last_words(self: Drain, publish: Any, error: Any) -> None:
        confirm(self, publish, error)
        if publish.ids[-1] > self._store.last_id:
            os.kill(os.getpid(), signal.SIGKILL)

    async def briefly(self: Life) -> None:
        self.store._linger_s = 3600.0
        store.is_pressing = lambda _: False
        Drain._confirm = last_words  # type: ignore[method-assign]  # a crash at one certain step
        await live(self)

    Life.until_killed = briefly  # type: ignore[method-assign]  # of the lives that are killed
    Life.kills_itself = True


def forget_held() -> None:
    """A controller never repeats what it was not allowed to free."""

    async def nothing(self: Life) -> None:
        """What only a life that was killed has heard of stays so."""

    Life.repeat_held = nothing  # type: ignore[method-assign]  # a guard is taken out


FAULTS: dict[str, Callable[[], None]] = {
    one.__name__: one for one in (acknowledge_early, delete_early, forget_commands, forget_results)
}
ARRANGEMENTS = FAULTS | {one.__name__: one for one in (die_before_the_commit, forget_held)}


if __name__ == "__main__":
    main()
