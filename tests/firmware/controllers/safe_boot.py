"""Runs under MicroPython on the emulated board: what a boot and a crash leave behind.

The environment names an image file (STOEP_FLASH); the path has the shadowed `machine` and the
firmware. There is no line: QuietLine stands for it.
"""

import binascii
import gc
import os
import sys

import vfs
from flash import Flash

import firmware.main
from firmware import boot, config, keyring
from firmware.boards import emulated
from firmware.controller import Controller
from firmware.drivers import flash, system
from firmware.drivers.lamp import LampOutputs
from firmware.nodes.lamp import LampNode
from firmware.nodes.unprovisioned import UnprovisionedNode
from protocol.generated import wire

ROOT = "/flash"
KEYS = {"link": {"1": "11" * 32}, "command": {"1": "22" * 32}}
LAMP = {"kind": "lamp", "address": 9, "parameters": {}}
NEW_KEYS = {"link": {"1": "11" * 32, "2": "12" * 32}, "command": {"2": "22" * 32}}
MOUNT_READS = 3


class Restart(Exception):
    """What a reset of the chip is to these tests."""


class QuietLine:
    """A line on which nothing ever arrives."""

    buffer = bytearray(256)

    def __init__(self, board):
        pass

    def receive(self):
        return 0

    def wait(self, timeout_ms):
        pass


def build():
    firmware.main.Line = QuietLine
    built = firmware.main.build(emulated)
    for name in ("config", "keyring", "parameters.common"):
        assert "firmware." + name not in sys.modules  # what only a boot needs
    return built


def main():
    firmware.main.Line = QuietLine
    firmware.main.main(emulated)


def image():
    return Flash(os.getenv("STOEP_FLASH"))


def content():
    """A checksum of the whole flash."""
    crc = 0
    part = bytearray(4096)
    with open(os.getenv("STOEP_FLASH"), "rb") as file:
        while file.readinto(part):
            crc = binascii.crc32(part, crc)
    return crc


def formatted():
    """A fresh file system that is not mounted."""
    unmount()
    vfs.VfsLfs2.mkfs(image(), progsize=emulated.FLASH_PROGRAM_BYTES)


def unmount():
    # A file that a power cut left open is closed when it is found to be garbage: now, while its
    # file system and the image are there, and not with them and in any order.
    gc.collect()
    try:
        vfs.umount(ROOT)
    except OSError:
        pass


def with_lamp():
    formatted()
    assert flash.mount(emulated) is not None
    config.provision(ROOT + "/config.json", LAMP)
    keyring.provision(ROOT + "/" + keyring.FILE, KEYS)


class Faulty:
    """Makes reads of the flash fail: the first `failures` of them."""

    def __init__(self, failures):
        self.left = failures
        self.good = Flash.readblocks

    def __enter__(self):
        outer = self

        def readblocks(device, block, buf, offset=0):
            if outer.left:
                outer.left -= 1
                raise OSError(5)
            return outer.good(device, block, buf, offset)

        Flash.readblocks = readblocks

    def __exit__(self, *error):
        Flash.readblocks = self.good


def test_a_provisioned_lamp_starts_as_one_and_counts_its_boots():
    with_lamp()
    for number in (1, 2):
        unmount()
        controller, _, _, _, root = build()
        assert root == ROOT
        assert controller.configuration.address == 9
        assert controller.identity.boot == number
        assert not controller.identity.rescued


def test_a_mount_that_fails_a_few_times_loses_nothing():
    with_lamp()
    unmount()
    before = content()
    with Faulty(MOUNT_READS):
        assert flash.mount(emulated) is not None
    assert content() == before
    assert config.load(ROOT + "/config.json").address == 9


def test_a_flash_that_cannot_be_mounted_is_left_alone_and_the_controller_still_starts():
    with_lamp()
    unmount()
    before = content()
    with Faulty(1 << 20):
        controller, _, _, _, root = build()
    assert root is None
    assert content() == before
    assert controller.identity.rescued
    assert controller.identity.boot >= 0x8000
    assert not controller.configuration.provisioned
    assert controller.turn(0) > 0


def test_a_blank_flash_is_not_formatted():
    unmount()
    device = image()
    for block in range(device.block_count):
        device.ioctl(6, block)
    before = content()
    assert flash.mount(emulated) is None
    assert content() == before


def test_a_damaged_configuration_starts_unprovisioned_and_is_kept():
    with_lamp()
    with open(ROOT + "/config.json", "wb") as file:
        file.write(b'{"kind": "lamp", "address": 9, "param')
    unmount()
    controller, _, _, _, _ = build()
    assert not controller.configuration.provisioned
    assert controller.outbox.urgent.next - controller.outbox.urgent.first == 2
    with open(ROOT + "/config.json", "rb") as file:
        assert file.read().endswith(b"param")


class PowerCut(Exception):
    """The flash has no power any more."""


