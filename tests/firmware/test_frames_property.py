"""Nothing that arrives on the line stops a controller, changes its outputs or grows its memory."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.logic import lamp
from protocol import framing
from protocol.generated import wire, wire_lamp
from tests.dual.bollard_rig import BollardRig
from tests.dual.firmware_rig import LampRig

KINDS = st.sampled_from(
    [wire.IDENTIFY, wire.POLL, wire.COMMAND, wire.TIME, wire.HELLO, wire.RECORDS, 0, 0x7F, 0xFF]
)
ADDRESSES = st.sampled_from([0, 5, 6, wire.ADDRESS_UNASSIGNED, wire.ADDRESS_BROADCAST])


def framed(flags: int, destination: int, kind: int, counter: int, payload: bytes) -> bytes:
    buffer = bytearray(framing.BUFFER_SIZE)
    framing.start_frame(buffer, flags, destination, 0, kind, counter)
    buffer[framing.PAYLOAD_AT : framing.PAYLOAD_AT + len(payload)] = payload
    return bytes(buffer[: framing.finish_frame(buffer, len(payload))])


FRAMES = st.builds(
    framed,
    st.integers(0, 31),
    ADDRESSES,
    KINDS,
    st.integers(0, 65535),
    st.binary(max_size=wire.MAX_PAYLOAD),
)


@settings(max_examples=300)
@given(st.lists(st.one_of(FRAMES, st.binary(max_size=300)), max_size=20))
def test_a_post_survives_any_input_without_a_drive_and_answers_the_next_request(
    chunks: list[bytes],
) -> None:
    rig = BollardRig({})
    for chunk in chunks:
        rig.deliver(chunk)
        rig.run(50)
        assert len(rig.line.sent) <= 10 * wire.MAX_WIRE
    assert rig.plant.directions <= {0}
    rig.deliver(b"\x00")
    rig.drain()


@settings(max_examples=300)
@given(
    st.integers(0, 255),
    st.integers(0, 2**32 - 1),
    st.integers(0, 255),
    st.integers(0, 2**32 - 1),
)
def test_any_command_to_a_lamp_has_one_final_result_and_only_a_good_one_acts(
    verb: int, lifetime_ms: int, level: int, duration_s: int
) -> None:
    rig = LampRig({"ramp_down_ms": 100})
    rig.run(1000)
    _, status, guard, _ = rig.command(verb, 3, lifetime_ms, level, duration_s)
    rig.run(100)
    assert status in (wire.STATUS_DONE, wire.STATUS_REJECTED, wire.STATUS_EXPIRED)
    assert (status == wire.STATUS_DONE) == (guard == wire.GUARD_NONE)
    good = verb == wire_lamp.VERB_SET and status == wire.STATUS_DONE
    assert good == (rig.node.state == lamp.OVERRIDE)
    if good:
        assert level <= 100
        assert 1 <= duration_s <= 86400
