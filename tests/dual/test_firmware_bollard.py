"""A whole bollard controller in virtual time: how it moves, and what keeps it from moving."""

from firmware.logic import bollard
from firmware.nodes.bollard_load import UNKNOWN_PERCENT
from protocol.generated import wire, wire_bollard, wire_lamp
from tests.dual.bollard_rig import SUPERVISOR, BollardRig

ORDERS = (
    wire_bollard.VERB_RAISE,
    wire_bollard.VERB_LOWER,
    wire_bollard.VERB_HOLD,
    wire_bollard.VERB_GRANT,
    wire_bollard.VERB_RESET,
    wire_bollard.VERB_BYPASS,
)
RISING_MS = 1000  # well within the fake post's travel


def at_the_bottom(**parameters):
    """A post with keys and a gateway, settled."""
    rig = BollardRig(parameters, secured=True)
    rig.open()
    rig.live(1000)
    assert rig.node.state == bollard.DOWN
    return rig


def at_the_top(**parameters):
    rig = at_the_bottom(**parameters)
    rig.order(wire_bollard.VERB_RAISE)
    rig.live_until(bollard.UP)
    rig.live(1000)
    return rig


def rising(**parameters):
    """Half way up."""
    rig = at_the_bottom(**parameters)
    rig.order(wire_bollard.VERB_RAISE)
    rig.live_until(bollard.RISING)
    rig.live(RISING_MS)
    assert rig.plant.driven == bollard.DRIVE_UP
    return rig


def codes(rig, code):
    """(active, value) of every event of a code."""
    rig.drain()
    return [event[2:4] for event in rig.events() if event[0] == code]


# --- Boot, and a post without keys ------------------------------------------------------------


def test_a_post_knows_where_it_is_after_the_inputs_have_settled():
    for height_ms, state, shown, percent in (
        (0, bollard.DOWN, bollard.GREEN, 0),
        (2000, bollard.UP, bollard.RED, 100),
        (700, bollard.STOPPED, bollard.RED, UNKNOWN_PERCENT),
    ):
        rig = BollardRig({})
        rig.plant.height_ms = height_ms
        rig.run(300)
        assert rig.node.state == bollard.BOOT
        assert rig.plant.shown == bollard.RED
        rig.run(700)
        assert rig.node.state == state
        assert rig.plant.shown == shown
        assert rig.status()[6] == percent


def test_without_keys_every_motion_is_refused_and_no_drive_is_ever_on():
    rig = BollardRig({})
    rig.run(1000)
    for verb in ORDERS:
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
    assert refused == list(ORDERS)
    assert rig.status()[5] == wire_bollard.GUARD_LEASE


def test_wires_that_are_not_connected_read_as_unsafe():
    rig = BollardRig({}, secured=True)
    rig.plant.sensed = 0xFFF
    rig.open()
    rig.live(1000)
    assert rig.node.state == bollard.FAULT
    assert rig.plant.directions == {bollard.OFF}


def test_a_boot_moves_nothing_whatever_is_held_or_pressed():
    for sensed in (
        bollard.LOCAL_KEY,
        bollard.LOCAL_LOWER,
        bollard.EMERGENCY_LOWER,
        bollard.POWER_LOST,
    ):
        rig = BollardRig({"power_fail_lower": 1}, secured=True)
        rig.plant.height_ms = 1000
        rig.plant.sensed = sensed
        rig.open()
        rig.live(20000)
        assert rig.plant.directions == {bollard.OFF}


# --- Up and down ------------------------------------------------------------------------------


def test_a_raise_warns_for_three_seconds_then_rises_and_stops_at_the_top():
    rig = at_the_bottom()
    began_ms = rig.now_ms
    assert rig.order(wire_bollard.VERB_RAISE) == (wire.STATUS_ACCEPTED, wire.GUARD_NONE)
    rig.live(10)
    assert rig.plant.shown == bollard.RED | bollard.WARNING | bollard.BUZZER
    rig.live_until(bollard.RISING)
    rig.live(20, 10)
    assert rig.plant.driven == bollard.DRIVE_UP
    assert 3000 <= rig.now_ms - began_ms <= 3100
    rig.live_until(bollard.UP)
    assert rig.plant.driven == bollard.OFF
    assert rig.plant.shown == bollard.RED
    assert rig.result() == (wire.STATUS_DONE, wire.GUARD_NONE)
    assert rig.status()[6] == 100
    assert rig.status()[9] == 1


