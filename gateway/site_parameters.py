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

    link_lost_ms: int = 4000
    status_period_ms: int = 1000


class LampParameters(CommonParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a lamp lights. Levels in percent of full light; fades last for the whole DALI scale.

    `floor_percent`: at night without anyone near; `presence_percent`: with somebody near;
    `safe_percent`: at start, on failure, and without link or programme (DALI system failure: full).
    `hold_s`: how long it stays after the last presence. `programme`: 0 day, 1 night, 2 by the sun
    at `latitude_mdeg`, `longitude_mdeg` (0.001 degrees; those of [site] when not given), with
    `dusk_offset_min` and `dawn_offset_min` after sunset and sunrise. `utc_offset_min`: local winter
    time; `summer_time`: with that of the EU. From `step1_from` on (local, reads like a clock: 2230;
    -1 = never) other percentages hold; steps last until the next or noon. `test_from`: a minute of
    full light by day. `photocell_lux`: less light is night, 0 = no photocell.
    `autonomous` false: without a link the safe level rules, not the programme. `switched`: a relay
    that cannot dim. `supply_v`: of the lamp, for power from current. `rated_power_dw`: 0.1 W at
    full light, 0 = failure is not judged. `derate_from_c`, `derate_to_c`: driver temperatures
    between which light is limited, 0 = no sensor. `presence_stuck_s`: presence without end that
    counts as a broken sensor. Defaults unverified.
    """

    floor_percent: int = 20
    presence_percent: int = 100
    safe_percent: int = 100
    ramp_up_ms: int = 600
    ramp_down_ms: int = 12_000
    hold_s: int = 20
    programme: int = 1
    latitude_mdeg: int = 0
    longitude_mdeg: int = 0
    dusk_offset_min: int = 0
    dawn_offset_min: int = 0
    utc_offset_min: int = 60
    summer_time: bool = True
    step1_from: int = -1
    step1_floor_percent: int = 20
    step1_presence_percent: int = 100
    step2_from: int = -1
    step2_floor_percent: int = 20
    step2_presence_percent: int = 100
    step3_from: int = -1
    step3_floor_percent: int = 20
    step3_presence_percent: int = 100
    step4_from: int = -1
    step4_floor_percent: int = 20
    step4_presence_percent: int = 100
    test_from: int = -1
    photocell_lux: int = 0
    autonomous: bool = True
    switched: bool = False
    supply_v: int = 36
    rated_power_dw: int = 0
    derate_from_c: int = 75
    derate_to_c: int = 95
    presence_stuck_s: int = 1800


class BollardParameters(CommonParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a bollard moves.

    `settle_ms`: inputs are watched this long before they are believed. `power_fail_lower`: whether
    the post is lowered when the power goes, as commissioned, or stops. `warning_ms`: uninterrupted
    warning before a rise (DOMAIN: 3 s, never under 1). `travel_ms`: a drive that is on for longer
    is a fault. `dead_time_ms`: without a drive between the directions. `clear_ms`: the loops are
    clear for this long after a passage (US UFGS 02 84: 1 s). `raise_wait_s`: a rise that cannot
    begin is given up; `grant_wait_s`: a granted passage that nobody uses ends (FAAC 275: 30 s);
    `passage_wait_s`: a vehicle that does not leave keeps the post down; `unproven_wait_s`: so does
    one that a single loop saw, for so long after that loop lost it (FAAC 275: 30 s; where there is
    one loop only, how long the slowest takes to drive off). `inversions_most`: in a
    row, and the post stays down. `rises_per_hour`: more overheat the drive. `overload_ma`,
    `overload_kpa`: current or pressure that is a load too many, 0 = not fitted; `inrush_ms`: a
    drive may take more while it starts. `key_hold_s`: a local key to raise that is held for longer
    is stuck and does not count; never less than a warning and a travel. Defaults without a source
    are unverified.
    """

    settle_ms: int = 500
    power_fail_lower: bool = False
    warning_ms: int = 3000
    travel_ms: int = 10_000
    dead_time_ms: int = 500
    clear_ms: int = 1000
    raise_wait_s: int = 40
    grant_wait_s: int = 30
    passage_wait_s: int = 45
    unproven_wait_s: int = 30
    inversions_most: int = 3
    rises_per_hour: int = 120
    overload_ma: int = 12_000
    overload_kpa: int = 15_000
    inrush_ms: int = 300
    key_hold_s: int = 60


class BinParameters(CommonParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How full a bin is, and how it is packed: distances from the sensor in mm, measured for each.

    `empty_mm`: to the floor of the empty bin; `full_mm`: to the waste of a full one;
    `dead_zone_mm`: echoes nearer than this are none; `floor_mm`: after an emptying the floor is
    where it was within this, or the sensor has drifted. `full_permille`: level that counts as full.
    `sensor_reference_dc`: 0.1 °C the distance sensor is calibrated for. `fire_dc`: 0.1 °C that
    count as fire; `fire_rise_dc`: the same as a rise a minute, 0 = not judged (EN 54-5, UL 521:
    about 8 °C). `battery_low_mv`: below it the battery is low; `battery_floor_mv`: below it nothing
    is compacted. `lid_stuck_s`: a lid open that long is stuck. `ping_period_ms`: of the sensor.
    `press`: whether there is one. `compact_permille`: level at which it packs;
    `compact_pause_s`: between two cycles at least; `compact_per_hour`: strokes at most.
    `press_limit_ma`: current at which the plate is stopped; `press_ms`, `retract_ms`: a stroke or
    return that lasts longer has failed; `dwell_ms`: the plate stays down; `retries`: more failures
    are a jam. `sleep_s`: between two wakes of a bin on batteries, 0 = always awake; `awake_ms`: it
    listens this long after its report. Defaults without a source are unverified.
    """

    empty_mm: int = 1200
    full_mm: int = 250
    dead_zone_mm: int = 30
    floor_mm: int = 15
    full_permille: int = 850
    sensor_reference_dc: int = 200
    fire_dc: int = 700
    fire_rise_dc: int = 80
    battery_low_mv: int = 11_500
    battery_floor_mv: int = 11_000
    lid_stuck_s: int = 300
    ping_period_ms: int = 100
    press: bool = True
    compact_permille: int = 700
    compact_pause_s: int = 120
    compact_per_hour: int = 12
    press_limit_ma: int = 12_000
    press_ms: int = 12_000
    dwell_ms: int = 1000
    retract_ms: int = 15_000
    retries: int = 2
    sleep_s: int = 0
    awake_ms: int = 2500


Parameters = LampParameters | BollardParameters | BinParameters

PARAMETERS: Mapping[str, type[Parameters]] = {
    "lamp": LampParameters,
    "bollard": BollardParameters,
    "bin": BinParameters,
}
"""Kind of a slot -> its parameters."""

STEPS = (1, 2, 3, 4)
"""The steps of a lamp's night."""
_TIME = (-1, 2359, "as a clock reads, or -1")
_COMMON = {
    "link_lost_ms": (500, 600_000, "ms"),
    "status_period_ms": (100, 3_600_000, "ms"),
}
RANGES: Mapping[type[Parameters], Mapping[str, tuple[int, int, str]]] = {
    LampParameters: {
        **_COMMON,
        "floor_percent": (0, 100, "percent"),
        "presence_percent": (1, 100, "percent"),
        "safe_percent": (1, 100, "percent"),
        "ramp_up_ms": (0, 120_000, "ms"),
        "ramp_down_ms": (0, 120_000, "ms"),
        "hold_s": (1, 3600, "s"),
        "programme": (0, 2, "(0 day, 1 night, 2 by the sun)"),
        "latitude_mdeg": (-90_000, 90_000, "thousandths of a degree"),
        "longitude_mdeg": (-180_000, 180_000, "thousandths of a degree"),
        "dusk_offset_min": (-180, 180, "minutes"),
        "dawn_offset_min": (-180, 180, "minutes"),
        "utc_offset_min": (-720, 840, "minutes"),
        **{f"step{n}_from": _TIME for n in STEPS},
        **{f"step{n}_floor_percent": (0, 100, "percent") for n in STEPS},
        **{f"step{n}_presence_percent": (1, 100, "percent") for n in STEPS},
        "test_from": _TIME,
        "photocell_lux": (0, 90, "lux"),
        "derate_from_c": (0, 120, "°C"),
        "derate_to_c": (1, 125, "°C"),
        "supply_v": (1, 400, "V"),
        "rated_power_dw": (0, 10_000, "tenths of a watt"),
        "presence_stuck_s": (60, 86_400, "s"),
    },
    BollardParameters: {
        **_COMMON,
        "settle_ms": (100, 10_000, "ms"),
        "warning_ms": (1000, 60_000, "ms"),
        "travel_ms": (1000, 60_000, "ms"),
        "dead_time_ms": (200, 5000, "ms"),
        "clear_ms": (1000, 10_000, "ms"),
        "raise_wait_s": (5, 50, "s"),
        "grant_wait_s": (5, 60, "s"),
        "passage_wait_s": (5, 60, "s"),
        "unproven_wait_s": (1, 60, "s"),
        "inversions_most": (1, 10, "inversions"),
        "rises_per_hour": (1, 250, "rises"),
        "overload_ma": (0, 20_000, "mA"),
        "overload_kpa": (0, 25_000, "kPa"),
        "inrush_ms": (0, 1000, "ms"),
        "key_hold_s": (5, 300, "s"),
    },
    BinParameters: {
        **_COMMON,
        "empty_mm": (200, 5000, "mm"),
        "full_mm": (50, 4900, "mm"),
        "dead_zone_mm": (0, 500, "mm"),
        "floor_mm": (5, 500, "mm"),
        "full_permille": (100, 1000, "permille"),
        "sensor_reference_dc": (-400, 800, "tenths of °C"),
        "fire_dc": (400, 1500, "tenths of °C"),
        "fire_rise_dc": (0, 1000, "tenths of °C a minute"),
        "battery_low_mv": (0, 60_000, "mV"),
        "battery_floor_mv": (0, 60_000, "mV"),
        "lid_stuck_s": (10, 86_400, "s"),
        "ping_period_ms": (50, 60_000, "ms"),
        "compact_permille": (100, 1000, "permille"),
        "compact_pause_s": (0, 3600, "s"),
        "compact_per_hour": (1, 3600, "strokes"),
        "press_limit_ma": (500, 20_000, "mA"),
        "press_ms": (2000, 60_000, "ms"),
        "dwell_ms": (0, 10_000, "ms"),
        "retract_ms": (2000, 60_000, "ms"),
        "retries": (0, 5, "retries"),
        "sleep_s": (0, 21_600, "s"),
        "awake_ms": (1500, 60_000, "ms"),
    },
}
"""Least, most and unit of every parameter that is a number."""
