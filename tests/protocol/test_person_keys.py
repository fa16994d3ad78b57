"""Key files of people: what they sign, and what is refused."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from protocol import keyfile, keys, orders, person_keys
from protocol.generated.messages import Role
from protocol.keyfile import KeyFileError

UNITS = ("0011223344556677", "8899aabbccddeeff")
MESSAGE = b"the same bytes on both sides"


@pytest.fixture
def command_key() -> keyfile.SiteKey:
    return keyfile.new_key("command", "park").rotated()


@pytest.fixture
def anna(command_key: keyfile.SiteKey) -> person_keys.PersonKey:
    return person_keys.issue(command_key, "anna", Role.OPERATOR, UNITS)


def ring(command_key: keyfile.SiteKey, unit: str) -> dict[int, bytes]:
    return command_key.device_keys(bytes.fromhex(unit))


def test_a_controller_accepts_what_a_person_signs_for_it(
    command_key: keyfile.SiteKey, anna: person_keys.PersonKey
) -> None:
    for unit in UNITS:
        signature = anna.signature(unit.upper(), MESSAGE)
        assert signature is not None
        assert signature[:2] == (b"anna\0\0\0\0", Role.OPERATOR)
        assert orders.covers(ring(command_key, unit), signature, MESSAGE)
    other = anna.signature(UNITS[0], MESSAGE)
    assert other is not None
    assert not orders.covers(ring(command_key, UNITS[1]), other, MESSAGE)


def test_a_person_signs_nothing_for_a_unit_they_have_no_key_of(
    anna: person_keys.PersonKey,
) -> None:
    assert anna.signature("0000000000000000", MESSAGE) is None


def test_a_person_signs_with_the_newest_epoch(
    command_key: keyfile.SiteKey, anna: person_keys.PersonKey
) -> None:
    signature = anna.signature(UNITS[0], MESSAGE)
    assert signature is not None
    newest = {2: ring(command_key, UNITS[0])[2]}
    assert orders.covers(newest, signature, MESSAGE)


def test_a_file_holds_that_persons_keys_and_no_other_secret(
    command_key: keyfile.SiteKey, anna: person_keys.PersonKey, tmp_path: Path
) -> None:
    path = tmp_path / "anna.json"
    person_keys.save(anna, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert person_keys.load(path) == anna
    text = path.read_text()
    for epoch, key in command_key.epochs.items():
        assert key.hex() not in text
        for unit in UNITS:
            assert keys.command_key(key, epoch, bytes.fromhex(unit)).hex() not in text
    assert "keys" in json.loads(text)
    for secret in anna.keys[UNITS[0]].values():
        assert secret.hex() not in repr(anna)


def test_a_file_is_replaced_only_when_asked(anna: person_keys.PersonKey, tmp_path: Path) -> None:
    path = tmp_path / "anna.json"
    person_keys.save(anna, path)
    with pytest.raises(KeyFileError, match="exists already"):
        person_keys.save(anna, path)
    person_keys.save(anna, path, replace_file=True)


def test_a_file_that_others_may_read_is_refused(
    anna: person_keys.PersonKey, tmp_path: Path
) -> None:
    path = tmp_path / "anna.json"
    person_keys.save(anna, path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        person_keys.load(path)


def test_a_missing_file_tells_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="stoep keys issue"):
        person_keys.load(tmp_path / "nobody.json")


def test_only_a_command_key_makes_keys_of_people() -> None:
    with pytest.raises(KeyFileError, match="command key"):
        person_keys.issue(keyfile.new_key("link", "park"), "anna", Role.OPERATOR, UNITS)


@pytest.mark.parametrize("name", ["", "Anna", "annabelle", "an na", "änna"])
def test_a_name_that_does_not_fit_is_refused(name: str, command_key: keyfile.SiteKey) -> None:
    with pytest.raises(KeyFileError, match="1 to 8 characters"):
        person_keys.issue(command_key, name, Role.OPERATOR, UNITS)


@pytest.mark.parametrize("unit", ["", "12", "00112233445566gg", "00 11 22 33 44 5"])
def test_a_unit_that_is_none_is_refused(unit: str, command_key: keyfile.SiteKey) -> None:
    with pytest.raises(KeyFileError, match="16 hex digits"):
        person_keys.issue(command_key, "anna", Role.OPERATOR, [unit])


@pytest.mark.parametrize(
    "change",
    [
        {"stoep": "command key"},
        {"role": "mayor"},
        {"operator": "Anna"},
        {"keys": []},
        {"keys": {"12": {}}},
        {"keys": {UNITS[0]: {"1": "00"}}},
        {"keys": {UNITS[0]: {"0": "00" * 32}}},
        {"keys": {UNITS[0]: {"1": 5}}},
        {"site": None, "keys": None},
    ],
    ids=str,
)
def test_a_damaged_file_is_refused(
    change: dict[str, Any], anna: person_keys.PersonKey, tmp_path: Path
) -> None:
    path = tmp_path / "anna.json"
    person_keys.save(anna, path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(KeyFileError):
        person_keys.load(path)


def test_what_is_no_json_is_refused(anna: person_keys.PersonKey, tmp_path: Path) -> None:
    path = tmp_path / "anna.json"
    person_keys.save(anna, path)
    path.write_text("nonsense")
    with pytest.raises(KeyFileError, match="no key file"):
        person_keys.load(path)
