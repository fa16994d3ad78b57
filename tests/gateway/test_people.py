"""The users file: who may ask for what, and every mistake with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.agent import Agent
from gateway.authority import Authority, Signature
from gateway.commands import Command
from gateway.contract import Address
from gateway.people import People, load_people, needed_role, parse_people
from gateway.site import parse_site
from gateway.site_findings import SiteError
from gateway.verbs import VERBS
from protocol import keyfile
from protocol.generated.messages import Role

FILE = """
[[user]]
name = "vera"
role = "viewer"

[[user]]
name = "alice"
role = "operator"
full_name = "Alice Peeters"

[[user]]
name = "sam"
role = "supervisor"
full_name = "Sam Claes"

[[user]]
name = "tom"
role = "technician"
"""


@pytest.fixture
def people() -> People:
    return parse_people(FILE)


def problems(text: str) -> list[str]:
    with pytest.raises(SiteError) as raised:
        parse_people(text, Path("users.toml"))
    return [str(problem) for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("name", "kind", "verb", "may"),
    [
        ("vera", "lamp", "set", False),
        ("vera", "lamp", "identify", False),
        ("vera", "bollard", "raise", False),
        ("alice", "lamp", "set", True),
        ("alice", "bin", "compact", True),
        ("alice", "bollard", "grant", True),
        ("alice", "bollard", "reset", False),
        ("alice", "bollard", "bypass", False),
        ("sam", "bollard", "reset", True),
        ("sam", "bollard", "bypass", True),
        ("tom", "bollard", "reset", True),
    ],
)
def test_each_role_may_do_its_part_and_what_those_below_may(
    people: People, name: str, kind: str, verb: str, may: bool
) -> None:
    assert (people.refusal(name, kind, verb, False) is None) is may


@pytest.mark.parametrize(("kind", "verb"), [(k, v) for k, verbs in VERBS.items() for v in verbs])
def test_a_viewer_may_ask_what_would_happen_and_do_nothing(
    people: People, kind: str, verb: str
) -> None:
    assert people.refusal("vera", kind, verb, True) is None
    assert people.refusal("vera", kind, verb, False) is not None
    assert needed_role(kind, verb) >= Role.OPERATOR


def test_who_is_not_in_the_file_may_not_even_ask(people: People) -> None:
    for dry_run in (False, True):
        words = people.refusal("mallory@desk", "lamp", "auto", dry_run)
        assert words is not None
        assert "'mallory' is not in the gateway's users file" in words
        assert "--as" in words


def test_the_name_before_the_at_sign_counts(people: People) -> None:
    assert people.refusal("alice@desk-3", "lamp", "set", False) is None
    assert people.refusal("desk@alice", "lamp", "set", False) is not None


def test_a_refusal_names_who_could_help(people: People) -> None:
    words = people.refusal("alice", "bollard", "reset", False)
    assert words == (
        "alice is an operator, and reset of a bollard needs a supervisor; ask Sam Claes or tom"
    )


def test_nobody_who_could_help_is_said_too() -> None:
    people = parse_people('[[user]]\nname = "vera"\nrole = "viewer"\n')
    assert "nobody in it is an operator" in (people.refusal("vera", "lamp", "set", False) or "")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('[[user]]\nname = "Alice"\nrole = "operator"', "users.toml:2: user number 1, name: 'Al"),
        ('[[user]]\nname = "alexandra"\nrole = "viewer"', "1 to 8 of a-z"),
        ('[[user]]\nname = "al"\nrole = "operater"', "users.toml:3: user number 1, role: 'oper"),
        ('[[user]]\nname = "al"\nrole = "operater"', "did you mean operator?"),
        ('[[user]]\nname = "al"\nrole = 7', "write viewer, operator, supervisor or technician"),
        ('[[user]]\nname = "al"', "users.toml:1: user number 1: role is missing"),
        ('[[user]]\nname = "a"\nrole = "viewer"\nrolle = 1', "did you mean role?"),
        ('[[user]]\nname = "a"\nrole = "viewer"\nfull_name = 3', "users.toml:4: user number 1, f"),
        ('user = "al"', "users.toml:1: user: write at least one [[user]]"),
        ("", "write at least one [[user]]"),
        ('[[users]]\nname = "al"', "users: is not known here"),
        ("user = [3]", "must be written [[user]]"),
        ("[[user]\n", "users.toml:1: is no TOML"),
        ('[[user]]\nname = "', "is no TOML"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_key(text: str, wanted: str) -> None:
    assert any(wanted in problem for problem in problems(text)), problems(text)


def test_all_mistakes_are_told_at_once_and_a_name_is_there_once() -> None:
    text = (
        FILE + '\n[[user]]\nname = "alice"\nrole = "boss"\n[[user]]\nname = "sam"\nrole = "viewer"'
    )
    told = problems(text)
    assert len(told) == 2
    assert "'boss' is no role" in told[0]
    assert "'sam' is there twice" in told[1]


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="cannot be read: No such file"):
        load_people(tmp_path / "users.toml")
    (tmp_path / "users.toml").write_bytes(b"\xff")
    with pytest.raises(SiteError, match="not UTF-8"):
        load_people(tmp_path / "users.toml")
    (tmp_path / "users.toml").write_text(FILE)
    assert set(load_people(tmp_path / "users.toml").persons) == {"vera", "alice", "sam", "tom"}


SITE = """
[site]
name = "park"
gateway = "gw-1"
latitude = 50
longitude = 4
link_key = "link.json"
{users}
[[bus]]
name = "bus"
port = "/dev/null"
[[slot]]
name = "post-1"
kind = "bollard"
bus = "bus"
address = 1
unit = "00000000000000b1"
"""


def agent(folder: Path, *, users: bool) -> Agent:
    keyfile.save(keyfile.new_key("link", "park"), folder / "link.json")
    (folder / "users.toml").write_text(FILE)
    text = SITE.format(users='users = "users.toml"' if users else "")
    return Agent(parse_site(text, folder / "site.toml"))


def bypass(*names: str) -> Command:
    signatures = tuple(Signature(name, Role.SUPERVISOR, bytes(16)) for name in names)
    auth = Authority(bytes(8), 1000, 1, signatures)
    address = Address("bollard", "post-1")
    return Command("1", address, "bypass", {"duration_s": 60}, 0, 0, names[0], "flood", auth)


def test_an_agent_asks_it_of_everybody_who_signed(tmp_path: Path) -> None:
    gateway = agent(tmp_path, users=True)
    assert gateway._may(bypass("sam", "tom")) is None
    assert "alice is an operator" in (gateway._may(bypass("alice", "sam")) or "")
    assert "alice is an operator" in (gateway._may(bypass("sam", "alice")) or "")
    assert "'sue' is not in" in (gateway._may(bypass("sam", "sue")) or "")


def test_an_agent_without_a_users_file_leaves_it_to_the_broker(tmp_path: Path) -> None:
    assert agent(tmp_path, users=False)._may(bypass("sue", "mallory")) is None
