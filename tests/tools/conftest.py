"""The `stoep` command in this process, and a real broker to talk to."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import io
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from hil.broker import EmbeddedBroker
from tests.needs import absent
from tools import cli


@dataclass(frozen=True)
class Ended:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Stoep = Callable[..., Coroutine[Any, Any, Ended]]


def stoep_now(*arguments: str) -> Ended:
    """Runs a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.run(list(arguments))
    assert "Traceback" not in err.getvalue()
    return Ended(code, out.getvalue(), err.getvalue())


async def run_stoep(*arguments: str) -> Ended:
    """Runs a command line in this process, beside what the test's own loop does."""
    return await asyncio.to_thread(stoep_now, *arguments)


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BROKER", "SITE", "GATEWAY", "ACTOR", "OPERATOR", "DEBUG", "SITE_FILE"):
        monkeypatch.delenv(f"STOEP_{name}", raising=False)
    for name in ("KEY", "COMMAND_KEY", "SECOND_KEY"):
        monkeypatch.delenv(f"STOEP_{name}", raising=False)


@pytest.fixture
async def broker() -> AsyncIterator[EmbeddedBroker]:
    if importlib.util.find_spec("iotcore") is None:
        absent("iotcore, the embedded broker")
    async with EmbeddedBroker() as running:
        yield running


@pytest.fixture
def stoep(broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> Stoep:
    """Runs a command line against `broker`."""
    monkeypatch.setenv("STOEP_BROKER", broker.url)
    return run_stoep
