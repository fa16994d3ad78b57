"""A bin on batteries: it sleeps, wakes, measures, reports, listens, and misses nothing urgent."""

from firmware.logic import bin as logic
from protocol.generated import wire, wire_bin
from tests.dual.firmware_rig import BinRig

SLEEP_S = 600
AWAKE_MS = 2000
SLEEPER = {"empty_mm": 1200, "full_mm": 200, "press": 0, "sleep_s": SLEEP_S, "awake_ms": AWAKE_MS}
LISTENING_MS = 1000


def asleep(**parameters):
    """A bin that has measured and gone to sleep."""
    rig = BinRig(dict(SLEEPER, **parameters))
    rig.plant.distance = 700
    rig.run(9000)
    assert not rig.controller.dozing
    rig.run(4000)
    assert rig.controller.dozing
    rig.drain()
    return rig


def until(rig, dozing, limit_ms):
    """Run until the controller sleeps, or is awake; returns how many ms that took."""
    begin_ms = rig.now_ms
    while rig.controller.dozing != dozing:
        assert rig.now_ms - begin_ms <= limit_ms
        rig.now_ms += rig.controller.turn(rig.now_ms)
    return rig.now_ms - begin_ms


def test_it_stays_up_after_its_start_so_that_it_can_be_found():
    rig = BinRig(SLEEPER)
    rig.run(9900)
    assert not rig.controller.dozing


def test_it_sleeps_in_slices_that_the_watchdog_allows():
    rig = asleep()
    for _ in range(300):
        wait_ms = rig.controller.turn(rig.now_ms)
        assert wait_ms <= 1000
        rig.now_ms += wait_ms
    assert rig.controller.dozing


def test_it_wakes_measures_reports_once_and_listens():
    rig = asleep()
    held = rig.controller.outbox.held()
    rig.plant.distance = 690
    waited_ms = until(rig, False, 2 * SLEEP_S * 1000)
    assert waited_ms <= SLEEP_S * 1000
    up_ms = until(rig, True, 60000)
    assert AWAKE_MS <= up_ms <= AWAKE_MS + 3000
    rig.drain()
    statuses = [r for r in rig.records if r[0] == wire_bin.RECORD_BIN_STATUS]
    assert rig.node.meter.level_permille == 510
    assert len(statuses) <= held + 3


def test_it_listens_after_the_report_and_not_before():
    rig = asleep()
    until(rig, False, 2 * SLEEP_S * 1000)
    newest = rig.controller.outbox.routine.next
    while rig.controller.outbox.routine.next == newest:
        rig.now_ms += rig.controller.turn(rig.now_ms)
    assert until(rig, True, 60000) >= AWAKE_MS - LISTENING_MS


def test_sleeping_records_nothing_and_takes_no_place_in_the_ring():
    rig = asleep()
    held = rig.controller.outbox.held()
    rig.run((SLEEP_S - 30) * 1000)
    assert rig.controller.dozing
    assert rig.controller.outbox.held() == held


def test_fire_tilt_door_and_water_end_a_sleep_within_a_slice():
    for bits, code in (
        (wire_bin.BIN_INPUT_TILT, wire_bin.EVENT_CODE_TILT),
        (wire_bin.BIN_INPUT_WATER, wire_bin.EVENT_CODE_WATER),
        (wire_bin.BIN_INPUT_DOOR_OPEN, wire.EVENT_CODE_STATE_CHANGE),
    ):
        rig = asleep()
        rig.plant.sensed = bits
        rig.run(2000)
        assert not rig.controller.dozing
        rig.drain()
        assert code in [event[0] for event in rig.events()]
    rig = asleep()
    rig.plant.warmth_dc = 750
    rig.run(2000)
    rig.drain()
    assert wire_bin.EVENT_CODE_FIRE in [event[0] for event in rig.events()]
    rig.run(600000)
    assert not rig.controller.dozing


def test_a_fast_rise_of_temperature_is_seen_asleep():
    rig = asleep()
    for _ in range(60):
        rig.plant.warmth_dc += 3
        rig.run(1000)
    assert rig.node.state == logic.FIRE
    assert rig.plant.warmth_dc < 700


def test_lids_are_counted_asleep_and_the_level_is_measured_with_the_next_wake():
    rig = asleep()
    for _ in range(5):
        rig.plant.sensed = wire_bin.BIN_INPUT_LID_OPEN
        rig.run(3000)
        rig.plant.sensed = 0
        rig.plant.distance -= 20
        rig.run(20000)
    assert rig.controller.dozing
    assert not rig.node.meter.good
    until(rig, False, SLEEP_S * 1000)
    until(rig, True, 60000)
    assert rig.node.meter.good
    assert rig.node.meter.level_permille == 600


def test_an_emptying_between_two_wakes_is_told():
    rig = asleep()
    rig.plant.sensed = wire_bin.BIN_INPUT_DOOR_OPEN
    rig.run(60000)
    rig.plant.distance = 1195
    rig.plant.sensed = 0
    rig.run(10000)
    assert rig.node.meter.emptyings == 1


def test_identify_and_commands_keep_it_up():
    rig = asleep()
    until(rig, False, 2 * SLEEP_S * 1000)
    assert rig.command(wire.VERB_IDENTIFY, 1, duration_s=30)[1] == wire.STATUS_DONE
    blinks = rig.system.blinks
    rig.run(20000)
    assert not rig.controller.dozing
    assert rig.system.blinks >= blinks + 30
    rig.run(15000)
    assert rig.controller.dozing
    until(rig, False, 2 * SLEEP_S * 1000)
    assert rig.command(wire_bin.VERB_SERVICE, 2, level=1)[1] == wire.STATUS_DONE
    rig.run(1000)
    assert rig.node.state == logic.SERVICE
    assert not rig.controller.dozing


def test_a_bin_that_is_always_awake_never_dozes():
    rig = BinRig({"empty_mm": 1200, "full_mm": 200, "press": 0})
    rig.plant.distance = 700
    for _ in range(3000):
        rig.now_ms += rig.controller.turn(rig.now_ms)
        assert not rig.controller.dozing
