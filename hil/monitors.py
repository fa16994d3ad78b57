"""Watches every emulated post for what must never happen, at its pins, its flash and its line.

These are the invariants of a post, by the numbers that the whole project uses. A monitor knows no
state machine: it sees what goes to a controller and what comes from it, with the street's own
clock, and the records and states that the gateway published when a test passes them on.

    1, 2, 4  no upward drive with presence, loop fault, obstacle or an open sensor wire; then down
    3        no drive after an emergency stop or with both end switches
    5        upward drive only on a lease, but for the local key or a bypass
    6        at least a second of uninterrupted warning before it rises
    7, 8, 13 every drive has a cause: one command, one rise; none after a boot
    9        no drive for longer than the travel limit
    10       a fault is left by a command or by a restart, never by itself
    11       never both drives, and a dead time between them
    12       lower and stop win
    14       no flash operation while a drive is on
    15       no drive without a watchdog of at most 8388 ms
    16       a bypass relaxes 5 only: the others know nothing of it
    17       a lowering that has begun reaches the bottom
    18       as many motion records as motions
    0        the lights: red while it moves or stands, green only at the bottom
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hil.pins import LIVE, UNCONNECTED, BollardPin

REACTION_S = 0.1
"""Presence to drive off: the limit that the product has, on a street that runs in real time."""
JITTER_S = 0.05
"""How far two instants that are seen from outside may be displaced against each other."""
LEASE_S = 0.5
WARNING_S = 1.0
INVERSION_S = 2.5
"""Drive off because of presence to downward drive on, dead time included."""
LIGHTS_S = 0.3
LONGEST_WATCHDOG_MS = 8388  # RP2040
BLOCKED_READING = 0.45  # of the full scale of the motor current: something stops the post

PRESENCE = (BollardPin.LOOP_A, BollardPin.LOOP_B, BollardPin.LOOP_FAULT, BollardPin.OBSTACLE)
DRIVES = (BollardPin.DRIVE_UP, BollardPin.DRIVE_DOWN)


@dataclass(frozen=True)
class Violation:
    """What a post did and must not do. `at_s`: monotonic time of the street."""

    invariant: int
    slot: str
    at_s: float
    what: str

    def __str__(self) -> str:
        return f"{self.slot} broke invariant {self.invariant} at {self.at_s:.3f} s: {self.what}"


@dataclass(frozen=True)
class Limits:
    """What a post was commissioned with, as far as the monitor needs it; seconds.

    `inversions`: how often it may try again after one command. Defaults: firmware/parameters.
    """

    travel_s: float = 10.0
    dead_time_s: float = 0.5
    inversions: int = 2

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "Limits":
        """From a slot's parameters; what they leave open as by default."""
        return cls(
            travel_s=parameters.get("travel_ms", cls.travel_s * 1000) / 1000,
            dead_time_s=parameters.get("dead_time_ms", cls.dead_time_s * 1000) / 1000,
            inversions=parameters.get("inversions_most", cls.inversions + 1) - 1,
        )


