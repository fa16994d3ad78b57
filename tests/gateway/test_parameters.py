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
from gateway.site_parameters import PARAMETERS, STEPS

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
        "safe_percent": {"floor_percent": 0},
        **{f"step{n}_presence_percent": {f"step{n}_floor_percent": 0} for n in STEPS},
        "derate_from_c": {"derate_to_c": 125},
        "derate_to_c": {"derate_from_c": 0},
        "full_mm": {"empty_mm": 5000},
        "empty_mm": {"full_mm": 50},
        "battery_low_mv": {"battery_floor_mv": 0},
        "battery_floor_mv": {"battery_low_mv": 60_000},
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


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"floor_percent": 50, "presence_percent": 40}, "floor_percent 50 is above presence"),
        ({"floor_percent": 50, "safe_percent": 40}, "floor_percent 50 is above safe_percent"),
        ({"step3_floor_percent": 9, "step3_presence_percent": 8}, "step3_floor_percent 9 is above"),
        ({"derate_from_c": 90, "derate_to_c": 90}, "derate_from_c 90 must be below"),
        ({"step2_from": 2260}, "2260 is no time"),
        ({"test_from": 1299}, "1299 is no time"),
    ],
)
def test_what_a_lamp_would_refuse_together_is_refused_in_the_site_file(
    values: dict[str, int], told: str
) -> None:
    with pytest.raises(SiteError, match=told):
        provisioned("lamp", **values)
    with pytest.raises(config.ConfigurationError):
        config.validate({"kind": "lamp", "address": 1, "parameters": values})
    assert lamp.problem({name: default for name, default, *_ in lamp.PARAMETERS}) is None


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"full_mm": 1200}, "full_mm 1200 must be less than empty_mm 1200"),
        ({"battery_floor_mv": 11600}, "battery_floor_mv 11600 must not be above"),
    ],
)
def test_what_a_bin_would_refuse_together_is_refused_in_the_site_file(
    values: dict[str, int], told: str
) -> None:
    with pytest.raises(SiteError, match=told):
        provisioned("bin", **values)
    with pytest.raises(config.ConfigurationError):
        config.validate({"kind": "bin", "address": 1, "parameters": values})


def test_a_lamp_by_the_sun_must_know_where_it_is() -> None:
    parameters = {"programme": lamp.BY_THE_SUN}
    with pytest.raises(config.ConfigurationError, match="latitude_mdeg"):
        config.validate({"kind": "lamp", "address": 1, "parameters": parameters})
    parameters["latitude_mdeg"] = 50_850
    config.validate({"kind": "lamp", "address": 1, "parameters": parameters})
