"""The press of a whole bin controller: cycles, interlocks, jams, what a command is told."""

from firmware.logic import bin as logic
from protocol.generated import wire, wire_bin, wire_gateway
from tests.dual.bin_rig import TRAVEL_MS, PressRig

LID, DOOR, TILT = 1, 2, 4
EYE = 16


def at_rest(**parameters):
    """A bin that is home and measured."""
    rig = PressRig(**parameters)
    rig.run(10000)
    assert rig.node.state == logic.IDLE
    rig.states.clear()
    return rig


def pressing():
    """A bin in the middle of a stroke that somebody asked for."""
    rig = at_rest()
    rig.compact(9)
    rig.until(logic.COMPACTING)
    rig.run(1500)
    assert rig.plant.driven == logic.PRESS
    return rig


def test_a_start_brings_the_plate_home_wherever_it_was():
    for plate_ms in (0, 3000, TRAVEL_MS):
        rig = PressRig()
        rig.plant.plate_ms = plate_ms
        rig.run(900)
        assert rig.plant.directions == {logic.OFF}
        rig.run(12000)
        assert rig.states == [logic.BOOT, logic.RETRACTING, logic.BOOT, logic.IDLE]
        assert rig.plant.plate_ms == 0
        assert not rig.node.press.away
        assert rig.node.press.cycles == 0
        assert rig.plant.driven == logic.OFF


def test_a_start_with_the_door_open_moves_nothing_until_it_is_closed():
    rig = PressRig()
    rig.plant.sensed = DOOR
    rig.plant.plate_ms = 3000
    rig.run(60000)
    assert rig.plant.directions == {logic.OFF}
    rig.plant.sensed = 0
    rig.run(10000)
    assert rig.plant.plate_ms == 0


def test_the_press_does_not_start_as_soon_as_something_closes_nor_while_its_contact_bounces():
    for opening in (DOOR, LID, TILT):
        rig = pressing()
        rig.plant.sensed = opening
        rig.run(3000)
        rig.plant.drives.clear()
        for sensed in (0, opening) * 5:
            rig.plant.sensed = sensed
            rig.run(300)
        rig.plant.sensed = 0
        rig.run(900)
        assert rig.plant.drives == []
        rig.run(20000)
        assert rig.plant.plate_ms == 0


def test_a_command_packs_the_waste_and_is_told_so_at_its_end():
    rig = at_rest()
    assert rig.compact(7) == (wire.STATUS_IN_PROGRESS, wire.GUARD_NONE)
    rig.run(30000)
    assert rig.states == [logic.ARMED, logic.COMPACTING, logic.RETRACTING, logic.IDLE]
    assert rig.results() == [(wire.STATUS_DONE, wire.GUARD_NONE, 100, 7)]
    assert rig.compact(7) == (wire.STATUS_DONE, wire.GUARD_NONE)
    assert rig.told(wire_bin.EVENT_CODE_COMPACTED) == [(1, 1)]
    body = rig.last(wire_bin.RECORD_BIN_STATUS)
    fields = wire_gateway.unpack_bin_status(body, 0, len(body))
    assert fields[1] == 300
    assert fields[8] == 1
    assert rig.node.meter.emptyings == 0


def test_a_change_of_direction_goes_through_off_for_a_while():
    rig = at_rest(dwell_ms=0)
    rig.compact()
    rig.run(30000)
    drives = rig.plant.drives
    for number in range(1, len(drives)):
        before_ms, before = drives[number - 1]
        after_ms, after = drives[number]
        assert logic.OFF in (before, after)
        if after != logic.OFF:
            assert after_ms - before_ms >= 500


def test_the_plate_stays_down_without_power_for_its_dwell():
    rig = at_rest(dwell_ms=4000)
    rig.compact()
    rig.run(40000)
    (_, press), (off_ms, off), (back_ms, back) = rig.plant.drives[-4:-1]
    assert (press, off, back) == (logic.PRESS, logic.OFF, logic.RETRACT)
    assert 4000 <= back_ms - off_ms <= 4200


def test_the_level_calls_the_press_and_only_again_when_enough_has_come_on_top():
    rig = at_rest()
    rig.plant.sensed = LID
    rig.run(3000)
    rig.plant.distance = 400
    rig.plant.sensed = 0
    rig.run(40000)
    assert rig.node.press.cycles == 1
    assert rig.node.state == logic.IDLE
    rig.plant.loose = False
    for distance_mm, cycles in ((450, 2), (420, 2), (340, 3)):
        rig.plant.sensed = LID
        rig.run(3000)
        rig.plant.distance = distance_mm
        rig.plant.sensed = 0
        rig.run(200000)
        assert rig.node.press.cycles == cycles


