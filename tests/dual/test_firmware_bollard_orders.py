"""Who may order a bollard, once and in time; what becomes of an order; what is recorded of it."""

from firmware.logic import bollard
from firmware.services.authority import LONGEST_LIFETIME_MS, NONCE_MS, Authority
from protocol import orders
from protocol.generated import wire, wire_bollard
from tests.dual.bollard_rig import OPERATOR, PAIR, SUPERVISOR
from tests.dual.firmware_rig import HARDWARE_ID
from tests.dual.test_firmware_bollard import at_the_bottom, at_the_top, codes, rising
from tests.dual.test_firmware_uplink import time_payload

RAISE, LOWER = wire_bollard.VERB_RAISE, wire_bollard.VERB_LOWER
RESET, BYPASS = wire_bollard.VERB_RESET, wire_bollard.VERB_BYPASS
TECHNICIAN = (("tom", wire_bollard.ROLE_TECHNICIAN),)
DORA = (("dora", wire_bollard.ROLE_SUPERVISOR),)
VIEWER = (("vera", wire_bollard.ROLE_VIEWER),)


def rejected(guard):
    return wire.STATUS_REJECTED, guard


def send(rig, verb, proof, transaction, duration_s=0):
    """(status, guard) of a command with that proof."""
    return rig.command(verb, transaction, 1000, 0, duration_s, proof)[1:3]


# --- Signatures -------------------------------------------------------------------------------


def test_only_what_was_signed_is_obeyed():
    rig = at_the_top()
    proof = rig.proof(LOWER, 0, OPERATOR, 7)
    bad = rejected(wire_bollard.GUARD_BAD_AUTHORITY)
    assert send(rig, LOWER, b"", 7) == bad
    assert send(rig, LOWER, proof[:-1], 7) == bad
    assert send(rig, LOWER, proof + b"\x00", 7) == bad
    assert send(rig, LOWER, proof, 8) == bad
    assert send(rig, wire_bollard.VERB_GRANT, proof, 7) == bad
    assert send(rig, LOWER, proof, 7, duration_s=1) == bad
    for at in range(8, len(proof)):
        forged = bytearray(proof)
        forged[at] ^= 1
        assert send(rig, LOWER, bytes(forged), 7) == bad
    rig.live(1000)
    assert rig.node.state == bollard.UP
    assert send(rig, LOWER, proof, 7)[0] == wire.STATUS_IN_PROGRESS


def test_another_key_or_another_post_is_nobody():
    rig = at_the_top()
    nonce = rig.authority.nonce
    alice = orders.operator_field("alice")
    order = orders.Order(LOWER, 0, 0, 60000, 7)
    for command_key, hardware_id in ((bytes(32), HARDWARE_ID), (bytes(range(32, 64)), bytes(8))):
        key = orders.person_key(command_key, wire_bollard.ROLE_OPERATOR, alice)
        tag = orders.sign(key, order.signed_bytes(nonce, hardware_id))
        proof = orders.join(nonce, 60000, [(alice, wire_bollard.ROLE_OPERATOR, tag)])
        assert send(rig, LOWER, proof, 7) == rejected(wire_bollard.GUARD_BAD_AUTHORITY)


def test_a_role_may_do_what_it_may():
    rig = at_the_bottom()
    role = rejected(wire_bollard.GUARD_ROLE)
    assert rig.order(RAISE, 0, VIEWER) == role
    assert rig.order(RESET, 0, OPERATOR) == role
    assert rig.order(BYPASS, 60, SUPERVISOR + OPERATOR) == role
    assert rig.order(RAISE, 0, (("eve", 5),)) == role
    assert rig.order(RESET, 0, SUPERVISOR)[0] == wire.STATUS_DONE
    assert rig.order(RESET, 0, TECHNICIAN)[0] == wire.STATUS_DONE
    assert rig.order(RAISE, 0, TECHNICIAN)[0] == wire.STATUS_ACCEPTED


