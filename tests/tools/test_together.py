"""A bypass by two people at two desks: a file goes from one to the other, within a minute."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hil.broker import EmbeddedBroker
from protocol import keyfile
from protocol.keyfile import SiteKey
from tests.tools.conftest import Stoep, run_stoep, stoep_now
from tests.tools.fake_gateway import FakeGateway
from tests.tools.fake_post import unit_in
from tests.tools.people import People

BYPASS = ("bollard", "bypass", "post-1", "--for", "10m", "--reason", "flood", "--ticket", "WO-7")


@pytest.fixture
def office() -> SiteKey:
    return keyfile.new_key("command", "park")


@pytest.fixture
def people(tmp_path: Path, office: SiteKey) -> People:
    return People(tmp_path, office, ["post-1", "post-2"])


def change(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(old, new))


def damage(file: Path, **fields: Any) -> None:
    whole = json.loads(file.read_text())
    for name, value in fields.items():
        whole[name] = {**whole[name], **value} if isinstance(value, dict) else value
    file.write_text(json.dumps(whole))


def is_there(file: Path) -> bool:
    return file.exists()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "order.json"


async def test_one_asks_the_other_signs_and_sends(
    stoep: Stoep, broker: EmbeddedBroker, office: SiteKey, people: People, file: Path
) -> None:
    async with FakeGateway(broker.port, command_key=office) as gateway:
        ended = await stoep(*BYPASS, "--key", people.key("sam"), "--request", str(file))
        assert ended.code == 0, ended.err
        assert "signed by sam, and worth something for" in ended.out
        assert not gateway.messages
        ended = await run_stoep("bollard", "countersign", str(file), "--key", people.key("sue"))
        assert ended.code == 0, ended.err
        assert "bypass post-1 of park (duration_s 600), asked for by sam: flood" in ended.out
        ended = await stoep("bollard", "send", str(file))
        assert (ended.code, ended.out) == (0, "post-1: bypass done\n"), ended.err
        [command] = gateway.commands
        assert len(command.words) == 2
        assert command.auth is not None
        assert [one.operator for one in command.auth.signatures] == ["sam", "sue"]
        assert (command.actor, command.ticket) == ("sam", "WO-7")
        again = await stoep("bollard", "send", str(file), "--json")
        assert (again.code, "it has another nonce" in again.err) == (3, True)
        assert len(gateway.commands) == 1


async def test_what_was_changed_on_the_way_is_refused_by_the_post(
    stoep: Stoep, broker: EmbeddedBroker, office: SiteKey, people: People, file: Path
) -> None:
    async with FakeGateway(broker.port, command_key=office):
        await stoep(*BYPASS, "--key", people.key("sam"), "--request", str(file))
        change(file, "600", "3600")
        assert (
            await run_stoep("bollard", "countersign", str(file), "--key", people.key("sue"))
        ).code == 0
        ended = await stoep("bollard", "send", str(file))
    assert (ended.code, "by bad_authority" in ended.err) == (3, True)


async def test_the_second_does_not_sign_for_another_post_than_it_says(
    stoep: Stoep, broker: EmbeddedBroker, office: SiteKey, people: People, file: Path
) -> None:
    async with FakeGateway(broker.port, command_key=office):
        await stoep(*BYPASS, "--key", people.key("sam"), "--request", str(file))
    change(file, unit_in("post-1"), unit_in("post-2"))
    ended = await run_stoep("bollard", "countersign", str(file), "--key", people.key("sue"))
    assert (ended.code, "nothing was signed" in ended.err) == (7, True)


async def test_one_person_is_not_two_and_three_are_too_many(
    stoep: Stoep, broker: EmbeddedBroker, office: SiteKey, people: People, file: Path
) -> None:
    sign = ("bollard", "countersign", str(file), "--key")
    async with FakeGateway(broker.port, command_key=office) as gateway:
        await stoep(*BYPASS, "--key", people.key("sam"), "--request", str(file))
        ended = await stoep("bollard", "send", str(file))
        assert (ended.code, "only sam has signed" in ended.err) == (3, True)
        assert not gateway.messages  # a signature counts once, so this one is still worth something
    ended = await run_stoep(*sign, people.key("sam"))
    assert (ended.code, "a second person has to sign" in ended.err) == (2, True)
    assert (await run_stoep(*sign, people.key("sue"))).code == 0
    ended = await run_stoep(*sign, people.key("tom"))
    assert (ended.code, "has both signatures" in ended.err) == (2, True)


async def test_an_old_nonce_is_not_begun_with(
    stoep: Stoep,
    broker: EmbeddedBroker,
    office: SiteKey,
    people: People,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tools.ops.dispatch.NONCE_LIFE_S", -4.0)
    async with FakeGateway(broker.port, command_key=office) as gateway:
        gateway.posts["post-1"].age_ms = 40_000
        await gateway.show("post-1")
        ended = await stoep(*BYPASS, "--key", people.key("sam"), "--request", str(file))
    assert (ended.code, is_there(file)) == (6, False)


@pytest.mark.parametrize("content", [None, "{}", "[]", "{", '{"stoep": "key"}'])
def test_a_file_that_is_none_is_a_wrong_configuration(
    people: People, file: Path, content: str | None
) -> None:
    if content is not None:
        file.write_text(content)
    for arguments in (("countersign", str(file), "--key", people.key("sue")), ("send", str(file))):
        ended = stoep_now("bollard", *arguments)
        assert (ended.code, str(file) in ended.err) == (7, True), ended.err


async def test_a_damaged_order_is_said(
    stoep: Stoep, broker: EmbeddedBroker, office: SiteKey, people: People, file: Path
) -> None:
    async with FakeGateway(broker.port, command_key=office):
        await stoep(*BYPASS, "--key", people.key("sam"), "--request", str(file))
    for fields in ({"verb": "fly"}, {"verb": "bypass", "auth": {"nonce": "xyz"}}):
        damage(file, **fields)
        ended = await run_stoep("bollard", "countersign", str(file), "--key", people.key("sue"))
        assert (ended.code, "is damaged" in ended.err) == (7, True), ended.err


async def test_either_a_second_key_or_a_request(people: People, file: Path) -> None:
    both = ("--key", people.key("sam"), "--second-key", people.key("sue"), "--request", str(file))
    ended = await run_stoep(*BYPASS, *both)
    assert (ended.code, "either" in ended.err) == (2, True)
    ended = await run_stoep("bollard", "countersign", str(file))
    assert (ended.code, "STOEP_KEY" in ended.err) == (2, True)
