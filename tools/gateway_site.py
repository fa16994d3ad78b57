"""The site file as commands take it, and how its mistakes are told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.people import People, load_people
from gateway.site import Site, SiteError, load_site
from tools.errors import ConfigurationError

SiteFile = Annotated[
    Path, typer.Option("--site", envvar="STOEP_SITE_FILE", metavar="FILE", help="The site file.")
]


def read_site(file: Path, *, quiet: bool = False) -> Site:
    """A site whose users file is good too.

    Prints every mistake to stderr and raises ConfigurationError.
    """
    try:
        site = load_site(file)
        users_of(site)
        return site
    except SiteError as error:
        count = len(error.problems)
        if count == 1:
            raise ConfigurationError(str(error.problems[0])) from error
        if not quiet:
            print("\n".join(map(str, error.problems)), file=sys.stderr)
        file = error.problems[0].file
        raise ConfigurationError(f"{file} has {count} mistakes; correct them and check") from error


def users_of(site: Site) -> People | None:
    """Who is in the site's users file, None when it has none. Raises SiteError."""
    return None if site.site.users is None else load_people(site.resolve(site.site.users))