def test_a_bypass_takes_two_persons():
    rig = at_the_bottom()
    second = rejected(wire_bollard.GUARD_SECOND_PERSON)
    assert rig.order(BYPASS, 60, SUPERVISOR) == second
    assert rig.order(BYPASS, 60, TECHNICIAN) == second
    assert rig.order(BYPASS, 60, SUPERVISOR + SUPERVISOR) == second
    both = (SUPERVISOR[0], ("chris", wire_bollard.ROLE_TECHNICIAN))
    assert rig.order(BYPASS, 60, both) == second
    assert rig.order(BYPASS, 60, PAIR)[0] == wire.STATUS_DONE


# --- Nonces and time --------------------------------------------------------------------------


def test_an_order_acts_once_and_never_again():
    rig = at_the_top()
    proof = rig.proof(LOWER, 0, OPERATOR, 7)
    first = send(rig, LOWER, proof, 7)
    rig.live_until(bollard.DOWN)
    assert send(rig, LOWER, proof, 7) == (wire.STATUS_DONE, wire.GUARD_NONE)
    rig.order(RAISE)
    rig.live_until(bollard.UP)
    assert first[0] == wire.STATUS_IN_PROGRESS
    for number in range(20, 40):
        rig.command(wire.VERB_IDENTIFY, number)
    assert send(rig, LOWER, proof, 7) == rejected(wire_bollard.GUARD_OLD_NONCE)
    rig.live(5000)
    assert rig.node.state == bollard.UP


def test_an_order_that_a_guard_refused_is_used_up():
    rig = at_the_bottom()
    rig.plant.sensed = bollard.LOOP_A
    rig.live(50)
    proof = rig.proof(RAISE, 0, OPERATOR, 7)
    assert send(rig, RAISE, proof, 7) == rejected(wire_bollard.GUARD_OCCUPIED)
    rig.plant.sensed = 0
    rig.live(500)
    for number in range(20, 40):
        rig.command(wire.VERB_IDENTIFY, number)
    assert send(rig, RAISE, proof, 7) == rejected(wire_bollard.GUARD_OLD_NONCE)
    rig.live(5000)
    assert rig.node.state == bollard.DOWN


def test_a_nonce_is_renewed_and_told_at_once():
    rig = at_the_bottom()
    seen = {rig.authority.nonce}
    assert rig.status()[10] in seen
    rig.order(LOWER)
    rig.live(10, 10)
    assert rig.authority.nonce not in seen
    assert rig.status()[10] == rig.authority.nonce
    seen.add(rig.authority.nonce)
    rig.live(NONCE_MS + 100)
    assert rig.authority.nonce not in seen
    assert rig.status()[10] == rig.authority.nonce


def test_another_boot_has_other_nonces():
    nonces = {Authority({1: bytes(32)}, HARDWARE_ID, boot, b"").nonce for boot in (1, 2)}
    assert len(nonces) == 2


def test_the_age_of_an_order_is_that_of_its_nonce():
    for late_ms, status in ((0, wire.STATUS_IN_PROGRESS), (1, wire.STATUS_EXPIRED)):
        rig = at_the_top()
        rig.order(RESET, 0, SUPERVISOR)
        born_ms = rig.now_ms
        proof = rig.proof(LOWER, 0, OPERATOR, 7, lifetime_ms=5000)
        rig.live(5000)
        rig.now_ms = born_ms + 5000 + late_ms
        assert send(rig, LOWER, proof, 7)[0] == status


def test_a_late_order_renews_the_nonce_and_a_lifetime_has_an_end():
    rig = at_the_top()
    nonce = rig.authority.nonce
    proof = rig.proof(LOWER, 0, OPERATOR, 7, lifetime_ms=LONGEST_LIFETIME_MS + 1)
    late = (wire.STATUS_EXPIRED, wire.GUARD_LATE)
    assert send(rig, LOWER, proof, 7) == late
    assert rig.authority.nonce != nonce
    proof = rig.proof(LOWER, 0, OPERATOR, 7, lifetime_ms=LONGEST_LIFETIME_MS)
    assert send(rig, LOWER, proof, 7)[0] == wire.STATUS_IN_PROGRESS


