"""The monitors of a running street: they hear its pins, its flash and its lines as they happen."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from hil import pins
from hil.line import GATEWAY
from hil.monitors import Limits, PostMonitor, Violation
from hil.pins import BollardPin, Kind
from hil.plants.board import Wire
from hil.plants.sensors import ADC_MAX
from protocol.framing import HEADER_AT, PAYLOAD_AT, Deframer
from protocol.generated.wire import COMMAND, FLAG_PERMIT, FLAG_REPLY, POLL

Tap = Callable[[str, bytes], None]


class Watch:
    """One monitor for every post of a street. `violations` grows while it runs."""

    def __init__(self) -> None:
        self.monitors: dict[str, PostMonitor] = {}
        self.violations: list[Violation] = []
        self._seen: dict[str, dict[Wire, int]] = {}

    def add(self, slot: str, parameters: Mapping[str, Any]) -> None:
        """Watch the post in a slot."""
        self.monitors[slot] = PostMonitor(slot, Limits.of(parameters), self.violations.append)
        self._seen[slot] = {}

    def inputs(self, slot: str, inputs: Mapping[Wire, int]) -> None:
        """All inputs of a controller, as they are sent to it now."""
        monitor = self.monitors.get(slot)
        if monitor is None:
            return
        seen = self._seen[slot]
        for wire, value in inputs.items():
            if seen.get(wire) == value:
                continue
            seen[wire] = value
            kind, pin = wire
            if kind == Kind.DIGITAL:
                monitor.input(pin, value, time.monotonic())
            elif pin == BollardPin.MOTOR_CURRENT:
                monitor.current(value / ADC_MAX)

    def output(self, slot: str, kind: Kind, index: int, value: int) -> None:
        """A controller changed an output."""
        monitor = self.monitors.get(slot)
        if monitor is not None and kind == Kind.DIGITAL:
            monitor.output(index, value, time.monotonic())

    def lost(self, slot: str) -> None:
        """A controller's run ended, by itself or not; then its outputs fall to off."""
        monitor = self.monitors.get(slot)
        if monitor is not None:
            monitor.lost()

    def message(self, slot: str, kind: Kind, index: int, value: int) -> None:
        """A controller sent a message that is no output."""
        monitor = self.monitors.get(slot)
        if monitor is None:
            return
        match kind:
            case Kind.FLASH:
                monitor.flash(time.monotonic())
            case Kind.BOOTED:
                monitor.booted(time.monotonic())
            case Kind.WATCHDOG if index == pins.WATCHDOG_ARM:
                monitor.watchdog(value * pins.WATCHDOG_UNIT_MS)
            case _:
                pass

    def state(self, slot: str, state: Mapping[str, Any]) -> None:
        """The gateway published the state of a slot, as `state` of the broker contract."""
        monitor = self.monitors.get(slot)
        if monitor is not None:
            monitor.state(str(state.get("state")), time.monotonic())

    def tick(self) -> None:
        """Judge what lasts."""
        now_s = time.monotonic()
        for monitor in self.monitors.values():
            monitor.tick(now_s)

    def tap(self, posts: Mapping[int, str]) -> Tap:
        """For `Line.tap`: sees permissions and commands to those posts, by their address."""
        deframer = Deframer()

        def listen(talker: str, data: bytes) -> None:
            if talker != GATEWAY:
                return
            at = 0
            while at < len(data):
                at = deframer.push(data, at, len(data))
                if deframer.size >= 0:
                    frame = deframer.buffer[HEADER_AT : PAYLOAD_AT + deframer.size]
                    self._heard(bytes(frame), posts)

        return listen

    def _heard(self, frame: bytes, posts: Mapping[int, str]) -> None:
        flags, destination, _, kind = frame[:4]
        slot = posts.get(destination)
        if slot is None or flags & FLAG_REPLY:
            return
        if kind == POLL and flags & FLAG_PERMIT:
            self.monitors[slot].permit(time.monotonic())
        elif kind == COMMAND:
            # A repetition is the same frame, so its counter and its tag are the same.
            self.monitors[slot].command(frame, time.monotonic())
