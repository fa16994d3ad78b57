"""The counters of a node on flash: resumed after a restart, stored seldom and at rest only."""

import os

from firmware import files
from firmware.logic import bin as bin_logic
from firmware.logic import bollard
from firmware.services import meters
from firmware.services.meters import FILE, KEEP_MS, Keeper
from protocol.generated import wire, wire_bin, wire_bollard, wire_gateway, wire_lamp
from tests.dual.firmware_rig import BinRig, LampRig
from tests.dual.test_firmware_bin_press import at_rest as pressed_at_rest
from tests.dual.test_firmware_bollard import at_the_bottom
from tests.dual.test_firmware_bollard_hands import granted
from tests.dual.test_firmware_config import Folder, write

RESTING = (bollard.DOWN, bollard.UP, bollard.LOCKED_DOWN, bollard.STOPPED, bollard.FAULT)
IO_ERROR = 5
DAY_MS = 24 * 3600000


class FakeNode:
    """Three counters and a drive."""

    def __init__(self):
        self.counted = (0, 0, 0)
        self.rests = True

    def counters(self):
        return self.counted

    def resume(self, counters):
        self.counted = tuple(counters)

    def at_rest(self):
        return self.rests


class FakeOutbox:
    """Remembers (code, active) of events."""

    def __init__(self):
        self.told = []

    def event(self, code, severity, active, value, transaction, now_ms):
        assert now_ms >= 0
        assert (severity, value, transaction) == (wire.SEVERITY_WARNING, 1, 0)
        self.told.append((code, active))


class Kept:
    """A node and its keeper over the file in `root`, as after a boot."""

    def __init__(self, root, first_boot=False, kind=wire.KIND_LAMP):
        self.path = root + "/" + FILE
        self.node = FakeNode()
        self.outbox = FakeOutbox()
        self.keeper = Keeper(self.path, kind, self.node, self.outbox)
        self.keeper.load(first_boot, 0)

    def stored(self):
        with open(self.path, "rb") as file:
            return file.read()


class Flash:
    """Stands for files.replace: `writes` counts what it was asked for, `broken` refuses it."""

    def __init__(self):
        self.writes = 0
        self.broken = False
        self.good = files.replace

    def __enter__(self):
        files.replace = self.replace
        return self

    def __exit__(self, *error):
        files.replace = self.good

    def replace(self, path, content):
        self.writes += 1
        if self.broken:
            raise OSError(IO_ERROR)
        self.good(path, content)


class Eager(Keeper):
    """Wants to store in every turn, and notes what the node did then."""

    def __init__(self, rig):
        Keeper.__init__(self, "", 0, rig.node, None)
        self.rig = rig
        self.seen = set()
        self._due_ms = 0
        rig.controller.keep(self)

    def keep(self, now_ms):  # noqa: ARG002 - the interface of a keeper
        self._due_ms = 0
        self.seen.add((self.rig.node.state, self.rig.plant.driven))


FAULT = [(wire.EVENT_CODE_STORAGE_FAULT, 1)]
FAULT_AND_GOOD = [(wire.EVENT_CODE_STORAGE_FAULT, 1), (wire.EVENT_CODE_STORAGE_FAULT, 0)]


def test_what_was_stored_is_there_after_a_restart():
    with Folder() as root:
        before = Kept(root, first_boot=True)
        before.node.counted = (7, 4000000000, 1)
        before.keeper.turn(KEEP_MS)
        after = Kept(root)
        assert after.node.counted == (7, 4000000000, 1)
        assert after.outbox.told == []
        assert os.listdir(root) == [FILE]


