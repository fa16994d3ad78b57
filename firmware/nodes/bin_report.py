"""What a bin reports routinely: how it is, and what it has done."""

from firmware.logic import bin as logic
from protocol.generated.wire import QUALITY_INVALID, QUALITY_STALE
from protocol.generated.wire_bin import (
    BIN_METERS_SIZE,
    BIN_STATUS_SIZE,
    RECORD_BIN_METERS,
    RECORD_BIN_STATUS,
    pack_bin_meters,
    pack_bin_status,
)


def status(outbox, state, bits, meter, alarms, press, press_ma, now_ms):
    """Put a bin_status; its quality is that of the level."""
    quality = 0
    if meter.level_permille == logic.UNKNOWN:
        quality = QUALITY_INVALID
    elif not meter.good or meter.drifted or alarms.air_dc == logic.NO_TEMPERATURE:
        quality = QUALITY_STALE
    at = outbox.begin(RECORD_BIN_STATUS, BIN_STATUS_SIZE, quality, now_ms)
    pack_bin_status(
        outbox.routine.data,
        at,
        state,
        meter.level_permille,
        meter.distance_mm,
        bits,
        alarms.faults,
        alarms.temperature_dc,
        alarms.battery_mv,
        press_ma,
        press.cycles & 0xFFFF,
        meter.emptyings,
    )


def meters(outbox, press, meter, lid_openings, since_emptied_s, least_mv, now_ms):
    """Put a bin_meters."""
    at = outbox.begin(RECORD_BIN_METERS, BIN_METERS_SIZE, 0, now_ms)
    pack_bin_meters(
        outbox.routine.data,
        at,
        press.cycles,
        press.jams & 0xFFFF,
        lid_openings,
        meter.emptyings,
        since_emptied_s,
        least_mv,
    )
