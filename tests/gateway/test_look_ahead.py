"""News of somebody go to the buses of the lamps ahead: at once, or when he is near."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway import agent as agent_module
from gateway import presence
from gateway.agent import Agent
from gateway.bus import Bus
from gateway.presence import EXPECT_S
from gateway.records import Record
from gateway.site import parse_site
from protocol import codec, keyfile
from protocol.generated import messages as wire
from tests.gateway.brokers import until

LAMP = """
[[slot]]
name = "lamp-{n}"
kind = "lamp"
bus = "{bus}"
address = {n}
unit = "000000000000000{n}"
position = [{x}, 0]
neighbours = ["lamp-{next}"]
"""
SITE = """
site = { name = "park", gateway = "gw-1", latitude = 0.0, longitude = 0.0 }
store = { linger_s = 0 }
bus = [{ name = "a", port = "/dev/nowhere-a" }, { name = "b", port = "/dev/nowhere-b" }]
"""
SPACING_M = 20
Told = list[tuple[str, list[tuple[int, int]]]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What the buses announce: (bus, [(address, seconds)])."""
    heard: Told = []

    def announce(bus: Bus, lamps: Sequence[tuple[int, int]]) -> None:
        heard.append((bus.options.name, list(lamps)))

    monkeypatch.setattr(Bus, "announce", announce)
    return heard


def agent(folder: Path) -> Agent:
    """Lamps 1 and 2 on bus a, 3 on bus b, in a row of three."""
    keyfile.save(keyfile.new_key("link", "park"), folder / "link.json")
    site = SITE.replace("longitude = 0.0", 'longitude = 0.0, link_key = "link.json"')
    text = site + "".join(
        LAMP.format(n=n, next=n + 1 if n < 3 else 2, bus="ab"[n > 2], x=n * SPACING_M)
        for n in (1, 2, 3)
    )
    return Agent(parse_site(text, folder / "site.toml"))


async def see(one: Agent, number: int, at_ms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A presence at a lamp, as a record of its bus."""
    monkeypatch.setattr(agent_module, "monotonic_ms", lambda: at_ms)
    event = wire.Event(wire.EventCode.PRESENCE, wire.Severity.INFO, 1, 1, 0)
    raw = next(codec.decode_records(codec.encode_record(event, 1))).raw
    name, unit = f"lamp-{number}", f"{number:016x}"
    record = Record(name, "lamp", unit, 1, at_ms + 1, event.ID, 0, 0, raw)
    await one.put([record])


async def test_neighbours_are_told_at_once_each_on_its_bus(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = agent(tmp_path)
    async with one.store:
        await see(one, 2, 0, monkeypatch)
    assert sorted(told) == [("a", [(1, SPACING_M)]), ("b", [(3, SPACING_M)])]


async def test_a_lamp_that_a_walker_needs_long_to_reach_is_told_later(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "LEAD_M", SPACING_M - 0.1)
    one = agent(tmp_path)
    async with one.store:
        await see(one, 1, 0, monkeypatch)
        told.clear()
        monkeypatch.setattr(agent_module, "monotonic_ms", lambda: 12_500)
        one._tell_neighbours("lamp-2")
        assert told == []
        await until(lambda: bool(told))
    assert told == [("b", [(3, 13 + EXPECT_S)])]
