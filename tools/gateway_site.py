"""The site file as commands take it, and how its mistakes are told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.site import Site, SiteError, load_site
from tools.errors import ConfigurationError

SiteFile = Annotated[
    Path, typer.Option("--site", envvar="STOEP_SITE_FILE", metavar="FILE", help="The site file.")
]


def read_site(file: Path, *, quiet: bool = False) -> Site:
    """A site. Prints every mistake in it to stderr and raises ConfigurationError."""
    try:
        return load_site(file)
    except SiteError as error:
        count = len(error.problems)
        if count == 1:
            raise ConfigurationError(str(error.problems[0])) from error
        if not quiet:
            print("\n".join(map(str, error.problems)), file=sys.stderr)
        raise ConfigurationError(f"{file} has {count} mistakes; correct them and check") from error
