"""`stoep explain` and --dry-run: what would happen now, in words; and the words themselves."""

from __future__ import annotations

import pytest

from gateway.commands import Command, Guard, Outcome, Status
from gateway.verbs import VERBS
from hil.broker import EmbeddedBroker
from protocol.generated import messages
from tests.tools.conftest import Stoep, run_stoep
from tests.tools.fake_gateway import FakeGateway
from tools.ops import guards

OCCUPIED = (
    "post-1: raise would be refused: occupied: a vehicle is on a loop, or a loop cannot be trusted "
    "to be clear; wait until it has left; with nothing there, have the loops looked at"
)


def occupied(_: Command) -> Outcome:
    return Outcome(Status.REJECTED, "occupied")


@pytest.mark.parametrize("how", [("explain", "raise"), ("bollard", "raise", "--dry-run")])
async def test_a_post_that_would_not_rise_says_why_and_what_to_do(
    stoep: Stoep, broker: EmbeddedBroker, how: tuple[str, ...]
) -> None:
    async with FakeGateway(broker.port, explain=occupied) as gateway:
        ended = await stoep(*how, "post-1")
        assert (ended.code, ended.out, ended.err) == (3, "", f"stoep: {OCCUPIED}\n")
        [command] = gateway.commands
        assert command.dry_run
        assert command.auth is None


async def test_what_would_be_done_ends_with_0_and_needs_neither_key_nor_reason(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port) as gateway:
        ended = await stoep("explain", "lower", "post-1", "--as", "vera")
        assert (ended.code, ended.out) == (0, "post-1: lower would be done\n"), ended.err
        assert gateway.commands[0].actor == "vera"
        ended = await stoep("lamp", "off", "lamp-1", "--for", "1m", "--dry-run")
        assert (ended.code, ended.err) == (0, "")
        ended = await stoep("bollard", "bypass", "post-1", "--for", "1m", "--dry-run")
        assert (ended.code, ended.err) == (0, "")


async def test_an_answer_as_json_has_the_guard_and_its_words(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port, explain=occupied):
        told = (await stoep("explain", "raise", "post-1", "--json")).json
    assert (told["dry_run"], told["status"], told["guard"]) == (True, "REJECTED", "occupied")
    assert told["words"].startswith("a vehicle is on a loop")


@pytest.mark.parametrize(
    ("kind", "verb"), [(kind, verb) for kind, verbs in VERBS.items() for verb in verbs]
)
async def test_every_verb_of_every_kind_can_be_asked_about(
    stoep: Stoep, broker: EmbeddedBroker, kind: str, verb: str
) -> None:
    slot = {"lamp": "lamp-1", "bollard": "post-1", "bin": "bin-1"}[kind]
    async with FakeGateway(broker.port) as gateway:
        ended = await stoep("explain", verb, slot)
        assert ended.code == 0, ended.err
        assert gateway.commands[0].verb == verb


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rise", "post-1"), "did you mean raise?"),
        (("fly", "post-1"), "there are auto, bypass"),
        (("set", "lamp-1", "--level", "300"), "--level"),
        (("hold", "post-1", "--for", "soon"), "--for"),
    ],
)
async def test_what_makes_no_sense_is_a_usage_error(arguments: tuple[str, ...], words: str) -> None:
    ended = await run_stoep("explain", *arguments)
    assert (ended.code, words in ended.err) == (2, True)


async def test_a_verb_of_another_kind_is_a_usage_error(
    stoep: Stoep, broker: EmbeddedBroker
) -> None:
    async with FakeGateway(broker.port):
        ended = await stoep("explain", "raise", "lamp-1")
    assert (ended.code, "lamp-1 is a lamp, not a bollard" in ended.err) == (2, True)


def test_every_guard_has_words_and_nothing_else_has() -> None:
    """A guard that somebody adds must be explained here."""
    known = {guard.name.lower() for guard in messages.Guard} | {str(guard) for guard in Guard}
    assert set(guards.GUARDS) == known - {"none"}


def test_words_name_the_slot_and_an_unknown_guard_is_its_own_word() -> None:
    assert "'stoep show lamp-7'" in (guards.words_of("unreachable", "lamp-7") or "")
    assert guards.words_of("comet") is None
    assert guards.words_of(None) is None
    assert guards.why("not_yet_known") == "not yet known"
