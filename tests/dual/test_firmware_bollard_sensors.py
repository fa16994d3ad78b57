"""What a bollard senses and reckons, and what it tells of that."""

from firmware.logic import bollard
from protocol.generated import wire, wire_bollard, wire_gateway
from tests.dual.bollard_rig import SUPERVISOR, BollardRig
from tests.dual.test_firmware_bollard import at_the_bottom, at_the_top, codes, rising


def test_a_loop_counts_as_occupied_at_once_and_as_clear_a_moment_later():
    rig = at_the_bottom()
    rig.plant.sensed = bollard.LOOP_A
    rig.run(10)
    assert rig.status()[2] & bollard.LOOP_A
    assert rig.status()[5] == wire_bollard.GUARD_OCCUPIED
    rig.plant.sensed = 0
    rig.run(50)
    assert rig.status()[2] & bollard.LOOP_A
    rig.run(100)
    assert not rig.status()[2] & bollard.LOOP_A
    assert rig.status()[5] == wire.GUARD_NONE


def test_implausible_end_switches_are_a_fault_that_stays():
    rig = at_the_bottom()
    rig.plant.ends = bollard.BOTH_ENDS
    rig.live(20)
    assert rig.node.state == bollard.FAULT
    reset = (wire_bollard.VERB_RESET, 0, SUPERVISOR)
    assert rig.order(*reset) == (wire.STATUS_REJECTED, wire.GUARD_SENSOR_INVALID)
    rig.plant.ends = -1
    rig.live(1000)
    assert rig.node.state == bollard.FAULT
    assert rig.status()[4] == wire_bollard.BOLLARD_FAULT_IMPLAUSIBLE_ENDS
    assert rig.plant.shown == bollard.RED
    assert rig.order(*reset)[0] == wire.STATUS_DONE
    rig.live(100)
    assert rig.node.state == bollard.DOWN


def test_a_spark_of_an_end_switch_ends_no_motion_and_no_order():
    for spark in (bollard.AT_TOP, bollard.AT_BOTTOM):
        for make, verb, way, end in (
            (at_the_bottom, wire_bollard.VERB_RAISE, bollard.RISING, bollard.UP),
            (at_the_top, wire_bollard.VERB_LOWER, bollard.LOWERING, bollard.DOWN),
        ):
            rig = make()
            rig.order(verb)
            rig.live_until(way)
            for _ in range(3):
                rig.live(300, 10)
                driven = rig.plant.driven
                rig.plant.ends = spark
                rig.live(20, 10)
                rig.plant.ends = -1
                rig.live(20, 10)
                assert rig.plant.driven == driven
            motions = len(rig.motions())
            assert rig.result() is None
            rig.live_until(end)
            assert rig.result() == (wire.STATUS_DONE, wire.GUARD_NONE)
            assert len(rig.motions()) == motions


def test_a_spark_of_an_end_switch_ends_no_rest():
    for make in (at_the_top, at_the_bottom):
        rig = make()
        before = rig.node.state
        rig.plant.ends = 0
        for _ in range(2):
            rig.live(10, 10)
            assert rig.node.state == before
        rig.plant.ends = -1
        rig.live(50, 10)
        assert rig.node.state == before
        rig.plant.ends = 0
        rig.live(50, 10)
        assert rig.node.state == bollard.STOPPED


def test_pushing_on_an_end_until_it_is_believed_is_no_overload():
    rig = rising()
    rig.live_until(bollard.UP)
    rig.order(wire_bollard.VERB_LOWER)
    rig.live_until(bollard.DOWN)
    assert rig.node.meters.inversions == 0


def test_an_end_switch_that_chatters_hides_no_overload():
    rig = rising()
    rig.plant.ma = 19000
    for count in range(8):
        rig.plant.ends = 0 if count & 1 else bollard.AT_TOP
        rig.live(10, 10)
    assert rig.node.state == bollard.INVERTING


def test_a_current_with_the_drive_off_is_told_and_forbids_to_rise():
    rig = at_the_top()
    rig.plant.frozen_ma = 6000
    rig.live(800)
    assert not rig.status()[4]
    rig.live(500)
    assert rig.status()[4] == wire_bollard.BOLLARD_FAULT_OVERLOAD_SENSOR
    assert codes(rig, wire.EVENT_CODE_SENSOR_FAULT) == [(1, bollard.OVERLOAD)]
    rig.order(wire_bollard.VERB_LOWER)
    rig.live_until(bollard.DOWN)
    assert rig.result() == (wire.STATUS_DONE, wire.GUARD_NONE)
    rig.live(2000)
    invalid = (wire.STATUS_REJECTED, wire.GUARD_SENSOR_INVALID)
    assert rig.order(wire_bollard.VERB_RAISE) == invalid
    assert rig.order(wire_bollard.VERB_GRANT) == invalid
    rig.plant.sensed = bollard.LOCAL_KEY
    rig.live(10000)
    assert rig.node.meters.drive_s <= 4
    rig.plant.sensed = 0
    rig.plant.frozen_ma = -1
    rig.live(1000)
    assert not rig.status()[4]
    assert codes(rig, wire.EVENT_CODE_SENSOR_FAULT)[-1] == (0, bollard.OVERLOAD)
    rig.order(wire_bollard.VERB_RAISE)
    rig.live_until(bollard.UP)


