"""When a bin wants to be packed, and what is in the way of that."""

from firmware.logic import bin as logic
from protocol.generated.wire import (
    GUARD_DOOR_OPEN,
    GUARD_FAULT,
    GUARD_NONE,
    GUARD_SENSOR_INVALID,
)
from protocol.generated.wire_bin import (
    BIN_INPUT_DOOR_OPEN,
    BIN_INPUT_EYE,
    BIN_INPUT_LID_OPEN,
    BIN_INPUT_TILT,
    GUARD_BATTERY_LOW,
    GUARD_FIRE,
    GUARD_JAM,
    GUARD_LID_OPEN,
    GUARD_SERVICE,
    GUARD_TILTED,
)

EYE_MS = 5000
# Waste that was packed is packed again when this much has come on top.
PACK_AGAIN_PERMILLE = 100
# While these are open, neither the eye nor an echo says what is in the bin.
OPENINGS = BIN_INPUT_LID_OPEN | BIN_INPUT_DOOR_OPEN | BIN_INPUT_TILT
# What is in the way of the press, most urgent first.
HINDRANCES = (
    (logic.BURNING, GUARD_FIRE),
    (logic.DOOR, GUARD_DOOR_OPEN),
    (logic.IN_SERVICE, GUARD_SERVICE),
    (logic.JAMMED, GUARD_JAM),
    (logic.LID, GUARD_LID_OPEN),
    (logic.TILTED, GUARD_TILTED),
    (logic.FAULTY, GUARD_FAULT),
    (logic.BLIND, GUARD_SENSOR_INVALID),
    (logic.LOW, GUARD_BATTERY_LOW),
)


def guard(sample):
    """What hinders the press in a sample of logic.bin, as GUARD_*; the most urgent one."""
    for bit, number in HINDRANCES:
        if sample & bit:
            return number
    return GUARD_NONE


class Demand:
    """`due`: a cycle is wanted, by the eye, by the level or by somebody.

    `packed_permille`: the level that the last cycle left, logic.UNKNOWN until it is measured.
    """

    def __init__(self, parameters):
        self.due = False
        self.packed_permille = 0
        self._fitted = parameters["press"]
        self._mark_permille = parameters["compact_permille"]
        self._eye_ms = 0

    def look(self, bits, meter, elapsed_ms):
        """Take BIN_INPUT_* and the level after `elapsed_ms`.

        The eye counts when it has been blocked for long, and once: it may be dirty.
        """
        if not self._fitted:
            return
        seen_ms = self._eye_ms
        if not bits & BIN_INPUT_EYE:
            self._eye_ms = 0
        elif not bits & OPENINGS:
            self._eye_ms = min(seen_ms + elapsed_ms, EYE_MS)
        if seen_ms < EYE_MS <= self._eye_ms:
            self.due = True
        if not meter.good:
            return
        if self.packed_permille == logic.UNKNOWN:
            self.packed_permille = meter.level_permille
        mark_permille = max(self._mark_permille, self.packed_permille + PACK_AGAIN_PERMILLE)
        if meter.level_permille >= mark_permille:
            self.due = True

    def looking(self):
        """Whether the eye is blocked, and for how long is not clear yet."""
        return 0 < self._eye_ms < EYE_MS

    def met(self, packed_permille):
        """The waste was packed, or taken out: `packed_permille` is left, UNKNOWN is measured."""
        self.due = False
        self.packed_permille = packed_permille
