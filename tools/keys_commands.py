"""`stoep keys`: the site's two secrets, and the key files of people made of one of them."""

from __future__ import annotations

import getpass
import hashlib
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from gateway.site_model import Slot
from protocol import keyfile, person_keys
from protocol.keyfile import KeyFileError, Purpose, SiteKey
from tools.errors import ConfigurationError, UsageError
from tools.gateway_site import SiteFile, read_site
from tools.ops.signing import role_of
from tools.output import print_json

app = typer.Typer(
    help="The site's link key (gateways), its command key (operations), and keys of people.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

PURPOSES: tuple[Purpose, ...] = ("link", "command")
PASSPHRASE = "STOEP_PASSPHRASE"  # noqa: S105 - the name of a variable, not a secret

KeyPath = Annotated[Path, typer.Argument(metavar="FILE", help="A key file, as keys/link.json.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def _explained() -> Generator[None]:
    try:
        yield
    except KeyFileError as error:
        raise ConfigurationError(str(error)) from error


@app.command("init")
def init(
    site: Annotated[str, typer.Argument(help="The site's name, as in site.toml.")],
    folder: Annotated[Path, typer.Option(help="Where the two files go.")] = Path("keys"),
) -> None:
    """Make both keys of a new site.

    link.json is for its gateways, command.json for operations. The command key moves bollards: keep
    it on operators' machines, never on a gateway. Nothing is ever overwritten.
    """
    with _explained():
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigurationError(f"{folder}: {error.strerror}") from error
        for purpose in PURPOSES:
            path = folder / f"{purpose}.json"
            if path.exists():
                raise ConfigurationError(f"{path} exists already; a key is never overwritten")
        for purpose in PURPOSES:
            keyfile.save(keyfile.new_key(purpose, site), folder / f"{purpose}.json")
    print(f"{folder / 'link.json'}: copy it to the gateway; site.toml names it as link_key")
    print(f"{folder / 'command.json'}: it moves bollards; never copy it to a gateway")
    print("Now export both to a safe place: stoep keys export FILE --to COPY")


@app.command("show")
def show(path: KeyPath, as_json: AsJson = False) -> None:
    """Show what a key file is for, never the secret.

    Its epochs are shown by fingerprint.
    """
    key = _load(path)
    prints = {epoch: _fingerprint(value) for epoch, value in sorted(key.epochs.items())}
    if as_json:
        print_json(
            {"purpose": key.purpose, "site": key.site, "current": key.current, "epochs": prints}
        )
        return
    print(f"{key.purpose} key of {key.site}")
    for epoch, fingerprint in prints.items():
        print(f"  epoch {epoch}: {fingerprint}{'  current' if epoch == key.current else ''}")


@app.command("rotate")
def rotate(path: KeyPath) -> None:
    """Add a new epoch to a key.

    The one before stays valid until the next rotation. Afterwards provision every controller anew,
    one after the other; those that still have the old epoch only are reached meanwhile. Key files
    of people are issued again, too.
    """
    with _explained():
        key = _load(path).rotated()
        keyfile.save(key, path, replace_file=True)
    print(f"{path}: epoch {key.current} is current, {min(key.epochs)} still works")


@app.command("export")
def export(
    path: KeyPath,
    to: Annotated[Path, typer.Option(metavar="COPY", help="The encrypted copy to write.")],
) -> None:
    """Write a copy under a passphrase.

    It is for the safe: who loses the keys loses the devices. The passphrase is asked for twice, or
    taken from STOEP_PASSPHRASE.
    """
    with _explained():
        keyfile.export(_load(path), to, _new_passphrase())
    print(f"{to}: written; try it: stoep keys restore {to} --to /tmp/FILE")


@app.command("restore")
def restore(
    copy: Annotated[Path, typer.Argument(metavar="COPY", help="An exported copy.")],
    to: Annotated[Path, typer.Option(metavar="FILE", help="The key file to write.")],
    purpose: Annotated[str, typer.Option(help="What it holds: link or command.")] = "link",
) -> None:
    """Make a key file of an exported copy.

    An existing file is never overwritten.
    """
    if purpose not in PURPOSES:
        raise UsageError(f"--purpose is link or command, not {purpose!r}")
    with _explained():
        key = keyfile.restore(copy, purpose, _passphrase("Passphrase: "))
        keyfile.save(key, to)
    print(f"{to}: the {key.purpose} key of {key.site}, epochs {sorted(key.epochs)}")


@app.command("issue")
def issue(
    name: Annotated[str, typer.Argument(metavar="NAME", help="1 to 8 of a-z 0-9 . _ -")],
    role: Annotated[
        str, typer.Option(metavar="ROLE", help="viewer, operator, supervisor or technician.")
    ],
    site: SiteFile = Path("site.toml"),
    command_key: Annotated[
        Path,
        typer.Option(envvar="STOEP_COMMAND_KEY", metavar="FILE", help="The site's command key."),
    ] = Path("keys/command.json"),
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where it goes.", show_default="NAME.json")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace that person's file if it is there.")
    ] = False,
) -> None:
    """Make the key file of a person.

    It signs for every bollard of a site, in one role. It can sign in nobody else's name. It goes to
    its person by a safe way and to nobody else. Issue it again after a swap of a bollard, for a new
    bollard, and after a rotation.
    """
    inventory, office = read_site(site), _command_key(command_key)
    if office.site != inventory.site.name:
        raise ConfigurationError(
            f"{command_key} is for the site {office.site}, but {site} is {inventory.site.name}"
        )
    posts = [slot for slot in inventory.slots if slot.kind == "bollard"]
    if not posts:
        raise ConfigurationError(f"{site} has no bollard, so there is nothing to sign for")
    path = out or Path(f"{name}.json")
    places = {f"{inventory.site.gateway}/{post.name}": post.unit for post in posts}
    with _explained():
        made = person_keys.issue(office, name, role_of(role), places.values(), places)
        if replace and path.exists() and person_keys.load(path).operator != name:
            raise ConfigurationError(f"{path} is the key file of somebody else; it stays")
        person_keys.save(made, path, replace_file=replace)
    print(f"{path}: {name} signs as {made.role.name.lower()} for {_list(posts)}")
    print(f"Give it to {name} by a safe way; it is used with --key {path}, or STOEP_KEY")


@app.command("person")
def person(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A person's key file.")],
    as_json: AsJson = False,
) -> None:
    """Show whose key file it is, never the secrets.

    And for which bollards it signs, with which epochs.
    """
    with _explained():
        held = person_keys.load(path)
    role = held.role.name.lower()
    epochs = {place: sorted(held.keys.get(unit, ())) for place, unit in held.places.items()}
    if as_json:
        places = {
            place: {"unit": unit, "epochs": epochs[place]} for place, unit in held.places.items()
        }
        print_json({"name": held.operator, "role": role, "site": held.site, "places": places})
        return
    print(f"{held.operator}, {role} of {held.site}")
    for place, unit in held.places.items():
        print(f"  {place}: unit {unit}, epochs {', '.join(map(str, epochs[place]))}")


def _command_key(path: Path) -> SiteKey:
    with _explained():
        return keyfile.load(path, "command")


def _list(posts: Sequence[Slot]) -> str:
    return ", ".join(post.name for post in posts)


def _load(path: Path) -> SiteKey:
    """A key file of either purpose."""
    with _explained():
        try:
            return keyfile.load(path, "link")
        except KeyFileError as error:
            if "holds a command key" not in str(error):
                raise
            return keyfile.load(path, "command")


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(b"stoep fingerprint" + key).hexdigest()[:16]


def _passphrase(prompt: str) -> str:
    given = os.environ.get(PASSPHRASE)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise UsageError(f"no terminal to ask for the passphrase; put it into {PASSPHRASE}")
    return getpass.getpass(prompt)


def _new_passphrase() -> str:
    first = _passphrase("New passphrase: ")
    if PASSPHRASE not in os.environ and _passphrase("Again: ") != first:
        raise UsageError("the two passphrases differ; nothing was written")
    return first
