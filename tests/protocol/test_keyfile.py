"""Key files: private, of one purpose, rotated with an overlap, exported under a passphrase."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protocol import keyfile
from protocol.keyfile import KeyFileError

UNIT = bytes.fromhex("5740ea0000000001")
PASSPHRASE = "rain on the pavement"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a key may go."""
    return tmp_path / "link.json"


def test_a_saved_key_comes_back_and_only_the_owner_may_read_it(path: Path) -> None:
    key = keyfile.new_key("link", "park")
    keyfile.save(key, path)
    assert keyfile.load(path, "link") == key
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_is_never_overwritten_unasked(path: Path) -> None:
    key = keyfile.new_key("link", "park")
    keyfile.save(key, path)
    with pytest.raises(KeyFileError, match="exists already"):
        keyfile.save(keyfile.new_key("link", "park"), path)
    assert keyfile.load(path, "link") == key


def test_a_key_that_others_may_read_is_refused_with_the_remedy(path: Path) -> None:
    keyfile.save(keyfile.new_key("link", "park"), path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        keyfile.load(path, "link")


def test_a_command_key_is_not_taken_for_a_link_key(path: Path) -> None:
    keyfile.save(keyfile.new_key("command", "park"), path)
    with pytest.raises(KeyFileError, match="a link key is needed"):
        keyfile.load(path, "link")


def test_a_missing_key_says_how_to_make_one(path: Path) -> None:
    with pytest.raises(KeyFileError, match="stoep keys init"):
        keyfile.load(path, "link")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"stoep": "link key", "site": "a", "epochs": {}}',
        '{"stoep": "link key", "site": "a", "epochs": {"1": "00"}}',
        '{"stoep": "link key", "site": "a", "epochs": {"0": "' + "00" * 32 + '"}}',
        '{"stoep": "link key", "site": "a", "epochs": 3}',
    ],
)
def test_a_damaged_key_file_is_refused(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyFileError):
        keyfile.load(path, "link")


def test_a_rotation_keeps_the_epoch_before_and_no_older_one() -> None:
    first = keyfile.new_key("link", "park")
    second = first.rotated()
    third = second.rotated()
    assert sorted(second.epochs) == [1, 2]
    assert second.epochs[1] == first.epochs[1]
    assert sorted(third.epochs) == [2, 3]
    assert third.current == 3
    assert len({*first.epochs.values(), *second.epochs.values(), *third.epochs.values()}) == 3


def test_every_device_epoch_and_purpose_has_a_key_of_its_own() -> None:
    link = keyfile.new_key("link", "park").rotated()
    command = keyfile.SiteKey("command", "park", link.epochs)
    made = [
        value
        for key in (link, command)
        for unit in (UNIT, UNIT[::-1])
        for value in key.device_keys(unit).values()
    ]
    assert len(set(made)) == len(made) == 8
    assert not set(made) & set(link.epochs.values())


def test_an_export_opens_with_its_passphrase_only(path: Path) -> None:
    key = keyfile.new_key("link", "park").rotated()
    keyfile.export(key, path, PASSPHRASE)
    assert keyfile.restore(path, "link", PASSPHRASE) == key
    assert key.epochs[1].hex() not in path.read_text()
    with pytest.raises(KeyFileError, match="passphrase is wrong"):
        keyfile.restore(path, "link", PASSPHRASE + "!")


def test_a_damaged_export_is_refused(path: Path) -> None:
    keyfile.export(keyfile.new_key("link", "park"), path, PASSPHRASE)
    document = json.loads(path.read_text())
    document["sealed"] = document["sealed"][:-8] + "AAAAAAA="
    path.write_text(json.dumps(document))
    with pytest.raises(KeyFileError):
        keyfile.restore(path, "link", PASSPHRASE)


def test_a_short_passphrase_is_refused_before_anything_is_written(path: Path) -> None:
    with pytest.raises(KeyFileError, match="12 characters"):
        keyfile.export(keyfile.new_key("link", "park"), path, "short")
    assert not path.exists()


def test_a_secret_is_not_printed() -> None:
    key = keyfile.new_key("link", "park")
    assert key.epochs[1].hex() not in repr(key)
    assert str(key.epochs[1]) not in repr(key)
