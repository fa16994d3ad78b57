"""What site.toml offers for a controller is exactly what a controller takes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from firmware import config
from firmware.parameters import bin as bin_
from firmware.parameters import bollard, common, lamp
from gateway.site import SiteError, parse_site
from gateway.site_parameters import PARAMETERS

TABLES = {"lamp": lamp.PARAMETERS, "bollard": bollard.PARAMETERS, "bin": bin_.PARAMETERS}
ROWS = [(kind, *row) for kind, table in TABLES.items() for row in (*common.PARAMETERS, *table)]
NUMBERS = [row for row in ROWS if (row[3], row[4]) != (0, 1)]
SITE = """
site = {{ name = "park", gateway = "gw-1", latitude = 0.0, longitude = 0.0 }}
bus = [{{ name = "path", port = "/dev/ttyUSB0" }}]
[[slot]]
name = "it"
kind = "{kind}"
bus = "path"
address = 1
unit = "0000000000000001"
parameters = {{ {parameters} }}
"""


def provisioned(kind: str, **parameters: Any) -> Any:
    """The parameters of a slot with these in its site file."""
    written = ", ".join(f"{name} = {json.dumps(value)}" for name, value in parameters.items())
    [slot] = parse_site(SITE.format(kind=kind, parameters=written)).slots
    return slot.parameters


def test_the_names_are_those_of_the_firmware() -> None:
    for kind, struct in PARAMETERS.items():
        names = [field.name for field in msgspec.structs.fields(struct)]
        assert names == [name for of, name, *_ in ROWS if of == kind]


@pytest.mark.parametrize(("kind", "name", "default", "least", "most"), ROWS)
def test_a_default_is_that_of_the_firmware(
    kind: str, name: str, default: int, least: int, most: int
) -> None:
    value = getattr(PARAMETERS[kind](), name)
    assert value == default
    assert isinstance(value, bool) == ((least, most) == (0, 1))


@pytest.mark.parametrize(("kind", "name", "default", "least", "most"), NUMBERS)
def test_a_range_is_that_of_the_firmware(
    kind: str, name: str, default: int, least: int, most: int
) -> None:
    assert default in range(least, most + 1)
    beside = {
        "floor_percent": {"presence_percent": 100},
        "presence_percent": {"floor_percent": 0},
        "full_mm": {"empty_mm": 5000},
        "empty_mm": {"full_mm": 50},
    }.get(name, {})
    for good in (least, most):
        assert getattr(provisioned(kind, **{name: good}, **beside), name) == good
    for bad in (least - 1, most + 1):
        with pytest.raises(SiteError, match=f"parameters.{name}: {bad} is out of range"):
            provisioned(kind, **{name: bad}, **beside)


@pytest.mark.parametrize("kind", list(PARAMETERS))
def test_a_controller_accepts_what_a_site_file_says(kind: str) -> None:
    values = {name: int(value) for name, value in msgspec.structs.asdict(provisioned(kind)).items()}
    accepted = config.validate({"kind": kind, "address": 1, "parameters": values})
    assert accepted.parameters == values
