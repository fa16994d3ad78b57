"""`stoep gateway check`: a good site is described, a bad one is told all of its mistakes."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from tests.tools.conftest import stoep_now

PARK = Path(str(resources.files("tools.demo") / "site.toml"))


@pytest.fixture
def park(tmp_path: Path) -> Path:
    file = tmp_path / "site.toml"
    file.write_text(PARK.read_text())
    return file


def test_the_park_of_the_demo_is_good() -> None:
    ended = stoep_now("gateway", "check", str(PARK))
    assert ended.code == 0, ended.err
    assert "6 lamps, 2 bollards, 3 bins" in ended.out
    described = stoep_now("gateway", "check", "--json", str(PARK)).json
    assert described["ok"]
    assert described["buses"] == {"path": 11}
    assert described["slots"] == {"lamp": 6, "bollard": 2, "bin": 3}


def test_every_mistake_is_told_with_file_line_and_key(park: Path) -> None:
    text = park.read_text().replace("address = 2\n", "address = 999\n")
    text = text.replace('kind = "bin"', 'kind = "bni"', 1)
    park.write_text(text)
    line = text[: text.index("address = 999")].count("\n") + 1
    ended = stoep_now("gateway", "check", str(park))
    assert ended.code == 7
    assert f"{park}:{line}: slot lamp-2, address: 999" in ended.err
    assert "'bni' is not possible" in ended.err
    assert ended.err.splitlines()[-1].startswith(f"stoep: {park} has 2 mistakes")


def test_the_users_file_is_checked_with_the_site(park: Path) -> None:
    park.write_text(park.read_text().replace("[site]\n", '[site]\nusers = "users.toml"\n', 1))
    ended = stoep_now("gateway", "check", str(park))
    assert (ended.code, "users.toml: cannot be read" in ended.err) == (7, True)
    users = park.parent / "users.toml"
    users.write_text('[[user]]\nname = "Ann"\nrole = "boss"\n')
    ended = stoep_now("gateway", "check", str(park))
    assert ended.code == 7
    assert f"{users}:2: user number 1, name: 'Ann'" in ended.err
    assert f"{users}:3: user number 1, role: 'boss'" in ended.err
    assert ended.err.splitlines()[-1].startswith(f"stoep: {users} has 2 mistakes")
    problems = stoep_now("gateway", "check", "--json", str(park)).json["problems"]
    assert [problem["line"] for problem in problems] == [2, 3]
    users.write_text('[[user]]\nname = "ann"\nrole = "operator"\n')
    ended = stoep_now("gateway", "check", str(park))
    assert (ended.code, "users: ann" in ended.out) == (0, True)
    assert stoep_now("gateway", "check", "--json", str(park)).json["users"] == 1


def test_one_mistake_is_one_line(park: Path) -> None:
    park.write_text(park.read_text().replace("address = 2\n", "address = 1\n"))
    ended = stoep_now("gateway", "check", str(park))
    assert ended.code == 7
    assert len(ended.err.splitlines()) == 1
    assert "address" in ended.err


def test_mistakes_as_json_name_file_line_and_key(park: Path) -> None:
    park.write_text(park.read_text().replace("baud = 115200", 'baud = "fast"'))
    ended = stoep_now("gateway", "check", "--json", str(park))
    assert ended.code == 7
    [problem] = ended.json["problems"]
    assert (problem["file"], problem["key"].endswith("baud")) == (str(park), True)
    assert problem["line"] == park.read_text().split("baud")[0].count("\n") + 1


@pytest.mark.parametrize("command", [("check",), ("run", "--site")])
@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"[site\n", "is no TOML"), (b"\xff\xfe", "not UTF-8")],
)
def test_what_is_no_site_file_is_said_in_one_line(
    tmp_path: Path, command: tuple[str, ...], content: bytes | None, words: str
) -> None:
    file = tmp_path / "site.toml"
    if content is not None:
        file.write_bytes(content)
    ended = stoep_now("gateway", *command, str(file))
    assert ended.code == 7
    assert words in ended.err
    assert len(ended.err.splitlines()) == 1
