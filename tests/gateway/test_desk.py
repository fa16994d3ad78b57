"""Every command gets exactly one final result, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from gateway.commands import Command, Outcome, Status
from gateway.contract import Address, Topics
from gateway.desk import Desk, Execute, Incoming, Progress, Reply
from gateway.store import Store
from tests.gateway.brokers import until
from tests.gateway.samples import command

TOPICS = Topics("park", "gw")
TOPIC = TOPICS.slot("lamp", "L1", "cmd")


class Room:
    """A desk, what it sent, and what it carried out."""

    def __init__(self, store: Store, execute: Execute | None = None) -> None:
        self.replies: list[Reply] = []
        self.carried_out: list[Command] = []
        self.desk = Desk(
            TOPICS, store, Address("lamp", "L1").__eq__, execute or self._done, self.replies.append
        )

    async def _done(self, command: Command, progress: Progress) -> Outcome:
        self.carried_out.append(command)
        await progress(Outcome(Status.IN_PROGRESS, progress=50))
        return Outcome(Status.DONE)

    def take(self, payload: bytes, *, retained: bool = False) -> None:
        self.desk.take(Incoming(TOPIC, payload, retained, "my/answers", b"\x07"))

    @property
    def results(self) -> list[dict[str, Any]]:
        return [json.loads(reply.payload) for reply in self.replies]

    @property
    def statuses(self) -> list[str]:
        return [one["status"] for one in self.results]

    async def finals(self, count: int = 1) -> None:
        await until(lambda: sum(Status(s).final for s in self.statuses) >= count)


async def test_a_command_is_accepted_carried_out_and_done(store: Store) -> None:
    room = Room(store)
    await room.desk.recover()
    room.take(command(id="c1"))
    await room.finals()
    assert room.statuses == ["ACCEPTED", "IN_PROGRESS", "DONE"]
    assert {reply.topic for reply in room.replies} == {TOPICS.slot("lamp", "L1", "res")}
    assert {reply.correlation for reply in room.replies} == {b"\x07"}
    assert [reply.command_id for reply in room.replies] == [None, None, "c1"]
    assert room.desk.done == 1


async def test_a_refused_command_does_nothing(store: Store) -> None:
    room = Room(store)
    await room.desk.recover()
    room.take(command(), retained=True)
    room.take(b"{")
    room.take(command(not_after="2020-01-01T00:00:00Z"))
    assert room.statuses == ["REJECTED", "REJECTED", "EXPIRED"]
    assert room.carried_out == []
    assert room.desk.refused == 3


async def test_clearing_a_retained_message_is_no_command(store: Store) -> None:
    room = Room(store)
    await room.desk.recover()
    room.take(b"")
    assert room.replies == []


async def test_the_same_id_acts_once(store: Store) -> None:
    room = Room(store)
    await room.desk.recover()
    payload = command()
    for _ in range(3):
        room.take(payload)
    await room.finals(3)
    assert len(room.carried_out) == 1
    assert sorted(s for s in room.statuses if Status(s).final) == ["DONE", "REJECTED", "REJECTED"]


async def test_the_same_id_acts_once_across_a_restart(tmp_path: Path) -> None:
    payload = command()
    async with Store(tmp_path / "s.db") as store:
        room = Room(store)
        await room.desk.recover()
        room.take(payload)
        await room.finals()
    async with Store(tmp_path / "s.db") as store:
        room = Room(store)
        await room.desk.recover()
        room.take(payload)
        await room.finals(2)
        assert room.carried_out == []
        assert [one.get("guard") for one in room.results] == [None, "duplicate"]


async def test_a_command_interrupted_by_a_stop_is_answered_failed_at_the_next_start(
    tmp_path: Path,
) -> None:
    async def never(_: Command, __: Progress) -> Outcome:
        await asyncio.Event().wait()
        raise AssertionError

    async with Store(tmp_path / "s.db") as store:
        room = Room(store, never)
        await room.desk.recover()
        room.take(command(id="c1"))
        await until(lambda: room.statuses == ["ACCEPTED"])
        await room.desk.close()
    async with Store(tmp_path / "s.db") as store:
        room = Room(store)
        await room.desk.recover()
        (answer,) = room.results
        assert (answer["id"], answer["status"], answer["guard"]) == (
            "c1",
            "FAILED",
            "gateway_restarted",
        )


async def test_commands_wait_until_the_desk_has_recovered(store: Store) -> None:
    room = Room(store)
    room.take(command())
    await asyncio.sleep(0.05)
    assert room.carried_out == []
    await room.desk.recover()
    await room.finals()
    assert room.statuses[-1] == "DONE"


async def test_a_defect_while_carrying_out_is_failed_not_silence(store: Store) -> None:
    async def broken(_: Command, __: Progress) -> Outcome:
        raise ZeroDivisionError

    room = Room(store, broken)
    await room.desk.recover()
    room.take(command())
    await room.finals()
    assert room.results[-1]["guard"] == "gateway_fault"


async def test_an_end_that_is_not_final_is_failed(store: Store) -> None:
    async def half(_: Command, progress: Progress) -> Outcome:
        await progress(Outcome(Status.DONE))
        return Outcome(Status.IN_PROGRESS)

    room = Room(store, half)
    await room.desk.recover()
    room.take(command())
    await room.finals()
    assert room.statuses == ["ACCEPTED", "FAILED"]


async def test_a_store_that_cannot_journal_refuses_the_command(store: Store) -> None:
    room = Room(store)
    await room.desk.recover()
    store._connection.execute("PRAGMA query_only=1")
    room.take(command())
    await room.finals()
    store._connection.execute("PRAGMA query_only=0")
    assert room.results[-1]["guard"] == "gateway_fault"
    assert room.carried_out == []


async def test_a_desk_that_closes_takes_nothing_any_more(store: Store) -> None:
    room = Room(store)
    await room.desk.recover()
    await room.desk.close()
    room.take(command(id="late"))
    assert room.statuses == ["REJECTED"]
    assert "stopping" in room.results[0]["detail"]
    await room.desk.close()
    assert room.carried_out == []
