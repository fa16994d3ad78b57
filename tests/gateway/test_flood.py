"""Whoever may publish can send junk as fast as the network carries it: nothing else suffers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import gateway.refusals
from gateway.commands import Command, Outcome, Status
from gateway.contract import Topics
from gateway.desk import MAX_OPEN_A_SLOT, MAX_OPEN_EACH, Desk, Incoming, Progress, Reply
from gateway.journal import read_entries
from gateway.refusals import MOST_NAMES, WHOLE_EACH, WHOLE_IN_ALL
from gateway.store import Store
from tests.gateway.brokers import BrokerUnderTest, Client, until
from tests.gateway.house import House
from tests.gateway.samples import command, record

TOPICS = Topics("park", "gw")
CMD = TOPICS.slot("lamp", "L1", "cmd")
JUNK = 5000


class Room:
    """A desk whose commands end when the test says so."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.replies: list[Reply] = []
        self.carried_out: list[str] = []
        self.may_end = asyncio.Event()
        self.desk = Desk(
            TOPICS, store, lambda one: one.slot != "L9", self._execute, self.replies.append
        )

    async def _execute(self, asked: Command, progress: Progress) -> Outcome:
        del progress
        self.carried_out.append(asked.id)
        await self.may_end.wait()
        return Outcome(Status.DONE)

    def take(self, payload: bytes, slot: str = "L1") -> None:
        self.desk.take(Incoming(TOPICS.slot("lamp", slot, "cmd"), payload, retained=False))

    def results(self) -> dict[str, str | None]:
        told = [json.loads(reply.payload) for reply in self.replies]
        return {one["id"]: one.get("guard") for one in told if Status(one["status"]).final}


def told(store: Store, what: str) -> list[dict[str, Any]]:
    entries = [entry.fields for entry in read_entries(store.path)]
    return [entry for entry in entries if entry["what"] == what]


def total(store: Store) -> int:
    """Refusals that the journal tells, one by one and as sums."""
    return len(told(store, "refused")) + sum(e.get("count", 0) for e in told(store, "refusals"))


# --- the journal ----------------------------------------------------------------------------------


async def test_of_a_flood_the_first_are_journaled_whole_and_the_rest_as_one_sum(
    store: Store,
) -> None:
    room = Room(store)
    await room.desk.recover()
    for _ in range(JUNK):
        room.take(b'{"actor": "mallory"}')
    assert room.desk.is_flooded
    assert room.desk.summed == JUNK - WHOLE_EACH
    await room.desk.close()
    assert not room.desk.is_flooded
    assert len(told(store, "refused")) == WHOLE_EACH
    sums = told(store, "refusals")
    assert len(sums) == 2
    began, ended = sums
    assert "count" not in began
    assert ended["since"] == began["since"] <= ended["until"]
    assert ended["count"] == JUNK - WHOLE_EACH
    assert ended["guards"] == {"no_id": JUNK - WHOLE_EACH}
    assert ended["actors"] == {"mallory": JUNK - WHOLE_EACH}
    assert ended["slots"] == {"L1": JUNK - WHOLE_EACH}


async def test_actors_that_are_made_up_fill_no_journal_and_no_memory(store: Store) -> None:
    room = Room(store)
    await room.desk.recover()
    for number in range(1000):
        room.take(b'{"actor": "mallory%d"}' % number, slot=f"S{number}")
    await room.desk.close()
    assert len(told(store, "refused")) == WHOLE_IN_ALL
    *_, ended = told(store, "refusals")
    assert len(ended["actors"]) == len(ended["slots"]) == MOST_NAMES
    counted = 1000 - WHOLE_IN_ALL
    assert ended["other_actors"] == ended["other_slots"] == counted - MOST_NAMES
    assert total(store) == room.desk.refused == 1000


async def test_who_is_refused_for_another_reason_or_is_another_is_told_whole(store: Store) -> None:
    room = Room(store)
    await room.desk.recover()
    for _ in range(100):
        room.take(b'{"actor": "mallory"}')
    room.take(command(actor="anna"), slot="L9")
    room.take(command(actor="mallory"), slot="L9")
    await room.desk.close()
    guards = [(e.get("actor"), e["guard"]) for e in told(store, "refused")]
    assert guards[-2:] == [("anna", "unknown_slot"), ("mallory", "unknown_slot")]


async def test_each_minute_has_its_own_sum_also_when_no_more_comes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.refusals, "MINUTE_S", 0.05)
    room = Room(store)
    await room.desk.recover()
    for _ in range(2):
        for _ in range(WHOLE_EACH + 5):
            room.take(b"{}")
        await until(lambda: not room.desk.is_flooded)
    await room.desk.close()
    assert [e["count"] for e in told(store, "refusals") if "count" in e] == [5, 5]
    assert len(told(store, "refused")) == 2 * WHOLE_EACH


