"""The demo's own operator: a key file, and what a second terminal needs to be that person."""

from __future__ import annotations

from pathlib import Path

from gateway.site import Site
from protocol import keyfile, person_keys
from protocol.generated.messages import Role
from tools.ops.address import BrokerAddress
from tools.ops.signing import Signer

NAME = "demo"
ENVIRONMENT = "operator"


def make_operator(site: Site, folder: Path) -> Signer:
    """A supervisor with a key file in `folder`, where `hil.street` has put the site's keys."""
    office = keyfile.load(folder / "keys" / "command.json", "command")
    posts = [slot for slot in site.slots if slot.kind == "bollard"]
    places = {f"{site.site.gateway}/{post.name}": post.unit for post in posts}
    own = person_keys.issue(office, NAME, Role.SUPERVISOR, places.values(), places)
    person_keys.save(own, _key_path(folder))
    return Signer(NAME, own.role, own=own)


def write_environment(folder: Path, broker: BrokerAddress) -> Path:
    """A file for `. FILE` in a shell: the broker, and the operator's name and key."""
    path = folder / ENVIRONMENT
    path.write_text(
        f"export STOEP_BROKER={broker} STOEP_OPERATOR={NAME} STOEP_KEY={_key_path(folder)}\n"
    )
    return path


def _key_path(folder: Path) -> Path:
    return folder / "keys" / f"{NAME}.json"
