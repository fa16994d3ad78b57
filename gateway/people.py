"""`users.toml`: who may ask for what. The actor of a command is a claim, not a proof.

This keeps honest people to their role, and takes effect for who left at the next reload. What moves
a bollard is judged a second time, by the controller, which checks the signature and the role in it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from gateway.site_findings import Findings, Problem, SiteError
from gateway.toml_lines import Path as KeyPath
from gateway.toml_lines import key_lines
from protocol.generated.messages import Role

NAME = re.compile(r"[a-z0-9._-]{1,8}")
"""A person's name: it has to fit into the eight bytes of a signature."""
MAX_FULL_NAME_LENGTH = 80

_NEEDED: Mapping[str, Mapping[str, Role]] = {
    "lamp": {"set": Role.OPERATOR, "auto": Role.OPERATOR},
    "bin": {"compact": Role.OPERATOR, "service": Role.OPERATOR},
    "bollard": {
        **dict.fromkeys(("raise", "lower", "hold", "grant"), Role.OPERATOR),
        **dict.fromkeys(("reset", "bypass"), Role.SUPERVISOR),
    },
}
READS_THE_JOURNAL = Role.OPERATOR
"""It tells of colleagues, so it is not for a screen on the wall."""
_KEYS = ("name", "role", "full_name")


@dataclass(frozen=True)
class Person:
    """One `[[user]]`."""

    name: str
    role: Role
    full_name: str = ""


def needed_role(kind: str, verb: str) -> Role:
    """The least role that may give this command; each role may do what those below it may."""
    return _NEEDED.get(kind, {}).get(verb, Role.OPERATOR)


def name_of(actor: str) -> str:
    """The name that an actor claims: what stands before the first @."""
    return actor.partition("@")[0]


@dataclass(frozen=True)
class People:
    """Everybody in a users file, by name."""

    persons: Mapping[str, Person]

    def refusal(self, actor: str, kind: str, verb: str, dry_run: bool) -> str | None:
        """Why this actor may not give that command, in words for the sender; None if it may.

        Asking what would happen (`dry_run`) is for everybody who is in the file.
        """
        name = name_of(actor)
        person = self.persons.get(name)
        if person is None:
            return f"{name!r} is not in the gateway's users file; say who you are with --as NAME"
        needed = needed_role(kind, verb)
        if dry_run or person.role >= needed:
            return None
        return (
            f"{name} is {_a(person.role)}, and {verb} of a {kind} needs {_a(needed)}; "
            f"ask {self._somebody(needed)}"
        )

    def reading_refusal(self, actor: str) -> str | None:
        """Why this actor may not read what others have done; None if it may."""
        name = name_of(actor)
        person = self.persons.get(name)
        if person is None:
            return f"{name!r} is not in the gateway's users file; say who you are with --as NAME"
        if person.role >= READS_THE_JOURNAL:
            return None
        return (
            f"{name} is {_a(person.role)}, and the journal is for {_a(READS_THE_JOURNAL)}; "
            f"ask {self._somebody(READS_THE_JOURNAL)}"
        )

    def _somebody(self, needed: Role) -> str:
        able = [p.full_name or p.name for p in self.persons.values() if p.role >= needed]
        if not able:
            return f"whoever keeps the users file: nobody in it is {_a(needed)}"
        return " or ".join(able[:3]) + (" or others" if len(able) > 3 else "")


def load_people(file: Path) -> People:
    """Reads and checks a users file. Raises SiteError, also when it cannot be read."""
    try:
        return parse_people(file.read_bytes().decode("utf-8"), file)
    except OSError as error:
        message = f"cannot be read: {error.strerror}; [site] users names the users file"
        raise SiteError([Problem(file, 0, "", message)]) from error
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8; save the file as UTF-8"
        raise SiteError([Problem(file, 0, "", message)]) from error


def parse_people(text: str, file: Path = Path("users.toml")) -> People:
    """Checks the text of a users file; every mistake is in one SiteError."""
    text = text.replace("\r\n", "\n")
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        number = int(line[1]) if line else text.count("\n") + 1
        raise SiteError([Problem(file, number, "", f"is no TOML: {error}")]) from error
    findings = Findings(file, key_lines(text), {})
    for key in tables:
        if key != "user":
            findings.add((key,), "is not known here; a users file holds [[user]] only")
    persons = _persons(tables.get("user"), findings)
    if findings.problems:
        raise SiteError(findings.problems)
    return People(persons)


def _persons(entries: object, findings: Findings) -> dict[str, Person]:
    if not isinstance(entries, list) or not entries:
        findings.add(("user",), "write at least one [[user]], with name and role")
        return {}
    persons: dict[str, Person] = {}
    for number, entry in enumerate(cast("list[Any]", entries)):
        path: KeyPath = ("user", number)
        person = _person(entry, path, findings)
        if person is None:
            continue
        if person.name in persons:
            findings.add((*path, "name"), f"{person.name!r} is there twice; give one another name")
        persons[person.name] = person
    return persons


def _person(entry: object, path: KeyPath, findings: Findings) -> Person | None:
    if not isinstance(entry, dict):
        findings.add(path, "must be written [[user]] with two brackets, once for each person")
        return None
    values = cast("dict[str, Any]", entry)
    for key in values:
        if key not in _KEYS:
            close = get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(_KEYS)}"
            findings.add((*path, key), f"is not known here; {hint}")
    before = len(findings.problems)
    for key, wrong in _CHECKS.items():
        if key not in values:
            if key != "full_name":
                findings.add(path, f"{key} is missing; add {key} = ...")
        elif message := wrong(values[key]):
            findings.add((*path, key), message)
    if len(findings.problems) > before:
        return None
    role = Role[values["role"].upper()]
    return Person(values["name"], role, values.get("full_name", ""))


def _name(value: object) -> str | None:
    if isinstance(value, str) and NAME.fullmatch(value):
        return None
    return f"{value!r} is no name of a person; use 1 to 8 of a-z, 0-9, '.', '_' and '-'"


def _role(value: object) -> str | None:
    roles = [role.name.lower() for role in Role]
    if value in roles:
        return None
    close = get_close_matches(str(value), roles, n=1)
    hint = f"did you mean {close[0]}?" if close else f"write {', '.join(roles[:-1])} or {roles[-1]}"
    return f"{value!r} is no role; {hint}"


def _full_name(value: object) -> str | None:
    if isinstance(value, str) and value.isprintable() and len(value) <= MAX_FULL_NAME_LENGTH:
        return None
    return f"must be a text of at most {MAX_FULL_NAME_LENGTH} characters, not {value!r}"


_CHECKS: Mapping[str, Callable[[object], str | None]] = {
    "name": _name,
    "role": _role,
    "full_name": _full_name,
}


def _a(role: Role) -> str:
    word = role.name.lower()
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"
