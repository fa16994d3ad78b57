"""The chip itself: identity, reset, light, heap, watchdog, monotonic time."""

import gc
import os
import time

import machine

from protocol.generated.wire import (
    RESET_CAUSE_DEEP_SLEEP,
    RESET_CAUSE_HARD,
    RESET_CAUSE_POWER_ON,
    RESET_CAUSE_SOFT,
    RESET_CAUSE_WATCHDOG,
)

ID_BYTES = 8


class System:
    """See the methods. `flash` is the block device, or None when there is no flash."""

    def __init__(self, board, flash):
        self._led = machine.Pin(board.LED, machine.Pin.OUT, value=0)
        self._flash = flash

    def led(self, lit):
        """The identify light."""
        self._led.value(lit)

    def heap_free(self):
        """Collect, and return the free bytes of the heap."""
        gc.collect()
        return gc.mem_free()

    def erases(self):
        """Flash blocks erased since boot, where the flash counts them, else 0."""
        return getattr(self._flash, "erase_count", 0)


class Uptime:
    """Milliseconds since it was made, from ticks that wrap; ask at least once in six days."""

    def __init__(self):
        self.now_ms = 0
        self._ticks = time.ticks_ms()

    def read(self):
        """The time in ms, never less than before."""
        ticks = time.ticks_ms()
        self.now_ms += time.ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self.now_ms


def hardware_id():
    """The chip's unique id as 8 bytes; a shorter one is filled up with zeros in front."""
    unique = machine.unique_id()[-ID_BYTES:]
    return bytes(ID_BYTES - len(unique)) + unique


def reset_cause():
    """Why the chip started, as wire.RESET_CAUSE_*; ports know different sets of causes."""
    cause = machine.reset_cause()
    for name, meaning in (
        ("PWRON_RESET", RESET_CAUSE_POWER_ON),
        ("WDT_RESET", RESET_CAUSE_WATCHDOG),
        ("HARD_RESET", RESET_CAUSE_HARD),
        ("DEEPSLEEP_RESET", RESET_CAUSE_DEEP_SLEEP),
        ("SOFT_RESET", RESET_CAUSE_SOFT),
    ):
        if getattr(machine, name, -1) == cause:
            return meaning
    return RESET_CAUSE_HARD


def draw():
    """15 random bits."""
    drawn = os.urandom(2)
    return drawn[0] | (drawn[1] & 0x7F) << 8


def watchdog(timeout_ms):
    """Start the watchdog, or set it anew; from then on it wants its `feed()` within that time."""
    return machine.WDT(timeout=timeout_ms)


def reset():
    """Start the chip anew; does not return."""
    machine.reset()
