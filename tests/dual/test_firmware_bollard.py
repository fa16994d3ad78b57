"""A whole bollard controller: it senses and tells, and nothing makes it move."""

from firmware.logic import bollard
from protocol.generated import wire, wire_bollard, wire_gateway, wire_lamp
from tests.dual.firmware_rig import BollardRig

MOTION = (
    wire_bollard.VERB_RAISE,
    wire_bollard.VERB_LOWER,
    wire_bollard.VERB_HOLD,
    wire_bollard.VERB_GRANT,
    wire_bollard.VERB_RESET,
)


def settled(sensed=bollard.AT_BOTTOM):
    rig = BollardRig({})
    rig.plant.sensed = sensed
    rig.run(1000)
    return rig


def status(rig):
    rig.drain()
    body = rig.last(wire_bollard.RECORD_BOLLARD_STATUS)
    return wire_gateway.unpack_bollard_status(body, 0, len(body))


def test_a_post_knows_where_it_is_after_the_inputs_have_settled():
    for sensed, state, shown, percent in (
        (bollard.AT_BOTTOM, bollard.DOWN, bollard.GREEN, 0),
        (bollard.AT_TOP, bollard.UP, bollard.RED, 100),
        (0, bollard.BOOT, bollard.RED, bollard.POSITION_UNKNOWN),
    ):
        rig = BollardRig({})
        rig.plant.sensed = sensed
        rig.run(300)
        assert rig.node.state == bollard.BOOT
        assert rig.plant.shown == bollard.RED
        rig.run(700)
        assert rig.node.state == state
        assert rig.plant.shown == shown
        assert status(rig)[6] == percent


def test_every_motion_is_refused_and_no_drive_is_ever_on():
    rig = settled()
    for verb in MOTION:
        answer = rig.command(verb, transaction=verb)
        assert answer[1:3] == (wire.STATUS_REJECTED, wire_bollard.GUARD_MOTION_DISABLED)
        rig.run(5000)
    assert rig.command(wire_lamp.VERB_SET, transaction=99, level=1, duration_s=1)[2] == (
        wire.GUARD_UNSUPPORTED
    )
    rig.controller.safe()
    assert rig.plant.directions == {bollard.OFF}
    rig.drain()
    refused = [
        event[4] for event in rig.events() if event[0] == wire_bollard.EVENT_CODE_MOTION_REFUSED
    ]
    assert refused == list(MOTION)


def test_a_loop_counts_as_occupied_at_once_and_as_clear_a_moment_later():
    rig = settled()
    rig.plant.sensed = bollard.AT_BOTTOM | bollard.LOOP_A
    rig.run(10)
    assert status(rig)[2] & bollard.LOOP_A
    assert status(rig)[5] == wire_bollard.GUARD_OCCUPIED
    rig.plant.sensed = bollard.AT_BOTTOM
    rig.run(50)
    assert status(rig)[2] & bollard.LOOP_A
    rig.run(100)
    assert not status(rig)[2] & bollard.LOOP_A
    assert status(rig)[5] == wire_bollard.GUARD_MOTION_DISABLED


def test_implausible_end_switches_are_a_fault_that_stays():
    rig = settled()
    rig.plant.sensed = bollard.AT_BOTTOM | bollard.AT_TOP
    rig.run(20)
    assert rig.node.state == bollard.FAULT
    rig.plant.sensed = bollard.AT_BOTTOM
    rig.run(1000)
    assert rig.node.state == bollard.FAULT
    assert rig.command(wire_bollard.VERB_RESET)[1] == wire.STATUS_REJECTED
    assert rig.plant.shown == bollard.RED


def test_an_emergency_is_told_as_an_alarm():
    rig = settled()
    rig.plant.sensed = bollard.AT_BOTTOM | bollard.EMERGENCY
    rig.run(20)
    assert rig.node.state == bollard.EMERGENCY_DOWN
    rig.drain()
    assert (
        wire.EVENT_CODE_STATE_CHANGE,
        wire.SEVERITY_ALARM,
        1,
        bollard.EMERGENCY_DOWN,
        0,
    ) in rig.events()


def test_a_door_and_a_broken_loop_raise_and_clear_alarms():
    rig = settled()
    rig.plant.sensed = bollard.AT_BOTTOM | bollard.DOOR_OPEN | bollard.LOOP_FAULT
    rig.run(100)
    assert status(rig)[4] == wire_bollard.BOLLARD_FAULT_LOOP_FAULT
    assert status(rig)[5] == wire.GUARD_SENSOR_INVALID
    rig.plant.sensed = bollard.AT_BOTTOM
    rig.run(1000)
    rig.drain()
    for code in (wire_bollard.EVENT_CODE_TAMPER, wire.EVENT_CODE_SENSOR_FAULT):
        assert [event[2] for event in rig.events() if event[0] == code] == [1, 0]


def test_wires_that_are_not_connected_read_as_unsafe():
    rig = settled(0x1FF)
    assert rig.node.state == bollard.FAULT
    assert rig.plant.directions == {bollard.OFF}
