"""A whole bin controller: levels with a quality, doors, emptying, fire."""

from firmware.logic import bin as logic
from protocol.generated import wire, wire_bin, wire_bollard, wire_gateway
from tests.dual.firmware_rig import BinRig

CALIBRATION = {"empty_mm": 1200, "full_mm": 200}


def bin_with(distance_mm):
    rig = BinRig(CALIBRATION)
    rig.plant.distance = distance_mm
    rig.run(5000)
    return rig


def status(rig):
    """(quality, fields) of the newest status."""
    rig.drain()
    kind, _, quality, body = [r for r in rig.records if r[0] == wire_bin.RECORD_BIN_STATUS][-1]
    assert kind == wire_bin.RECORD_BIN_STATUS
    return quality & ~wire.QUALITY_CLOCK_UNTRUSTED, wire_gateway.unpack_bin_status(
        body, 0, len(body)
    )


def test_the_level_follows_the_distance():
    for distance_mm, permille in ((1200, 0), (700, 500), (200, 1000), (120, 1000), (1250, 0)):
        quality, fields = status(bin_with(distance_mm))
        assert quality == 0
        assert fields[1] == permille


def test_codes_and_silence_are_never_a_level():
    for code in (logic.INTERFERENCE, logic.NO_OBJECT, logic.UNKNOWN, 0, 10, 3000):
        rig = bin_with(code)
        quality, fields = status(rig)
        assert quality == wire.QUALITY_INVALID
        assert fields[1] == logic.UNKNOWN
        assert rig.node.state == logic.BOOT


def test_a_sensor_that_fails_leaves_the_last_level_marked_stale():
    rig = bin_with(700)
    rig.plant.distance = logic.INTERFERENCE
    rig.run(20000)
    quality, fields = status(rig)
    assert quality == wire.QUALITY_STALE
    assert fields[1] == 500
    assert rig.node.faults & wire_bin.BIN_FAULT_DISTANCE_SENSOR
    rig.plant.distance = 700
    rig.run(5000)
    assert status(rig)[0] == 0
    assert not rig.node.faults


def test_one_wild_ping_in_a_window_changes_nothing():
    rig = bin_with(700)
    rig.plant.distance = 1100
    rig.run(500)
    rig.plant.distance = 700
    for _ in range(8):
        rig.run(500)
        assert rig.node.level_permille == 500


def test_a_full_bin_is_full_until_well_below_the_mark():
    rig = bin_with(300)
    assert rig.node.state == logic.FULL
    rig.plant.distance = 380
    rig.run(6000)
    assert rig.node.state == logic.FULL
    rig.plant.distance = 420
    rig.run(6000)
    assert rig.node.state == logic.IDLE


def test_lid_and_door_rule_the_state():
    rig = bin_with(700)
    rig.plant.sensed = wire_bin.BIN_INPUT_LID_OPEN
    rig.run(100)
    assert rig.node.state == logic.FILLING
    rig.plant.sensed = wire_bin.BIN_INPUT_LID_OPEN | wire_bin.BIN_INPUT_DOOR_OPEN
    rig.run(100)
    assert rig.node.state == logic.DOOR_OPEN
    rig.plant.sensed = 0
    rig.run(100)
    assert rig.node.state == logic.IDLE


def test_an_emptying_is_a_drop_across_an_open_door_and_nothing_else():
    rig = bin_with(400)
    rig.plant.sensed = wire_bin.BIN_INPUT_DOOR_OPEN
    rig.run(10000)
    rig.plant.sensed = 0
    rig.run(10000)
    assert rig.node.emptyings == 0
    rig.plant.sensed = wire_bin.BIN_INPUT_DOOR_OPEN
    rig.run(10000)
    rig.plant.distance = 1190
    rig.plant.sensed = 0
    rig.run(10000)
    assert rig.node.emptyings == 1
    rig.plant.distance = 400
    rig.run(10000)
    rig.plant.distance = 1190
    rig.run(10000)
    assert rig.node.emptyings == 1
    rig.drain()
    assert [event[3] for event in rig.events() if event[0] == wire_bin.EVENT_CODE_EMPTIED] == [800]


def test_fire_is_critical_and_at_once():
    rig = bin_with(700)
    rig.plant.warmth_dc = 710
    rig.run(600)
    assert rig.node.state == logic.FIRE
    rig.drain()
    fires = [event for event in rig.events() if event[0] == wire_bin.EVENT_CODE_FIRE]
    assert fires[0][1:4] == (wire.SEVERITY_CRITICAL, 1, 710)


def test_a_temperature_that_cannot_be_read_is_neither_fire_nor_a_correction():
    rig = bin_with(700)
    rig.plant.warmth_dc = logic.NO_TEMPERATURE
    rig.run(5000)
    assert rig.node.faults == wire_bin.BIN_FAULT_TEMPERATURE_SENSOR
    assert status(rig)[1][1] == 500


def test_cold_air_shortens_the_measured_distance():
    rig = bin_with(700)
    rig.plant.warmth_dc = -100
    rig.run(5000)
    # 325.24 / 343.42 m/s of 700 mm.
    assert rig.node.distance_mm == 662


def test_tilt_and_battery_raise_and_clear():
    rig = bin_with(700)
    rig.plant.sensed = wire_bin.BIN_INPUT_TILT
    rig.plant.battery = 11000
    rig.run(1000)
    rig.plant.battery = 11600  # not enough to count as recovered
    rig.run(1000)
    assert rig.node.faults == wire_bin.BIN_FAULT_BATTERY_LOW
    rig.plant.sensed = 0
    rig.plant.battery = 12000
    rig.run(1000)
    rig.drain()
    for code in (wire_bin.EVENT_CODE_TILT, wire_bin.EVENT_CODE_BATTERY_LOW):
        assert [event[2] for event in rig.events() if event[0] == code] == [1, 0]


def test_compacting_is_refused_and_service_can_be_switched():
    rig = bin_with(700)
    assert rig.command(wire_bin.VERB_COMPACT, 1)[1:3] == (
        wire.STATUS_REJECTED,
        wire_bollard.GUARD_MOTION_DISABLED,
    )
    assert rig.command(wire_bin.VERB_SERVICE, 2, level=1)[1] == wire.STATUS_DONE
    rig.run(100)
    assert rig.node.state == logic.SERVICE
    assert rig.command(wire_bin.VERB_SERVICE, 3, level=0)[1] == wire.STATUS_DONE
    rig.run(100)
    assert rig.node.state == logic.IDLE
    assert rig.command(wire_bin.VERB_SERVICE, 4, level=2)[2] == wire.GUARD_BAD_ARGUMENT
    assert rig.plant.directions == {0}
