"""What tests need from the machine, and what happens where it is not there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

import hil.micropython
from hil.errors import NotAvailable

ROOT = Path(__file__).resolve().parent.parent


def absent(reason: str) -> NoReturn:
    """Skips the test on a laptop and fails it in continuous integration, where CI is set."""
    if os.environ.get("CI"):
        pytest.fail(f"needed in CI: {reason}", pytrace=False)
    pytest.skip(reason)


def micropython() -> list[str]:
    """Start of a command line that runs real MicroPython; where there is none, see `absent`."""
    try:
        return hil.micropython.command()
    except NotAvailable as error:
        absent(str(error))