def test_who_signed_nothing_wears_out_no_nonce_and_no_memory():
    rig = at_the_top()
    proof = rig.proof(LOWER, 0, OPERATOR, 7)
    nonce = rig.authority.nonce
    for number in range(20):
        send(rig, RAISE, bytes(37), number)
        send(rig, RAISE, nonce + bytes(29), number)
    assert rig.authority.nonce == nonce
    assert send(rig, LOWER, proof, 7)[0] == wire.STATUS_IN_PROGRESS


# --- What becomes of an order -----------------------------------------------------------------


def test_a_lower_overtakes_a_raise():
    rig = rising()
    raised = rig.transaction
    assert rig.order(LOWER)[0] == wire.STATUS_IN_PROGRESS
    rig.live(10)
    assert rig.plant.driven == bollard.OFF
    assert rig.result(raised) == (wire.STATUS_CANCELLED, wire_bollard.GUARD_SUPERSEDED)
    refused = rig.order(RAISE)
    assert refused == rejected(wire.GUARD_BUSY)
    rig.live_until(bollard.DOWN)
    assert rig.result(rig.transaction - 1) == (wire.STATUS_DONE, wire.GUARD_NONE)


def test_what_is_so_already_is_done_at_once_and_told_once():
    rig = at_the_top()
    rig.plant.directions = set()
    assert rig.order(RAISE) == (wire.STATUS_DONE, wire.GUARD_NONE)
    rig.live(1000)
    assert rig.result() is None
    rig = at_the_bottom()
    assert rig.order(LOWER) == (wire.STATUS_DONE, wire.GUARD_NONE)
    rig.live(1000)
    assert rig.result() is None


def test_every_order_has_one_last_word():
    rig = at_the_bottom()
    for verb in (RAISE, LOWER, RAISE, wire_bollard.VERB_GRANT, LOWER, RAISE, LOWER):
        rig.order(verb, 10)
        rig.live(4000)
    rig.live(60000, 400)
    words = [event[4] for event in rig.events() if event[0] == wire.EVENT_CODE_COMMAND_RESULT]
    assert sorted(words) == sorted(set(words))
    assert rig.node.order is None


def test_explain_tells_what_would_be_answered_and_does_nothing():
    rig = at_the_bottom()
    nonce = rig.authority.nonce
    assert rig.explain(RAISE)[1:3] == (wire.STATUS_DONE, wire.GUARD_NONE)
    rig.plant.sensed = bollard.LOOP_A
    rig.live(50)
    assert rig.explain(RAISE)[1:3] == rejected(wire_bollard.GUARD_OCCUPIED)
    assert rig.explain(wire_bollard.VERB_HOLD)[1:3] == rejected(wire.GUARD_BAD_ARGUMENT)
    assert rig.explain(wire_bollard.VERB_HOLD, 0, 5)[1] == wire.STATUS_DONE
    assert rig.explain(9)[1:3] == rejected(wire.GUARD_UNSUPPORTED)
    rig.live(5000)
    assert rig.node.state == bollard.DOWN
    assert rig.authority.nonce == nonce
    assert rig.node.meters.refusals == 0


def test_arguments_have_limits():
    rig = at_the_bottom()
    bad = rejected(wire.GUARD_BAD_ARGUMENT)
    for duration_s in (0, 86401):
        assert rig.order(wire_bollard.VERB_HOLD, duration_s) == bad
    for duration_s in (0, 3601):
        assert rig.order(BYPASS, duration_s, PAIR) == bad


# --- Bypass and duty cycle --------------------------------------------------------------------


