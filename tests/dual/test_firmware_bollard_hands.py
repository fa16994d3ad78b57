"""What hands, emergencies and lost power do to a bollard, and a passage from grant to close."""

from firmware.logic import bollard
from protocol.generated import wire, wire_bollard
from tests.dual.bollard_rig import SUPERVISOR
from tests.dual.test_firmware_bollard import at_the_bottom, at_the_top, codes, rising

# --- Emergencies ------------------------------------------------------------------------------


def test_an_emergency_stop_cuts_the_drive_in_the_same_step_and_locks():
    for make in (rising, at_the_top, at_the_bottom):
        rig = make()
        rig.plant.sensed = bollard.EMERGENCY
        rig.run(10)
        assert rig.node.state == bollard.FAULT
        assert rig.plant.driven == bollard.OFF
        rig.drain()
        told = (wire.EVENT_CODE_STATE_CHANGE, wire.SEVERITY_ALARM, 1, bollard.FAULT, 0)
        assert told in rig.events()
        for verb in (wire_bollard.VERB_LOWER, wire_bollard.VERB_RAISE):
            refused = (wire.STATUS_REJECTED, wire_bollard.GUARD_EMERGENCY)
            assert rig.order(verb) == refused
        assert rig.order(wire_bollard.VERB_RESET, 0, SUPERVISOR) == refused
        rig.plant.sensed = 0
        rig.live(5000)
        assert rig.node.state == bollard.FAULT
        rig.plant.directions = set()
        assert rig.order(wire_bollard.VERB_RESET, 0, SUPERVISOR)[0] == wire.STATUS_DONE
        rig.live(5000)
        assert rig.plant.directions == {bollard.OFF}


def test_an_emergency_stop_ends_an_order():
    rig = rising()
    rig.plant.sensed = bollard.EMERGENCY
    rig.live(100)
    assert rig.result() == (wire.STATUS_FAILED, wire_bollard.GUARD_EMERGENCY)


def test_emergency_lowering_cuts_then_lowers_after_the_dead_time_and_stays_locked():
    rig = rising()
    rig.plant.sensed = bollard.EMERGENCY_LOWER
    rig.run(10)
    assert rig.node.state == bollard.EMERGENCY_DOWN
    assert rig.plant.driven == bollard.OFF
    assert rig.run_until(bollard.DRIVE_DOWN) >= 490
    rig.plant.sensed = 0
    rig.live(5000)
    assert rig.plant.height_ms == 0
    assert rig.node.state == bollard.EMERGENCY_DOWN
    refused = (wire.STATUS_REJECTED, wire_bollard.GUARD_EMERGENCY)
    assert rig.order(wire_bollard.VERB_RAISE) == refused
    assert rig.order(wire_bollard.VERB_RESET, 0, SUPERVISOR)[0] == wire.STATUS_DONE
    rig.live(100)
    assert rig.node.state == bollard.DOWN
    drive, cause, state, transaction, operator, _ = rig.motions()[-1]
    assert (drive, cause, state, transaction, operator) == (
        bollard.DRIVE_DOWN,
        wire_bollard.MOTION_CAUSE_EMERGENCY_LOWER,
        bollard.EMERGENCY_DOWN,
        0,
        bytes(8),
    )


def test_an_emergency_stop_stops_an_emergency_lowering():
    rig = at_the_top()
    rig.plant.sensed = bollard.EMERGENCY_LOWER
    rig.live(500)
    assert rig.plant.driven == bollard.DRIVE_DOWN
    rig.plant.sensed |= bollard.EMERGENCY
    rig.live(20)
    assert rig.plant.driven == bollard.OFF
    assert rig.node.state == bollard.FAULT


# --- Power ------------------------------------------------------------------------------------


def test_lost_power_stops_or_lowers_as_commissioned_and_its_return_moves_nothing():
    for lowers in (0, 1):
        rig = rising(power_fail_lower=lowers)
        rig.plant.sensed = bollard.POWER_LOST
        rig.run(10)
        assert rig.plant.driven == bollard.OFF
        assert rig.node.state == bollard.POWER_FAIL
        rig.live(5000)
        assert (rig.plant.height_ms == 0) == bool(lowers)
        assert rig.result() == (wire.STATUS_FAILED, wire_bollard.GUARD_POWER)
        refused = (wire.STATUS_REJECTED, wire_bollard.GUARD_POWER)
        assert rig.order(wire_bollard.VERB_LOWER) == refused
        rig.plant.directions = set()
        rig.plant.sensed = 0
        rig.live(10000)
        assert rig.plant.directions == {bollard.OFF}
        assert rig.node.state == (bollard.DOWN if lowers else bollard.STOPPED)


