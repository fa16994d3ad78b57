"""`stoep swap`: another unit in a slot; topics, configuration and history stay with the slot."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from gateway.reload import compare
from gateway.site import Site, SiteError, parse_site
from gateway.site_edit import swap as swap_in_file
from gateway.site_edit import swapped
from tools.errors import ConfigurationError, UsageError
from tools.gateway_site import SiteFile, read_site
from tools.output import print_json

UNIT = re.compile(r"[0-9a-f]{16}")
RELOAD = "systemctl reload stoep-gateway"


def swap(
    slot: Annotated[str, typer.Argument(metavar="SLOT", help="The place in the street.")],
    new_unit: Annotated[
        str, typer.Argument(metavar="NEW_UNIT", help="Hardware id of the new unit, 16 hex digits.")
    ],
    site: SiteFile = Path("site.toml"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Put another unit into a slot: edits its line in the site file, and nothing else there.

    The slot keeps its name and with it its topics, configuration and history; the records of the
    old unit stay under the old unit. The gateway takes it over when it is told to reload.
    """
    unit = new_unit.lower()
    if not UNIT.fullmatch(unit):
        raise UsageError(f"{new_unit!r} is no hardware id; it has 16 hex digits, as printed on it")
    before = read_site(site)
    if before.slot(slot) is None:
        names = ", ".join(one.name for one in before.slots)
        raise UsageError(f"there is no slot {slot!r} in {site}; there are {names}")
    after = _swap(site, slot, unit, dry_run=dry_run)
    _tell(before, after, slot, site, dry_run=dry_run, as_json=as_json)


def _swap(site: Path, slot: str, unit: str, *, dry_run: bool) -> Site:
    """The site afterwards."""
    try:
        if dry_run:
            return parse_site(swapped(site.read_bytes().decode("utf-8"), slot, unit, site), site)
        return swap_in_file(site, slot, unit)[1]
    except SiteError as error:
        words = "; ".join(map(str, error.problems))
        raise ConfigurationError(f"{words}; {site} is as it was") from error


def _tell(
    before: Site, after: Site, slot: str, site: Path, *, dry_run: bool, as_json: bool
) -> None:
    changes = [str(change) for change in compare(before, after)]
    if as_json:
        print_json({"ok": True, "slot": slot, "dry_run": dry_run, "changes": changes})
    elif not changes:
        print(f"{slot} has this unit already")
    elif dry_run:
        print("\n".join(changes))
        print(f"{site} can be changed so; nothing was")
    else:
        print("\n".join(changes))
        if any(one.name == slot and one.kind == "bollard" for one in after.slots):
            print("key files of people know the old unit: have them issued again, stoep keys issue")
        print(f"now tell the gateway: {RELOAD} (or send SIGHUP to 'stoep gateway run')")
