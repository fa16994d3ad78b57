"""`stoep keys`: nothing is overwritten, nothing secret is printed, errors say what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protocol import keyfile
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


def test_a_missing_key_file_says_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keys", "show", str(tmp_path / "link.json")]) == EXIT_CONFIGURATION
    assert "stoep keys init" in capsys.readouterr().err
