"""`stoep bus` against real firmware on a modelled line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.site import load_site
from hil.pins import Kind
from hil.plugin import StreetFactory
from protocol.generated.wire import ADDRESS_UNASSIGNED
from tests.tools.conftest import run_stoep

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(120)]

LED = (Kind.DIGITAL, 25)
PATIENCE = ("--to", "8", "--turnaround", "100")
SLOTS = (
    ("lamp-1", "lamp", 3, "1740ea0000000001"),
    ("post-1", "bollard", 5, "5740ea0000000002"),
    ("post-2", "bollard", 5, "d740ea0000000003"),
    ("new-1", "lamp", ADDRESS_UNASSIGNED, "2740ea0000000004"),
    ("new-2", "bin", ADDRESS_UNASSIGNED, "3740ea0000000005"),
    ("new-3", "bin", ADDRESS_UNASSIGNED, "b740ea0000000006"),
)


def plan(*names: str) -> dict[str, Any]:
    slots = [
        {"name": name, "kind": kind, "bus": "bus", "address": address, "unit": unit}
        for name, kind, address, unit in SLOTS
        if name in names
    ]
    return {"bus": [{"name": "bus"}], "slot": slots}


async def test_all_controllers_of_a_line_are_found_with_and_without_addresses(
    street: StreetFactory, tmp_path: Path
) -> None:
    park = await street(plan("lamp-1", "post-1", "new-1", "new-2", "new-3"), arrivals_per_hour=0)
    await park.booted()
    file = tmp_path / "site.toml"
    ended = await run_stoep(
        *("bus", "scan", "--port", str(park.port("bus")), *PATIENCE),
        *("--json", "--write", str(file)),
    )
    assert ended.code == 0, ended.err
    found = {(c["kind"], c["address"], c["unit"]) for c in ended.json["controllers"]}
    assert found == {
        ("lamp", 3, "1740ea0000000001"),
        ("bollard", 5, "5740ea0000000002"),
        ("lamp", None, "2740ea0000000004"),
        ("bin", None, "3740ea0000000005"),
        ("bin", None, "b740ea0000000006"),
    }
    assert all(c["schema_matches"] and c["provisioned"] for c in ended.json["controllers"])
    assert {slot.unit for slot in load_site(file).slots} == {unit for *_, unit in found}


async def test_two_controllers_at_one_address_are_named(street: StreetFactory) -> None:
    park = await street(plan("lamp-1", "post-1", "post-2"), arrivals_per_hour=0)
    await park.booted()
    ended = await run_stoep("bus", "scan", "--port", str(park.port("bus")), *PATIENCE, "--json")
    assert ended.code == 4
    assert ended.json["conflicts"] == [
        {"address": 5, "units": ["5740ea0000000002", "d740ea0000000003"]}
    ]
    assert [c["address"] for c in ended.json["controllers"]] == [3, 5, 5]


async def test_a_controller_blinks_that_has_no_address_yet(street: StreetFactory) -> None:
    park = await street(plan("lamp-1", "new-1"), arrivals_per_hour=0)
    await park.booted()
    ended = await run_stoep(
        *("bus", "identify", "2740EA0000000004", "--port", str(park.port("bus")), *PATIENCE)
    )
    assert ended.code == 0, ended.err
    assert "lamp 2740ea0000000004 without an address blinks for 10s" in ended.out
    lit = {name: park.controller(name).outputs for name in ("lamp-1", "new-1")}
    await park.until(lambda: lit["new-1"].get(LED) == 1, what="it blinks")
    assert lit["lamp-1"].get(LED, 0) == 0
