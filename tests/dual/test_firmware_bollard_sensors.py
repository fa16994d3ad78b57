"""What a bollard senses and reckons, and what it tells of that."""

from firmware.logic import bollard
from protocol.generated import wire, wire_bollard, wire_gateway
from tests.dual.bollard_rig import SUPERVISOR
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
    assert 1990 <= rise_ms <= 2010