def test_packed_waste_at_the_mark_is_what_full_means():
    rig = at_rest()
    rig.plant.loose = False
    rig.plant.sensed = LID
    rig.run(3000)
    rig.plant.distance = 300
    rig.plant.sensed = 0
    rig.states.clear()
    rig.run(40000)
    assert rig.node.state == logic.FULL
    assert rig.states.index(logic.COMPACTING) < rig.states.index(logic.FULL)
    rig.run(600000)
    assert rig.node.press.cycles == 1


def test_the_eye_calls_the_press_once_and_not_for_a_hand():
    rig = at_rest()
    for _ in range(5):
        rig.plant.sensed = EYE
        rig.run(3000)
        rig.plant.sensed = 0
        rig.run(500)
    assert rig.node.press.cycles == 0
    rig.plant.sensed = EYE
    rig.run(600000)
    assert rig.node.press.cycles == 1


def test_whatever_is_opened_stops_the_stroke_at_once_and_the_plate_comes_back_later():
    for bits, guard in (
        (LID, wire_bin.GUARD_LID_OPEN),
        (DOOR, wire.GUARD_DOOR_OPEN),
        (TILT, wire_bin.GUARD_TILTED),
    ):
        rig = pressing()
        rig.plant.sensed = bits
        rig.run(100)
        assert rig.plant.driven == logic.OFF
        rig.run(20000)
        assert rig.plant.driven == logic.OFF
        assert rig.results() == [(wire.STATUS_FAILED, guard, 0, 9)]
        rig.plant.sensed = 0
        rig.run(15000)
        assert rig.plant.plate_ms == 0
        assert rig.node.press.cycles == 0
        assert rig.node.state == logic.IDLE


def test_fire_service_and_a_lost_sensor_end_the_stroke():
    rig = pressing()
    rig.plant.warmth_dc = 800
    rig.run(1000)
    assert rig.node.state == logic.FIRE
    assert rig.plant.driven == logic.OFF
    assert rig.results()[0][:2] == (wire.STATUS_FAILED, wire_bin.GUARD_FIRE)
    rig = pressing()
    assert rig.command(wire_bin.VERB_SERVICE, 2, level=1)[1] == wire.STATUS_DONE
    rig.run(100)
    assert rig.plant.driven == logic.OFF
    assert rig.results()[0][:2] == (wire.STATUS_FAILED, wire_bin.GUARD_SERVICE)
    rig = pressing()
    rig.plant.warmth_dc = logic.NO_TEMPERATURE
    rig.run(2000)
    assert rig.node.state == logic.RETRACTING
    assert rig.results()[0][:2] == (wire.STATUS_FAILED, wire.GUARD_SENSOR_INVALID)


def test_a_battery_at_its_floor_ends_pressing_but_not_the_way_home_nor_telemetry():
    rig = pressing()
    rig.plant.battery = 10500  # sags under the press, which is no reason
    rig.run(1000)
    assert rig.node.state == logic.COMPACTING
    rig.plant.battery = 9000
    rig.run(2000)
    assert rig.results()[0][:2] == (wire.STATUS_FAILED, wire_bin.GUARD_BATTERY_LOW)
    rig.run(10000)
    assert rig.plant.plate_ms == 0
    rig.plant.battery = 10900
    rig.run(10000)
    assert rig.compact(2) == (wire.STATUS_REJECTED, wire_bin.GUARD_BATTERY_LOW)
    count = len(rig.records)
    rig.run(5000)
    rig.drain()
    assert len(rig.records) >= count + 5
    rig.plant.battery = 12500
    rig.run(5000)
    assert rig.compact(3) == (wire.STATUS_IN_PROGRESS, wire.GUARD_NONE)


def test_a_plate_that_is_blocked_at_once_is_tried_again_and_then_it_is_a_jam():
    rig = at_rest(retries=2)
    rig.plant.waste_ms = 0
    rig.compact(5)
    rig.run(60000)
    assert rig.node.state == logic.JAM
    assert rig.states.count(logic.COMPACTING) == 3
    assert rig.results() == [(wire.STATUS_FAILED, wire_bin.GUARD_JAM, 0, 5)]
    assert rig.told(wire_bin.EVENT_CODE_JAM) == [(1, 0)]
    assert rig.node.alarms.faults & wire_bin.BIN_FAULT_JAM
    assert rig.compact(6) == (wire.STATUS_REJECTED, wire_bin.GUARD_JAM)
    rig.run(600000)
    assert rig.node.state == logic.JAM
    rig.plant.waste_ms = 4000
    rig.plant.sensed = DOOR
    rig.run(5000)
    rig.plant.sensed = 0
    rig.run(10000)
    assert rig.node.state == logic.IDLE
    assert rig.told(wire_bin.EVENT_CODE_JAM) == [(1, 0), (0, 0)]


