"""A whole bin controller: levels with a quality, doors, emptying, fire, battery, sleep."""

from firmware.logic import bin as logic
from protocol.generated import wire, wire_bin, wire_gateway
from tests.dual.firmware_rig import BinRig

CALIBRATION = {"empty_mm": 1200, "full_mm": 200, "press": 0}
MEASURED_MS = 4000


def bin_with(distance_mm, **parameters):
    rig = BinRig(dict(CALIBRATION, **parameters))
    rig.plant.distance = distance_mm
    rig.run(MEASURED_MS)
    return rig


def status(rig):
    """(quality, fields) of the newest status."""
    rig.drain()
    kind, _, quality, body = [r for r in rig.records if r[0] == wire_bin.RECORD_BIN_STATUS][-1]
    assert kind == wire_bin.RECORD_BIN_STATUS
    return quality & ~wire.QUALITY_CLOCK_UNTRUSTED, wire_gateway.unpack_bin_status(
        body, 0, len(body)
    )


def told(rig, code):
    """(active, value) of each event of that code so far."""
    rig.drain()
    return [(event[2], event[3]) for event in rig.events() if event[0] == code]


def open_for_a_while(rig, bits, distance_mm, open_ms=3000):
    """Open, change what is inside, close, and measure."""
    rig.plant.sensed = bits
    rig.run(open_ms)
    rig.plant.distance = distance_mm
    rig.plant.sensed = 0
    rig.run(MEASURED_MS)


def test_the_level_follows_the_distance():
    for distance_mm, permille in ((1200, 0), (700, 500), (200, 1000), (120, 1000), (1210, 0)):
        quality, fields = status(bin_with(distance_mm))
        assert quality == 0
        assert fields[1] == permille


def test_codes_and_silence_are_never_a_level():
    for code in (logic.INTERFERENCE, logic.NO_OBJECT, logic.UNKNOWN, 0, 10, 3000):
        rig = bin_with(code)
        quality, fields = status(rig)
        assert quality == wire.QUALITY_INVALID
        assert fields[1] == logic.UNKNOWN
        assert fields[2] == wire.NO_READING_U16
        assert rig.node.state == logic.BOOT


def test_a_sensor_that_fails_leaves_the_last_level_marked_stale():
    for code in (logic.INTERFERENCE, logic.NO_OBJECT, logic.UNKNOWN, 10):
        rig = bin_with(700)
        rig.plant.distance = code
        rig.run(60000)
        quality, fields = status(rig)
        assert quality == wire.QUALITY_STALE
        assert fields[1] == 500
        assert fields[4] == wire_bin.BIN_FAULT_DISTANCE_SENSOR
        rig.plant.distance = 700
        rig.run(5000)
        assert status(rig)[0] == 0
        assert not rig.node.alarms.faults
        assert told(rig, wire.EVENT_CODE_SENSOR_FAULT) == [(1, 1), (0, 1)]


