"""`[slot.parameters]`: what a controller can be told, with defaults and ranges.

Controllers are provisioned from these values, so names, defaults and ranges are those of the
tables in firmware/parameters/; there a truth value is 0 or 1. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class CommonParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every kind has.

    `link_lost_ms`: silence of the gateway that counts as a lost link (DOMAIN: safe within 5 s).
    `status_period_ms`: time between two routine records.
    """

    link_lost_ms: int = 5000
    status_period_ms: int = 1000


class LampParameters(CommonParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a lamp lights. Levels in percent of full light; fades last for the whole DALI scale.

    `floor_percent`: at night without anyone near; `presence_percent`: with somebody near;
    `safe_percent`: at start, on failure, and without link or programme (DALI system failure: full).
    `hold_s`: how long it stays after the last presence. `night` false: the programme says day.
    `autonomous` false: without a link the safe level rules, not the programme. `supply_v`: of the
    lamp, for power from current. `rated_power_dw`: 0.1 W at full light, 0 = failure is not judged.
    `presence_stuck_s`: presence without end that counts as a broken sensor. Defaults unverified.
    """

    floor_percent: int = 20
    presence_percent: int = 100
    safe_percent: int = 100
    ramp_up_ms: int = 600
    ramp_down_ms: int = 12_000
    hold_s: int = 20
    night: bool = True
    autonomous: bool = True
    supply_v: int = 36
    rated_power_dw: int = 0
    presence_stuck_s: int = 1800


class BollardParameters(CommonParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a bollard moves.

    `settle_ms`: inputs are watched this long before they are believed. `power_fail_lower`: whether
    the post sinks without power, as commissioned; software cannot change what it does.
    """

    settle_ms: int = 500
    power_fail_lower: bool = False


class BinParameters(CommonParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How full a bin is: distances from the sensor in mm, to be measured for each bin.

    `empty_mm`: to the floor of the empty bin; `full_mm`: to the waste of a full one;
    `dead_zone_mm`: echoes nearer than this are none. `full_permille`: level that counts as full.
    `sensor_reference_dc`: 0.1 °C the distance sensor is calibrated for. `fire_dc`: 0.1 °C that
    count as fire. `battery_low_mv`: below it the battery is low. `ping_period_ms`: of the sensor.
    """

    empty_mm: int = 1200
    full_mm: int = 250
    dead_zone_mm: int = 30
    full_permille: int = 850
    sensor_reference_dc: int = 200
    fire_dc: int = 700
    battery_low_mv: int = 11_500
    ping_period_ms: int = 500


Parameters = LampParameters | BollardParameters | BinParameters

PARAMETERS: Mapping[str, type[Parameters]] = {
    "lamp": LampParameters,
    "bollard": BollardParameters,
    "bin": BinParameters,
}
"""Kind of a slot -> its parameters."""

_COMMON = {
    "link_lost_ms": (500, 600_000, "ms"),
    "status_period_ms": (100, 3_600_000, "ms"),
}
RANGES: Mapping[type[Parameters], Mapping[str, tuple[int, int, str]]] = {
    LampParameters: {
        **_COMMON,
        "floor_percent": (0, 100, "percent"),
        "presence_percent": (1, 100, "percent"),
        "safe_percent": (0, 100, "percent"),
        "ramp_up_ms": (0, 120_000, "ms"),
        "ramp_down_ms": (0, 120_000, "ms"),
        "hold_s": (1, 3600, "s"),
        "supply_v": (1, 400, "V"),
        "rated_power_dw": (0, 10_000, "tenths of a watt"),
        "presence_stuck_s": (60, 86_400, "s"),
    },
    BollardParameters: {
        **_COMMON,
        "settle_ms": (100, 10_000, "ms"),
    },
    BinParameters: {
        **_COMMON,
        "empty_mm": (200, 5000, "mm"),
        "full_mm": (50, 4900, "mm"),
        "dead_zone_mm": (0, 500, "mm"),
        "full_permille": (100, 1000, "permille"),
        "sensor_reference_dc": (-400, 800, "tenths of °C"),
        "fire_dc": (400, 1500, "tenths of °C"),
        "battery_low_mv": (0, 60_000, "mV"),
        "ping_period_ms": (50, 60_000, "ms"),
    },
}
"""Least, most and unit of every parameter that is a number."""