def test_a_motor_that_runs_down_and_a_current_that_is_not_measured_are_no_fault():
    rig = rising()
    rig.plant.frozen_ma = 6000
    rig.plant.sensed = bollard.LOCAL_KEY
    rig.live(50)
    rig.plant.sensed = 0
    rig.live(700)
    rig.plant.frozen_ma = 100
    rig.live(700)
    rig.plant.frozen_ma = 6000
    rig.live(700)
    assert not rig.status()[4]
    rig = at_the_top()
    rig.plant.frozen_ma = 6000
    rig.live(700)
    rig.order(wire_bollard.VERB_LOWER)
    rig.live_until(bollard.DOWN)
    rig.live(700)
    assert not rig.status()[4]
    rig = at_the_bottom(overload_ma=0)
    rig.plant.frozen_ma = 6000
    rig.live(5000)
    assert not rig.status()[4]


def test_a_door_a_broken_loop_and_lost_power_raise_and_clear_alarms():
    rig = at_the_bottom()
    rig.plant.sensed = bollard.DOOR_OPEN | bollard.LOOP_FAULT | bollard.POWER_LOST
    rig.live(100)
    faults = wire_bollard.BOLLARD_FAULT_LOOP_FAULT | wire_bollard.BOLLARD_FAULT_POWER
    assert rig.status()[4] == faults
    rig.plant.sensed = 0
    rig.live(1000)
    for code in (
        wire_bollard.EVENT_CODE_TAMPER,
        wire.EVENT_CODE_SENSOR_FAULT,
        wire_bollard.EVENT_CODE_POWER_FAIL,
    ):
        assert [active for active, _ in codes(rig, code)] == [1, 0]


def test_behind_an_open_door_nothing_begins_to_rise_by_order():
    rig = at_the_bottom(raise_wait_s=10, grant_wait_s=5)
    rig.plant.sensed = bollard.DOOR_OPEN
    rig.live(100)
    for verb in (wire_bollard.VERB_RAISE, wire_bollard.VERB_GRANT):
        assert rig.order(verb) == (wire.STATUS_REJECTED, wire.GUARD_DOOR_OPEN)
    rig.plant.sensed = 0
    rig.live(1000)
    for verb, state in (
        (wire_bollard.VERB_RAISE, bollard.PREWARN),
        (wire_bollard.VERB_GRANT, bollard.GRANTED),
    ):
        rig.order(verb)
        rig.live_until(state)
        rig.plant.sensed = bollard.DOOR_OPEN
        rig.live_until(bollard.DOWN)
        assert rig.result() == (wire.STATUS_FAILED, wire.GUARD_DOOR_OPEN)
        rig.plant.sensed = 0
        rig.live(1000)
    assert rig.plant.directions == {bollard.OFF}


def test_the_height_is_reckoned_between_the_ends():
    rig = rising()
    assert 1 <= rig.node.height.percent(0) <= 60
    rig.live_until(bollard.UP)
    rig.order(wire_bollard.VERB_LOWER)
    rig.live(1500)
    assert 45 <= rig.node.height.percent(0) <= 55


def test_meters_are_told_each_minute():
    rig = at_the_top()
    rig.order(wire_bollard.VERB_LOWER)
    rig.live(70000, 500)
    body = rig.last(wire_bollard.RECORD_BOLLARD_METERS)
    rises, lowerings, inversions, drive_s, _, _, _, rise_ms = wire_gateway.unpack_bollard_meters(
        body, 0, len(body)
    )
    assert (rises, lowerings, inversions) == (1, 1, 0)
    assert drive_s in (3, 4)
    assert 2000 <= rise_ms <= 2030  # until the end is believed


def test_a_post_that_has_run_for_weeks_moves_as_on_its_first_day():
    for end_ms in (1 << 30, 1 << 31, 1 << 32):
        rig = BollardRig({}, secured=True)
        rig.run(1000)
        rig.now_ms = end_ms - 3000
        rig.open()
        rig.live(1000)
        rig.order(wire_bollard.VERB_RAISE)
        took_ms = rig.live_until(bollard.RISING) + rig.live_until(bollard.UP)
        assert 5000 <= took_ms <= 5200
        assert rig.now_ms > end_ms
        rig.order(wire_bollard.VERB_HOLD, 5)
        rig.live_until(bollard.LOCKED_DOWN)
        assert 4900 <= rig.live_until(bollard.DOWN) <= 5100
        assert rig.result() == (wire.STATUS_DONE, wire.GUARD_NONE)
