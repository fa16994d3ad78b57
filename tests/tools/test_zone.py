"""`stoep zone`: many slots at once, one table, the worst exit code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.commands import Command, Outcome, Status
from hil.broker import EmbeddedBroker
from protocol import keyfile
from tests.tools.conftest import Stoep, run_stoep
from tests.tools.fake_gateway import FakeGateway
from tests.tools.people import People

SET = ("zone", "set", "--level", "40", "--for", "1h", "--reason", "a party")
POSTS = {"post-1": "bollard", "post-2": "bollard", "post-3": "bollard"}
ENDS = {
    "lamp-1": Outcome(Status.DONE),
    "lamp-2": Outcome(Status.REJECTED, "busy"),
    "lamp-3": Outcome(Status.EXPIRED, "unreachable"),
    "lamp-4": Outcome(Status.FAILED, "fault"),
}


def as_planned(command: Command) -> Sequence[Outcome]:
    end = ENDS.get(command.address.slot)
    return [] if end is None else [Outcome(Status.ACCEPTED), end]


async def test_a_pattern_and_names_are_given_one_command_each(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port) as gateway:
        ended = await stoep(*SET, "lamp-?", "lamp-10", "lamp-1")
        assert ended.code == 0, ended.err
        assert sorted(c.address.slot for c in gateway.commands) == ["lamp-1", "lamp-10", "lamp-2"]
        assert len({c.id for c in gateway.commands}) == 3
    lines = [line.split() for line in ended.out.splitlines()]
    assert lines[0] == ["SLOT", "RESULT", "WHY"]
    assert lines[1:] == [["lamp-1", "DONE"], ["lamp-2", "DONE"], ["lamp-10", "DONE"]]


@pytest.mark.parametrize(
    ("lamps", "code"),
    [
        (("lamp-1",), 0),
        (("lamp-1", "lamp-2"), 3),
        (("lamp-2", "lamp-3"), 5),
        (("lamp-2", "lamp-3", "lamp-4"), 4),
        (("lamp-4", "lamp-5"), 6),
    ],
)
async def test_the_worst_of_all_results_decides_the_exit_code(
    stoep: Stoep, broker: EmbeddedBroker, lamps: tuple[str, ...], code: int
) -> None:
    slots = dict.fromkeys(lamps, "lamp")
    async with FakeGateway(broker.port, as_planned, slots=slots):
        ended = await stoep(*SET, "*", "--timeout", "4s")
    assert ended.code == code, ended.err
    for lamp in lamps:
        end = ENDS.get(lamp)
        row = next(line for line in ended.out.splitlines() if line.startswith(lamp))
        assert str(end.status if end else "UNREACHABLE") in row
    assert len(ended.err.splitlines()) == (code != 0)


async def test_results_as_json_are_a_list_with_an_object_a_slot(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    slots: dict[str, str] = dict.fromkeys(("lamp-1", "lamp-2", "lamp-5"), "lamp")
    async with FakeGateway(broker.port, as_planned, slots=slots):
        ended = await stoep(*SET, "lamp-*", "--timeout", "4s", "--json")
    told = {one["slot"]: one for one in ended.json}
    assert [told[slot]["status"] for slot in slots] == ["DONE", "REJECTED", "UNREACHABLE"]
    assert told["lamp-2"]["words"] == "it is busy with another command; wait for that one to end"
    assert "no result from gateway" in told["lamp-5"]["detail"]
    assert {one["verb"] for one in ended.json} == {"set"}


async def test_posts_are_lowered_together_each_under_its_own_signature(
    stoep: Stoep, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    office = keyfile.new_key("command", "park")
    people = People(tmp_path, office, ["post-1", "post-2"])
    lower = ("zone", "lower", "--reason", "flood", "--key", people.key("alice"))
    async with FakeGateway(broker.port, slots=POSTS, command_key=office) as gateway:
        ended = await stoep(*lower, "post-1", "post-2")
        assert ended.code == 0, ended.err
        assert {c.address.slot for c in gateway.commands} == {"post-1", "post-2"}
        ended = await stoep(*lower, "post-*")
        assert ended.code == 7
        assert "NOT SENT" in ended.out
        assert "has no key for post-3" in ended.out
        assert "2 of 3 done" in ended.err


async def test_a_dry_run_of_many_shows_which_would_be_refused_and_why(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    def explain(command: Command) -> Outcome:
        occupied = command.address.slot == "post-2"
        return Outcome(Status.REJECTED, "occupied") if occupied else Outcome(Status.DONE)

    async with FakeGateway(broker.port, slots=POSTS, explain=explain) as gateway:
        ended = await stoep("zone", "raise", "post-*", "--dry-run")
        assert all(c.dry_run and c.auth is None for c in gateway.commands)
    rows = {line.split()[0]: line for line in ended.out.splitlines()}
    assert "would be done" in rows["post-1"]
    assert "would be refused  occupied: a vehicle is on a loop" in rows["post-2"]
    assert (ended.code, "2 of 3 would be done" in ended.err) == (3, True)


async def test_what_fits_nothing_or_another_kind_is_a_usage_error_and_nothing_is_sent(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port) as gateway:
        for name, words in (
            ("tree-*", "no lamp fits 'tree-*'"),
            ("post-*", "no lamp fits 'post-*'"),
            ("lamp-3", "there is no slot 'lamp-3'"),
            ("bin-1", "bin-1 is a bin, not a lamp"),
        ):
            ended = await stoep(*SET, "lamp-1", name)
            assert (ended.code, words in ended.err) == (2, True), ended.err
        assert not gateway.messages


GATE = [
    {"slot": "post-1", "kind": "bollard", "group": "gate"},
    {"slot": "post-2", "kind": "bollard", "group": "gate"},
    {"slot": "post-3", "kind": "bollard", "group": "yard"},
    {"slot": "bin-1", "kind": "bin"},
]
GATE_SLOTS = {**POSTS, "bin-1": "bin"}


async def test_a_group_of_the_site_file_is_lowered_together_and_a_mute_post_is_no_secret(
    stoep: Stoep, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    office = keyfile.new_key("command", "park")
    people = People(tmp_path, office, ["post-1", "post-2"])
    lower = ("zone", "lower", "--reason", "flood", "--key", people.key("alice"))
    async with FakeGateway(
        broker.port, slots=GATE_SLOTS, inventory=GATE, mute=["post-2"], command_key=office
    ) as gateway:
        ended = await stoep(*lower, "--group", "gate")
        assert [c.address.slot for c in gateway.commands] == ["post-1"]
        listed = await stoep("ls", "--json")
    assert ended.code == 6, ended.err
    rows = {line.split()[0]: line for line in ended.out.splitlines()}
    assert "DONE" in rows["post-1"]
    assert "UNREACHABLE" in rows["post-2"]
    assert set(rows) == {"SLOT", "post-1", "post-2"}
    groups = {one["slot"]: (one["group"], one["link"]) for one in listed.json}
    assert groups["post-2"] == ("gate", "unknown")


async def test_groups_names_and_kinds_are_selected_together(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async def chosen(*arguments: str) -> set[str]:
        gateway.commands.clear()
        ended = await stoep("zone", "identify", "--for", "5s", *arguments)
        assert ended.code == 0, ended.err
        return {c.address.slot for c in gateway.commands}

    async with FakeGateway(broker.port, slots=GATE_SLOTS, inventory=GATE) as gateway:
        assert await chosen("--group", "gate", "--group", "yard") == set(POSTS)
        assert await chosen("--group", "gate", "bin-*") == {"post-1", "post-2", "bin-1"}
        assert await chosen("--kind", "bin") == {"bin-1"}
        assert await chosen("*", "--kind", "bollard") == set(POSTS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name the slots: SLOT..., --group GROUP or --kind KIND"),
        (("--group", "gat"), "there is no group 'gat'; there are gate, yard"),
        (("--kind", "tree"), "--kind 'tree' is none of lamp, bollard, bin"),
        (("--kind", "bin"), "--kind bin: this is only for a bollard"),
    ],
)
async def test_a_selection_of_nothing_is_a_usage_error_and_nothing_is_sent(
    stoep: Stoep, broker: EmbeddedBroker, arguments: tuple[str, ...], words: str
) -> None:
    async with FakeGateway(broker.port, slots=GATE_SLOTS, inventory=GATE) as gateway:
        ended = await stoep("zone", "raise", "--dry-run", *arguments)
        assert not gateway.messages
    assert (ended.code, words in ended.err) == (2, True), ended.err


async def test_a_group_of_two_gateways_has_to_be_told_apart(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with (
        FakeGateway(broker.port, slots=GATE_SLOTS, inventory=GATE),
        FakeGateway(broker.port, slots=GATE_SLOTS, inventory=GATE, name="gw-2") as second,
    ):
        both = await stoep("zone", "lower", "--dry-run", "--group", "gate")
        one = await stoep("zone", "lower", "--dry-run", "--group", "gate", "--gateway", "gw-2")
        assert len(second.commands) == 2
    assert (both.code, "a group in 2 places" in both.err) == (2, True)
    assert one.code == 0, one.err


async def test_an_old_gateway_tells_of_no_group(stoep: Stoep, broker: EmbeddedBroker) -> None:
    async with FakeGateway(broker.port):
        ended = await stoep("zone", "lower", "--dry-run", "--group", "gate")
    assert (ended.code, "no gateway here tells of any" in ended.err) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("set", "--level", "4", "--for", "1m"),
        ("off", "--for", "1m"),
        ("raise",),
        ("lower",),
        ("hold", "--for", "1m"),
        ("grant",),
        ("reset",),
        ("compact",),
        ("service", "--on"),
    ],
)
async def test_what_needs_a_reason_for_one_needs_it_for_many(arguments: tuple[str, ...]) -> None:
    ended = await run_stoep("zone", *arguments, "x-*")
    assert (ended.code, "--reason TEXT is missing" in ended.err) == (2, True)


async def test_auto_and_identify_of_many_need_none(stoep: Stoep, broker: EmbeddedBroker) -> None:
    async with FakeGateway(broker.port) as gateway:
        assert (await stoep("zone", "auto", "lamp-*")).code == 0
        assert (await stoep("zone", "identify", "*", "--for", "5s")).code == 0
        assert len(gateway.commands) == 3 + 5
