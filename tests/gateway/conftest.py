"""Fixtures of the gateway's tests."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store import Store
from tests.gateway import brokers
from tests.needs import absent


@pytest.fixture(params=["embedded", "mosquitto"])
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[brokers.BrokerUnderTest]:
    """A running broker, once of each make."""
    name = str(request.param)
    if name == "mosquitto":
        brokers.Mosquitto.program()
    if name == "embedded" and importlib.util.find_spec("iotcore") is None:
        absent("the embedded broker needs the package iotcore")
    one = brokers.make(name)
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An open, empty store."""
    async with Store(tmp_path / "store.db") as store:
        yield store