def test_a_lower_begins_at_once_and_ends_green():
    rig = at_the_top()
    assert rig.order(wire_bollard.VERB_LOWER)[0] == wire.STATUS_IN_PROGRESS
    rig.live(20)
    assert rig.plant.driven == bollard.DRIVE_DOWN
    assert rig.plant.shown == bollard.RED | bollard.WARNING
    rig.live_until(bollard.DOWN)
    assert rig.plant.shown == bollard.GREEN
    assert rig.result() == (wire.STATUS_DONE, wire.GUARD_NONE)


def test_presence_in_the_warning_restarts_it():
    rig = at_the_bottom()
    rig.order(wire_bollard.VERB_RAISE)
    rig.live(2500)
    rig.plant.sensed = bollard.LOOP_A
    rig.live(1000)
    assert rig.node.state == bollard.PREWARN
    rig.plant.sensed = 0
    assert rig.live_until(bollard.RISING) >= 3000
    rig.live_until(bollard.UP)


def test_a_rise_that_cannot_begin_is_given_up_and_says_why():
    for sensed, guard in (
        (bollard.LOOP_A, wire_bollard.GUARD_OCCUPIED),
        (bollard.OBSTACLE, wire_bollard.GUARD_OBSTACLE),
        (bollard.LOOP_FAULT, wire.GUARD_SENSOR_INVALID),
    ):
        rig = at_the_bottom(raise_wait_s=10)
        rig.order(wire_bollard.VERB_RAISE)
        rig.live(100)
        rig.plant.sensed = sensed
        assert 9000 < rig.live_until(bollard.DOWN) < 10500
        assert rig.result() == (wire.STATUS_FAILED, guard)
        rig.plant.sensed = 0
        rig.live(20000)
        assert rig.node.state == bollard.DOWN


def test_a_post_is_stopped_in_between_and_goes_on_by_order():
    rig = rising()
    rig.plant.sensed = bollard.LOCAL_KEY
    rig.live(50)
    rig.plant.sensed = 0
    rig.live(50)
    assert rig.node.state == bollard.STOPPED
    assert rig.result() == (wire.STATUS_CANCELLED, wire_bollard.GUARD_LOCAL)
    height_ms = rig.plant.height_ms
    rig.live(10000)
    assert rig.plant.height_ms == height_ms
    rig.order(wire_bollard.VERB_LOWER)
    rig.live_until(bollard.DOWN)


# --- What it meets while rising ---------------------------------------------------------------


def test_presence_while_rising_cuts_the_drive_at_once_then_lowers_after_a_dead_time():
    for sensed in (bollard.LOOP_A, bollard.LOOP_B, bollard.OBSTACLE, bollard.LOOP_FAULT):
        rig = rising()
        rig.plant.sensed = sensed
        rig.live(10, 10)
        rig.run(0)
        assert rig.plant.driven == bollard.OFF
        assert rig.node.state == bollard.INVERTING
        assert 490 <= rig.run_until(bollard.DRIVE_DOWN) <= 520
        rig.live_until(bollard.PREWARN)
        assert rig.plant.height_ms == 0
        assert codes(rig, wire_bollard.EVENT_CODE_INVERSION) == [(1, 1)]


def test_an_inversion_tries_again_and_the_third_stays_down_until_a_new_command():
    rig = rising()
    for count in (1, 2, 3):
        rig.plant.sensed = bollard.OBSTACLE
        rig.live(50)
        rig.plant.sensed = 0
        if count < 3:
            rig.live_until(bollard.RISING)
            rig.live(300)
    rig.live_until(bollard.LOCKED_DOWN)
    assert rig.result() == (wire.STATUS_FAILED, wire_bollard.GUARD_INVERSIONS)
    assert [value for _, value in codes(rig, wire_bollard.EVENT_CODE_INVERSION)] == [1, 2, 3]
    assert rig.status()[4] & wire_bollard.BOLLARD_FAULT_INVERSIONS
    rig.live(30000)
    assert rig.node.state == bollard.LOCKED_DOWN
    assert rig.order(wire_bollard.VERB_RAISE)[0] == wire.STATUS_ACCEPTED
    rig.live_until(bollard.UP)
    assert not rig.status()[4]


def test_loops_do_not_count_once_it_is_up():
    rig = at_the_top()
    rig.plant.sensed = bollard.LOOPS
    rig.live(10000)
    assert rig.node.state == bollard.UP


def test_an_overload_while_rising_turns_round_and_one_while_lowering_locks():
    for measure in ("ma", "kpa"):
        rig = rising()
        setattr(rig.plant, measure, 19000)
        rig.live(50)
        assert rig.node.state == bollard.INVERTING
        assert rig.status()[4]
        rig.plant.ma = rig.plant.kpa = 6000
        rig.live_until(bollard.PREWARN)
        rig = at_the_top()
        rig.order(wire_bollard.VERB_LOWER)
        rig.live(500)
        setattr(rig.plant, measure, 19000)
        rig.live(50)
        assert rig.node.state == bollard.FAULT
        assert rig.plant.driven == bollard.OFF
        assert rig.result() == (wire.STATUS_FAILED, wire_bollard.GUARD_OVERLOAD)