def test_a_few_wild_pings_change_nothing():
    rig = bin_with(700)
    for wild in (1100, 300, logic.NO_OBJECT):
        for wild_ms in (600, 1500):
            rig.plant.distance = wild
            for _ in range(wild_ms // 100):
                rig.run(100)
                assert rig.node.meter.level_permille == 500
            rig.plant.distance = 700
            for _ in range(8):
                rig.run(500)
                assert rig.node.meter.level_permille == 500
            assert status(rig)[0] == 0


def test_a_sensor_that_sees_nothing_half_of_the_time_still_measures():
    rig = BinRig(CALIBRATION)
    for number in range(200):
        code = number % 5 < 3
        rig.plant.distance = logic.INTERFERENCE if code else 700
        rig.run(100)
    quality, fields = status(rig)
    assert (quality, fields[1]) == (0, 500)


def test_waste_that_comes_through_a_closed_lid_is_not_believed():
    rig = bin_with(900)
    rig.plant.distance = 600
    rig.run(60000)
    quality, fields = status(rig)
    assert (quality, fields[1]) == (wire.QUALITY_STALE, 300)
    open_for_a_while(rig, wire_bin.BIN_INPUT_LID_OPEN, 600)
    quality, fields = status(rig)
    assert (quality, fields[1]) == (0, 600)


def test_a_level_is_not_of_now_from_a_lid_that_opens_to_the_next_measurement():
    rig = bin_with(900)
    rig.plant.sensed = wire_bin.BIN_INPUT_LID_OPEN
    rig.run(1000)
    assert status(rig)[0] == wire.QUALITY_STALE
    rig.plant.distance = 850
    rig.plant.sensed = 0
    rig.run(1000)
    assert status(rig)[0] == wire.QUALITY_STALE
    rig.run(MEASURED_MS)
    quality, fields = status(rig)
    assert (quality, fields[1]) == (0, 350)


def test_a_noisy_sensor_is_found_out_by_its_noise():
    rig = bin_with(700)
    noise = (-90, 40, 10, -55, 70, -20, 95, -75, 30, 60, -35)
    for number in range(1100):
        rig.plant.distance = 700 + noise[number % len(noise)]
        rig.run(100)
    quality, fields = status(rig)
    assert (quality, fields[1]) == (wire.QUALITY_STALE, 500)
    assert fields[4] & wire_bin.BIN_FAULT_DISTANCE_SENSOR


def test_a_sensor_that_always_moved_and_stops_moving_is_stuck():
    rig = BinRig(CALIBRATION)
    for number in range(300):
        rig.plant.distance = 700 + (number * 7) % 5
        rig.run(100)
    assert status(rig)[0] == 0
    rig.plant.distance = 702
    rig.run(15000)
    quality, fields = status(rig)
    assert quality == wire.QUALITY_STALE
    assert fields[4] & wire_bin.BIN_FAULT_DISTANCE_SENSOR


def test_a_sensor_that_never_moves_is_stuck_when_waste_does_not_move_it():
    rig = bin_with(700)
    for _ in range(24):
        assert status(rig)[0] == 0
        open_for_a_while(rig, wire_bin.BIN_INPUT_LID_OPEN, 700)
        if status(rig)[0]:
            break
    rig.run(60000)
    assert status(rig)[1][4] & wire_bin.BIN_FAULT_DISTANCE_SENSOR


def test_a_floor_that_has_moved_is_a_sensor_that_has_drifted():
    for floor_mm, quality in ((1190, 0), (1170, wire.QUALITY_STALE), (1230, wire.QUALITY_STALE)):
        rig = bin_with(600)
        open_for_a_while(rig, wire_bin.BIN_INPUT_DOOR_OPEN, floor_mm)
        assert rig.node.meter.emptyings == 1
        assert status(rig)[0] == quality
        open_for_a_while(rig, wire_bin.BIN_INPUT_LID_OPEN, 700)
        assert status(rig)[0] == quality
        open_for_a_while(rig, wire_bin.BIN_INPUT_DOOR_OPEN, 1200)
        assert status(rig)[0] == 0


def test_a_full_bin_is_full_until_well_below_the_mark():
    rig = bin_with(300)
    assert rig.node.state == logic.FULL
    open_for_a_while(rig, wire_bin.BIN_INPUT_LID_OPEN, 380)
    assert rig.node.state == logic.FULL
    open_for_a_while(rig, wire_bin.BIN_INPUT_LID_OPEN, 420)
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
    open_for_a_while(rig, wire_bin.BIN_INPUT_DOOR_OPEN, 400, 10000)
    assert rig.node.meter.emptyings == 0
    open_for_a_while(rig, wire_bin.BIN_INPUT_DOOR_OPEN, 1190, 10000)
    assert rig.node.meter.emptyings == 1
    open_for_a_while(rig, wire_bin.BIN_INPUT_LID_OPEN, 400)
    assert rig.node.meter.emptyings == 1
    rig.plant.distance = 1190
    rig.run(30000)
    assert rig.node.meter.emptyings == 1
    assert told(rig, wire_bin.EVENT_CODE_EMPTIED) == [(1, 800)]
    body = rig.last(wire_bin.RECORD_BIN_METERS)
    meters = wire_gateway.unpack_bin_meters(body, 0, len(body))
    assert meters[2:4] == (0, 1)


def test_a_drop_is_an_emptying_by_what_was_open():
    lid, door, tilt = logic.BY_LID, logic.BY_DOOR, logic.BY_TILT
    for before, after, opened, emptied in (
        (900, 0, 0, False),
        (900, 0, lid, True),
        (900, 100, lid, True),
        (900, 200, lid, False),
        (390, 0, lid, False),
        (900, 200, door, True),
        (900, 750, door, False),
        (150, 40, door, True),
        (150, 60, door, False),
        (90, 0, door, False),
        (900, 100, tilt, True),
        (900, 200, tilt, False),
        (logic.UNKNOWN, 0, door, False),
        (900, logic.UNKNOWN, door, False),
    ):
        assert logic.emptied(before, after, opened) == emptied


def test_waste_that_settles_under_the_lid_was_not_taken_out():
    rig = bin_with(500)
    for distance_mm in (750, 600, 900, 650, 850):
        open_for_a_while(rig, wire_bin.BIN_INPUT_LID_OPEN, distance_mm)
        assert status(rig)[1][1] == 1200 - distance_mm
    assert rig.node.meter.emptyings == 0


def test_a_bin_that_was_tipped_out_was_emptied():
    rig = bin_with(500)
    open_for_a_while(rig, wire_bin.BIN_INPUT_TILT, 1195)
    assert rig.node.meter.emptyings == 1


def test_a_sensor_that_returns_after_the_door_was_open_shows_the_emptying_once():
    rig = bin_with(400)
    rig.plant.distance = logic.UNKNOWN
    rig.run(60000)
    open_for_a_while(rig, wire_bin.BIN_INPUT_DOOR_OPEN, logic.UNKNOWN)
    assert rig.node.meter.emptyings == 0
    rig.plant.distance = 1200
    rig.run(10000)
    assert rig.node.meter.emptyings == 1
    assert status(rig)[0] == 0


def test_fire_is_critical_and_at_once():
    rig = bin_with(700)
    rig.plant.warmth_dc = 710
    rig.run(700)
    assert rig.node.state == logic.FIRE
    rig.drain()
    fires = [event for event in rig.events() if event[0] == wire_bin.EVENT_CODE_FIRE]
    assert fires[0][1:4] == (wire.SEVERITY_CRITICAL, 1, 710)


def test_a_fast_rise_is_fire_long_before_it_is_hot():
    rig = bin_with(700)
    for number in range(60):
        rig.plant.warmth_dc = 200 + number * 2
        rig.run(1000)
    assert rig.node.state == logic.FIRE
    assert rig.plant.warmth_dc < 700


def test_sun_and_a_single_wild_reading_are_no_fire():
    rig = bin_with(700)
    for number in range(240):
        rig.plant.warmth_dc = 200 + number  # 6 degrees a minute
        rig.run(1000)
        if number % 50 == 30:
            rig.plant.warmth_dc = 1400
            rig.run(500)
    assert rig.node.state == logic.IDLE
    assert told(rig, wire_bin.EVENT_CODE_FIRE) == []


def test_a_fire_that_burns_its_sensor_is_still_one_and_ends_when_it_has_cooled():
    rig = bin_with(700)
    rig.plant.warmth_dc = 900
    rig.run(2000)
    rig.plant.warmth_dc = logic.NO_TEMPERATURE
    rig.run(600000)
    assert rig.node.state == logic.FIRE
    rig.plant.warmth_dc = 650
    rig.run(600000)
    assert rig.node.state == logic.FIRE
    rig.plant.warmth_dc = 300
    rig.run(30000)
    assert rig.node.state == logic.FIRE
    rig.run(100000)
    assert rig.node.state == logic.IDLE


def test_without_a_temperature_the_last_one_serves_a_while_and_then_the_level_is_not_good():
    rig = bin_with(700)
    rig.plant.warmth_dc = logic.NO_TEMPERATURE
    rig.run(5000)
    assert rig.node.alarms.faults == wire_bin.BIN_FAULT_TEMPERATURE_SENSOR
    quality, fields = status(rig)
    assert (quality, fields[1]) == (0, 500)
    rig.run(600000)
    assert status(rig)[0] == wire.QUALITY_STALE


def test_cold_air_shortens_the_measured_distance():
    rig = BinRig(CALIBRATION)
    rig.plant.distance = 700
    rig.plant.warmth_dc = -100
    rig.run(MEASURED_MS)
    # 325.24 / 343.42 m/s of 700 mm.
    assert rig.node.meter.distance_mm == 662


def test_alarms_raise_and_clear():
    rig = bin_with(700, lid_stuck_s=20)
    lid = wire_bin.BIN_INPUT_LID_OPEN
    rig.plant.sensed = wire_bin.BIN_INPUT_TILT | wire_bin.BIN_INPUT_WATER | lid
    rig.plant.battery = 11400
    rig.run(21000)
    faults = wire_bin.BIN_FAULT_TILTED | wire_bin.BIN_FAULT_WATER | wire_bin.BIN_FAULT_LID_STUCK
    assert rig.node.alarms.faults == wire_bin.BIN_FAULT_BATTERY_LOW | faults
    rig.plant.battery = 11600  # not enough to count as recovered
    rig.run(1000)
    rig.plant.sensed = 0
    rig.run(1000)
    assert rig.node.alarms.faults == wire_bin.BIN_FAULT_BATTERY_LOW
    rig.plant.battery = 10900
    rig.run(2000)
    assert rig.node.alarms.faults & wire_bin.BIN_FAULT_BATTERY_FLOOR
    rig.plant.battery = 12000
    rig.run(1000)
    assert not rig.node.alarms.faults
    codes = (
        wire_bin.EVENT_CODE_TILT,
        wire_bin.EVENT_CODE_WATER,
        wire_bin.EVENT_CODE_LID_STUCK,
    )
    for code in codes:
        assert told(rig, code) == [(1, 0), (0, 0)]
    active = [active for active, _ in told(rig, wire_bin.EVENT_CODE_BATTERY_LOW)]
    assert sorted(active) == [0, 0, 1, 1]


def test_a_bump_is_no_tilt():
    rig = bin_with(700)
    for _ in range(10):
        rig.plant.sensed = wire_bin.BIN_INPUT_TILT
        rig.run(300)
        rig.plant.sensed = 0
        rig.run(300)
    assert told(rig, wire_bin.EVENT_CODE_TILT) == []


def test_meters_come_by_themselves_with_the_lowest_voltage():
    rig = bin_with(700)
    rig.plant.battery = 12100
    rig.run(2000)
    rig.plant.battery = 12700
    for _ in range(3):
        open_for_a_while(rig, wire_bin.BIN_INPUT_LID_OPEN, 700)
    rig.run(600000)
    rig.drain()
    body = rig.last(wire_bin.RECORD_BIN_METERS)
    compactions, jams, openings, emptyings, since_s, least = wire_gateway.unpack_bin_meters(
        body, 0, len(body)
    )
    assert (compactions, jams, openings, emptyings, least) == (0, 0, 3, 0, 12100)
    assert 550 <= since_s <= 700


def test_service_can_be_switched_and_a_bin_without_a_press_does_not_compact():
    rig = bin_with(700)
    assert rig.command(wire_bin.VERB_COMPACT, 1)[1:3] == (
        wire.STATUS_REJECTED,
        wire.GUARD_UNSUPPORTED,
    )
    assert rig.command(wire_bin.VERB_SERVICE, 2, level=1)[1] == wire.STATUS_DONE
    rig.run(100)
    assert rig.node.state == logic.SERVICE
    assert rig.command(wire_bin.VERB_SERVICE, 3, level=0)[1] == wire.STATUS_DONE
    rig.run(100)
    assert rig.node.state == logic.IDLE
    assert rig.command(wire_bin.VERB_SERVICE, 4, level=2)[2] == wire.GUARD_BAD_ARGUMENT
    assert rig.plant.directions == {0}
