"""A bin with a press for dual tests: where its plate is, what that draws, and what it tells."""

from firmware.logic import bin as logic
from firmware.nodes.bin import BinNode
from protocol.generated import wire, wire_bin
from tests.dual.firmware_rig import FakeBin, Rig, configured

TRAVEL_MS = 6000
FREE_MA, PACKING_MA, STOPPED_MA = 2000, 7000, 16000
CALIBRATION = {"empty_mm": 1200, "full_mm": 200}


class Pressed(FakeBin):
    """A bin with a press: where its plate is, and what that draws."""

    def __init__(self):
        FakeBin.__init__(self)
        self.now_ms = 0
        self.plate_ms = 0
        self.driven = logic.OFF
        self.drives = []
        self.waste_ms = 4000  # where the waste stops the plate
        self.dead = False
        self.stuck_out = False
        self.loose = True
        self._at_ms = 0

    def press(self, direction):
        FakeBin.press(self, direction)
        self.settle()
        if direction != self.driven:
            self.drives.append((self.now_ms, direction))
            self.driven = direction

    def settle(self):
        """Let the plate move until now; True when something stops it."""
        elapsed_ms = self.now_ms - self._at_ms
        self._at_ms = self.now_ms
        if self.driven == logic.OFF or self.dead:
            return False
        if self.driven == logic.PRESS:
            self.plate_ms = min(self.plate_ms + elapsed_ms, self.waste_ms)
            if self.plate_ms == self.waste_ms and self.loose and self.waste_ms:
                self.loose = False
                self.distance = 900
            return self.plate_ms == self.waste_ms
        if self.stuck_out:
            return self.plate_ms > 0
        self.plate_ms = max(self.plate_ms - elapsed_ms, 0)
        return self.plate_ms == 0

    def press_ma(self):
        stopped = self.settle()
        if self.driven == logic.OFF or self.dead:
            return 0
        if stopped:
            return STOPPED_MA
        return PACKING_MA if self.driven == logic.PRESS else FREE_MA


class PressRig(Rig):
    """A bin with a press."""

    def __init__(self, distance_mm=700, **parameters):
        self.plant = Pressed()
        self.plant.distance = distance_mm
        Rig.__init__(self, configured("bin", dict(CALIBRATION, **parameters)), self.plant)
        node = self.controller.node
        assert isinstance(node, BinNode)
        self.node = node
        self.states = []

    def run(self, duration_ms):
        end_ms = self.now_ms + duration_ms
        while self.now_ms < end_ms:
            self.plant.now_ms = self.now_ms
            wait_ms = self.controller.turn(self.now_ms)
            if not self.states or self.states[-1] != self.node.state:
                self.states.append(self.node.state)
            self.now_ms = min(self.now_ms + wait_ms, end_ms)
        self.plant.now_ms = self.now_ms

    def until(self, state, limit_ms=60000):
        """Run until a state is reached."""
        for _ in range(limit_ms // 50):
            if self.node.state == state:
                return
            self.run(50)
        raise AssertionError("state %d after %d" % (self.node.state, state))

    def compact(self, transaction=1):
        """(status, guard) of the answer to a `compact`."""
        self.plant.now_ms = self.now_ms
        return self.command(wire_bin.VERB_COMPACT, transaction)[1:3]

    def results(self):
        """(status, guard, progress, transaction) of every result that was told later."""
        self.drain()
        return [
            (value & 0xFF, value >> 8 & 0xFF, value >> 16, transaction)
            for code, _, _, value, transaction in self.events()
            if code == wire.EVENT_CODE_COMMAND_RESULT
        ]

    def told(self, code):
        """(active, value) of each event of that code so far."""
        self.drain()
        return [(event[2], event[3]) for event in self.events() if event[0] == code]
