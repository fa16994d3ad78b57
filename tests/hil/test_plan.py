"""What the street takes from a site file, and how it refuses one."""

from pathlib import Path

import pytest

from hil.errors import PlanError
from hil.plan import load_plan, plan_from_dict

SITE = """
[site]
name = "park"
[[bus]]
name = "bus"
[[slot]]
name = "lamp-1"
kind = "lamp"
bus = "bus"
address = 7
unit = "00112233AABBCCDD"
position = [1.0, 2]
[slot.parameters]
floor = 10
night = false
"""


def test_a_site_file_becomes_a_plan(tmp_path: Path):
    path = tmp_path / "site.toml"
    path.write_text(SITE)
    plan = load_plan(path)
    (slot,) = plan.slots
    assert plan.buses[0].baud == 115_200
    assert slot.position_m == (1.0, 2.0)
    assert slot.hardware_id() == "00112233aabbccdd"
    assert slot.provision() == {
        "kind": "lamp",
        "address": 7,
        "parameters": {"floor": 10, "night": 0},
    }
    assert type(slot.provision()["parameters"]["night"]) is int


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "lamp"', 'kind = "lam"', "kind 'lam'"),
        ('bus = "bus"', 'bus = "other"', "no bus 'other'"),
        ("address = 7", "", "missing key 'address'"),
        ("address = 7", 'address = "x"', "invalid literal"),
        ("position = [1.0, 2]", "position = 3", "site.toml"),
        ("[site]", "[site", "site.toml"),
    ],
)
def test_a_site_file_that_makes_no_street_is_refused_with_its_name_and_the_reason(
    tmp_path: Path, old: str, new: str, message: str
):
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace(old, new))
    with pytest.raises(PlanError, match=message) as caught:
        load_plan(path)
    assert "site.toml" in str(caught.value)


def test_a_missing_site_file_is_named(tmp_path: Path):
    with pytest.raises(PlanError, match=r"nowhere\.toml: No such file"):
        load_plan(tmp_path / "nowhere.toml")


def test_two_slots_of_one_name_are_refused():
    slot = {"name": "a", "kind": "lamp", "bus": "b", "address": 1}
    with pytest.raises(PlanError, match="twice"):
        plan_from_dict({"bus": [{"name": "b"}], "slot": [slot, slot]})


def test_a_slot_without_a_unit_gets_one_of_its_own():
    slots = [{"name": n, "kind": "lamp", "bus": "b", "address": 1} for n in ("x", "y")]
    plan = plan_from_dict({"bus": [{"name": "b"}], "slot": slots})
    first, second = (slot.hardware_id() for slot in plan.slots)
    assert first != second
    assert len(first) == len(bytes.fromhex(first)) * 2 == 16


def test_a_lamp_is_told_where_the_site_is_unless_its_slot_says():
    slot = {"bus": "b", "address": 1}
    plan = plan_from_dict(
        {
            "site": {"name": "park", "latitude": 50.8466, "longitude": 4},
            "bus": [{"name": "b"}],
            "slot": [
                {**slot, "name": "lamp", "kind": "lamp"},
                {**slot, "name": "far", "kind": "lamp", "parameters": {"latitude_mdeg": 1}},
                {**slot, "name": "bin", "kind": "bin"},
            ],
        }
    )
    told = {slot.name: slot.provision()["parameters"] for slot in plan.slots}
    assert told["lamp"] == {"latitude_mdeg": 50_847, "longitude_mdeg": 4000}
    assert told["far"] == {"latitude_mdeg": 1, "longitude_mdeg": 4000}
    assert told["bin"] == {}