def test_a_bypass_relaxes_the_permission_alone_is_alarmed_and_ends():
    rig = at_the_bottom()
    rig.permit = False
    rig.live(100)
    rig.order(BYPASS, 30, PAIR)
    rig.live(100)
    assert rig.status()[4] == wire_bollard.BOLLARD_FAULT_BYPASS
    rig.plant.sensed = bollard.LOOP_A
    rig.live(50)
    assert rig.order(RAISE) == rejected(wire_bollard.GUARD_OCCUPIED)
    rig.plant.sensed = 0
    rig.live(500)
    assert rig.order(RAISE)[0] == wire.STATUS_ACCEPTED
    rig.live_until(bollard.UP)
    rig.live(30000)
    assert codes(rig, wire_bollard.EVENT_CODE_BYPASS) == [(1, 30), (0, 0)]
    assert rig.status()[4] == 0
    assert rig.status()[5] != wire.GUARD_NONE


def test_a_drive_rises_so_often_in_an_hour_and_then_waits():
    rig = at_the_bottom(rises_per_hour=3)
    for _ in range(3):
        rig.order(RAISE)
        rig.live_until(bollard.UP)
        rig.order(LOWER)
        rig.live_until(bollard.DOWN)
    rig.live(100)
    worn = rejected(wire.GUARD_DUTY_CYCLE)
    assert rig.order(RAISE) == worn
    assert rig.status()[4] == wire_bollard.BOLLARD_FAULT_DUTY_CYCLE
    rig.order(BYPASS, 60, PAIR)
    assert rig.explain(RAISE)[1] == wire.STATUS_DONE
    rig.now_ms += 3300000
    rig.live(1000)
    assert rig.order(RAISE) == worn
    rig.now_ms += 700000
    rig.live(1000)
    assert rig.order(RAISE)[0] == wire.STATUS_ACCEPTED
    assert [active for active, _ in codes(rig, wire_bollard.EVENT_CODE_DUTY_CYCLE)] == [1, 0]


# --- Records and flash ------------------------------------------------------------------------


def test_every_motion_has_one_record_of_who_and_why():
    rig = at_the_bottom()
    rig.order(RAISE, 0, OPERATOR + DORA)
    rig.live_until(bollard.UP)
    rig.order(LOWER)
    rig.live_until(bollard.DOWN)
    command = wire_bollard.MOTION_CAUSE_COMMAND
    nobody = bytes(8)
    alice, dora = b"alice\0\0\0", b"dora\0\0\0\0"
    assert rig.motions() == [
        (bollard.DRIVE_UP, command, bollard.RISING, rig.transaction - 1, alice, dora),
        (bollard.DRIVE_DOWN, command, bollard.LOWERING, rig.transaction, alice, nobody),
    ]


def test_as_many_motions_are_recorded_as_drives_went_on():
    rig = at_the_bottom()
    on = before = 0
    rig.order(RAISE)
    for step in range(3000):
        rig.plant.sensed = bollard.OBSTACLE if step % 700 == 450 else 0
        rig.live(10, 10)
        if rig.plant.driven and rig.plant.driven != before:
            on += 1
        before = rig.plant.driven
    assert on >= 4
    assert len(rig.motions()) == on


def test_no_address_is_written_while_a_drive_is_on():
    rig = rising()
    assert not rig.controller._move(9)
    assert rig.kept == []
    rig.live_until(bollard.UP)
    assert rig.controller._move(9)


def test_a_clock_that_jumps_changes_nothing():
    jumping, steady = rising(), rising()
    for rig in (jumping, steady):
        for second in (10, 2000000000, 5, 4000000000):
            if rig is jumping:
                rig.hear(wire.TIME, time_payload(second, 0))
            rig.live(200)
    assert jumping.node.state == steady.node.state
    assert jumping.plant.height_ms == steady.plant.height_ms
