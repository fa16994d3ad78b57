"""Fixtures of the gateway's tests."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path

import pytest

from gateway.store import Store
from protocol import keyfile
from tests.gateway import brokers
from tests.needs import absent

PARK = (resources.files("tools.demo") / "site.toml").read_text()


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


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    """The park, with neither its port nor its broker there, and every record on disk at once."""
    text = PARK.replace("/dev/ttyUSB0", str(tmp_path / "no-port"))
    text = text.replace("[store]", "[store]\nlinger_s = 0")
    file = tmp_path / "site.toml"
    file.write_text(text.replace("mqtt://127.0.0.1:1883", "mqtt://127.0.0.1:1"))
    (tmp_path / "keys").mkdir()
    keyfile.save(keyfile.new_key("link", "park"), tmp_path / "keys" / "link.json")
    return file