# --- Local keys -------------------------------------------------------------------------------


def test_the_local_key_warns_then_rises_without_permission_and_stops_when_released():
    rig = at_the_bottom()
    rig.permit = False
    rig.plant.sensed = bollard.LOCAL_KEY
    rig.run(2900)
    assert rig.plant.driven == bollard.OFF
    assert rig.plant.shown & bollard.WARNING
    rig.run(600)
    assert rig.plant.driven == bollard.DRIVE_UP
    rig.plant.sensed = 0
    rig.run(20)
    assert rig.plant.driven == bollard.OFF
    assert rig.node.state == bollard.STOPPED
    assert rig.motions()[-1][1] == wire_bollard.MOTION_CAUSE_LOCAL_KEY


def test_the_local_key_never_rises_over_somebody():
    rig = at_the_bottom()
    rig.plant.sensed = bollard.LOCAL_KEY | bollard.LOOP_A
    rig.live(10000)
    assert rig.plant.directions == {bollard.OFF}
    rig.plant.sensed = bollard.LOCAL_KEY
    rig.live(4000)
    assert rig.plant.driven == bollard.DRIVE_UP
    rig.plant.sensed |= bollard.OBSTACLE
    rig.live(10)
    assert rig.plant.driven == bollard.OFF
    rig.live(1000)
    assert rig.plant.driven == bollard.DRIVE_DOWN
    rig.plant.sensed = bollard.LOCAL_KEY
    rig.live(50)
    assert rig.plant.driven == bollard.DRIVE_DOWN


def test_the_key_to_lower_lowers_at_once_and_both_keys_stop():
    rig = at_the_top()
    rig.plant.sensed = bollard.LOCAL_LOWER
    rig.live(100)
    assert rig.plant.driven == bollard.DRIVE_DOWN
    rig.plant.sensed = bollard.KEYS
    rig.live(50, 10)
    assert rig.plant.driven == bollard.OFF
    refused = (wire.STATUS_REJECTED, wire_bollard.GUARD_LOCAL)
    assert rig.order(wire_bollard.VERB_RAISE) == refused
    rig.plant.sensed = bollard.LOCAL_LOWER
    rig.live(5000)
    assert rig.plant.height_ms == 0
    rig.plant.sensed = 0
    rig.live(50)
    assert rig.node.state == bollard.DOWN


def test_a_key_does_not_stop_a_lowering():
    rig = at_the_top()
    rig.order(wire_bollard.VERB_LOWER)
    rig.live(100)
    rig.plant.sensed = bollard.LOCAL_KEY
    rig.live(200)
    assert rig.plant.driven == bollard.DRIVE_DOWN


def test_a_key_that_is_held_for_too_long_is_told_and_does_not_count_until_it_is_let_go():
    rig = at_the_bottom(key_hold_s=20)
    rig.plant.sensed = bollard.LOCAL_KEY | bollard.LOOP_A
    rig.live(19000)
    assert rig.node.state == bollard.MANUAL
    rig.live(1500)
    assert rig.node.state == bollard.DOWN
    # The loop gets clear now, and nobody lets a post rise that a weld has pressed.
    rig.plant.sensed = bollard.LOCAL_KEY
    rig.live(60000)
    assert rig.plant.directions == {bollard.OFF}
    assert codes(rig, wire.EVENT_CODE_SENSOR_FAULT) == [(1, bollard.LOCAL_KEY)]
    assert rig.status()[2] & bollard.LOCAL_KEY
    # Orders count meanwhile.
    rig.order(wire_bollard.VERB_RAISE)
    rig.live_until(bollard.UP)
    rig.order(wire_bollard.VERB_LOWER)
    rig.live_until(bollard.DOWN)
    rig.plant.sensed = 0
    rig.live(100)
    assert codes(rig, wire.EVENT_CODE_SENSOR_FAULT)[-1] == (0, bollard.LOCAL_KEY)
    rig.plant.sensed = bollard.LOCAL_KEY
    rig.live(4000)
    assert rig.plant.driven == bollard.DRIVE_UP


def test_a_hand_may_hold_the_key_for_a_warning_and_a_travel_at_least():
    rig = at_the_bottom(key_hold_s=5, warning_ms=6000)
    rig.plant.sensed = bollard.LOCAL_KEY
    rig.live_until(bollard.UP)


