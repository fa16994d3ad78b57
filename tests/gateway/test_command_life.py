"""However messages repeat, clocks move and agents die: a command acts once, in time, or never.

A Hypothesis state machine plays sender, broker, clock and power cut around the real desk and the
real statements of the store. Nothing moves by itself: every await of the desk is a gate, and the
machine says which one opens next, or that the agent dies there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import gateway.desk
from gateway.commands import Command, Outcome, Status
from gateway.contract import Address, Topics, timestamp
from gateway.database import migrations
from gateway.desk import Desk, Incoming, Progress, Reply
from gateway.errors import StoreFullError
from gateway.journal import GENESIS, chained
from gateway.outbox import CommandEntry, Note, Outbox
from gateway.queries import Reader
from gateway.store import Store
from tests.gateway.samples import command

TOPICS = Topics("park", "gw")
TOPIC = TOPICS.slot("lamp", "L1", "cmd")
START_MS = 1_764_000_000_000
_T = TypeVar("_T")


class Gates:
    """Where an agent waits until it is let through; a dead one waits for ever."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []
        self.dead = False

    async def wait(self) -> None:
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(gate)
        await gate

    def open(self, number: int) -> None:
        self.waiting.pop(number % len(self.waiting)).set_result(None)


class GatedStore:
    """The store's command side on a database that outlives agents; each call has two gates.

    An agent may die before the first one (nothing happened) and before the second one (it is
    durable, but the desk does not know).
    """

    began_ms = None

    def __init__(
        self, connection: sqlite3.Connection, gates: Gates, is_full: Callable[[], bool]
    ) -> None:
        self._outbox = Outbox(connection, 1 << 40)
        self._reader = Reader(connection, cast("Any", None))
        self._gates = gates
        self._is_full = is_full

    async def _write(self, work: Callable[[Outbox], _T]) -> _T:
        await self._gates.wait()
        if self._is_full():
            await self._gates.wait()
            raise StoreFullError("no room")
        self._outbox.begin()
        value = work(self._outbox)
        self._outbox.commit()
        await self._gates.wait()
        return value

    async def begin_command(self, entry: CommandEntry, note: Note) -> bool:
        return await self._write(lambda outbox: outbox.begin_command(entry, note))

    async def finish_command(self, command_id: str, result: bytes, note: Note) -> bool:
        return await self._write(lambda outbox: outbox.finish_command(command_id, result, note))

    def note(self, note: Note) -> asyncio.Future[None]:
        return asyncio.ensure_future(self._write(lambda outbox: outbox.journal.append(*note)))

    async def known_commands(self, limit: int) -> list[str]:
        await self._gates.wait()
        return self._reader.known_commands(limit)

    async def open_commands(self) -> list[CommandEntry]:
        await self._gates.wait()
        return self._reader.open_commands()

    def answered(self, command_id: str) -> None:
        self._outbox.begin()
        self._outbox.command_answered(command_id)
        self._outbox.commit()


class Run:
    """One life of the agent."""

    def __init__(self, world: CommandLife) -> None:
        self._world = world
        self.gates = Gates()
        self.store = GatedStore(world.connection, self.gates, lambda: world.disk_is_full)
        self.outbound: list[Reply] = []
        self.refused: set[str] = set()
        self.desk = world.desk_class(
            TOPICS,
            cast("Store", self.store),
            Address("lamp", "L1").__eq__,
            self._execute,
            self._send,
            lambda: world.now_ms,
        )

    def _send(self, reply: Reply) -> None:
        if self.gates.dead:
            return
        self.outbound.append(reply)
        told = json.loads(reply.payload)
        if reply.command_id is None and Status(told["status"]).final:
            self._world.refuses(told, self)

    async def _execute(self, command: Command, progress: Progress) -> Outcome:
        self._world.acts(command, self)
        await self.gates.wait()
        await progress(Outcome(Status.IN_PROGRESS, progress=50))
        await self.gates.wait()
        return Outcome(Status.DONE)


