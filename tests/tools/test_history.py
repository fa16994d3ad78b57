"""`stoep history`: who did this, and why was it refused? Asked over the broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.agent import Agent
from gateway.outbox import Note
from gateway.site import load_site
from hil.broker import EmbeddedBroker
from tests.gateway.test_whole_contract import gateway
from tests.tools.conftest import Stoep
from tests.tools.fake_gateway import FakeGateway

ASKED: dict[str, Any] = {
    "slot": "bollard-1",
    "id": "c1",
    "verb": "raise",
    "args": {},
    "actor": "anna@office",
    "reason": "market is over",
    "ticket": "W-7",
    "transaction": 7,
}
REFUSED = {"slot": "bollard-1", "id": "c1", "status": "REJECTED", "guard": "occupied"}
FLOOD = {
    "since": "2026-11-24T01:00:00.000Z",
    "until": "2026-11-24T01:00:59.000Z",
    "count": 7,
    "guards": {"malformed": 7},
    "actors": {"mallory": 7},
    "slots": {"bollard-1": 7},
}


@pytest.fixture
async def agent(tmp_path: Path, broker: EmbeddedBroker) -> AsyncIterator[Agent]:
    async with gateway(tmp_path, broker.url) as agent:
        for what, fields in (("command", ASKED), ("result", REFUSED), ("refusals", FLOOD)):
            await agent.store.note(Note(what, fields))
        await agent.store.note(Note("refusals", {"since": FLOOD["until"], "slots": {"lamp-1": 1}}))
        refused = {"slot": "bollard-1", "code": "motion_refused", "value": 8, "active": True}
        await agent.store.note(Note("event", {**refused, "cause": "command", "reason": "x"}))
        yield agent


@pytest.mark.usefixtures("agent")
async def test_it_tells_who_asked_what_came_of_it_and_why(stoep: Stoep) -> None:
    ended = await stoep("history", "bollard-1")
    assert ended.code == 0, ended.err
    told = " ".join(ended.out.split())
    for words in (
        "bollard-1 command anna@office raise (W-7): market is over",
        "bollard-1 result anna@office REJECTED occupied: a vehicle is on a loop",
        "- refusals - 7 more from 2026-11-24T01:00:00.000Z",
        "7 of mallory, 7 malformed",
        "bollard-1 event - motion_refused by obstacle: x",
    ):
        assert words in told
    assert told.count("refusals") == 1


@pytest.mark.usefixtures("agent")
async def test_it_goes_back_by_number_and_as_json(stoep: Stoep) -> None:
    ended = await stoep("history", "--json", "--last", "2")
    assert [entry["what"] for entry in ended.json] == ["refusals", "event"]
    newest = ended.json[0]["n"]
    ended = await stoep("history", "--json", "--last", "1", "--before", str(newest))
    assert [(one["n"], one["count"]) for one in ended.json] == [(newest - 1, 7)]
    ended = await stoep("history", "bin-1")
    assert (ended.code, ended.out) == (0, "the journal has no such entry\n")


async def test_what_was_not_searched_is_told(
    stoep: Stoep, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.history.MAX_SEARCHED", 2)
    ended = await stoep("history", "bin-1")
    number = agent.store.journal_head.number - 1
    assert f"go on searching with --before {number}" in ended.out


async def test_a_slot_that_is_none_or_a_viewer_gets_no_history(
    stoep: Stoep, agent: Agent, tmp_path: Path
) -> None:
    ended = await stoep("history", "bolard-1")
    assert (ended.code, "did you mean bollard-1" in ended.err) == (2, True)
    (tmp_path / "users.toml").write_text('[[user]]\nname = "vera"\nrole = "viewer"\n')
    text = (tmp_path / "site.toml").read_text()
    text = text.replace("[broker]", 'users = "users.toml"\n[broker]')
    (tmp_path / "site.toml").write_text(text)
    await agent.reload(load_site(tmp_path / "site.toml"))
    ended = await stoep("history", "bollard-1", "--as", "vera")
    assert (ended.code, "vera is a viewer" in ended.err) == (3, True)
    ended = await stoep("history", "bollard-1", "--as", "mallory")
    assert (ended.code, "is not in the gateway's users file" in ended.err) == (3, True)


async def test_a_gateway_that_is_away_or_too_old_is_told(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port):
        old = await stoep("history")
        async with FakeGateway(broker.port, name="gw-2"):
            several = await stoep("history")
    away = await stoep("history", "post-1", "--gateway", "gw-1")
    assert (old.code, "is too old to answer" in old.err) == (4, True)
    assert (several.code, "choose with --site park --gateway gw-1" in several.err) == (2, True)
    assert (away.code, "it keeps its journal" in away.err) == (6, True)
