"""Asking a person for what the command line left out; a script gets a usage error instead."""

from __future__ import annotations

import sys

import typer

from tools.errors import UsageError


def asked(option: str, prompt: str, why: str) -> str:
    """What is typed at the terminal. Raises UsageError when there is none to ask at."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{option} TEXT is missing: {why}")
    return typer.prompt(prompt, err=True)