def test_a_cut_loses_what_was_counted_since_the_last_store_and_no_more():
    with Folder() as root:
        before = Kept(root, first_boot=True)
        for now_ms in range(0, DAY_MS + 1, 60000):
            before.node.counted = (now_ms // 1000, 0, 0)
            before.keeper.turn(now_ms)
            lost_s = now_ms // 1000 - Kept(root).node.counted[0]
            assert 0 <= lost_s * 1000 <= KEEP_MS


def test_counters_are_stored_seldom_and_only_when_they_changed():
    with Folder() as root, Flash() as flash:
        kept = Kept(root, first_boot=True)
        assert flash.writes == 1
        for now_ms in range(0, DAY_MS, 60000):
            kept.keeper.turn(now_ms)
        assert flash.writes == 1
        for now_ms in range(DAY_MS, 2 * DAY_MS, 60000):
            kept.node.counted = (now_ms, 0, 0)
            kept.keeper.turn(now_ms)
        assert 1 + 11 <= flash.writes <= 1 + 12


def test_a_store_waits_until_the_node_is_at_rest():
    with Folder() as root:
        kept = Kept(root, first_boot=True)
        kept.node.counted = (1, 2, 3)
        kept.node.rests = False
        for _ in range(3):
            kept.keeper.turn(2 * KEEP_MS)
            assert Kept(root).node.counted == (0, 0, 0)
        kept.node.rests = True
        kept.keeper.turn(2 * KEEP_MS)
        assert Kept(root).node.counted == (1, 2, 3)


def test_counters_that_are_damaged_anywhere_begin_at_zero_and_are_told_once():
    with Folder() as root:
        kept = Kept(root, first_boot=True)
        kept.node.counted = (70, 80, 90)
        kept.keeper.keep(0)
        good = kept.stored()
        for at in range(len(good)):
            flipped = bytes([good[at] ^ 0x10])
            for damaged in (good[:at], good[:at] + flipped + good[at + 1 :]):
                write(kept.path, damaged)
                found = Kept(root)
                assert found.node.counted == (0, 0, 0)
                assert found.outbox.told == FAULT_AND_GOOD
                assert Kept(root).outbox.told == []
        write(kept.path, good + b"\x00")
        assert Kept(root).outbox.told == FAULT_AND_GOOD


def test_counters_of_another_kind_or_another_number_are_not_taken():
    with Folder() as root:
        kept = Kept(root, first_boot=True)
        kept.node.counted = (70, 80, 90)
        kept.keeper.keep(0)
        good = kept.stored()
        found = Kept(root, kind=wire.KIND_BIN)
        assert (found.node.counted, found.outbox.told) == ((0, 0, 0), FAULT_AND_GOOD)
        for body in (good[:2] + good[6:-4], bytes([good[0], 2]) + good[2:-4]):
            write(kept.path, meters._sealed(body))
            found = Kept(root)
            assert (found.node.counted, found.outbox.told) == ((0, 0, 0), FAULT_AND_GOOD)


def test_only_the_first_boot_has_no_counters_without_a_word():
    with Folder() as root:
        assert Kept(root, first_boot=True).outbox.told == []
        os.remove(root + "/" + FILE)
        assert Kept(root).outbox.told == FAULT_AND_GOOD


def test_counters_that_cannot_be_read_today_are_told_and_left_for_the_next_boot():
    def unreadable(path, most):  # noqa: ARG001 - stands for files.content
        raise OSError(IO_ERROR)

    with Folder() as root:
        before = Kept(root, first_boot=True)
        before.node.counted = (7, 8, 9)
        before.keeper.keep(0)
        good = files.content
        files.content = unreadable
        try:
            for first_boot in (False, True):
                today = Kept(root, first_boot)
                assert today.outbox.told == FAULT
                today.node.counted = (1, 0, 0)
                today.keeper.turn(KEEP_MS)
                today.keeper.keep(KEEP_MS)
                assert today.outbox.told == FAULT
        finally:
            files.content = good
        assert Kept(root).node.counted == (7, 8, 9)


def test_a_store_that_fails_is_told_and_tried_again_later():
    with Folder() as root, Flash() as flash:
        kept = Kept(root, first_boot=True)
        kept.node.counted = (1, 1, 1)
        flash.broken = True
        kept.keeper.turn(KEEP_MS)
        kept.keeper.turn(KEEP_MS + 10)
        assert kept.outbox.told == FAULT
        assert flash.writes == 2
        flash.broken = False
        kept.keeper.turn(2 * KEEP_MS)
        assert kept.outbox.told == FAULT_AND_GOOD
        assert Kept(root).node.counted == (1, 1, 1)


def test_a_store_that_was_cut_off_leaves_the_old_counters():
    with Folder() as root:
        kept = Kept(root, first_boot=True)
        kept.node.counted = (1, 2, 3)
        kept.keeper.keep(0)
        good = kept.stored()
        found = kept
        for size in range(len(good) + 1):
            write(kept.path + ".new", bytes(size))
            found = Kept(root)
            assert (found.node.counted, found.outbox.told) == ((1, 2, 3), [])
        found.node.counted = (4, 5, 6)
        found.keeper.keep(0)
        assert Kept(root).node.counted == (4, 5, 6)


def test_a_lamp_goes_on_with_its_hours_its_energy_and_its_switchings():
    with Folder() as root:
        for boot in (1, 2):
            rig = LampRig({"ramp_up_ms": 600, "ramp_down_ms": 6000})
            node = rig.node
            keeper = Keeper(root + "/" + FILE, wire.KIND_LAMP, node, rig.controller.outbox)
            rig.controller.keep(keeper)
            keeper.load(boot == 1, 0)
            if boot == 1:
                node.resume((1000, 50, 10))
            rig.run(61000)
            rig.controller.rest(rig.now_ms)
            rig.drain()
            record = rig.last(wire_lamp.RECORD_LAMP_METERS)
            burning_s, energy_wh, switchings, _ = wire_gateway.unpack_lamp_meters(
                record, 0, len(record)
            )
            assert 1000 + 58 * boot <= burning_s <= 1000 + 62 * boot
            assert (energy_wh, switchings) == (50, 10 + boot)


def test_every_counter_of_a_post_and_of_a_bin_is_resumed_as_itself():
    rig = at_the_bottom()
    kept = (11, 12, 13, 14, 15, 16, 17)
    rig.node.resume(kept)
    assert rig.node.counters() == kept
    rig.live(60000, 400)
    rig.drain()
    record = rig.last(wire_bollard.RECORD_BOLLARD_METERS)
    assert wire_gateway.unpack_bollard_meters(record, 0, len(record)) == kept + (0,)
    rig = BinRig({})
    kept = (21, 70000, 23, 24)
    rig.node.resume(kept)
    assert rig.node.counters() == kept
    rig.run(601000)
    rig.drain()
    record = rig.last(wire_bin.RECORD_BIN_METERS)
    told = wire_gateway.unpack_bin_meters(record, 0, len(record))
    assert told[:4] == (21, 70000 & 0xFFFF, 23, 24)


def test_a_post_counts_whole_seconds_of_its_drive():
    rig = at_the_bottom()
    rig.order(wire_bollard.VERB_RAISE)
    rig.live_until(bollard.UP)
    rise_ms = rig.node.meters.rise_ms
    assert rise_ms >= 1900
    assert abs(rig.node.meters.drive_s * 1000 + rig.node.meters.driven_ms - rise_ms) <= 20
    assert rig.node.meters.driven_ms < 1000


def test_a_post_stores_nothing_while_it_drives_or_is_about_to():
    rig = granted()
    eager = Eager(rig)
    rig.plant.sensed = bollard.LOOP_A
    rig.live(200)
    rig.plant.sensed = bollard.LOOPS
    rig.live(200)
    assert rig.node.state == bollard.PASSING
    rig.plant.sensed = 0
    rig.live_until(bollard.RISING)
    assert eager.seen == set()
    rig.live_until(bollard.UP)
    rig.live(100)
    rig.order(wire_bollard.VERB_LOWER)
    rig.live_until(bollard.DOWN)
    rig.live(100)
    rig.order(wire_bollard.VERB_RAISE)
    rig.live_until(bollard.RISING)
    rig.live(1000)
    rig.plant.sensed = bollard.OBSTACLE
    rig.live_until(bollard.INVERTING)
    rig.live(500)
    assert rig.plant.driven == bollard.DRIVE_DOWN
    rig.plant.sensed = bollard.EMERGENCY
    rig.live(100)
    seen = {bollard.UP, bollard.DOWN, bollard.FAULT}
    assert eager.seen == {(state, bollard.OFF) for state in seen}


def test_a_post_with_a_drive_on_is_in_no_state_at_rest():
    rig = at_the_bottom()
    for state in range(15):
        rig.node.state = state
        rig.node.drive = bollard.OFF
        assert rig.node.at_rest() == (state in RESTING)
        rig.node.drive = bollard.DRIVE_DOWN
        assert not rig.node.at_rest()


def test_a_bin_stores_nothing_while_its_press_is_armed_or_away_or_it_burns():
    rig = pressed_at_rest()
    eager = Eager(rig)
    rig.compact()
    rig.run(40000)
    assert rig.node.press.cycles == 1
    states = {state for state, _ in eager.seen}
    assert states <= {bin_logic.IDLE, bin_logic.FULL}
    assert {driven for _, driven in eager.seen} == {bin_logic.OFF}
    for state in (bin_logic.ARMED, bin_logic.FIRE):
        rig.node.state = state
        assert not rig.node.at_rest()
    rig.node.state = bin_logic.IDLE
    assert rig.node.at_rest()
    rig.node.drive = bin_logic.RETRACT
    assert not rig.node.at_rest()


def test_a_lamp_stores_nothing_in_the_middle_of_a_fade():
    rig = LampRig({"ramp_up_ms": 600, "ramp_down_ms": 6000})
    rig.run(4000)
    rig.plant.somebody = 1
    rests = []
    for _ in range(60):
        rig.run(20)
        rests.append(rig.node.at_rest())
    assert False in rests
    assert rests[-1]


def test_a_controller_lets_its_keeper_store():
    rig = pressed_at_rest()
    eager = Eager(rig)
    rig.run(1000)
    assert eager.seen