def test_the_inrush_of_a_drive_is_no_overload():
    rig = at_the_bottom(inrush_ms=300)
    rig.plant.ma = 19000
    rig.order(wire_bollard.VERB_RAISE)
    rig.live_until(bollard.RISING)
    rig.live(200, 10)
    rig.plant.ma = 6000
    rig.live_until(bollard.UP)
    assert rig.node.meters.inversions == 0


def test_a_rise_that_no_sensor_feels_is_not_trusted():
    rig = at_the_bottom()
    rig.plant.ma = rig.plant.kpa = 0
    rig.order(wire_bollard.VERB_RAISE)
    rig.live_until(bollard.INVERTING)
    assert rig.status()[4] & wire_bollard.BOLLARD_FAULT_OVERLOAD_SENSOR


def test_travel_over_its_limit_locks_and_a_reset_moves_nothing():
    rig = at_the_bottom(travel_ms=3000)
    rig.plant.blocked = True
    rig.order(wire_bollard.VERB_RAISE)
    rig.live_until(bollard.RISING)
    assert 2900 <= rig.live_until(bollard.FAULT) <= 3100
    assert rig.plant.driven == bollard.OFF
    faults = wire_bollard.BOLLARD_FAULT_TRAVEL_LIMIT | wire_bollard.BOLLARD_FAULT_DRIVE
    assert rig.status()[4] == faults
    assert rig.result() == (wire.STATUS_FAILED, wire.GUARD_FAULT)
    rig.live(30000)
    assert rig.node.state == bollard.FAULT
    assert rig.order(wire_bollard.VERB_RAISE) == (wire.STATUS_REJECTED, wire.GUARD_FAULT)
    rig.plant.directions = set()
    assert rig.order(wire_bollard.VERB_RESET, people=SUPERVISOR)[0] == wire.STATUS_DONE
    rig.live(30000)
    assert rig.node.state == bollard.DOWN
    assert rig.plant.directions == {bollard.OFF}
    assert rig.status()[4] == 0


# --- The permission to rise -------------------------------------------------------------------


def test_without_permission_a_rise_ends_within_half_a_second_and_lowers():
    rig = rising()
    rig.poll()
    assert rig.run_until(bollard.OFF) <= 520
    assert rig.run_until(bollard.DRIVE_DOWN) <= 520
    rig.run_until(bollard.OFF)
    assert rig.node.state == bollard.DOWN
    assert rig.result() == (wire.STATUS_FAILED, wire_bollard.GUARD_LEASE)
    assert len(codes(rig, wire_bollard.EVENT_CODE_OUTPUT_LEASE_LOST)) == 1
    assert rig.motions()[-1][:2] == (bollard.DRIVE_DOWN, wire_bollard.MOTION_CAUSE_LEASE_LOST)


def test_a_gateway_that_withholds_its_permission_is_the_group():
    rig = at_the_bottom()
    rig.permit = False
    rig.live(100)
    assert rig.order(wire_bollard.VERB_RAISE) == (wire.STATUS_REJECTED, wire_bollard.GUARD_GROUP)
    assert rig.status()[5] == wire_bollard.GUARD_GROUP
    rig.permit = True
    rig.live(100)
    assert rig.order(wire_bollard.VERB_RAISE)[0] == wire.STATUS_ACCEPTED
    rig.live_until(bollard.RISING)
    rig.live(300)
    rig.permit = False
    rig.live(20)
    assert rig.plant.driven == bollard.OFF
    rig.live_until(bollard.DOWN)
    assert rig.result() == (wire.STATUS_FAILED, wire_bollard.GUARD_GROUP)


def test_lowering_needs_no_permission():
    rig = at_the_top()
    rig.permit = False
    rig.live(1000)
    rig.order(wire_bollard.VERB_LOWER)
    rig.run_until(bollard.DRIVE_DOWN)
    rig.run_until(bollard.OFF)
    assert rig.node.state == bollard.DOWN
    assert rig.result() == (wire.STATUS_DONE, wire.GUARD_NONE)


def test_a_pause_in_looking_interrupts_a_warning():
    rig = at_the_bottom()
    rig.order(wire_bollard.VERB_RAISE)
    rig.live(2800)
    rig.now_ms += 1500
    rig.live(200)
    assert rig.node.state == bollard.PREWARN
    assert rig.live_until(bollard.RISING) >= 2500
