"""The journal answers over the broker: to whom it may, in bounds, and to nobody else."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from gateway import contract, history
from gateway.contract import Topics
from gateway.desk import Incoming, Reply
from gateway.history import History
from gateway.outbox import Note
from gateway.people import People, parse_people
from gateway.store import Store
from tests.gateway.brokers import until

TOPICS = Topics("park", "gw")
USERS = "".join(
    f'[[user]]\nname = "{name}"\nrole = "{role}"\n'
    for name, role in (("anna", "operator"), ("vera", "viewer"), ("tom", "technician"))
)


class Room:
    """A history on a store, and what it answered."""

    def __init__(self, store: Store, people: People | None = None) -> None:
        self.replies: list[Reply] = []
        self.history = History(TOPICS, store, lambda: people, self.replies.append)

    def take(self, response_topic: str | None = "me/answers", **question: Any) -> None:
        asked = {"id": "q1", "actor": "anna", **question}
        payload = json.dumps(asked).encode()
        jsonschema.validate(asked, contract.schema("ask-history"))
        self.history.take(Incoming(self.history.topic, payload, False, response_topic, b"\x07"))

    async def ask(self, **question: Any) -> dict[str, Any]:
        before = len(self.replies)
        self.take(**question)
        await until(lambda: len(self.replies) > before)
        reply = self.replies[-1]
        assert (reply.topic, reply.response_topic, reply.correlation) == (
            "me/answers",
            None,
            b"\x07",
        )
        assert reply.may_drop
        value = json.loads(reply.payload)
        jsonschema.validate(value, contract.schema("history" if "entries" in value else "res"))
        return value


async def numbered(store: Store, count: int, **fields: Any) -> None:
    for number in range(1, count + 1):
        await store.note(Note("result", {"slot": f"L{number % 2}", **fields}))


def numbers(answer: dict[str, Any]) -> list[int]:
    return [entry["n"] for entry in answer["entries"]]


async def test_the_newest_entries_come_the_oldest_first(store: Store) -> None:
    await numbered(store, 50)
    room = Room(store)
    answer = await room.ask()
    assert (answer["id"], numbers(answer), answer["searched_to"]) == ("q1", [*range(31, 51)], 31)
    assert numbers(await room.ask(last=3, before=31)) == [28, 29, 30]
    assert numbers(await room.ask(last=2, before=2)) == [1]
    assert (await room.ask(before=1))["searched_to"] == 1


async def test_of_a_slot_also_sums_that_name_it_are_told(store: Store) -> None:
    await numbered(store, 6)
    await store.note(Note("refusals", {"count": 7, "slots": {"L1": 7}}))
    assert numbers(await Room(store).ask(slot="L1")) == [1, 3, 5, 7]
    assert numbers(await Room(store).ask(slot="L0", last=2)) == [4, 6]


async def test_one_answer_looks_back_so_far_and_the_next_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MAX_SEARCHED", 10)
    await store.note(Note("event", {"slot": "P1"}))
    await numbered(store, 25)
    room, before, looks = Room(store), None, 0
    while True:
        answer = await room.ask(slot="P1", **({} if before is None else {"before": before}))
        looks, before = looks + 1, answer["searched_to"]
        if before == 1:
            break
        assert answer["entries"] == []
    assert (looks, numbers(answer)) == (3, [1])


async def test_an_answer_is_bounded_in_bytes_and_leaves_nothing_out(store: Store) -> None:
    await numbered(store, 100, detail="x" * 4000)
    room = Room(store)
    first = await room.ask(last=100)
    assert len(room.replies[-1].payload) < history.MAX_ANSWER_BYTES + 1000
    second = await room.ask(last=100, before=first["searched_to"])
    assert 10 < len(first["entries"]) < 50
    assert numbers(second)[-1] == numbers(first)[0] - 1


@pytest.mark.parametrize(
    ("actor", "words"),
    [
        ("anna", None),
        ("tom@yard", None),
        ("vera", "vera is a viewer, and the journal is for an operator; ask anna or tom"),
        ("mallory", "'mallory' is not in the gateway's users file"),
    ],
)
async def test_with_a_users_file_it_is_for_operators_and_above(
    store: Store, actor: str, words: str | None
) -> None:
    await numbered(store, 1)
    answer = await Room(store, People(parse_people(USERS).persons)).ask(actor=actor)
    assert answer["status"] == ("DONE" if words is None else "REJECTED")
    assert (words or "") in answer.get("detail", "")
    assert ("entries" in answer) is (words is None)


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b'{"id": "x"}', b'{"id": "x", "actor": "a", "last": 101}']
)
async def test_what_is_no_question_is_refused_in_words(store: Store, payload: bytes) -> None:
    room = Room(store)
    room.history.take(Incoming(room.history.topic, payload, False, "me/answers"))
    answer = json.loads(room.replies[-1].payload)
    assert (answer["status"], answer["guard"]) in [
        ("REJECTED", "malformed"),
        ("REJECTED", "bad_argument"),
    ]


@pytest.mark.parametrize("topic", [None, "stoep/v1/park/gw/lamp/L1/state", "#"])
async def test_nobody_is_answered_where_a_gateway_speaks(store: Store, topic: str | None) -> None:
    room = Room(store)
    room.take(topic)
    await room.ask(id="heard")
    await room.history.close()
    assert [json.loads(reply.payload)["id"] for reply in room.replies] == ["heard"]


async def test_many_questions_at_once_are_bounded(store: Store) -> None:
    room = Room(store)
    for _ in range(100):
        room.take()
    busy = [json.loads(reply.payload).get("guard") for reply in room.replies]
    assert busy == ["busy"] * (100 - history.MAX_WAITING)
    await until(lambda: len(room.replies) == 100)


async def test_a_journal_that_cannot_be_read_is_told(store: Store) -> None:
    room = Room(store)
    await store.close()
    assert (await room.ask())["guard"] == "gateway_fault"


async def test_a_number_that_no_entry_can_have_is_answered_and_breaks_nothing(
    store: Store,
) -> None:
    room = Room(store)
    payload = json.dumps({"id": "q1", "actor": "anna", "before": 2**63}).encode()
    room.history.take(Incoming(room.history.topic, payload, False, "me/answers", None))
    await until(lambda: bool(room.replies))
    assert json.loads(room.replies[0].payload)["status"] == "REJECTED"
    assert (await room.ask(before=2**63 - 1))["entries"] == []
