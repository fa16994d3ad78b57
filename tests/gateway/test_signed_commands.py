"""Signed commands at the desk: whose they are, that a signature counts once, what a stop does."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec

from gateway.commands import Command, Outcome, Receipt, Status
from gateway.contract import Address, Topics
from gateway.desk import Desk, Incoming, Progress, Reply
from gateway.execution import to_wire
from gateway.journal import read_entries
from gateway.store import Store
from protocol.generated import messages as m
from tests.gateway.brokers import until
from tests.gateway.samples import MOTION, alarm, auth, command

TOPICS = Topics("park", "gw")
POST = Address("bollard", "P1")
TOPIC = TOPICS.slot("bollard", "P1", "cmd")


class Room:
    """A desk whose commands end when `end` is set, and never before."""

    def __init__(self, store: Store) -> None:
        self.replies: list[Reply] = []
        self.begun: list[Command] = []
        self.end = asyncio.Event()
        self.desk = Desk(TOPICS, store, POST.__eq__, self._execute, self.replies.append)

    async def _execute(self, command: Command, progress: Progress) -> Outcome:
        self.begun.append(command)
        receipt = Receipt("57" * 8, command.transaction, "ACCEPTED", None, 0)
        await progress(Outcome(Status.IN_PROGRESS, progress=0, receipt=receipt))
        await self.end.wait()
        return Outcome(Status.DONE)

    def give(self, **changes: Any) -> None:
        fields: dict[str, Any] = {"verb": "raise", "args": {}, "auth": auth()} | changes
        self.desk.take(Incoming(TOPIC, command(**fields), retained=False))

    def results(self, command_id: str) -> list[tuple[str, str | None]]:
        found = [json.loads(reply.payload) for reply in self.replies]
        return [(one["status"], one.get("guard")) for one in found if one["id"] == command_id]


def entries(store: Store, what: str) -> list[dict[str, Any]]:
    found = [entry.fields for entry in read_entries(store.path)]
    return [entry for entry in found if entry["what"] == what]


async def test_a_signed_command_goes_under_the_transaction_that_was_signed(store: Store) -> None:
    room = Room(store)
    await room.desk.recover()
    room.give(id="c1", auth=auth(transaction=777))
    await until(lambda: bool(room.begun))
    sent = to_wire(room.begun[0])
    assert isinstance(sent, m.Command)
    assert sent.transaction == 777
    assert room.begun[0].auth is not None
    assert sent.authority == room.begun[0].auth.wire
    room.end.set()
    await until(lambda: room.results("c1")[-1] == ("DONE", None))
    (asked,) = entries(store, "command")
    assert (asked["transaction"], asked["auth"]) == (777, auth(transaction=777))
    await room.desk.close()


async def test_a_signature_counts_once_whatever_it_is_called(store: Store) -> None:
    room = Room(store)
    await room.desk.recover()
    room.give(id="c1")
    await until(lambda: bool(room.begun))
    room.give(id="c2")
    room.end.set()
    await until(lambda: ("DONE", None) in room.results("c1"))
    room.give(id="c3")
    await until(lambda: bool(room.results("c3")))
    assert room.results("c2") == room.results("c3") == [("REJECTED", "signed_before")]
    room.give(id="c4", auth=auth(nonce="11" * 8))
    await until(lambda: ("DONE", None) in room.results("c4"))
    assert [one.id for one in room.begun] == ["c1", "c4"]
    await room.desk.close()


async def test_who_may_not_is_refused_before_anything_is_begun(store: Store) -> None:
    room = Room(store)
    room.desk.may = lambda asked: None if asked.dry_run else f"{asked.actor} may only look"
    await room.desk.recover()
    room.give(id="c1")
    await until(lambda: bool(room.results("c1")))
    assert room.results("c1") == [("REJECTED", "unauthorised")]
    assert entries(store, "command") == []
    room.give(id="c2", auth=None, dry_run=True)
    await until(lambda: bool(room.begun))
    assert entries(store, "command")[0]["dry_run"] is True
    await room.desk.close()


async def test_a_stop_answers_what_is_under_way_and_its_motions_are_told_all_the_same(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    async with Store(path) as store:
        room = Room(store)
        await room.desk.recover()
        room.give(id="c1", reason="van", ticket="W-7")
        await until(lambda: len(room.results("c1")) == 2)
        await room.desk.close()
        assert room.results("c1") == [("ACCEPTED", None), ("IN_PROGRESS", None)]
    async with Store(path) as store:
        room = Room(store)
        await room.desk.recover()
        await until(lambda: bool(room.results("c1")))
        assert room.results("c1") == [("FAILED", "gateway_restarted")]
        value = int(m.Status.DONE) | 100 << 16
        ended = m.Event(m.EventCode.COMMAND_RESULT, m.Severity.INFO, 1, value, 7)
        place = {"slot": "P1", "kind": "bollard"}
        moves = msgspec.structs.replace(MOTION, transaction=7)
        await store.put([alarm(1, moves, **place), alarm(2, ended, **place)])
        (drive,) = entries(store, "motion")
        assert (drive["operator"], drive["id"], drive["actor"]) == ("anna", "c1", "an")
        assert (drive["reason"], drive["ticket"], drive["transaction"]) == ("van", "W-7", 7)
        (told,) = entries(store, "event")
        assert (told["status"], told["id"]) == ("DONE", "c1")
        room.give(id="c1")
        await until(lambda: len(room.results("c1")) == 2)
        assert room.results("c1")[-1] == ("REJECTED", "duplicate")
        assert room.begun == []
        await room.desk.close()