class PostMonitor:
    """Of one post. Tell it what happens, in order; `report` gets each violation once.

    Times are monotonic seconds. `bypassed`: a bypass of the lease is on. `motions`: when which
    drive went on in this life of the street.
    """

    def __init__(self, slot: str, limits: Limits, report: Callable[[Violation], None]) -> None:
        self.slot = slot
        self.limits = limits
        self.bypassed = False
        self.motions: deque[tuple[float, BollardPin]] = deque(maxlen=1000)
        self._report = report
        self._motion = 0
        self._told: dict[int, int] = {}  # the motion in which an invariant was last broken
        self._on: dict[int, float] = {}  # outputs that are on, and since when
        self._active: dict[int, float] = {}  # inputs that are active, and since when
        self._cleared_s: dict[int, float] = {}
        self._current = 0.0
        self._off_s: dict[int, float] = {}
        self._permit_s: float | None = None
        self._command: object = None
        self._commands = 0
        self._commands_at_fault: int | None = None
        self._commands_at_down = 0
        self._has_command_since_boot = False
        self._up_credit = self._down_credit = False
        self._inversions = 0
        self._must_lower_by_s: float | None = None
        self._watchdog_ms: int | None = None
        self._is_there = True

    # What happens.

    def input(self, pin: int, level: int, now_s: float) -> None:
        """A contact changed on its way to the controller; most open wires are active."""
        if level == UNCONNECTED and pin in LIVE:
            level = 0
        if level:
            self._active.setdefault(pin, now_s)
        elif self._active.pop(pin, None) is not None:
            self._cleared_s[pin] = now_s

    def current(self, share: float) -> None:
        """The motor current, as a share of full scale."""
        self._current = share

    def output(self, pin: int, level: int, now_s: float) -> None:
        """The controller changed an output."""
        if bool(level) == (pin in self._on):
            return
        if level:
            self._on[pin] = now_s
            if pin in DRIVES:
                self._drive_on(BollardPin(pin), now_s)
        else:
            since_s = self._on.pop(pin)
            self._off_s[pin] = now_s
            if pin in DRIVES and self._is_there:
                self._drive_off(BollardPin(pin), since_s, now_s)

    def lost(self) -> None:
        """The controller's run ended; its outputs fall to off without its doing."""
        self._is_there = False

    def booted(self, now_s: float) -> None:
        """A run of the controller begins: no order is left from the one before."""
        del now_s
        self._is_there = True
        self._up_credit = self._down_credit = self._has_command_since_boot = False
        self._must_lower_by_s = self._watchdog_ms = self._commands_at_fault = None
        self._inversions = 0

    def watchdog(self, timeout_ms: int) -> None:
        """The controller armed its watchdog."""
        self._watchdog_ms = timeout_ms

    def flash(self, now_s: float) -> None:
        """A block of the flash was erased or programmed."""
        for drive in DRIVES:
            if drive in self._on:
                self._violated(14, f"wrote flash while {drive.name} was on", now_s)

    def permit(self, now_s: float) -> None:
        """A poll with the permission for upward drive went out to this post."""
        self._permit_s = now_s

    def command(self, identity: object, now_s: float) -> None:
        """A command frame went out to it; the same `identity` again is a repetition."""
        del now_s
        if identity != self._command:
            self._command = identity
            self._commands += 1
            self._up_credit = self._down_credit = self._has_command_since_boot = True
            self._inversions = 0

    def state(self, state: str, now_s: float) -> None:
        """The gateway published a state (`BollardState` in lower case)."""
        if state == "fault":
            if self._commands_at_fault is None:
                self._commands_at_fault = self._commands
        elif self._commands_at_fault is not None and state != "boot":
            if self._commands == self._commands_at_fault:
                self._violated(10, f"left fault for {state} by itself", now_s)
            self._commands_at_fault = None

    def audit(self, records: int, now_s: float) -> None:
        """All records have arrived, and so many of them told of a motion."""
        if records != len(self.motions):
            self._violated(18, f"{len(self.motions)} motions, {records} records of them", now_s)

    def tick(self, now_s: float) -> None:
        """Judge what lasts; after every step of the physics."""
        up, down = BollardPin.DRIVE_UP, BollardPin.DRIVE_DOWN
        if up in self._on:
            self._tick_up(now_s)
        for drive in DRIVES:
            if drive in self._on:
                self._tick_any(drive, now_s)
        if self._must_lower_by_s is not None:
            if down in self._on or self._is_excused_from_lowering():
                self._must_lower_by_s = None
            elif now_s > self._must_lower_by_s:
                self._must_lower_by_s = None
                self._violated(2, "did not lower after presence while rising", now_s)
        self._tick_lights(now_s)

    # What follows from it.

    def _tick_up(self, now_s: float) -> None:
        up = BollardPin.DRIVE_UP
        for pin in PRESENCE:
            lasted_s = self._lasted_s(pin, now_s)
            if lasted_s <= REACTION_S:
                continue
            number = 1 if self._active[pin] <= self._on[up] else 2
            self._violated(number, f"drove up with {pin.name} for {lasted_s * 1000:.0f} ms", now_s)
        for pin in (BollardPin.LOCAL_LOWER, BollardPin.EMERGENCY_LOWER):
            if self._lasted_s(pin, now_s) > REACTION_S:
                self._violated(12, f"drove up against {pin.name}", now_s)
        self._judge_lease(now_s)

    def _tick_any(self, drive: BollardPin, now_s: float) -> None:
        if self._lasted_s(BollardPin.EMERGENCY, now_s) > REACTION_S:
            self._violated(3, f"{drive.name} on after an emergency stop", now_s)
        ends = (BollardPin.AT_TOP, BollardPin.AT_BOTTOM)
        if min(self._lasted_s(pin, now_s) for pin in ends) > REACTION_S:
            self._violated(3, f"{drive.name} on with both end switches", now_s)
        if now_s - self._on[drive] > self.limits.travel_s + 0.5:
            self._violated(9, f"{drive.name} on beyond the travel limit", now_s)

    def _tick_lights(self, now_s: float) -> None:
        on = self._on
        red, green = BollardPin.RED in on, BollardPin.GREEN in on
        lit_s = now_s - on.get(BollardPin.GREEN, now_s)
        if lit_s > LIGHTS_S and BollardPin.AT_BOTTOM not in self._active:
            cleared_s = self._cleared_s.get(BollardPin.AT_BOTTOM, 0.0)
            if now_s - cleared_s > LIGHTS_S:
                self._violated(0, "green while it is not down", now_s)
        if red and green and min(lit_s, now_s - on[BollardPin.RED]) > LIGHTS_S:
            self._violated(0, "red and green at once", now_s)
        for drive in DRIVES:
            if drive in on and not red and now_s - on[drive] > LIGHTS_S:
                self._violated(0, f"{drive.name} on without red", now_s)

    def _drive_on(self, drive: BollardPin, now_s: float) -> None:
        self.motions.append((now_s, drive))
        self._motion += 1
        other = DRIVES[1 - DRIVES.index(drive)]
        if other in self._on:
            self._violated(11, "both drives on", now_s)
        elif now_s - self._off_s.get(other, -1e9) < self.limits.dead_time_s - JITTER_S:
            self._violated(11, f"{drive.name} on without a dead time after {other.name}", now_s)
        if self._watchdog_ms is None or self._watchdog_ms > LONGEST_WATCHDOG_MS:
            self._violated(15, f"{drive.name} on with no watchdog", now_s)
        if drive == BollardPin.DRIVE_UP:
            self._up_begins(now_s)
        else:
            self._down_begins(now_s)

    def _up_begins(self, now_s: float) -> None:
        warned_s = now_s - self._on.get(BollardPin.WARNING_LIGHT, now_s)
        if warned_s < WARNING_S - JITTER_S:
            self._violated(6, f"rose after {warned_s:.2f} s of warning", now_s)
        clear_s = now_s - max((self._cleared_s.get(pin, -1e9) for pin in PRESENCE), default=-1e9)
        if clear_s < WARNING_S - REACTION_S:
            self._violated(6, f"rose {clear_s:.2f} s after presence", now_s)
        self._judge_lease(now_s)
        if self._up_credit:
            self._up_credit = False
        elif BollardPin.LOCAL_KEY not in self._active:
            self._inversions += 1
            if not self._has_command_since_boot:
                self._violated(8, "rose after a boot without a command", now_s)
            elif self._inversions > self.limits.inversions:
                self._violated(7, "rose once more than it was commanded", now_s)
        self._down_credit = True

    def _down_begins(self, now_s: float) -> None:
        causes = (BollardPin.LOCAL_LOWER, BollardPin.EMERGENCY_LOWER, BollardPin.POWER_LOST)
        if not self._down_credit and not any(pin in self._active for pin in causes):
            number = 13 if self._has_command_since_boot else 8
            self._violated(number, "lowered without a cause", now_s)
        self._down_credit = False
        self._commands_at_down = self._commands

    def _drive_off(self, drive: BollardPin, since_s: float, now_s: float) -> None:
        if drive == BollardPin.DRIVE_UP:
            if any(pin in self._active for pin in PRESENCE):
                self._must_lower_by_s = now_s + self.limits.dead_time_s + INVERSION_S
            elif self._current <= BLOCKED_READING:
                self._inversions = self.limits.inversions  # nothing that it may try again
            return
        excused = (
            self._is_excused_from_lowering()
            or BollardPin.AT_TOP in self._active
            or self._current > BLOCKED_READING
            or self._commands != self._commands_at_down
            or now_s - since_s > 0.8 * self.limits.travel_s
            or now_s - self._cleared_s.get(BollardPin.LOCAL_LOWER, -1e9) < 2 * REACTION_S
        )
        if not excused:
            self._violated(17, "stopped lowering on the way", now_s)

    def _is_excused_from_lowering(self) -> bool:
        excuses = (
            BollardPin.AT_BOTTOM,
            BollardPin.EMERGENCY,
            BollardPin.POWER_LOST,
            BollardPin.LOOP_FAULT,
        )
        return any(pin in self._active for pin in excuses)

    def _judge_lease(self, now_s: float) -> None:
        if self.bypassed or BollardPin.LOCAL_KEY in self._active:
            return
        age_s = now_s - (-1e9 if self._permit_s is None else self._permit_s)
        if age_s > LEASE_S + REACTION_S:
            self._violated(5, "drove up without a lease", now_s)

    def _lasted_s(self, pin: int, now_s: float) -> float:
        since_s = self._active.get(pin)
        return 0.0 if since_s is None else now_s - since_s

    def _violated(self, invariant: int, what: str, now_s: float) -> None:
        """Once for every motion, however long it lasts."""
        if self._told.get(invariant) == self._motion:
            return
        self._told[invariant] = self._motion
        self._report(Violation(invariant, self.slot, now_s, what))
