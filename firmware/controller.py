"""One controller without its hardware: the same on a chip and, many at once, in a simulator."""

from firmware.services.blinker import HALF_PERIOD_MS, Blinker
from firmware.services.clock import Clock
from firmware.services.commands import CommandDesk
from firmware.services.finder import Finder
from firmware.services.health import Health
from firmware.services.outbox import Outbox
from firmware.services.sentry import Sentry
from firmware.services.uplink import Uplink
from protocol.framing import Deframer
from protocol.generated.wire import (
    EVENT_CODE_BOOT,
    EVENT_CODE_CONFIGURATION_INVALID,
    EVENT_CODE_STORAGE_FAULT,
    KIND_BIN,
    KIND_BOLLARD,
    KIND_LAMP,
    SEVERITY_ALARM,
    SEVERITY_CRITICAL,
    SEVERITY_INFO,
)
from protocol.link import Responder

# What a boot may find wrong; none of it keeps a controller from answering.
NO_STORAGE = 1
BAD_CONFIGURATION = 2
CRASHED = 4


def make_node(kind, outputs, inputs, outbox, parameters):
    """The node of a wire.KIND_*; only its own code is loaded."""
    if kind == KIND_LAMP:
        from firmware.nodes.lamp import LampNode

        return LampNode(outputs, inputs, outbox, parameters)
    if kind == KIND_BOLLARD:
        from firmware.nodes.bollard import BollardNode

        return BollardNode(outputs, inputs, outbox, parameters)
    if kind == KIND_BIN:
        from firmware.nodes.bin import BinNode

        return BinNode(outputs, inputs, outbox, parameters)
    from firmware.nodes.unprovisioned import UnprovisionedNode

    return UnprovisionedNode()


class Controller:
    """Line, node and services of one controller. Time is a monotonic number of ms from 0 on.

    `line`: `buffer`, `receive()` → bytes now in it, `send(data, size)`. `outputs` and `inputs`:
    the drivers that the kind's node names. `system`: `led(lit)`, `heap_free()`, `erases()`.
    `keep_address(address)` writes an address that the gateway gave into the configuration, and
    returns whether it could. `security` is a security.ControllerSecurity; without one, nothing on
    the line is proved, and main makes no node that acts. Before `desk.trust` a post does not move.
    A node offers `turn(now_ms, link_lost)` → ms to its next turn, `command(…)`, `expect(…)` for
    news of a neighbour, and `safe()`. While it is `dozing`, nothing but its next turn is needed:
    `dozing` here then lets main put the chip to sleep, deaf to the line.
    """

    def __init__(
        self, configuration, identity, line, outputs, inputs, system, keep_address, security=None
    ):
        self.configuration = configuration
        self.identity = identity
        self.clock = Clock()
        self.outbox = Outbox(self.clock)
        parameters = configuration.parameters
        self.node = make_node(configuration.kind, outputs, inputs, self.outbox, parameters)
        self.blinker = Blinker(system.led)
        self.desk = CommandDesk(self.node, self.blinker, self.outbox)
        self.finder = Finder(identity.hardware_id, configuration.address, self._move)
        self.uplink = Uplink(
            identity, configuration, self.outbox, self.clock, self.desk, self.finder
        )
        self.uplink.secured = security is not None
        self.responder = Responder(configuration.address, self.uplink, security)
        self.deframer = Deframer()
        self.sentry = Sentry(self.outbox, security)
        self.health = Health(
            self.outbox, self.deframer, self.sentry, system.heap_free, system.erases
        )
        self.link_lost = False
        self.dozing = False
        self._meters = None
        self._keep_address = keep_address
        self._line = line
        self._link_lost_ms = parameters["link_lost_ms"]
        self._node_due_ms = 0

    def keep(self, meters):
        """From now on `meters`, a services.meters.Keeper, keeps the node's counters."""
        self._meters = meters

    def begin(self, problems, now_ms):
        """Tell that and how this boot began; `problems` is a set of the bits above."""
        severity = SEVERITY_CRITICAL if problems & CRASHED else SEVERITY_INFO
        cause = self.identity.reset_cause
        self.outbox.event(EVENT_CODE_BOOT, severity, 1, cause, 0, now_ms)
        if problems & NO_STORAGE:
            self.outbox.event(EVENT_CODE_STORAGE_FAULT, SEVERITY_ALARM, 1, 0, 0, now_ms)
        if problems & BAD_CONFIGURATION:
            self.outbox.event(EVENT_CODE_CONFIGURATION_INVALID, SEVERITY_ALARM, 1, 0, 0, now_ms)

    def turn(self, now_ms):
        """Answer what has arrived, let the node act when it is due; returns the ms to wait at most.

        Called again when the line has something, too, the wait is cut short.
        """
        commands = self.desk.accepted
        self._receive(now_ms)
        if now_ms >= self._node_due_ms or self.desk.accepted != commands:
            self.link_lost = self._is_link_lost(now_ms)
            self._node_due_ms = now_ms + self.node.turn(now_ms, self.link_lost)
            self.blinker.turn(now_ms)
            self.dozing = self._may_doze(now_ms)
            if not self.dozing:
                self.sentry.turn(now_ms)
                self.health.turn(now_ms)
                if self._meters is not None:
                    self._meters.turn(now_ms)
        return self._node_due_ms - now_ms

    def _move(self, address):
        # Nothing is written to flash while a drive is on.
        if getattr(self.node, "drive", 0) or not self._keep_address(address):
            return False
        self.responder.address = address
        return True

    def safe(self):
        """All outputs to their safe state."""
        self.node.safe()

    def rest(self, now_ms):
        """Store what must not be lost, after `safe`: this is the last before a reset."""
        if self._meters is not None:
            self._meters.keep(now_ms)

    def _receive(self, now_ms):
        line = self._line
        deframer = self.deframer
        end = line.receive()
        at = 0
        while at < end:
            at = deframer.push(line.buffer, at, end)
            if deframer.size >= 0:
                size = self.responder.receive(deframer.buffer, deframer.size, now_ms)
                if size:
                    line.send(self.responder.reply, size)

    def _may_doze(self, now_ms):
        """Whether the node sleeps and the light is not needed, which keeps everything awake."""
        if not getattr(self.node, "dozing", False):
            return False
        if not self.blinker.blinks(now_ms):
            return True
        self._node_due_ms = min(self._node_due_ms, now_ms + HALF_PERIOD_MS)
        return False

    def _is_link_lost(self, now_ms):
        heard_ms = self.responder.last_heard_ms
        if heard_ms is None:
            heard_ms = 0
        return now_ms - heard_ms >= self._link_lost_ms