class CommandLife(RuleBasedStateMachine):
    """Everything that can happen to commands, in any order."""

    desk_class: type[Desk] = Desk

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        for script in migrations():
            self.connection.executescript(script)
        self.now_ms = START_MS
        self.disk_is_full = False
        self.sent: list[bytes] = []
        self.acted: Counter[str] = Counter()
        self.late: list[str] = []
        self.finals: dict[str, set[bytes]] = {}
        self.wrong: list[str] = []
        self.run = Run(self)

    def acts(self, command: Command, run: Run) -> None:
        if not run.gates.dead:
            self.acted[command.id] += 1
            if self.now_ms > command.not_after_ms:
                self.late.append(command.id)

    def refuses(self, told: dict[str, Any], run: Run) -> None:
        """A message may be refused before its command is taken; later it is a duplicate."""
        if told["guard"] != "duplicate":
            run.refused.add(told["id"])
            if told["id"] in self._stored():
                self.wrong.append(f"{told['id']} was taken, and then refused as {told['guard']}")

    def _settle(self) -> None:
        """Lets everything run that is not at a gate."""

        async def turns() -> None:
            for _ in range(12):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())

    def _start(self) -> None:
        self.recovering = self.loop.create_task(self.run.desk.recover())
        self._settle()

    @initialize(patience_s=st.sampled_from([0, 60]))
    def first_start(self, patience_s: float) -> None:
        gateway.desk.RECOVER_LIMIT_S = patience_s
        self._start()

    # --- sender and broker ----------------------------------------------------------------------

    @rule(lifetime_ms=st.sampled_from([-1, 0, 1, 5, 1000]), retained=st.booleans())
    def a_new_command(self, lifetime_ms: int, *, retained: bool) -> None:
        self.sent.append(
            command(
                id=f"c{len(self.sent)}",
                issued=timestamp(self.now_ms),
                not_after=timestamp(self.now_ms + lifetime_ms),
            )
        )
        self._deliver(self.sent[-1], retained=retained)

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 3), retained=st.booleans())
    def an_old_message_again(self, which: int, *, retained: bool) -> None:
        """A duplicate of QoS 1, a replay, or what a broker retained or kept for a session."""
        self._deliver(self.sent[-1 - which % len(self.sent)], retained=retained)

    def _deliver(self, payload: bytes, *, retained: bool) -> None:
        async def arrives() -> None:
            self.run.desk.take(Incoming(TOPIC, payload, retained))

        self.loop.run_until_complete(arrives())
        self._settle()

    @precondition(lambda self: self.run.outbound)
    @rule(confirmed=st.booleans())
    def the_broker_takes_a_result(self, *, confirmed: bool) -> None:
        reply = self.run.outbound.pop(0)
        if reply.command_id is not None:
            self.finals.setdefault(reply.command_id, set()).add(reply.payload)
            if confirmed:
                self.run.store.answered(reply.command_id)

    # --- time, disk, power ----------------------------------------------------------------------

    @rule(passed_ms=st.sampled_from([1, 4, 5, 1000, 100_000]))
    def time_passes(self, passed_ms: int) -> None:
        self.now_ms += passed_ms

    @precondition(lambda self: self.run.gates.waiting)
    @rule(which=st.integers(0, 5))
    def the_agent_goes_on(self, which: int) -> None:
        self.run.gates.open(which)
        self._settle()

    @rule(gates=st.integers(2, 12))
    def the_agent_goes_on_for_long(self, gates: int) -> None:
        for _ in range(gates):
            if self.run.gates.waiting:
                self.the_agent_goes_on(0)
        while self.run.outbound:
            self.the_broker_takes_a_result(confirmed=False)

    @rule()
    def the_disk_fills_or_has_room_again(self) -> None:
        self.disk_is_full = not self.disk_is_full

    @rule()
    def the_agent_dies_and_starts_again(self) -> None:
        self._end()
        self.run = Run(self)
        self._start()

    def _end(self) -> None:
        self.run.gates.dead = True
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self._settle()

    # --- what always holds ----------------------------------------------------------------------

    @invariant()
    def no_command_acts_twice_or_late(self) -> None:
        assert all(times == 1 for times in self.acted.values())
        assert self.late == []

    @invariant()
    def a_command_has_one_final_result_at_most(self) -> None:
        assert all(len(payloads) == 1 for payloads in self.finals.values())

    @invariant()
    def a_command_is_taken_or_refused_but_not_both(self) -> None:
        assert self.wrong == []
        assert not self.run.refused & set(self._stored())

    def _stored(self) -> dict[str, bytes | None]:
        return dict(self.connection.execute("SELECT id, result FROM command"))

    def teardown(self) -> None:
        """With a disk that works and a last start, everything comes to its end."""
        self.disk_is_full = False
        self._finish()
        self.the_agent_dies_and_starts_again()
        self._finish()
        stored = self._stored()
        self._end()
        self.loop.close()
        assert set(self.acted) <= set(stored)
        assert {name: {result} for name, result in stored.items()} == self.finals
        last = GENESIS
        for text, digest in self.connection.execute("SELECT entry, hash FROM journal ORDER BY id"):
            last = chained(last, text.encode())
            assert last == digest
        self.connection.close()

    def _finish(self) -> None:
        while self.run.gates.waiting or self.run.outbound:
            while self.run.gates.waiting:
                self.the_agent_goes_on(0)
            while self.run.outbound:
                self.the_broker_takes_a_result(confirmed=True)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gates are the only time there is."""
    monkeypatch.setattr(gateway.desk, "STORE_RETRY_S", 0)
    monkeypatch.setattr(gateway.desk, "RECOVER_LIMIT_S", 0)  # the machine changes it
    logging.getLogger("gateway.desk").setLevel(logging.CRITICAL)


def play(examples: int, steps: int, **options: Any) -> None:
    run_state_machine_as_test(
        CommandLife, settings=settings(max_examples=examples, stateful_step_count=steps, **options)
    )


def test_a_command_acts_once_and_in_time_or_never() -> None:
    play(300, 40)


@pytest.mark.soak
def test_a_command_acts_once_and_in_time_or_never_however_long_it_is_tried() -> None:
    play(20_000, 60)


# --- guards that were taken out -----------------------------------------------------------------

LATE = ("if self._now_ms() > command.not_after_ms:", "if False:")
KNOWN = ("if parsed.id in self._known or parsed.id in self._refused_ids:", "if False:")
FRESH = ("if not fresh:", "if fresh is None:")
KEPT = (
    "await self._store.finish_command(command_id, payload, note)\n                return",
    "return",
)
ANSWERED = ("for entry in await self._store.open_commands():", "for entry in ():")


@pytest.mark.parametrize(
    "edits",
    [(LATE,), (KNOWN,), (KNOWN, FRESH), (KEPT,), (ANSWERED,)],
    ids=["late", "known", "fresh", "kept", "answered"],
)
def test_without_this_guard_a_command_goes_wrong(
    monkeypatch: pytest.MonkeyPatch, edits: tuple[tuple[str, str], ...]
) -> None:
    monkeypatch.setattr(CommandLife, "desk_class", edited_desk(monkeypatch, edits))
    with pytest.raises(AssertionError):
        play(2000, 40, phases=[Phase.generate], derandomize=True, report_multiple_bugs=False)


def edited_desk(patch: pytest.MonkeyPatch, edits: tuple[tuple[str, str], ...]) -> type[Desk]:
    """The desk with lines of its source changed."""
    source = Path(gateway.desk.__file__).read_text(encoding="utf-8")
    for old, new in edits:
        assert source.count(old) == 1
        source = source.replace(old, new)
    module = ModuleType("gateway.desk_without_a_guard")
    patch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, module.__name__, "exec"), module.__dict__)
    module.__dict__["STORE_RETRY_S"] = 0
    logging.getLogger(module.__name__).setLevel(logging.CRITICAL)
    return module.__dict__["Desk"]
