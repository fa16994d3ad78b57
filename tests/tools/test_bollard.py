"""`stoep bollard` against posts that check every signature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.commands import Command, Outcome, Status
from gateway.contract import Avail
from hil.broker import EmbeddedBroker
from protocol import keyfile, person_keys
from protocol.generated.messages import Role
from protocol.keyfile import SiteKey
from tests.tools.conftest import Stoep, run_stoep
from tests.tools.fake_gateway import BOLLARD, FakeGateway
from tests.tools.fake_post import FakePost, unit_in
from tests.tools.people import PEOPLE, People

WHY = ("--reason", "a delivery")
LONG = (*WHY, "--ticket", "WO-7")


@pytest.fixture
def office() -> SiteKey:
    return keyfile.new_key("command", "park")


@pytest.fixture
def people(tmp_path: Path, office: SiteKey) -> People:
    return People(tmp_path, office, ["post-1", "post-2"])


def moving(_: Command) -> Sequence[Outcome]:
    """What a post that moves is heard of."""
    steps = [Outcome(Status.IN_PROGRESS, progress=percent) for percent in (0, 40)]
    return [Outcome(Status.ACCEPTED), *steps, Outcome(Status.DONE, progress=100)]


@pytest.mark.parametrize(
    ("who", "arguments", "verb", "args"),
    [
        ("alice", ("raise", "post-1", *WHY), "raise", {}),
        ("alice", ("lower", "post-1", *WHY), "lower", {}),
        ("alice", ("grant", "post-1", *WHY), "grant", {}),
        ("alice", ("hold", "post-1", "--for", "15m", *WHY), "hold", {"duration_s": 900}),
        ("sam", ("reset", "post-1", *LONG), "reset", {}),
        ("tom", ("reset", "post-1", *LONG), "reset", {}),
    ],
)
async def test_every_verb_is_signed_by_its_person_and_done(
    stoep: Stoep,
    broker: EmbeddedBroker,
    office: SiteKey,
    people: People,
    who: str,
    arguments: tuple[str, ...],
    verb: str,
    args: dict[str, int],
) -> None:
    async with FakeGateway(broker.port, moving, command_key=office) as gateway:
        ended = await stoep("bollard", *arguments, "--key", people.key(who))
        assert (ended.code, ended.out, ended.err) == (0, f"post-1: {verb} done\n", "")
        [command] = gateway.commands
    assert (command.verb, dict(command.args), command.actor) == (verb, args, who)
    assert command.auth is not None
    assert [(s.operator, s.role) for s in command.auth.signatures] == [(who, PEOPLE[who])]
    assert command.auth.lifetime_ms <= 70_000


async def test_a_bypass_is_signed_by_two_people_over_the_same_order(
    stoep: Stoep, broker: EmbeddedBroker, office: SiteKey, people: People
) -> None:
    both = ("--key", people.key("sam"), "--second-key", people.key("sue"))
    bypass = ("bollard", "bypass", "post-1", "--for", "10m", *LONG)
    async with FakeGateway(broker.port, command_key=office) as gateway:
        ended = await stoep(*bypass, *both)
        assert ended.code == 0, ended.err
        assert "have somebody watch the post" in ended.err
        [command] = gateway.commands
        assert command.auth is not None
        assert [s.operator for s in command.auth.signatures] == ["sam", "sue"]
        alone = await stoep(*bypass, "--key", people.key("sam"))
        assert (alone.code, "--second-key" in alone.err) == (3, True)
        assert "second_person: a second supervisor has to sign this too" in alone.err
        lower = await stoep(
            *bypass, "--key", people.key("sam"), "--second-key", people.key("alice")
        )
        assert (lower.code, "by role" in lower.err) == (3, True)
        count = len(gateway.messages)
        twice = await stoep(*bypass, "--key", people.key("sam"), "--second-key", people.key("sam"))
        assert (twice.code, "a second person has to sign" in twice.err) == (2, True)
        assert len(gateway.messages) == count


@pytest.mark.parametrize(
    ("who", "arguments"),
    [("vera", ("raise", "post-1", *WHY)), ("alice", ("reset", "post-1", *LONG))],
)
async def test_a_role_that_does_not_allow_it_is_refused_by_the_post(
    stoep: Stoep,
    broker: EmbeddedBroker,
    office: SiteKey,
    people: People,
    who: str,
    arguments: tuple[str, ...],
) -> None:
    async with FakeGateway(broker.port, command_key=office):
        ended = await stoep("bollard", *arguments, "--key", people.key(who), "--json")
    assert ended.code == 3
    assert (ended.json["status"], ended.json["guard"]) == ("REJECTED", "role")
    assert "the role in the key file does not allow this" in ended.err


async def test_the_office_signs_in_the_name_of_a_person_whose_role_is_said(
    stoep: Stoep, broker: EmbeddedBroker, office: SiteKey, tmp_path: Path
) -> None:
    keyfile.save(office, tmp_path / "command.json")
    raise_it = ("bollard", "raise", "post-1", *WHY, "--command-key", str(tmp_path / "command.json"))
    async with FakeGateway(broker.port, command_key=office) as gateway:
        assert (await stoep(*raise_it, "--as", "bob", "--role", "operator")).code == 0
        assert gateway.commands[0].actor == "bob"
        for arguments in ((), ("--as", "bob"), ("--role", "operator")):
            ended = await stoep(*raise_it, *arguments)
            assert (ended.code, "--as and --role" in ended.err) == (2, True)
        ended = await stoep(*raise_it, "--as", "Bob Smith", "--role", "operator")
        assert (ended.code, "1 to 8 characters" in ended.err) == (2, True)
        ended = await stoep(*raise_it, "--as", "bob", "--role", "boss")
        assert (ended.code, "none of viewer, operator" in ended.err) == (2, True)


async def test_a_nonce_that_was_renewed_meanwhile_is_tried_once_more_with_a_new_id(
    stoep: Stoep, broker: EmbeddedBroker, office: SiteKey, people: People
) -> None:
    async with FakeGateway(broker.port, command_key=office) as gateway:
        gateway.posts["post-1"].late_once = True
        ended = await stoep("bollard", "raise", "post-1", *WHY, "--key", people.key("alice"))
        assert ended.code == 0, ended.err
        first, second = gateway.commands
        assert first.id != second.id
        (nonce_1, transaction_1), (nonce_2, transaction_2) = gateway.posts["post-1"].seen
        assert nonce_1 != nonce_2
        assert transaction_1 != transaction_2


async def test_a_nonce_that_goes_on_changing_is_given_up_after_one_more_try(
    stoep: Stoep, broker: EmbeddedBroker, office: SiteKey, people: People
) -> None:
    class Restless(FakePost):
        def judge(self, command: Command) -> Outcome | None:
            self.late_once = True
            return super().judge(command)

    async with FakeGateway(
        broker.port, posts={"post-1": Restless(unit_in("post-1"), office)}
    ) as gateway:
        ended = await stoep("bollard", "raise", "post-1", *WHY, "--key", people.key("alice"))
        assert (ended.code, len(gateway.commands)) == (3, 2)
    assert "by old_nonce" in ended.err


async def test_the_age_of_the_nonce_is_part_of_the_signed_lifetime(
    stoep: Stoep, broker: EmbeddedBroker, office: SiteKey, people: People
) -> None:
    async with FakeGateway(broker.port, command_key=office) as gateway:
        gateway.posts["post-1"].age_ms = 40_000
        await gateway.show("post-1")
        ended = await stoep("bollard", "lower", "post-1", *WHY, "--key", people.key("alice"))
        assert (ended.code, len(gateway.commands)) == (0, 1)
        auth = gateway.commands[0].auth
        assert auth is not None
        assert 50_000 <= auth.lifetime_ms <= 70_000


async def test_a_post_whose_clock_says_late_is_tried_again_with_its_new_nonce(
    stoep: Stoep, broker: EmbeddedBroker, office: SiteKey, people: People
) -> None:
    async with FakeGateway(broker.port, command_key=office) as gateway:
        gateway.posts["post-1"].age_ms = 50_000  # and the gateway saw it just now
        ended = await stoep("bollard", "raise", "post-1", *WHY, "--key", people.key("alice"))
        assert (ended.code, len(gateway.commands)) == (0, 2)


async def test_a_post_that_missed_the_rotation_is_signed_for_with_the_older_epoch(
    stoep: Stoep, broker: EmbeddedBroker, office: SiteKey, tmp_path: Path
) -> None:
    rotated = office.rotated()
    people = People(tmp_path, rotated, ["post-1"])
    post = FakePost(unit_in("post-1"), rotated, epochs=(1,))
    async with FakeGateway(broker.port, posts={"post-1": post}) as gateway:
        ended = await stoep("bollard", "raise", "post-1", *WHY, "--key", people.key("alice"))
        assert (ended.code, len(gateway.commands)) == (0, 2)


async def test_a_key_of_another_command_key_is_refused_by_the_post(
    stoep: Stoep, broker: EmbeddedBroker, people: People
) -> None:
    async with FakeGateway(broker.port, command_key=keyfile.new_key("command", "park")):
        ended = await stoep("bollard", "raise", "post-1", *WHY, "--key", people.key("alice"))
    assert ended.code == 3
    assert "by bad_authority: the signature does not fit this controller" in ended.err


async def test_nothing_is_signed_for_another_unit_than_the_key_file_knows_there(
    stoep: Stoep, broker: EmbeddedBroker, office: SiteKey, people: People
) -> None:
    """A gateway that was stolen must not turn an order to one post into one to another."""
    async with FakeGateway(broker.port, command_key=office) as gateway:
        await gateway.show("post-1", unit=unit_in("post-2"))
        ended = await stoep("bollard", "raise", "post-1", *WHY, "--key", people.key("alice"))
        assert not gateway.messages
    assert ended.code == 7
    assert "nothing was signed" in ended.err
    assert "stoep keys issue" in ended.err


async def test_a_post_that_the_key_file_does_not_know_is_said(
    stoep: Stoep, broker: EmbeddedBroker, office: SiteKey, tmp_path: Path
) -> None:
    people = People(tmp_path, office, ["post-2"])
    async with FakeGateway(broker.port, command_key=office) as gateway:
        ended = await stoep("bollard", "raise", "post-1", *WHY, "--key", people.key("alice"))
        assert not gateway.messages
    assert (ended.code, "has no key for post-1 of gw-1" in ended.err) == (7, True)


async def test_a_key_file_of_another_site_is_said(
    stoep: Stoep, broker: EmbeddedBroker, tmp_path: Path, office: SiteKey
) -> None:
    people = People(tmp_path, keyfile.new_key("command", "harbour"), ["post-1"])
    async with FakeGateway(broker.port, command_key=office) as gateway:
        ended = await stoep("bollard", "raise", "post-1", *WHY, "--key", people.key("alice"))
        assert not gateway.messages
    assert (ended.code, "is for the site harbour" in ended.err) == (7, True)


async def test_two_key_files_of_different_epochs_have_to_be_issued_again(
    stoep: Stoep, broker: EmbeddedBroker, office: SiteKey, people: People, tmp_path: Path
) -> None:
    newest = {2: office.rotated().epochs[2]}
    unit = unit_in("post-1")
    later = person_keys.issue(
        SiteKey("command", "park", newest),
        "sid",
        Role.SUPERVISOR,
        [unit],
        {"gw-1/post-1": unit},
    )
    person_keys.save(later, tmp_path / "sid.json")
    both = ("--key", people.key("sam"), "--second-key", str(tmp_path / "sid.json"))
    async with FakeGateway(broker.port, command_key=office) as gateway:
        ended = await stoep("bollard", "bypass", "post-1", "--for", "1m", *LONG, *both)
        assert not gateway.messages
    assert (ended.code, "different epochs" in ended.err) == (7, True)


async def test_a_post_without_a_nonce_or_off_line_is_unreachable_and_nothing_is_sent(
    stoep: Stoep,
    broker: EmbeddedBroker,
    office: SiteKey,
    people: People,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tools.ops.dispatch.NONCE_S", 0.3)
    raise_it = ("bollard", "raise", "post-1", *WHY, "--key", people.key("alice"))
    async with FakeGateway(broker.port, command_key=office) as gateway:
        await gateway.state("post-1", **BOLLARD, unit=unit_in("post-1"))
        ended = await stoep(*raise_it)
        assert (ended.code, "has not told a nonce yet" in ended.err) == (6, True)
        await gateway.show("post-1")
        await gateway.avail("post-1", Avail.OFFLINE, "no answer for 3 s")
        ended = await stoep(*raise_it)
        assert ended.code == 6
        assert "nothing was sent: it is offline (no answer for 3 s)" in ended.err
        await gateway.avail("post-1", Avail.ONLINE)
        await gateway.show("post-1", q="stale")
        ended = await stoep(*raise_it)
        assert (ended.code, "stale" in ended.err) == (6, True)
        assert not gateway.messages


@pytest.mark.parametrize(
    ("status", "guard", "code", "words"),
    [
        (Status.REJECTED, "occupied", 3, "a vehicle is on a loop, or a loop cannot be trusted"),
        (Status.FAILED, "controller_restarted", 4, "the controller started anew while"),
        (Status.CANCELLED, "superseded", 4, "a later command took its place"),
        (Status.EXPIRED, "unreachable", 5, "the controller does not answer"),
    ],
)
async def test_the_exit_code_tells_how_it_ended_and_the_words_why(
    stoep: Stoep,
    broker: EmbeddedBroker,
    office: SiteKey,
    people: People,
    status: Status,
    guard: str,
    code: int,
    words: str,
) -> None:
    def answer(_: Command) -> Sequence[Outcome]:
        return [Outcome(Status.ACCEPTED), Outcome(status, guard)]

    async with FakeGateway(broker.port, answer, command_key=office):
        ended = await stoep(
            "bollard", "raise", "post-1", *WHY, "--key", people.key("alice"), "--json"
        )
    assert ended.code == code
    assert f"post-1: raise {status.lower()} by {guard}: {words}" in ended.err
    told = ended.json
    assert (told["slot"], told["verb"], told["guard"]) == ("post-1", "raise", guard)
    assert words in told["words"]


async def test_a_post_that_began_and_says_no_more_is_unreachable(
    stoep: Stoep,
    broker: EmbeddedBroker,
    office: SiteKey,
    people: People,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tools.ops.dispatch.LONGEST_OTHER_S", 0.3)

    def begun(_: Command) -> Sequence[Outcome]:
        return [Outcome(Status.ACCEPTED), Outcome(Status.IN_PROGRESS, progress=40)]

    async with FakeGateway(broker.port, begun, command_key=office):
        ended = await stoep(
            *("bollard", "raise", "post-1", *WHY, "--key", people.key("alice")),
            *("--timeout", "4s"),
        )
    assert ended.code == 6
    assert "last it was IN_PROGRESS 40 %" in ended.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("raise", "post-1"), "--reason TEXT is missing"),
        (("lower", "post-1"), "--reason TEXT is missing"),
        (("grant", "post-1"), "--reason TEXT is missing"),
        (("hold", "post-1", "--for", "1h"), "--reason TEXT is missing"),
        (("hold", "post-1", "--for", "2h", *WHY), "--ticket TEXT is missing: a hold of 2h"),
        (("hold", "post-1", "--for", "25h", *WHY), "--for"),
        (("reset", "post-1", *WHY), "--ticket TEXT is missing: a reset belongs to a work order"),
        (("bypass", "post-1", "--for", "1m", *WHY), "--ticket TEXT is missing: a bypass"),
        (("bypass", "post-1", "--for", "2h", *LONG), "--for"),
        (("raise", "post-1", *WHY, "--timeout", "2m"), "--timeout"),
        (("raise", "post-1", *WHY), "name your key file with --key or STOEP_KEY"),
    ],
)
async def test_what_is_missing_is_a_usage_error_before_anything_is_sent(
    arguments: tuple[str, ...], words: str
) -> None:
    ended = await run_stoep("bollard", *arguments)
    assert (ended.code, words in ended.err) == (2, True), ended.err
    assert len(ended.err.splitlines()) == 1


async def test_a_name_that_is_not_the_key_files_is_a_usage_error(people: People) -> None:
    ended = await run_stoep(
        *("bollard", "raise", "post-1", *WHY, "--key", people.key("alice"), "--as", "sam")
    )
    assert (ended.code, "is the key file of alice" in ended.err) == (2, True)


async def test_a_key_file_that_is_none_or_not_there_is_a_wrong_configuration(
    tmp_path: Path, office: SiteKey
) -> None:
    keyfile.save(office, tmp_path / "command.json")
    for file, words in (("command.json", "holds a command key"), ("no.json", "stoep keys issue")):
        ended = await run_stoep("bollard", "raise", "p", *WHY, "--key", str(tmp_path / file))
        assert (ended.code, words in ended.err) == (7, True), ended.err
