"""People of the tests, each with a key file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from protocol import person_keys
from protocol.generated.messages import Role
from protocol.keyfile import SiteKey
from tests.tools.fake_post import unit_in

PEOPLE = {
    "vera": Role.VIEWER,
    "alice": Role.OPERATOR,
    "sam": Role.SUPERVISOR,
    "sue": Role.SUPERVISOR,
    "tom": Role.TECHNICIAN,
}


class People:
    """Their key files for posts of gateway gw-1, made of a command key."""

    def __init__(self, folder: Path, office: SiteKey, posts: Sequence[str]) -> None:
        self._folder = folder
        self._office = office
        self._places = {f"gw-1/{post}": unit_in(post) for post in posts}

    def key(self, name: str) -> str:
        """The path of a person's key file."""
        path = self._folder / f"{name}.json"
        if not path.exists():
            units = self._places.values()
            made = person_keys.issue(self._office, name, PEOPLE[name], units, self._places)
            person_keys.save(made, path)
        return str(path)
