"""`stoep keys`: nothing is overwritten, nothing secret is printed, errors say what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protocol import keyfile, person_keys
from protocol.generated.messages import Role
from tools.cli import run
from tools.errors import EXIT_CONFIGURATION, EXIT_USAGE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with both keys of a site."""
    assert run(["keys", "init", "park", "--folder", str(tmp_path / "keys")]) == 0
    return tmp_path / "keys"


def test_init_makes_two_private_keys_of_the_site(folder: Path) -> None:
    for purpose in ("link", "command"):
        path = folder / f"{purpose}.json"
        assert keyfile.load(path, purpose).site == "park"
        assert path.stat().st_mode & 0o777 == 0o600


def test_init_never_overwrites(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "link.json").unlink()
    before = (folder / "command.json").read_bytes()
    assert run(["keys", "init", "park", "--folder", str(folder)]) == EXIT_CONFIGURATION
    assert "exists already" in capsys.readouterr().err
    assert (folder / "command.json").read_bytes() == before
    assert not (folder / "link.json").exists()


def test_show_prints_fingerprints_and_no_secret(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["keys", "show", str(folder / "command.json"), "--json"]) == 0
    out = capsys.readouterr().out
    shown = json.loads(out)
    assert (shown["purpose"], shown["site"], shown["current"]) == ("command", "park", 1)
    secret = keyfile.load(folder / "command.json", "command").epochs[1].hex()
    assert secret not in out
    assert shown["epochs"]["1"] not in secret


def test_rotate_keeps_the_old_epoch_valid(folder: Path) -> None:
    path = folder / "link.json"
    old = keyfile.load(path, "link")
    assert run(["keys", "rotate", str(path)]) == 0
    new = keyfile.load(path, "link")
    assert new.current == 2
    assert new.epochs[1] == old.epochs[1]


def test_an_export_comes_back_with_its_passphrase(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOEP_PASSPHRASE", "rain on the pavement")
    path, copy, back = folder / "link.json", folder / "copy.json", folder / "back.json"
    assert run(["keys", "export", str(path), "--to", str(copy)]) == 0
    assert run(["keys", "restore", str(copy), "--to", str(back)]) == 0
    assert keyfile.load(back, "link") == keyfile.load(path, "link")
    monkeypatch.setenv("STOEP_PASSPHRASE", "sun on the pavement")
    other = str(folder / "other.json")
    assert run(["keys", "restore", str(copy), "--to", other]) == EXIT_CONFIGURATION
    assert not Path(other).exists()


def test_without_a_terminal_the_passphrase_comes_from_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STOEP_PASSPHRASE", raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    arguments = ["keys", "export", str(folder / "link.json"), "--to", str(folder / "copy")]
    assert run(arguments) == EXIT_USAGE
    assert "STOEP_PASSPHRASE" in capsys.readouterr().err


SITE = """
[site]
name = "park"
gateway = "gw-1"
latitude = 50
longitude = 4
[[bus]]
name = "bus"
port = "/dev/ttyUSB0"
[[slot]]
name = "post-1"
kind = "bollard"
bus = "bus"
address = 1
unit = "{unit}"
[[slot]]
name = "lamp-1"
kind = "lamp"
bus = "bus"
address = 2
unit = "00000000000000b2"
"""
UNIT = "00000000000000b1"


@pytest.fixture
def issue(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """`stoep keys issue alice` in a folder with a site file and its keys."""
    monkeypatch.chdir(folder.parent)
    Path("site.toml").write_text(SITE.format(unit=UNIT))
    return ["keys", "issue", "alice", "--role", "operator"]


def test_a_person_gets_a_private_file_that_signs_for_every_bollard_and_nothing_else(
    issue: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(issue) == 0
    out = capsys.readouterr().out
    assert "alice signs as operator for post-1" in out
    made = Path("alice.json")
    assert made.stat().st_mode & 0o777 == 0o600
    held = person_keys.load(made)
    office = keyfile.load(Path("keys/command.json"), "command")
    assert (held.operator, held.role, held.site) == ("alice", Role.OPERATOR, "park")
    assert held.places == {"gw-1/post-1": UNIT}
    assert held.keys == person_keys.issue(office, "alice", Role.OPERATOR, [UNIT]).keys
    secrets = [office.epochs[1].hex(), held.keys[UNIT][1].hex()]
    assert secrets[0] not in made.read_text()
    assert run(["keys", "person", "alice.json", "--json"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out) == {
        "name": "alice",
        "role": "operator",
        "site": "park",
        "places": {"gw-1/post-1": {"unit": UNIT, "epochs": [1]}},
    }
    assert run(["keys", "person", "alice.json"]) == 0
    out += capsys.readouterr().out
    assert f"gw-1/post-1: unit {UNIT}, epochs 1" in out
    assert not any(secret in out for secret in secrets)


def test_a_file_is_issued_again_only_when_asked_and_only_over_that_persons(
    issue: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(issue) == 0
    assert run(issue) == EXIT_CONFIGURATION
    assert run(["keys", "rotate", "keys/command.json"]) == 0
    Path("site.toml").write_text(SITE.format(unit="00000000000000b9"))
    assert run([*issue, "--replace"]) == 0
    held = person_keys.load(Path("alice.json"))
    assert held.places == {"gw-1/post-1": "00000000000000b9"}
    assert {tuple(sorted(epochs)) for epochs in held.keys.values()} == {(1, 2)}
    before = Path("alice.json").read_bytes()
    other = ["keys", "issue", "bob", "--role", "operator", "--out", "alice.json", "--replace"]
    assert run(other) == EXIT_CONFIGURATION
    assert "somebody else" in capsys.readouterr().err
    assert Path("alice.json").read_bytes() == before


def test_what_does_not_fit_is_said_and_no_file_is_written(
    issue: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    del issue
    for arguments, code, words in (
        (["alexandra", "--role", "operator"], EXIT_CONFIGURATION, "1 to 8 characters"),
        (["al", "--role", "boss"], EXIT_USAGE, "none of viewer, operator"),
        (
            ["al", "--role", "viewer", "--command-key", "keys/link.json"],
            EXIT_CONFIGURATION,
            "a command key is needed",
        ),
        (["al", "--role", "viewer", "--site", "no.toml"], EXIT_CONFIGURATION, "cannot be read"),
    ):
        assert run(["keys", "issue", *arguments]) == code
        assert words in capsys.readouterr().err
    site = Path("site.toml")
    site.write_text(SITE.format(unit=UNIT).replace('"park"', '"harbour"'))
    assert run(["keys", "issue", "al", "--role", "viewer"]) == EXIT_CONFIGURATION
    assert "is for the site park" in capsys.readouterr().err
    site.write_text(SITE.format(unit=UNIT).replace('"bollard"', '"bin"'))
    assert run(["keys", "issue", "al", "--role", "viewer"]) == EXIT_CONFIGURATION
    assert "no bollard" in capsys.readouterr().err
    assert not list(Path().glob("al*.json"))


def test_a_swap_of_a_bollard_says_that_key_files_are_issued_again(
    issue: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    del issue
    assert run(["swap", "post-1", "00000000000000b9"]) == 0
    assert "stoep keys issue" in capsys.readouterr().out
    assert run(["swap", "lamp-1", "00000000000000ba"]) == 0
    assert "stoep keys issue" not in capsys.readouterr().out


def test_a_missing_key_file_says_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keys", "show", str(tmp_path / "link.json")]) == EXIT_CONFIGURATION
    assert "stoep keys init" in capsys.readouterr().err
