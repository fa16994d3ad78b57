"""The composition root: makes a controller of a board and runs it for ever."""

import gc
import io
import os
import sys

from firmware import boot
from firmware.controller import Controller
from firmware.drivers import flash, system
from firmware.drivers.line import Line
from firmware.services.uplink import Identity
from protocol.generated.wire import KIND_BIN, KIND_BOLLARD, KIND_LAMP
from protocol.security import ControllerSecurity


def drivers(board, kind):
    """(outputs, inputs) of a wire.KIND_*; (None, None) leaves every pin as the hardware has it."""
    if kind == KIND_LAMP:
        from firmware.drivers.lamp import LampInputs, LampOutputs

        return LampOutputs(board), LampInputs(board)
    if kind == KIND_BOLLARD:
        from firmware.drivers.bollard import BollardInputs, BollardOutputs

        return BollardOutputs(board), BollardInputs(board)
    if kind == KIND_BIN:
        from firmware.drivers.bin import BinInputs, BinOutputs

        return BinOutputs(board), BinInputs(board)
    return None, None


def keep_meters(controller, root, uptime):
    """Resume the node's counters; from here on the controller keeps them."""
    configuration = controller.configuration
    if configuration.provisioned:
        from firmware.services.meters import FILE, Keeper

        path = root + "/" + FILE
        meters = Keeper(path, configuration.kind, controller.node, controller.outbox)
        meters.load(controller.identity.boot == 1, uptime.read())
        controller.keep(meters)


def build(board):
    """(controller, line, watchdog, uptime, root) of a board; starts the watchdog."""
    watchdog = system.watchdog(board.WATCHDOG_MS)
    device = flash.mount(board)
    root = None if device is None else board.FLASH_ROOT
    start = boot.start(root, system.draw)
    ring, key_problems = boot.keys(root)
    configuration = start.configuration
    if not ring.link:
        # Without keys there is no link to trust, and so nothing to obey: it only tells who it is.
        from firmware import config

        configuration = config.unprovisioned(configuration.address)
    outputs, inputs = drivers(board, configuration.kind)
    line = Line(board)
    identity = Identity(
        system.hardware_id(),
        start.boot,
        system.reset_cause(),
        board.REVISION,
        root is None,
    )
    chip = system.System(board, device)

    def keep_address(address):
        return boot.keep_address(root, address)

    security = None
    if ring.link:
        security = ControllerSecurity(ring.link, identity.hardware_id, start.boot, os.urandom(32))
    controller = Controller(
        configuration,
        identity,
        line,
        outputs,
        inputs,
        chip,
        keep_address,
        security,
    )
    uptime = system.Uptime()
    boot.forget()
    controller.begin(start.problems | key_problems, uptime.read())
    keep_meters(controller, root, uptime)
    if configuration.kind == KIND_BOLLARD:
        # From here on nothing takes long, and what moves must not be left alone.
        watchdog = system.watchdog(board.POST_WATCHDOG_MS)
        from firmware.services.authority import Authority

        entropy = os.urandom(32)
        controller.desk.trust(Authority(ring.command, identity.hardware_id, start.boot, entropy))
    return controller, line, watchdog, uptime, root


def run(controller, line, watchdog, uptime):
    """The main loop; returns only by an exception."""
    while True:
        begin_ms = uptime.read()
        wait_ms = controller.turn(begin_ms)
        controller.health.note_turn(uptime.read() - begin_ms)
        watchdog.feed()
        if controller.dozing:
            line.doze(wait_ms)
        else:
            line.wait(wait_ms)


def main(board):
    """Run the controller of a board for ever; a failure ends in the safe state and a reset.

    This is the one place where exceptions are caught. Ctrl-C at a technician's prompt gets out.
    """
    controller, line, watchdog, uptime, root = build(board)
    gc.collect()
    try:
        run(controller, line, watchdog, uptime)
    except Exception as error:  # noqa: BLE001 - the one place: safe state, traceback, reset
        controller.safe()
        text = io.BytesIO()
        sys.print_exception(error, text)  # pyright: ignore[reportArgumentType] - the stub lacks BytesIO
        sys.print_exception(error)
        boot.keep_crash(root, text.getvalue())  # pyright: ignore[reportAttributeAccessIssue] - as above
        controller.rest(uptime.read())
        system.reset()
    finally:
        controller.safe()
        controller.rest(uptime.read())