def test_a_jam_that_goes_away_within_the_retries_is_none():
    rig = at_rest(retries=2)
    rig.plant.waste_ms = 0
    rig.compact(5)
    rig.until(logic.COMPACTING)
    rig.until(logic.RETRACTING)
    rig.plant.waste_ms = 4000
    rig.run(60000)
    assert rig.results() == [(wire.STATUS_DONE, wire.GUARD_NONE, 100, 5)]
    assert rig.told(wire_bin.EVENT_CODE_JAM) == []


def test_a_plate_that_does_not_come_back_is_a_jam():
    rig = pressing()
    rig.plant.stuck_out = True
    rig.run(60000)
    assert rig.node.state == logic.JAM
    assert rig.plant.driven == logic.OFF
    assert rig.results() == [(wire.STATUS_FAILED, wire_bin.GUARD_JAM, 0, 9)]


def test_a_stroke_without_end_and_a_return_without_end_have_failed():
    rig = at_rest(retries=0, press_ms=8000)
    rig.plant.waste_ms = 1000000
    rig.compact()
    rig.until(logic.COMPACTING)
    rig.run(9000)
    assert rig.node.state == logic.RETRACTING
    rig = at_rest(retries=0, retract_ms=8000)
    rig.compact()
    rig.until(logic.RETRACTING)
    rig.plant.plate_ms = 1000000
    rig.run(9000)
    assert rig.node.state == logic.JAM


def test_a_press_that_draws_nothing_is_a_fault_and_the_level_still_comes():
    rig = PressRig()
    rig.plant.dead = True
    rig.run(20000)
    assert rig.node.alarms.faults == wire_bin.BIN_FAULT_PRESS
    assert rig.told(wire_bin.EVENT_CODE_JAM) == [(1, 1)]
    assert rig.compact() == (wire.STATUS_REJECTED, wire.GUARD_FAULT)
    assert rig.node.meter.good
    assert rig.plant.driven == logic.OFF


def test_a_cycle_needs_a_pause_and_an_hour_has_so_many():
    rig = at_rest(compact_pause_s=100, compact_per_hour=3)
    asked = 0
    for _ in range(3):
        asked += 1
        assert rig.compact(asked)[0] == wire.STATUS_IN_PROGRESS
        asked += 1
        assert rig.compact(asked) == (wire.STATUS_REJECTED, wire.GUARD_BUSY)
        rig.run(30000)
        asked += 1
        assert rig.compact(asked) == (wire.STATUS_REJECTED, wire.GUARD_DUTY_CYCLE)
        rig.run(100000)
    assert rig.compact(50) == (wire.STATUS_REJECTED, wire.GUARD_DUTY_CYCLE)
    rig.run(1200000)
    assert rig.compact(51)[0] == wire.STATUS_IN_PROGRESS


def test_to_explain_is_to_answer_and_to_do_nothing():
    rig = at_rest()
    explain = rig.node.explain
    assert explain(wire_bin.VERB_COMPACT, 0, 0, rig.now_ms)[:2] == (wire.STATUS_DONE, 0)
    assert explain(wire_bin.VERB_SERVICE, 1, 0, rig.now_ms)[:2] == (wire.STATUS_DONE, 0)
    assert explain(wire_bin.VERB_SERVICE, 2, 0, rig.now_ms)[1] == wire.GUARD_BAD_ARGUMENT
    assert explain(99, 0, 0, rig.now_ms)[1] == wire.GUARD_UNSUPPORTED
    rig.run(10000)
    assert rig.states == [logic.IDLE]
    for bits, guard in (
        (LID, wire_bin.GUARD_LID_OPEN),
        (LID | DOOR, wire.GUARD_DOOR_OPEN),
        (TILT, wire_bin.GUARD_TILTED),
    ):
        rig.plant.sensed = bits
        rig.run(100)
        assert explain(wire_bin.VERB_COMPACT, 0, 0, rig.now_ms)[:2] == (
            wire.STATUS_REJECTED,
            guard,
        )


def test_a_cycle_is_no_emptying_even_with_the_lid_open_before_and_after():
    rig = at_rest()
    rig.plant.sensed = LID
    rig.run(1000)
    rig.plant.sensed = 0
    rig.plant.distance = 250
    rig.run(5000)
    rig.until(logic.COMPACTING)
    rig.plant.loose = False
    rig.plant.distance = 1150
    rig.until(logic.RETRACTING)
    rig.plant.sensed = LID
    rig.run(2000)
    rig.plant.sensed = 0
    rig.run(60000)
    assert rig.node.meter.level_permille == 50
    assert rig.node.meter.emptyings == 0
