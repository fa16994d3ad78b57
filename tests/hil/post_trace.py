"""A post's life as its monitor sees it, told by hand."""

from __future__ import annotations

from hil.monitors import Limits, PostMonitor, Violation
from hil.pins import BollardPin

UP, DOWN = BollardPin.DRIVE_UP, BollardPin.DRIVE_DOWN
TICK_S = 0.02
LIMITS = Limits(travel_s=6.0, dead_time_s=0.3, inversions=2)


class Trace:
    """A post's life as the monitor sees it, in steps; permits flow unless `lease` is False."""

    def __init__(self) -> None:
        self.found: list[Violation] = []
        self.monitor = PostMonitor("post", LIMITS, self.found.append)
        self.now_s = 100.0
        self.lease = True
        self.commands = 0
        self.monitor.booted(self.now_s)
        self.monitor.watchdog(8000)
        self.set(BollardPin.AT_BOTTOM)
        self.on(BollardPin.GREEN)

    def set(self, pin: BollardPin, level: int = 1) -> None:
        self.monitor.input(pin, level, self.now_s)

    def clear(self, pin: BollardPin) -> None:
        self.monitor.input(pin, 0, self.now_s)

    def on(self, *pins: BollardPin) -> None:
        for pin in pins:
            self.monitor.output(pin, 1, self.now_s)

    def off(self, *pins: BollardPin) -> None:
        for pin in pins:
            self.monitor.output(pin, 0, self.now_s)

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.now_s += TICK_S
            if self.lease:
                self.monitor.permit(self.now_s)
            self.monitor.tick(self.now_s)

    def command(self) -> None:
        self.commands += 1
        self.monitor.command(self.commands, self.now_s)

    def warn(self, seconds: float = 1.2) -> None:
        self.off(BollardPin.GREEN)
        self.on(BollardPin.RED, BollardPin.WARNING_LIGHT)
        self.wait(seconds)

    def rise(self, seconds: float = 1.0) -> None:
        """Order, warning, and the first second of the way up."""
        self.command()
        self.warn()
        self.on(UP)
        self.clear(BollardPin.AT_BOTTOM)
        self.wait(seconds)

    def arrive(self) -> None:
        """The rest of the way up."""
        self.wait(2.0)
        self.set(BollardPin.AT_TOP)
        self.off(UP, BollardPin.WARNING_LIGHT)
        self.wait(1.0)

    def lower(self) -> None:
        """Down drive on, on the way."""
        self.on(DOWN)
        self.clear(BollardPin.AT_TOP)
        self.wait(1.0)

    def land(self) -> None:
        """The bottom is reached."""
        self.set(BollardPin.AT_BOTTOM)
        self.off(DOWN, BollardPin.RED)
        self.on(BollardPin.GREEN)
        self.wait(1.0)

    @property
    def broken(self) -> set[int]:
        return {violation.invariant for violation in self.found}


def up_and_down(t: Trace) -> None:
    """Up by one command, down by another."""
    t.rise()
    t.arrive()
    t.command()
    t.lower()
    t.land()


def presence_turns_it_round(t: Trace) -> None:
    """Somebody comes while it rises."""
    t.rise()
    t.set(BollardPin.LOOP_A)
    t.wait(0.04)
    t.off(UP)
    t.wait(0.4)
    t.lower()
    t.clear(BollardPin.LOOP_A)
    t.land()
