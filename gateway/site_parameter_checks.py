"""What no range can tell about a slot's parameters: how they go together, and with the site."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.site_findings import Findings, KeyPath
from gateway.site_model import SiteTable, Slot
from gateway.site_parameters import (
    STEPS,
    BinParameters,
    BollardParameters,
    LampParameters,
    Parameters,
)


def located(slot: Slot, site: SiteTable) -> Slot:
    """A lamp that is not told where it is stands where the site is."""
    parameters = slot.parameters
    if not isinstance(parameters, LampParameters):
        return slot
    place = {
        "latitude_mdeg": parameters.latitude_mdeg or round(site.latitude * 1000),
        "longitude_mdeg": parameters.longitude_mdeg or round(site.longitude * 1000),
    }
    parameters = msgspec.structs.replace(parameters, **place)
    return msgspec.structs.replace(slot, parameters=parameters)


def check_parameters(parameters: Parameters, table: Any, path: KeyPath, findings: Findings) -> None:
    """Find what the firmware's `problem` of that kind would refuse."""
    if isinstance(parameters, LampParameters):
        _check_lamp(parameters, table, path, findings)
    elif isinstance(parameters, BinParameters) and parameters.full_mm >= parameters.empty_mm:
        findings.add(
            _given(table, path, "full_mm", "empty_mm"),
            f"full_mm {parameters.full_mm} must be less than empty_mm {parameters.empty_mm}: the "
            "distance shrinks as the bin fills; measure both again",
        )
    elif isinstance(parameters, BinParameters) and (
        parameters.battery_floor_mv > parameters.battery_low_mv
    ):
        findings.add(
            _given(table, path, "battery_floor_mv", "battery_low_mv"),
            f"battery_floor_mv {parameters.battery_floor_mv} must not be above battery_low_mv "
            f"{parameters.battery_low_mv}: nothing is compacted below the floor",
        )
    elif isinstance(parameters, BollardParameters) and not (
        parameters.overload_ma or parameters.overload_kpa
    ):
        findings.add(
            _given(table, path, "overload_ma", "overload_kpa"),
            "overload_ma and overload_kpa are both 0; one of them must limit the force",
        )


def _check_lamp(parameters: LampParameters, table: Any, path: KeyPath, findings: Findings) -> None:
    """What parameters.lamp.problem of the firmware would refuse."""
    pairs = [
        ("floor_percent", "presence_percent"),
        ("floor_percent", "safe_percent"),
        *((f"step{n}_floor_percent", f"step{n}_presence_percent") for n in STEPS),
    ]
    for low, high in pairs:
        least, most = getattr(parameters, low), getattr(parameters, high)
        if least > most:
            findings.add(
                _given(table, path, low, high),
                f"{low} {least} is above {high} {most}; lower the floor or raise {high}",
            )
    if parameters.derate_from_c >= parameters.derate_to_c:
        findings.add(
            _given(table, path, "derate_from_c", "derate_to_c"),
            f"derate_from_c {parameters.derate_from_c} must be below derate_to_c "
            f"{parameters.derate_to_c}: light is limited between the two",
        )
    for name in ("test_from", *(f"step{n}_from" for n in STEPS)):
        value = getattr(parameters, name)
        if value >= 0 and value % 100 > 59:
            findings.add((*path, name), f"{value} is no time; 22:30 is written 2230")


def _given(table: Any, path: KeyPath, *names: str) -> KeyPath:
    """The path of the first of these keys that the table holds."""
    return next(
        ((*path, name) for name in names if isinstance(table, dict) and name in table), path
    )