async def test_a_few_refusals_make_no_sum(store: Store) -> None:
    room = Room(store)
    await room.desk.recover()
    for _ in range(WHOLE_EACH):
        room.take(b"{}")
    await room.desk.close()
    assert told(store, "refusals") == []
    assert total(store) == WHOLE_EACH


async def test_commands_that_act_are_journaled_whole_in_any_flood(store: Store) -> None:
    room = Room(store)
    room.may_end.set()
    await room.desk.recover()
    for number in range(200):
        for _ in range(10):
            room.take(b'{"actor": "anna"}')
        room.take(command(id=f"c{number}", actor="anna"))
        await until(lambda number=number: f"c{number}" in room.results())
    await room.desk.close()
    ids = [f"c{number}" for number in range(200)]
    assert [e["id"] for e in told(store, "command")] == ids
    assert [e["id"] for e in told(store, "result")] == ids
    assert total(store) == 2000


# --- other commands -------------------------------------------------------------------------------


async def test_who_sends_too_much_to_a_slot_keeps_nobody_else_out(store: Store) -> None:
    room = Room(store)
    await room.desk.recover()
    for number in range(1000):
        room.take(command(id=f"m{number}", actor="mallory"))
    room.take(command(id="same slot", actor="anna"))
    room.take(command(id="other slot", actor="mallory"), slot="L2")
    await until(lambda: len(room.carried_out) == MAX_OPEN_EACH + 2)
    assert {"same slot", "other slot"} <= set(room.carried_out)
    assert room.results()[f"m{MAX_OPEN_EACH}"] == "busy"
    room.may_end.set()
    await until(lambda: room.results().get("same slot", "") is None)
    room.take(command(id="again", actor="mallory"))
    await until(lambda: room.results().get("again", "") is None)


async def test_made_up_names_at_one_slot_keep_nobody_from_another(store: Store) -> None:
    room = Room(store)
    await room.desk.recover()
    for number in range(2000):
        room.take(command(id=f"m{number}", actor=f"mallory{number % 500}"))
    room.take(command(id="other slot", actor="anna"), slot="L2")
    await until(lambda: len(room.carried_out) == MAX_OPEN_A_SLOT + 1)
    assert "other slot" in room.carried_out


async def test_refused_ids_do_not_push_out_those_of_commands_that_were_taken(store: Store) -> None:
    room = Room(store)
    await room.desk.recover()
    room.take(command(id="c1"))
    await until(lambda: room.carried_out == ["c1"])
    for number in range(JUNK):
        room.take(b'{"id": "junk%d"}' % number)
    room.take(b'{"id": "c1"}')  # known as a repetition though it is not in order
    assert json.loads(room.replies[-1].payload)["guard"] == "duplicate"


async def test_real_commands_are_carried_out_and_answered_in_a_flood_of_junk(
    store: Store, broker: BrokerUnderTest
) -> None:
    house = House(store, broker.url)
    wanted = [f"real{number}" for number in range(10)]
    async with Client(broker.port, "answers/#") as client, house.running():
        await house.connected()
        await store.put([record(number) for number in range(1, 200)])
        for command_id in wanted:
            for _ in range(JUNK // len(wanted)):
                # Not confirmed, so as fast as the socket takes it.
                client._client._client.publish(CMD, b'{"id": 7, "actor": "mallory"}', 0)
            await client.ask(CMD, command(id=command_id), "answers/me", b"\x01")

        def done() -> list[str]:
            found = [json.loads(message.payload) for message in client.messages]
            return [one["id"] for one in found if one["status"] == "DONE"]

        await until(lambda: done() == wanted)
        await house.drained()
        assert house.uplink.health.connects == 1
    assert house.carried_out == wanted
    assert house.uplink.health.received_commands == house.desk.refused + len(wanted)
    assert total(store) == house.desk.refused
    assert len(told(store, "refused")) == WHOLE_EACH


# --- results --------------------------------------------------------------------------------------


async def test_a_slot_with_a_name_of_64_kilobytes_is_cut_in_the_journal(store: Store) -> None:
    room = Room(store)
    await room.desk.recover()
    room.take(command(verb="explode"), slot="L9" + "x" * 60_000)
    await room.desk.close()
    (entry,) = read_entries(store.path)
    assert len(entry.text) < 2000
    assert entry.fields["slot"].startswith("L9x")
