"""A whole lamp controller, from frames and pins to frames and pins."""

from firmware.logic import dali, lamp
from protocol.generated import wire, wire_bin, wire_bollard, wire_gateway, wire_lamp
from tests.dual.firmware_rig import LampRig

FLOOR = dali.level(20)
QUICK = {"ramp_up_ms": 600, "ramp_down_ms": 6000, "hold_s": 5}


def at_night():
    """A lamp that has come to rest at its floor."""
    rig = LampRig(QUICK)
    rig.run(4000)
    assert rig.node.state == lamp.NIGHT_FLOOR
    return rig


def status(rig):
    rig.drain()
    body = rig.last(wire_lamp.RECORD_LAMP_STATUS)
    return wire_gateway.unpack_lamp_status(body, 0, len(body))


def test_a_lamp_starts_with_light_and_fades_to_its_floor():
    rig = LampRig(QUICK)
    rig.controller.turn(0)
    assert rig.plant.duty == dali.FULL_DUTY
    assert rig.plant.on == 1
    rig.run(4000)
    assert rig.plant.duty == dali.DUTY[FLOOR]
    assert rig.node.state == lamp.NIGHT_FLOOR


def test_presence_brightens_at_once_and_holds_after_it_has_gone():
    rig = at_night()
    rig.plant.somebody = 1
    before = rig.plant.duty
    rig.run(100)
    assert rig.plant.duty > before
    rig.run(500)
    assert rig.plant.duty == dali.FULL_DUTY
    rig.run(1000)
    rig.plant.somebody = 0
    rig.run(6000)
    assert rig.node.state == lamp.HOLD
    rig.run(6000)
    assert rig.node.state == lamp.NIGHT_FLOOR
    assert rig.plant.duty == dali.DUTY[FLOOR]


def test_motion_turns_a_ramp_down_round_from_the_present_level():
    rig = at_night()
    rig.plant.somebody = 1
    rig.run(1000)
    rig.plant.somebody = 0
    rig.run(7600)
    assert rig.node.state == lamp.RAMP_DOWN
    low = rig.node.level_fine
    assert low < dali.FULL_FINE - 20 * dali.FINE
    rig.plant.somebody = 1
    rig.run(40)
    assert rig.node.state == lamp.RAMP_UP
    levels = [low]
    for _ in range(10):
        rig.run(20)
        levels.append(rig.node.level_fine)
    assert rig.node.state == lamp.HOLD
    assert levels == sorted(levels)


def test_news_of_a_neighbour_brightens_without_a_presence_here():
    rig = at_night()
    rig.node.expect(3, rig.now_ms)
    rig.run(1000)
    assert rig.node.state == lamp.HOLD
    assert rig.node.presence_count == 0


def test_an_override_rules_over_presence_and_ends_by_itself():
    rig = at_night()
    answer = rig.command(wire_lamp.VERB_SET, transaction=77, level=40, duration_s=10)
    assert answer == (77, wire.STATUS_DONE, wire.GUARD_NONE, 100)
    rig.plant.somebody = 1
    rig.run(5000)
    assert rig.node.state == lamp.OVERRIDE
    assert rig.plant.duty == dali.DUTY[dali.level(40)]
    _, reason, level, _, _, _, _, _ = status(rig)
    assert reason == wire_gateway.LAMP_REASON_OVERRIDE
    assert level == dali.level(40)
    rig.run(6000)
    assert rig.node.state == lamp.HOLD
    rig.drain()
    changes = [event for event in rig.events() if event[0] == wire.EVENT_CODE_STATE_CHANGE]
    assert (wire_gateway.LAMP_STATE_OVERRIDE, 77) in [event[3:] for event in changes]


def test_auto_ends_an_override_and_a_new_override_replaces_the_old():
    rig = at_night()
    rig.command(wire_lamp.VERB_SET, transaction=1, level=40, duration_s=100)
    rig.command(wire_lamp.VERB_SET, transaction=2, level=80, duration_s=100)
    rig.run(5000)
    assert rig.plant.duty == dali.DUTY[dali.level(80)]
    assert rig.command(wire_lamp.VERB_AUTO, transaction=3)[1] == wire.STATUS_DONE
    rig.run(9000)
    assert rig.node.state == lamp.NIGHT_FLOOR


def test_the_same_transaction_acts_once():
    rig = at_night()
    first = rig.command(wire_lamp.VERB_SET, transaction=9, level=100, duration_s=2)
    rig.run(9000)
    assert rig.node.state == lamp.NIGHT_FLOOR
    assert rig.command(wire_lamp.VERB_SET, transaction=9, level=100, duration_s=2) == first
    rig.run(100)
    assert rig.node.state == lamp.NIGHT_FLOOR