def test_a_key_that_a_boot_or_a_reset_found_held_must_be_let_go():
    rig = at_the_top()
    rig.order(wire_bollard.VERB_LOWER)
    rig.live_until(bollard.DOWN)
    rig.plant.directions = set()
    rig.plant.sensed = bollard.EMERGENCY
    rig.live(100)
    rig.plant.sensed = bollard.LOCAL_KEY
    rig.live(500)
    assert rig.order(wire_bollard.VERB_RESET, 0, SUPERVISOR)[0] == wire.STATUS_DONE
    rig.live(10000)
    assert rig.node.state == bollard.DOWN
    assert rig.plant.directions == {bollard.OFF}
    rig.plant.sensed = 0
    rig.live(50)
    rig.plant.sensed = bollard.LOCAL_KEY
    rig.live(4000)
    assert rig.plant.driven == bollard.DRIVE_UP


def test_an_order_to_lower_ends_below_though_a_key_is_held():
    for key, after in ((bollard.LOCAL_KEY, bollard.DOWN), (bollard.LOCAL_LOWER, bollard.MANUAL)):
        rig = at_the_top()
        rig.order(wire_bollard.VERB_LOWER)
        rig.live(500)
        rig.plant.sensed = key
        rig.live_until(bollard.DOWN)
        assert rig.result() == (wire.STATUS_DONE, wire.GUARD_NONE)
        # The key that was pressed on the way down does not raise it; the other keeps it there.
        rig.live(10000)
        assert rig.node.state == after
        assert rig.plant.height_ms == 0


def test_a_touch_of_a_key_of_one_look_is_no_hand():
    for make in (rising, at_the_top):
        for key in (bollard.LOCAL_KEY, bollard.LOCAL_LOWER):
            rig = make()
            before = rig.node.state
            rig.plant.sensed = key
            rig.live(10, 10)
            rig.plant.sensed = 0
            rig.live(50, 10)
            assert rig.node.state == before


# --- Hold and grant ---------------------------------------------------------------------------


def test_a_hold_keeps_it_down_until_its_time_is_over_and_then_waits():
    rig = at_the_top()
    rig.order(wire_bollard.VERB_HOLD, 20)
    rig.live_until(bollard.LOCKED_DOWN)
    assert rig.result() == (wire.STATUS_DONE, wire.GUARD_NONE)
    assert rig.motions()[-1][1] == wire_bollard.MOTION_CAUSE_HOLD
    for verb in (wire_bollard.VERB_RAISE, wire_bollard.VERB_GRANT):
        assert rig.order(verb) == (wire.STATUS_REJECTED, wire_bollard.GUARD_LOCKED)
    assert rig.live_until(bollard.DOWN) <= 20000
    rig.live(20000)
    assert rig.node.state == bollard.DOWN


def test_a_lower_ends_a_hold():
    rig = at_the_bottom()
    assert rig.order(wire_bollard.VERB_HOLD, 1000)[0] == wire.STATUS_DONE
    assert rig.order(wire_bollard.VERB_LOWER)[0] == wire.STATUS_DONE
    assert rig.order(wire_bollard.VERB_RAISE)[0] == wire.STATUS_ACCEPTED


def granted(**parameters):
    rig = at_the_top(**parameters)
    assert rig.order(wire_bollard.VERB_GRANT)[0] == wire.STATUS_IN_PROGRESS
    rig.live_until(bollard.GRANTED)
    assert rig.plant.shown == bollard.GREEN
    return rig


def test_a_granted_vehicle_passes_and_the_post_closes_a_second_after_it():
    rig = granted()
    rig.plant.sensed = bollard.LOOP_A
    rig.live(2000)
    assert rig.plant.shown == bollard.GREEN
    rig.plant.sensed = bollard.LOOPS
    rig.live(20)
    assert rig.node.state == bollard.PASSING
    assert rig.plant.shown == bollard.RED
    rig.plant.sensed = bollard.LOOP_B
    rig.live(3000)
    assert rig.node.state == bollard.PASSING
    rig.plant.sensed = 0
    assert 1000 <= rig.live_until(bollard.PREWARN) <= 1200
    assert rig.live_until(bollard.RISING) >= 2990
    rig.live_until(bollard.UP)
    assert rig.result() == (wire.STATUS_DONE, wire.GUARD_NONE)
    causes = [motion[1] for motion in rig.motions()[-2:]]
    assert causes == [wire_bollard.MOTION_CAUSE_COMMAND, wire_bollard.MOTION_CAUSE_GRANT_CLOSES]
    assert {motion[3] for motion in rig.motions()[-2:]} == {rig.transaction}
    assert rig.node.meters.passages == 1
    assert codes(rig, wire_bollard.EVENT_CODE_TAILGATE) == []