class Cut:
    """Cuts the power after `left` more flash operations, or half way through the next program.

    The one operation raises that the cut hits; what comes later does nothing, as without power.
    """

    def __init__(self, half):
        self.left = 1 << 20
        self.half = half
        self.kept = Flash.writeblocks, Flash.ioctl

    def spend(self):
        """One operation is over."""
        self.left -= 1
        if self.left == -1:
            raise PowerCut

    def __enter__(self):
        outer = self
        write, control = self.kept

        def writeblocks(device, block, buf, offset=None):
            if outer.left > 0:
                write(device, block, buf, offset)
            elif outer.left == 0 and outer.half:
                write(device, block, memoryview(buf)[: len(buf) // 2], offset)
            outer.spend()

        def ioctl(device, operation, argument):
            if operation == 6:
                if outer.left > 0:
                    control(device, operation, argument)
                outer.spend()
                return 0
            return control(device, operation, argument)

        Flash.writeblocks, Flash.ioctl = writeblocks, ioctl
        return self

    def __exit__(self, *error):
        Flash.writeblocks, Flash.ioctl = self.kept


def cut_everywhere(change, found, prepare=with_lamp):
    """What `found()` returns after the power was cut in any operation of `change()`, as a set.

    `prepare` leaves a fresh flash that is mounted and holds what there is before the change.
    """
    seen = set()
    for half in (False, True):
        count = 0
        while True:
            prepare()
            unmount()
            # The file system takes its device's methods when it is mounted, so the cut comes first.
            with Cut(half) as cut:
                assert flash.mount(emulated) is not None
                cut.left = count
                try:
                    change()
                    break
                except (PowerCut, OSError):
                    pass  # whatever the file system makes of it: the controller is off
                finally:
                    unmount()
            assert flash.mount(emulated) is not None
            seen.add(found())
            assert boot.start(ROOT, system.draw).problems == 0
            count += 1
        assert count >= 3
    return seen


def test_a_power_cut_at_any_flash_operation_leaves_the_old_configuration_or_the_new():
    def change():
        config.provision(ROOT + "/config.json", dict(LAMP, address=10))

    seen = cut_everywhere(change, lambda: config.load(ROOT + "/config.json").address)
    assert seen <= {9, 10}
    assert 9 in seen


def test_a_power_cut_at_any_flash_operation_leaves_the_old_keys_or_the_new():
    old = keyring.checksum(keyring.validate(KEYS))
    new = keyring.checksum(keyring.validate(NEW_KEYS))

    def change():
        keyring.provision(ROOT + "/" + keyring.FILE, NEW_KEYS)

    def found():
        ring, problems = boot.keys(ROOT)
        assert problems == 0
        return keyring.checksum(ring)

    seen = cut_everywhere(change, found)
    assert seen <= {old, new}
    assert old in seen


def test_an_address_from_the_gateway_is_there_after_the_next_boot():
    with_lamp()
    config.provision(ROOT + "/config.json", dict(LAMP, address=254))
    unmount()
    controller, _, _, _, _ = build()
    payload = bytearray(wire.ASSIGN_SIZE)
    payload[:8] = controller.identity.hardware_id
    payload[8] = 33
    assert controller.finder.take_address(payload, 0, len(payload))
    assert controller.responder.address == 33
    unmount()
    controller, _, _, _, _ = build()
    assert controller.configuration.address == 33
    assert controller.responder.address == 33
    assert controller.configuration.provisioned


def test_without_keys_a_lamp_is_at_its_address_and_touches_no_output():
    with_lamp()
    os.remove(ROOT + "/" + keyring.FILE)
    unmount()
    controller, _, _, _, _ = build()
    assert controller.configuration.address == 9
    assert not controller.configuration.provisioned
    assert controller.responder.security is None
    assert not controller.uplink.secured
    assert isinstance(controller.node, UnprovisionedNode)
    assert controller.outbox.held() == 1


def test_damaged_keys_are_told_kept_and_not_used():
    with_lamp()
    with open(ROOT + "/" + keyring.FILE, "r+b") as file:
        file.seek(20)
        file.write(b"f")
    unmount()
    controller, _, _, _, _ = build()
    assert isinstance(controller.node, UnprovisionedNode)
    assert controller.responder.security is None
    assert controller.outbox.held() == 2
    with open(ROOT + "/" + keyring.FILE, "rb") as file:
        file.seek(20)
        assert file.read(1) == b"f"


def test_a_crash_ends_in_light_a_traceback_and_a_reset():
    with_lamp()
    duties = []

    def dim(_, duty, _level):
        duties.append(duty)

    def fail(*_):
        raise ValueError("planted")

    def restart():
        raise Restart

    kept = LampNode.turn, LampOutputs.dim, system.reset
    LampNode.turn, LampOutputs.dim, system.reset = fail, dim, restart
    try:
        main()
        raise AssertionError("main returned")
    except Restart:
        pass
    finally:
        LampNode.turn, LampOutputs.dim, system.reset = kept
    assert duties[-1] == 65535
    with open(ROOT + "/crash.txt", "rb") as file:
        assert b"ValueError: planted" in file.read()
    start = boot.start(ROOT, system.draw)
    assert start.problems == boot.CRASHED
    assert boot.start(ROOT, system.draw).problems == 0


def test_ctrl_c_gets_out_and_leaves_the_outputs_safe():
    with_lamp()
    safe = []

    def interrupted(*_):
        raise KeyboardInterrupt

    def note(controller):
        safe.append(controller)

    kept = Controller.turn, Controller.safe
    Controller.turn, Controller.safe = interrupted, note
    try:
        main()
        raise AssertionError("main returned")
    except KeyboardInterrupt:
        pass
    finally:
        Controller.turn, Controller.safe = kept
    assert len(safe) == 1