def test_commands_that_are_late_wrong_or_foreign_are_refused_with_their_guard():
    rig = at_night()
    late = rig.command(wire_lamp.VERB_SET, transaction=1, lifetime_ms=0, level=50, duration_s=5)
    assert late[1:3] == (wire.STATUS_EXPIRED, wire.GUARD_LATE)
    for number, (level, duration_s) in enumerate(((101, 5), (50, 0), (50, 86401), (255, 5))):
        wrong = rig.command(
            wire_lamp.VERB_SET, transaction=10 + number, level=level, duration_s=duration_s
        )
        assert wrong[1:3] == (wire.STATUS_REJECTED, wire.GUARD_BAD_ARGUMENT)
    for verb in (wire_bollard.VERB_RAISE, wire_bin.VERB_COMPACT, wire_bin.VERB_SERVICE, 200):
        foreign = rig.command(verb, transaction=100 + verb)
        assert foreign[1:3] == (wire.STATUS_REJECTED, wire.GUARD_UNSUPPORTED)
    assert rig.node.state == lamp.NIGHT_FLOOR


def test_the_profile_goes_on_without_a_link_and_the_loss_is_reported():
    rig = at_night()
    rig.run(3000)
    rig.plant.somebody = 1
    rig.run(1000)
    assert rig.controller.link_lost
    assert rig.node.state == lamp.HOLD
    assert rig.node.faults & wire_lamp.LAMP_FAULT_LINK_LOST
    rig.poll()
    rig.run(100)
    assert not rig.node.faults & wire_lamp.LAMP_FAULT_LINK_LOST


def test_without_a_profile_a_lost_link_means_the_safe_level_within_five_seconds():
    rig = LampRig({"autonomous": 0, "safe_percent": 80, "link_lost_ms": 4000, "programme": 0})
    rig.poll()
    rig.run(3900)
    assert rig.node.state == lamp.DAY
    rig.run(1100)
    assert rig.node.state == lamp.FAILSAFE
    assert rig.plant.duty == dali.DUTY[dali.level(80)]


def test_by_day_a_lamp_is_off_and_its_relay_too():
    rig = LampRig({"programme": 0, "ramp_down_ms": 1000})
    rig.run(2000)
    assert (rig.plant.duty, rig.plant.on) == (0, 0)
    rig.plant.somebody = 1
    rig.run(2000)
    assert rig.plant.duty == 0


def test_status_comes_every_second_and_meters_every_minute():
    rig = at_night()
    rig.drain()
    rig.records.clear()
    rig.run(60000)
    rig.drain()
    kinds = [record[0] for record in rig.records]
    assert kinds.count(wire_lamp.RECORD_LAMP_STATUS) == 60
    assert kinds.count(wire_lamp.RECORD_LAMP_METERS) == 1
    assert kinds.count(wire.RECORD_HEALTH) == 6
    meters = wire_gateway.unpack_lamp_meters(
        rig.last(wire_lamp.RECORD_LAMP_METERS), 0, wire_lamp.LAMP_METERS_SIZE
    )
    burning_s, energy_wh, switchings, presences_hour = meters
    assert 58 <= burning_s <= 61
    assert energy_wh == 0
    assert (switchings, presences_hour) == (1, 0)


def test_energy_is_power_over_time():
    rig = at_night()
    rig.run(3600000)
    rig.drain()
    body = rig.last(wire_lamp.RECORD_LAMP_METERS)
    # 700 mA at 36 V for an hour.
    assert 24 <= wire_gateway.unpack_lamp_meters(body, 0, len(body))[1] <= 26


def test_presence_is_an_urgent_event_with_begin_and_end_and_is_counted():
    rig = at_night()
    for _ in range(3):
        rig.plant.somebody = 1
        rig.run(500)
        rig.plant.somebody = 0
        rig.run(300)
        rig.plant.somebody = 1  # a sensor that blinks is still the same person
        rig.run(500)
        rig.plant.somebody = 0
        rig.run(3000)
    rig.drain()
    seen = [event[2:4] for event in rig.events() if event[0] == wire_lamp.EVENT_CODE_PRESENCE]
    assert seen == [(1, 1), (0, 1), (1, 2), (0, 2), (1, 3), (0, 3)]


def test_a_dead_lamp_is_told_and_its_return_too():
    rig = LampRig({"rated_power_dw": 250, "floor_percent": 50, "ramp_down_ms": 1000})
    rig.run(10000)
    assert rig.node.faults == wire_lamp.LAMP_FAULT_LINK_LOST
    rig.plant.ma = 0
    rig.run(10000)
    assert rig.node.state == lamp.LAMP_FAULT
    assert rig.plant.duty == dali.FULL_DUTY
    rig.plant.ma = 700
    rig.run(10000)
    assert rig.node.state == lamp.NIGHT_FLOOR
    rig.drain()
    told = [event[2] for event in rig.events() if event[0] == wire_lamp.EVENT_CODE_LAMP_FAILURE]
    assert told == [1, 0]


def test_a_presence_sensor_that_never_lets_go_is_reported_and_the_light_stays():
    rig = LampRig({"presence_stuck_s": 60})
    rig.plant.somebody = 1
    rig.run(70000)
    assert rig.node.faults & wire_lamp.LAMP_FAULT_PRESENCE_SENSOR
    assert rig.plant.duty == dali.FULL_DUTY


def test_safe_is_light():
    rig = LampRig({"programme": 0, "safe_percent": 100})
    rig.run(60000)
    assert rig.plant.duty == 0
    rig.controller.safe()
    assert (rig.plant.duty, rig.plant.on) == (dali.FULL_DUTY, 1)
