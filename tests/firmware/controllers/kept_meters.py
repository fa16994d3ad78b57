"""Runs under MicroPython on the emulated board: counters through restarts, crashes, power cuts.

See safe_boot for what the environment and the path must have.
"""

import os

from flash import Flash
from safe_boot import ROOT, Restart, build, cut_everywhere, formatted, main, unmount

from firmware import config, files, keyring
from firmware.boards import emulated
from firmware.drivers import flash, system
from firmware.nodes.lamp import LampNode
from firmware.services.meters import FILE, KEEP_MS, Keeper
from protocol.generated import wire

KEYS = {"link": {"1": "11" * 32}, "command": {"1": "22" * 32}}
PATH = ROOT + "/" + FILE
MOST_ERASES_A_DAY = 10
MOST_ERASES_A_STORE = 2
DAY_MS = 24 * 3600000


class Counting:
    """A node that counts, always at rest, and the outbox of its keeper."""

    def __init__(self):
        self.counted = (0, 0, 0, 0, 0, 0, 0)
        self.told = 0

    def counters(self):
        return self.counted

    def resume(self, counters):
        self.counted = tuple(counters)

    def at_rest(self):
        return True

    def event(self, *_):
        self.told += 1


def provisioned(kind):
    formatted()
    assert flash.mount(emulated) is not None
    config.provision(ROOT + "/config.json", {"kind": kind, "address": 9, "parameters": {}})
    keyring.provision(ROOT + "/" + keyring.FILE, KEYS)


def kept(node):
    keeper = Keeper(PATH, wire.KIND_LAMP, node, node)
    keeper.load(False, 0)
    return keeper


def boot():
    """A controller after a restart."""
    unmount()
    return build()[0]


def test_counters_of_every_kind_survive_a_restart():
    for kind in ("lamp", "bollard", "bin"):
        provisioned(kind)
        controller = boot()
        fresh = controller.node.counters()
        assert set(fresh) == {0}
        controller.node.resume(range(100, 100 + len(fresh)))
        for now_ms in range(0, 20000, 10):
            controller.turn(now_ms)
        assert boot().node.counters() == fresh
        controller.turn(KEEP_MS)
        before = controller.node.counters()
        assert min(before) >= 100
        controller = boot()
        assert controller.node.counters() == before
        assert controller.outbox.held() == 1


def test_counters_that_are_lost_begin_at_zero_and_are_told():
    provisioned("lamp")
    for lose in (
        lambda: os.remove(PATH),
        lambda: open(PATH, "wb").close(),
    ):
        controller = boot()
        controller.node.resume((5, 6, 7))
        controller.rest(0)
        assert boot().node.counters() == (5, 6, 7)
        lose()
        controller = boot()
        assert controller.node.counters() == (0, 0, 0)
        assert controller.outbox.held() == 3
        assert boot().outbox.held() == 1


def test_a_crash_and_a_technicians_ctrl_c_store_the_counters():
    stored = []

    def restart():
        # A chip that is reset gets no further.
        stored.append(files.content(PATH, 64))
        raise Restart

    good = LampNode.turn, system.reset
    system.reset = restart
    try:
        for raised, caught in ((ValueError, Restart), (KeyboardInterrupt, KeyboardInterrupt)):

            def fail(node, now_ms, link_lost, raised=raised):  # noqa: ARG001 - the interface of a node
                node.resume((31, 32, 33))
                raise raised

            provisioned("lamp")
            LampNode.turn = fail
            unmount()
            try:
                main()
                raise AssertionError("main returned")
            except caught:
                pass
            assert boot().node.counters() == (31, 32, 33)
    finally:
        LampNode.turn, system.reset = good
    assert stored == [files.content(PATH, 64)]


def test_a_power_cut_at_any_flash_operation_leaves_the_old_counters_or_the_new():
    old = (1, 2, 3, 4, 5, 6, 7)
    new = (101, 102, 103, 104, 105, 106, 107)

    def prepare():
        provisioned("lamp")
        store(old)

    def store(counters):
        node = Counting()
        keeper = kept(node)
        node.told = 0
        node.counted = counters
        keeper.keep(0)
        if node.told:
            raise OSError(5)

    def found():
        node = Counting()
        kept(node)
        assert node.told == 0
        return node.counted

    seen = cut_everywhere(lambda: store(new), found, prepare)
    assert seen <= {old, new}
    assert old in seen


def test_a_week_of_counting_erases_at_most_ten_blocks_a_day():
    provisioned("lamp")
    unmount()
    erases = []
    good = Flash.ioctl

    def ioctl(device, operation, argument):
        if operation == 6:
            erases.append(argument)
        return good(device, operation, argument)

    # The file system takes its device's methods when it is mounted.
    Flash.ioctl = ioctl
    try:
        assert flash.mount(emulated) is not None
        node = Counting()
        keeper = kept(node)
        erases.clear()
        most = 0
        for now_ms in range(0, 7 * DAY_MS, 60000):
            node.counted = (now_ms,) * 7
            before = len(erases)
            keeper.turn(now_ms)
            most = max(most, len(erases) - before)
        print("erases in a week:", len(erases), "in one store:", most)
        assert 0 < len(erases) <= 7 * MOST_ERASES_A_DAY
        assert most <= MOST_ERASES_A_STORE
        for number in range(1000):
            node.counted = (number,) * 7
            before = len(erases)
            keeper.keep(0)
            assert len(erases) - before <= MOST_ERASES_A_STORE
    finally:
        unmount()
        Flash.ioctl = good
