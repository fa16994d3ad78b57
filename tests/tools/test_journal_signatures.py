"""Who ordered it, and in which words: with the command key a gateway can invent neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gateway import notes
from gateway.commands import Command, Outcome, Receipt, Status
from gateway.journal import read_entries
from gateway.outbox import Note
from gateway.store import Store
from hil.broker import EmbeddedBroker
from protocol import keyfile
from protocol.keyfile import SiteKey
from tests.tools.conftest import Ended, Stoep, stoep_now
from tests.tools.fake_gateway import FakeGateway
from tests.tools.fake_post import unit_in
from tests.tools.people import People
from tests.tools.test_gateway_ledger import SITE, database

WHY = ("--reason", "market is over", "--ticket", "W-7")
GENUINE = "2 signed orders are genuine; of 2 reason and ticket too, those of 0 nobody signed"


@pytest.fixture
def office(tmp_path: Path) -> SiteKey:
    key = keyfile.new_key("command", "park")
    keyfile.save(key, tmp_path / "command.json")
    return key


@pytest.fixture
async def given(
    stoep: Stoep, broker: EmbeddedBroker, office: SiteKey, tmp_path: Path
) -> list[Command]:
    """A raise by one person and a bypass by two, as their gateway took them."""
    people = People(tmp_path, office, ["post-1"])
    two = ("--key", people.key("sam"), "--second-key", people.key("sue"))
    async with FakeGateway(broker.port, command_key=office) as gateway:
        one = await stoep("bollard", "raise", "post-1", *WHY, "--key", people.key("alice"))
        both = await stoep("bollard", "bypass", "post-1", *WHY, "--for", "1m", *two)
        assert (one.code, both.code) == (0, 0), one.err + both.err
        return gateway.commands


async def journal(folder: Path, commands: Sequence[Command], guard: str | None = None) -> Path:
    """A journal in which these commands were answered by their controllers."""
    file = folder / "site.toml"
    file.write_text(SITE)
    async with Store(database(file)) as store:
        for command in commands:
            assert command.auth is not None
            told = replace(command, transaction=command.auth.transaction)
            unit = unit_in(command.address.slot)
            status = Status.DONE if guard is None else Status.REJECTED
            receipt = Receipt(unit, told.transaction, str(status), guard, 100)
            outcome = Outcome(status, guard, receipt=receipt)
            await store.note(notes.taken(told))
            await store.note(notes.ended(command.address, command.id, Outcome(Status.ACCEPTED)))
            await store.note(notes.ended(command.address, command.id, outcome))
    return file


def verified(file: Path, *options: str) -> Ended:
    key = str(file.parent / "command.json")
    where = ("--site", str(file), "--command-key", key)
    return stoep_now("gateway", "journal", "verify", *where, *options)


async def test_orders_and_their_words_are_proved(given: list[Command], tmp_path: Path) -> None:
    assert [len(command.words) for command in given] == [1, 2]
    ended = verified(await journal(tmp_path, given))
    assert ended.code == 0, ended.err + ended.out
    assert GENUINE in ended.out
    told = verified(tmp_path / "site.toml", "--json").json
    assert (told["signed_orders"], told["with_words"], told["without_words"]) == (2, 2, 0)


async def test_an_export_is_proved_as_well(given: list[Command], tmp_path: Path) -> None:
    file = await journal(tmp_path, given)
    export = tmp_path / "export.jsonl"
    export.write_bytes(b"".join(entry.line for entry in read_entries(database(file))))
    assert GENUINE in verified(file, str(export)).out


@pytest.mark.parametrize("change", [{"reason": "they told me to"}, {"ticket": None}])
async def test_other_words_are_found_though_the_chain_is_whole(
    given: list[Command], tmp_path: Path, change: dict[str, str | None]
) -> None:
    file = await journal(tmp_path, [replace(command, **change) for command in given])
    ended = verified(file)
    assert ended.code == 4
    assert "reason and ticket are not what alice signed" in ended.out
    assert "reason and ticket are not what sam and sue signed" in ended.out
    plain = stoep_now("gateway", "journal", "verify", "--site", str(file))
    assert plain.code == 0, plain.err


async def test_words_of_one_of_two_are_not_enough(given: list[Command], tmp_path: Path) -> None:
    *_, bypass = given
    ended = verified(await journal(tmp_path, [replace(bypass, words=bypass.words[:1])]))
    assert (ended.code, "not what sam and sue signed" in ended.out) == (4, True)


async def test_words_that_were_left_out_are_counted(given: list[Command], tmp_path: Path) -> None:
    ended = verified(await journal(tmp_path, [replace(command, words=()) for command in given]))
    assert ended.code == 0
    assert "of 0 reason and ticket too, those of 2 nobody signed" in ended.out


async def test_an_order_that_nobody_signed_is_found(given: list[Command], tmp_path: Path) -> None:
    raised, _ = given
    ended = verified(await journal(tmp_path, [replace(raised, verb="lower")]))
    assert (ended.code, "alice did not sign this order" in ended.out) == (4, True)


async def test_what_a_controller_did_not_believe_either_is_no_finding(
    given: list[Command], tmp_path: Path
) -> None:
    junk = replace(given[0], verb="lower", words=("00" * 16,))
    ended = verified(await journal(tmp_path, [junk], "bad_authority"))
    assert ended.code == 0, ended.out
    assert "0 signed orders are genuine" in ended.out


async def test_an_order_whose_result_was_lost_is_proved_by_what_moved(
    given: list[Command], tmp_path: Path
) -> None:
    raised, _ = given
    file = tmp_path / "site.toml"
    file.write_text(SITE)
    async with Store(database(file)) as store:
        await store.note(notes.taken(replace(raised, reason="another")))
        moved = {"slot": "post-1", "unit": unit_in("post-1"), "id": raised.id, "drive": "up"}
        await store.note(Note("motion", moved))
    ended = verified(file)
    assert (ended.code, "not what alice signed" in ended.out) == (4, True)


async def test_a_key_that_is_none_is_a_wrong_configuration(
    given: list[Command], tmp_path: Path
) -> None:
    file = await journal(tmp_path, given)
    keyfile.save(keyfile.new_key("link", "park"), tmp_path / "command.json", replace_file=True)
    assert verified(file).code == 7
    (tmp_path / "command.json").unlink()
    assert verified(file).code == 7
