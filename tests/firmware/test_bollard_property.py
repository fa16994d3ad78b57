"""A whole bollard controller under random streets, hands, gateways and orders, with its monitor.

The monitor is the street's own: it sees pins, polls and commands, and knows no state machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from firmware.logic import bollard
from hil.monitors import Limits, PostMonitor, Violation
from hil.pins import BollardPin
from protocol.generated import wire, wire_bollard
from tests.dual.bollard_rig import OPERATOR, PAIR, SUPERVISOR, BollardRig, FakeBollard

PINS = {
    bollard.LOOP_A: BollardPin.LOOP_A,
    bollard.LOOP_B: BollardPin.LOOP_B,
    bollard.LOOP_FAULT: BollardPin.LOOP_FAULT,
    bollard.OBSTACLE: BollardPin.OBSTACLE,
    bollard.EMERGENCY: BollardPin.EMERGENCY,
    bollard.DOOR_OPEN: BollardPin.DOOR,
    bollard.AT_TOP: BollardPin.AT_TOP,
    bollard.AT_BOTTOM: BollardPin.AT_BOTTOM,
    bollard.LOCAL_KEY: BollardPin.LOCAL_KEY,
    bollard.EMERGENCY_LOWER: BollardPin.EMERGENCY_LOWER,
    bollard.LOCAL_LOWER: BollardPin.LOCAL_LOWER,
    bollard.POWER_LOST: BollardPin.POWER_LOST,
}
LIGHTS = {
    bollard.WARNING: BollardPin.WARNING_LIGHT,
    bollard.RED: BollardPin.RED,
    bollard.GREEN: BollardPin.GREEN,
    bollard.BUZZER: BollardPin.BUZZER,
}
DRIVES = {
    bollard.DRIVE_UP: BollardPin.DRIVE_UP,
    bollard.DRIVE_DOWN: BollardPin.DRIVE_DOWN,
}
ORDERS = (
    wire_bollard.VERB_RAISE,
    wire_bollard.VERB_RAISE,
    wire_bollard.VERB_LOWER,
    wire_bollard.VERB_GRANT,
    wire_bollard.VERB_HOLD,
)
PRESENCE = (bollard.LOOP_A, bollard.LOOP_B, bollard.LOOPS, bollard.OBSTACLE, bollard.LOOP_FAULT)
HANDS = (bollard.LOCAL_KEY, bollard.LOCAL_LOWER, bollard.KEYS)
CALAMITIES = (
    bollard.EMERGENCY,
    bollard.EMERGENCY_LOWER,
    bollard.POWER_LOST,
    bollard.DOOR_OPEN,
    bollard.BOTH_ENDS,
)
FULL_SCALE_MA = 20000


class WatchedPlant(FakeBollard):
    """Tells each change of an output as it comes."""

    def __init__(self, tell: Callable[[BollardPin, int], None]) -> None:
        super().__init__()
        self._tell = tell

    def drive(self, direction: int) -> None:
        if direction == self.driven:
            return
        for drive, pin in sorted(DRIVES.items(), key=lambda one: one[0] == direction):
            self._tell(pin, int(drive == direction))
        super().drive(direction)

    def signals(self, bits: int) -> None:
        for bit, pin in LIGHTS.items():
            self._tell(pin, int(bool(bits & bit)))
        super().signals(bits)


class Watched(BollardRig):
    """A post whose pins a monitor sees."""

    def __init__(self, parameters: dict[str, int]) -> None:
        self.found: list[Violation] = []
        self.monitor = PostMonitor("post", Limits.of(parameters), self.found.append)
        self.monitor.booted(0.0)
        self.monitor.watchdog(1000)
        self.cut_short = False
        self.now_ms = 0
        self._inputs = 0
        super().__init__(parameters, True, WatchedPlant(self._see_output))

    @property
    def now_s(self) -> float:
        """Virtual time."""
        return 1000 + self.now_ms / 1000

    def step(self, polls: bool) -> None:
        """10 ms: what the street does, a poll, what the post does."""
        if polls and self.now_ms % 100 == 0:
            if self.permit:
                self.monitor.permit(self.now_s)
            self.poll()
        self.run(10)
        self.monitor.tick(self.now_s)

    def give(self, verb: int, duration_s: int, people: Any) -> None:
        """An order, seen by the monitor."""
        self.monitor.command(self.transaction + 1, self.now_s)
        self.order(verb, duration_s, people)

    def pass_time(self, duration_ms: int) -> None:
        """Later, and the monitor sees where the post is before its controller does."""
        super().pass_time(duration_ms)
        self.see_inputs()

    def see_inputs(self) -> None:
        """Tell the monitor what the contacts read."""
        inputs = self.plant.bits()
        for bit, pin in PINS.items():
            if (inputs ^ self._inputs) & bit:
                self.monitor.input(pin, int(bool(inputs & bit)), self.now_s)
        self._inputs = inputs
        self.monitor.current(self.plant.current_ma() / FULL_SCALE_MA)

    def _see_output(self, pin: BollardPin, level: int) -> None:
        self.monitor.output(pin, level, self.now_s)


class Street(RuleBasedStateMachine):
    """Everything that can happen to a post, in any order."""

    @initialize(lowers=st.integers(0, 1), travel_ms=st.sampled_from([3000, 6000]))
    def begin(self, lowers: int, travel_ms: int) -> None:
        """A post that has just booted, at the bottom."""
        parameters = {
            "power_fail_lower": lowers,
            "travel_ms": travel_ms,
            "grant_wait_s": 5,
            "passage_wait_s": 5,
            "raise_wait_s": 10,
        }
        self.rig = Watched(parameters)
        self.rig.open()
        self.polls = True
        self.settle(1000)

    def settle(self, duration_ms: int) -> None:
        """Let time pass."""
        for _ in range(duration_ms // 10):
            self.rig.step(self.polls)

    @rule(duration_ms=st.sampled_from([50, 300, 1000, 3500, 5000]))
    def time_passes(self, duration_ms: int) -> None:
        """And nothing else."""
        self.settle(duration_ms)

    @rule(verb=st.sampled_from(ORDERS), duration_ms=st.sampled_from([10, 500, 4000, 7000]))
    def somebody_orders(self, verb: int, duration_ms: int) -> None:
        """An order, and time to carry it out."""
        if self.rig.requester.session is not None:
            self.rig.give(verb, 3, OPERATOR)
        self.settle(duration_ms)

    @rule(people=st.sampled_from([SUPERVISOR, OPERATOR]))
    def somebody_resets(self, people: Any) -> None:
        """Who may, and who may not."""
        self.rig.give(wire_bollard.VERB_RESET, 0, people)
        self.settle(200)

    @rule(duration_s=st.sampled_from([1, 20]))
    def two_bypass(self, duration_s: int) -> None:
        """The permission does not count for a while."""
        self.rig.give(wire_bollard.VERB_BYPASS, duration_s, PAIR)
        self.rig.monitor.bypassed = True
        self.settle(duration_s * 1000 + 100)
        self.rig.monitor.bypassed = self.rig.node.drive == bollard.DRIVE_UP

    @rule(sensed=st.sampled_from(PRESENCE), duration_ms=st.sampled_from([20, 500, 3000]))
    def somebody_is_there(self, sensed: int, duration_ms: int) -> None:
        """A vehicle, an obstacle, or a loop that breaks; for a while."""
        self._for_a_while(sensed, duration_ms)

    @rule(sensed=st.sampled_from(HANDS), duration_ms=st.sampled_from([20, 500, 5000]))
    def somebody_holds_a_key(self, sensed: int, duration_ms: int) -> None:
        """Hold to run."""
        self._for_a_while(sensed, duration_ms)

    @rule(sensed=st.sampled_from(CALAMITIES), duration_ms=st.sampled_from([20, 1000, 3000]))
    def a_calamity(self, sensed: int, duration_ms: int) -> None:
        """Emergency, power, door, end switches."""
        self._for_a_while(sensed, duration_ms)

    @rule(permit=st.booleans(), polls=st.booleans(), duration_ms=st.sampled_from([300, 1500]))
    def the_gateway_is_away(self, permit: bool, polls: bool, duration_ms: int) -> None:
        """It withholds its permission, or is silent."""
        self.rig.permit, self.polls = permit, polls
        self.settle(duration_ms)
        self.rig.permit = self.polls = True

    @rule(duration_ms=st.sampled_from([300, 2000]))
    def the_post_is_blocked(self, duration_ms: int) -> None:
        """Its drive pushes against something."""
        plant = self.rig.plant
        plant.blocked, plant.ma = True, 19000
        self.rig.see_inputs()
        self.settle(duration_ms)
        plant.blocked, plant.ma = False, 6000

    @rule(ends=st.sampled_from([0, bollard.AT_TOP, bollard.AT_BOTTOM]))
    def an_end_switch_sparks(self, ends: int) -> None:
        """For one look, wherever the post is."""
        plant = self.rig.plant
        plant.ends = ends
        self.rig.see_inputs()
        self.settle(10)
        plant.ends = -1
        self.rig.see_inputs()
        self.settle(200)

    @rule(ma=st.sampled_from([0, 6000]), duration_ms=st.sampled_from([500, 2000]))
    def the_current_sensor_freezes(self, ma: int, duration_ms: int) -> None:
        """It reads on what it read."""
        plant = self.rig.plant
        plant.frozen_ma = ma
        self.settle(duration_ms)
        plant.frozen_ma = -1

    def _for_a_while(self, sensed: int, duration_ms: int) -> None:
        plant = self.rig.plant
        self.rig.cut_short |= bool(sensed & (bollard.EMERGENCY_LOWER | bollard.POWER_LOST))
        plant.sensed |= sensed
        self.rig.see_inputs()
        self.settle(duration_ms)
        plant.sensed &= ~sensed
        self.settle(200)

    @invariant()
    def nothing_is_broken(self) -> None:
        """What must never happen did not."""
        if not hasattr(self, "rig"):
            return
        # An emergency lowering begins with a pause, and power that is back ends one by its loss.
        excused = (17,) if self.rig.cut_short else ()
        assert [str(one) for one in self.rig.found if one.invariant not in excused] == []

    def teardown(self) -> None:
        """Every motion was recorded, every order has had its last word once."""
        if hasattr(self, "rig"):
            rig = self.rig
            assert len(rig.motions()) == len(rig.monitor.motions)
            told = wire.EVENT_CODE_COMMAND_RESULT
            words = [event[4] for event in rig.events() if event[0] == told]
            assert len(words) == len(set(words))


TestStreet = Street.TestCase
TestStreet.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