def test_what_one_loop_saw_may_stand_between_the_two_and_the_post_waits():
    for loop in (bollard.LOOP_A, bollard.LOOP_B):
        rig = granted()
        rig.plant.sensed = loop
        rig.live(500)
        rig.plant.sensed = 0
        rig.live(200)
        # Whether it passed or turned back, nobody else is let in.
        assert rig.node.state == bollard.PASSING
        assert rig.plant.shown == bollard.RED
        rig.live(28000)
        assert rig.node.state == bollard.PASSING
        rig.plant.sensed = loop
        rig.live(100)
        rig.plant.sensed = 0
        assert 29900 <= rig.live_until(bollard.PREWARN) <= 30200
        rig.live_until(bollard.UP)
        assert rig.result() == (wire.STATUS_FAILED, wire_bollard.GUARD_NO_PASSAGE)
        assert codes(rig, wire_bollard.EVENT_CODE_NO_PASSAGE) == [(1, loop)]
        assert rig.node.meters.passages == 0


def test_where_there_is_one_loop_the_wait_is_what_was_commissioned():
    rig = granted(unproven_wait_s=2)
    rig.plant.sensed = bollard.LOOP_A
    rig.live(500)
    rig.plant.sensed = 0
    assert 2000 <= rig.live_until(bollard.PREWARN) <= 2200


def test_a_motorcycle_that_both_loops_saw_one_after_the_other_has_passed():
    rig = granted()
    for loop, duration_ms in ((bollard.LOOP_A, 400), (0, 3000), (bollard.LOOP_B, 400)):
        rig.plant.sensed = loop
        rig.live(duration_ms)
    assert rig.node.state == bollard.PASSING
    rig.plant.sensed = 0
    assert 1000 <= rig.live_until(bollard.PREWARN) <= 1200
    assert rig.node.meters.passages == 1


def test_who_comes_and_goes_on_one_loop_keeps_the_post_down_for_good():
    rig = granted(passage_wait_s=5, unproven_wait_s=10)
    left_ms = 30000
    while rig.node.state != bollard.DOWN:
        assert left_ms > 0
        left_ms -= 3000
        for sensed in (bollard.LOOP_A, 0):
            rig.plant.sensed = sensed
            rig.live(1500)
    assert rig.result() == (wire.STATUS_FAILED, wire_bollard.GUARD_OCCUPIED)


def test_what_a_broken_loop_sees_proves_no_passage():
    rig = granted()
    rig.plant.sensed = bollard.LOOP_FAULT | bollard.LOOPS
    rig.live(500)
    rig.plant.sensed = 0
    rig.live(5000)
    assert rig.node.state == bollard.PASSING


def test_a_second_vehicle_is_told_and_keeps_the_post_down():
    rig = granted()
    for sensed in (bollard.LOOP_A, bollard.LOOPS, bollard.LOOP_B, bollard.LOOPS):
        rig.plant.sensed = sensed
        rig.live(300)
    assert codes(rig, wire_bollard.EVENT_CODE_TAILGATE) == [(1, bollard.PASSING)]
    rig.live(5000)
    assert rig.plant.height_ms == 0
    rig.plant.sensed = 0
    rig.live_until(bollard.UP)


def test_a_grant_that_nobody_uses_closes_after_its_time():
    rig = granted()
    assert 29900 <= rig.live_until(bollard.PREWARN) <= 30200
    rig.live_until(bollard.UP)
    assert rig.result() == (wire.STATUS_FAILED, wire_bollard.GUARD_NO_PASSAGE)
    assert len(codes(rig, wire_bollard.EVENT_CODE_NO_PASSAGE)) == 1


def test_a_vehicle_that_stays_keeps_the_post_down_for_good():
    rig = granted()
    rig.plant.sensed = bollard.LOOPS
    assert 44000 <= rig.live_until(bollard.DOWN) <= 46000
    assert rig.result() == (wire.STATUS_FAILED, wire_bollard.GUARD_OCCUPIED)
    rig.plant.sensed = 0
    rig.live(20000)
    assert rig.node.state == bollard.DOWN


def test_a_broken_loop_grants_nothing_and_ends_a_grant():
    rig = granted()
    rig.plant.sensed = bollard.LOOP_FAULT
    rig.live(50)
    assert rig.node.state == bollard.PASSING
    assert 74000 <= rig.live_until(bollard.DOWN, 80000) <= 76000
    refused = (wire.STATUS_REJECTED, wire.GUARD_SENSOR_INVALID)
    assert rig.order(wire_bollard.VERB_GRANT) == refused
