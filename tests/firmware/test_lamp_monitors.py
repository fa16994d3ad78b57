"""What must hold of a lamp at every moment, whatever happens: the shipped node in random days."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.logic import dali, lamp
from protocol.generated import wire, wire_gateway, wire_lamp
from tests.dual.firmware_rig import LampRig

PARAMETERS = {
    "programme": 2,
    "latitude_mdeg": 50_847,
    "longitude_mdeg": 4353,
    "floor_percent": 20,
    "safe_percent": 60,
    "hold_s": 3,
    "ramp_down_ms": 3000,
    "rated_power_dw": 250,
}
FLOOR, SAFE = dali.level(20), dali.level(60)
NIGHT, NOON = 222_130_800, 222_087_600  # 2027-01-15T23:00Z and 11:00Z
STEP_MS = 40
# A fade over the whole scale upwards, a turn, and the second of a measurement.
UP_MS = 600 + STEP_MS
OVERRIDE_S = 4

ACTIONS = (
    *("nobody", "somebody", "news", "night", "noon", "link"),
    *("override", "off", "auto", "dead", "alive", "hot", "cool"),
)


class Watched:
    """A lamp, what is true of its world, and for how long."""

    def __init__(self) -> None:
        self.rig = LampRig(PARAMETERS)
        self.node = self.rig.node
        self.occupied_ms = 0
        self.override_ends_ms = -1
        self.transaction = 0

    def act(self, action: str) -> None:
        """Let something happen."""
        rig, plant = self.rig, self.rig.plant
        if action in ("nobody", "somebody"):
            plant.somebody = int(action == "somebody")
        elif action == "news":
            self.node.expect(3, rig.now_ms)
        elif action in ("night", "noon"):
            payload = bytearray(wire.TIME_SIZE)
            seconds = NIGHT if action == "night" else NOON
            trust = wire.TIME_TRUST_SYNCHRONISED
            wire_gateway.pack_time(payload, 0, seconds, 0, trust)
            rig.hear(wire.TIME, payload)
        elif action == "link":
            rig.poll()
        elif action in ("override", "off", "auto"):
            self._command(action)
        elif action in ("dead", "alive"):
            plant.ma = 700 * int(action == "alive")
        else:
            plant.celsius = 90 if action == "hot" else 20

    def _command(self, action: str) -> None:
        self.transaction += 1
        verb = wire_lamp.VERB_AUTO if action == "auto" else wire_lamp.VERB_SET
        level = 100 if action == "override" else 0
        self.rig.command(verb, self.transaction, level=level, duration_s=OVERRIDE_S)
        ends_ms = self.rig.now_ms + OVERRIDE_S * 1000
        self.override_ends_ms = -1 if action == "auto" else ends_ms

    def run(self, duration_ms: int) -> None:
        """Let time pass, and look every STEP_MS."""
        for _ in range(duration_ms // STEP_MS):
            self.rig.run(STEP_MS)
            self.look()

    def look(self) -> None:
        """Every rule."""
        node, now_ms = self.node, self.rig.now_ms
        level = node.level_fine >> dali.FINE_SHIFT
        override = now_ms <= self.override_ends_ms + STEP_MS
        assert (node.state == lamp.OVERRIDE) <= override, "an override ends by itself"
        assert self.rig.plant.on == int(node.level_fine > 0), "the relay is on when there is light"
        arrived = node.level_fine == node._target << dali.FINE_SHIFT
        assert not arrived or level <= node.meter.limit, "a hot driver gets less"
        dark_on_purpose = override or not node.programme.night
        occupied = bool(self.rig.plant.somebody) and not dark_on_purpose
        self.occupied_ms = self.occupied_ms + STEP_MS if occupied else 0
        if self.occupied_ms >= UP_MS:
            least = min(FLOOR, node.meter.limit)
            assert level >= least, "never dark on an occupied path"
            assert node.state in (lamp.RAMP_UP, lamp.HOLD, lamp.FAILSAFE, lamp.LAMP_FAULT)
        if node.state in (lamp.FAILSAFE, lamp.LAMP_FAULT, lamp.BOOT):
            assert node._target == min(SAFE, node.meter.limit), "light, not dark"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(ACTIONS), st.sampled_from((STEP_MS, 400, 2000, 6000))),
        max_size=25,
    )
)
def test_a_lamp_keeps_its_rules_whatever_happens(story: list[tuple[str, int]]) -> None:
    watched = Watched()
    for action, duration_ms in story:
        watched.act(action)
        watched.run(duration_ms)
    # And in the end it comes to rest.
    for action in ("alive", "cool", "nobody", "night", "link"):
        watched.act(action)
    for _ in range(8):
        watched.run(2000)
        watched.act("link")
    assert watched.node.state == lamp.NIGHT_FLOOR
    assert watched.node.level_fine == FLOOR << dali.FINE_SHIFT
