"""`site.toml`: the inventory of a street as code, read into typed and checked values.

Reading never stops at the first mistake: all of a file's are collected in one `SiteError`, each
with file, line, key, what is wrong and what to do. The values are described in `site_model.py`.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from gateway.site_check import build
from gateway.site_findings import Findings, Problem, SiteError, slot_names
from gateway.site_model import Broker, Bus, Kind, Site, SiteTable, Slot, StoreTable
from gateway.site_parameters import (
    BinParameters,
    BollardParameters,
    LampParameters,
    Parameters,
)
from gateway.toml_lines import key_lines

__all__ = [
    "BinParameters",
    "BollardParameters",
    "Broker",
    "Bus",
    "Kind",
    "LampParameters",
    "Parameters",
    "Problem",
    "Site",
    "SiteError",
    "SiteTable",
    "Slot",
    "StoreTable",
    "load_site",
    "parse_site",
]


def load_site(file: Path) -> Site:
    """Reads and checks a site file. Raises SiteError, also when the file cannot be read."""
    try:
        text = file.read_bytes().decode("utf-8")
    except OSError as error:
        message = f"cannot be read: {error.strerror}; give the path of a site file"
        raise SiteError([Problem(file, 0, "", message)]) from error
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8; save the file as UTF-8"
        raise SiteError([Problem(file, 0, "", message)]) from error
    return parse_site(text, file)


def parse_site(text: str, file: Path = Path("site.toml")) -> Site:
    """Checks the text of a site file; `file` is for messages and relative paths."""
    text = text.replace("\r\n", "\n")
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SiteError([_syntax_problem(file, text, str(error))]) from error
    findings = Findings(file, key_lines(text), slot_names(tables))
    site = build(tables, file, findings)
    if site is None or findings.problems:
        raise SiteError(findings.problems)
    return site


def _syntax_problem(file: Path, text: str, message: str) -> Problem:
    found = re.search(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)", message)
    if found is None:
        return Problem(file, 1, "", f"is no TOML: {message}")
    line = int(found[1]) if found[1] else text.count("\n") + 1
    column = f" (column {found[2]})" if found[2] else ""
    return Problem(file, line, "", f"is no TOML: {message[: found.start()]}{column}")
