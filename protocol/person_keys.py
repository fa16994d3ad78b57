"""Key files of people: what one person signs orders with, in one role, for some units. CPython.

A file holds keys made of the site's command key and never that key itself, so that it can sign in
nobody else's name and in no other role, and for no other unit. JSON, readable by its owner only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocol import keyfile, orders
from protocol.generated.messages import Role
from protocol.keyfile import KeyFileError, SiteKey
from protocol.keys import DEVICE_KEY_SIZE

TITLE = "person key"
UNIT_DIGITS = 16


@dataclass(frozen=True, repr=False)
class PersonKey:
    """`keys` maps a unit (16 hex digits, lower case) to K_person by epoch, 1 to 255.

    `places` maps `gateway/slot` to its unit when the key was issued: a gateway that shows another
    unit there would have its operator sign for the wrong post.
    """

    site: str
    operator: str
    role: Role
    keys: Mapping[str, Mapping[int, bytes]]
    places: Mapping[str, str] = field(default_factory=dict[str, str])

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"PersonKey({self.operator}, {self.role.name.lower()} of {self.site})"

    def signature(self, unit: str, message: bytes) -> tuple[bytes, int, bytes] | None:
        """(operator, role, tag) with the newest key for that unit; None when there is none."""
        epochs = self.keys.get(unit.lower())
        if not epochs:
            return None
        tag = orders.sign(epochs[max(epochs)], message)
        return orders.operator_field(self.operator), int(self.role), tag


def issue(
    command_key: SiteKey,
    operator: str,
    role: Role,
    units: Iterable[str],
    places: Mapping[str, str] | None = None,
) -> PersonKey:
    """The key of one person for these units (16 hex digits each), in every epoch in force.

    `places` is what it remembers of where they are, `gateway/slot` -> unit.

    KeyFileError when it is no command key, or the name or a unit is none.
    """
    if command_key.purpose != "command":
        raise KeyFileError(f"people sign with keys made of the command key, not the {command_key}")
    name = _field(operator, "the name")
    made = {
        unit.lower(): {
            epoch: orders.person_key(key, int(role), name)
            for epoch, key in command_key.device_keys(_hardware_id(unit, "the site")).items()
        }
        for unit in units
    }
    return PersonKey(command_key.site, operator, role, made, places or {})


def save(key: PersonKey, path: Path, *, replace_file: bool = False) -> None:
    """Write a key file, whole or not at all; only the owner may read it. KeyFileError."""
    document = {
        "stoep": TITLE,
        "site": key.site,
        "operator": key.operator,
        "role": key.role.name.lower(),
        "keys": {
            unit: {str(epoch): value.hex() for epoch, value in sorted(epochs.items())}
            for unit, epochs in sorted(key.keys.items())
        },
        "places": dict(sorted(key.places.items())),
    }
    text = json.dumps(document, indent=2) + "\n"
    keyfile.write_private(path, text, replace_file=replace_file)


def load(path: Path) -> PersonKey:
    """Read a key file; KeyFileError when it is missing, open to others, or no key of a person."""
    where = str(path)
    text = keyfile.read_private(path, "operations make it with: stoep keys issue")
    try:
        document: dict[str, Any] = json.loads(text)
        title, site = str(document["stoep"]), str(document["site"])
        if title != TITLE:
            raise KeyFileError(f"{where}: holds a {title}, but a {TITLE} is needed here")
        operator, role = str(document["operator"]), Role[str(document["role"]).upper()]
        held = {
            str(unit): {int(epoch): bytes.fromhex(value) for epoch, value in epochs.items()}
            for unit, epochs in document["keys"].items()
        }
        places = {str(place): str(unit) for place, unit in document["places"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeyFileError(f"{where}: is no key file of stoep") from error
    _field(operator, where)
    for unit, epochs in held.items():
        _hardware_id(unit, where)
        for epoch, value in epochs.items():
            if len(value) != DEVICE_KEY_SIZE or not 1 <= epoch <= keyfile.MAX_EPOCH:
                raise KeyFileError(f"{where}: is damaged; have it issued again")
    return PersonKey(site, operator, role, held, places)


def _field(operator: str, where: str) -> bytes:
    try:
        return orders.operator_field(operator)
    except ValueError as error:
        raise KeyFileError(f"{where}: {operator!r}: {error}") from error


def _hardware_id(unit: str, where: str) -> bytes:
    try:
        hardware_id = bytes.fromhex(unit)
    except ValueError:
        hardware_id = b""
    if len(unit) != UNIT_DIGITS or len(hardware_id) != UNIT_DIGITS // 2:
        raise KeyFileError(f"{where}: {unit!r} is no unit; it has 16 hex digits")
    return hardware_id
