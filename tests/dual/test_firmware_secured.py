"""A provisioned controller: what it does under a session, and what it does for nobody else."""

from firmware import config
from firmware.services.clock import Clock
from firmware.services.outbox import Outbox
from firmware.services.sentry import QUIET_MS, Sentry
from protocol import framing
from protocol.framing import Deframer
from protocol.generated import wire, wire_bollard, wire_gateway, wire_lamp
from protocol.link_gateway import Requester, broadcast
from tests.dual.bollard_rig import BollardRig
from tests.dual.firmware_rig import LampRig, Rig
from tests.dual.test_firmware_uplink import identify_payload, stamps, time_payload

YEAR_S = 31557600
NOON = 215000000  # in 2026


def secured_lamp(**parameters):
    """A lamp at night, settled at its floor, with a session."""
    rig = LampRig(parameters, secured=True)
    rig.open()
    for _ in range(4):
        stay_in_touch(rig, 4000)
    return rig


def stay_in_touch(rig, duration_ms):
    """Time passes, and the gateway polls."""
    while duration_ms > 0:
        step_ms = min(duration_ms, 1000)
        rig.run(step_ms)
        rig.drain()
        duration_ms -= step_ms


def news(*pairs):
    """Payload of news for (address, seconds) each."""
    payload = bytearray(wire.NEWS_SIZE + 2 * len(pairs))
    wire_gateway.pack_news(payload, 0, len(pairs))
    at = wire.NEWS_SIZE
    for address, duration_s in pairs:
        payload[at] = address
        payload[at + 1] = duration_s
        at += 2
    return bytes(payload)


def command_payload(verb, level):
    payload = bytearray(wire.COMMAND_SIZE)
    wire_gateway.pack_command(payload, 0, 1, verb, 1000, level, 60)
    return bytes(payload)


def told(rig, code):
    """The values of every event of a code, once everything was polled."""
    rig.drain()
    return [event[3] for event in rig.events() if event[0] == code]


# --- Who is obeyed ----------------------------------------------------------------------------


def test_hello_tells_what_a_controller_can_be_trusted_with():
    wanted = wire.CAPABILITY_PROVISIONED | wire.CAPABILITY_SECURED
    rig = LampRig({}, secured=True)
    plain = rig.ask(wire.IDENTIFY, identify_payload(0))[2]
    assert wire_gateway.unpack_hello(plain, 0, len(plain))[11] == wanted
    assert rig.open()[11] == wanted
    rig = LampRig({})
    payload = rig.ask(wire.IDENTIFY, identify_payload(0))[2]
    assert wire_gateway.unpack_hello(payload, 0, len(payload))[11] == wire.CAPABILITY_PROVISIONED
    rig = Rig(config.unprovisioned(9), None)
    payload = rig.ask(wire.IDENTIFY, identify_payload(0))[2]
    assert wire_gateway.unpack_hello(payload, 0, len(payload))[11] == 0


def test_a_plain_poll_gets_no_record_and_frees_none():
    rig = LampRig({}, secured=True)
    rig.run(5000)
    held = rig.controller.outbox.held()
    assert held
    rig.routine = rig.urgent = 0xFFFFFFFF
    refused = bytes([wire.POLL, wire.REFUSAL_REASON_UNSECURED])
    kind, _, payload = rig.ask(wire.POLL, rig.poll_payload())
    assert (kind, payload) == (wire.REFUSAL, refused)
    rig.routine, rig.urgent = 1, wire.URGENT_SEQUENCE_BASE + 1
    rig.open()
    stranger = Requester(rig.address, 7)
    rig.say(stranger.request(wire.POLL, rig.poll_payload()))
    deframer = Deframer()
    deframer.push(rig.line.sent, 0, len(rig.line.sent))
    answer = stranger.accept(deframer.buffer, deframer.size)
    assert answer is not None
    assert answer[2] == refused
    assert rig.controller.outbox.held() == held
    assert len(rig.drain()) == held


def test_a_plain_command_moves_nothing():
    rig = secured_lamp()
    duty = rig.plant.duty
    stranger = Requester(rig.address, 7)
    rig.say(stranger.request(wire.COMMAND, command_payload(wire_lamp.VERB_SET, 100)))
    stay_in_touch(rig, 5000)
    assert rig.plant.duty == duty
    assert rig.controller.desk.accepted == 0
    assert rig.command(wire_lamp.VERB_SET, level=100, duration_s=60)[1] == wire.STATUS_DONE
    stay_in_touch(rig, 2000)
    assert rig.plant.duty == 65535


def test_records_and_commands_pass_under_a_session():
    rig = BollardRig({}, secured=True)
    rig.open()
    rig.run(5000)
    rig.drain()
    assert rig.command(wire_bollard.VERB_RAISE)[1:3] == (
        wire.STATUS_REJECTED,
        wire_bollard.GUARD_BAD_AUTHORITY,
    )
    assert told(rig, wire_bollard.EVENT_CODE_MOTION_REFUSED) == [wire_bollard.GUARD_BAD_AUTHORITY]


def test_without_keys_nothing_but_the_name_is_given():
    # What main makes of a controller without keys, whatever its configuration says.
    rig = Rig(config.unprovisioned(5), None)
    assert rig.command(wire_lamp.VERB_SET, level=50, duration_s=10)[1:3] == (
        wire.STATUS_REJECTED,
        wire.GUARD_UNPROVISIONED,
    )
    kind, _, payload = rig.ask(wire.SESSION_OPEN, bytes(wire.SESSION_OPEN_SIZE))
    assert kind == wire.REFUSAL
    assert payload == bytes([wire.SESSION_OPEN, wire.REFUSAL_REASON_UNPROVISIONED])


def test_a_gateway_that_proves_nothing_is_a_lost_link():
    rig = secured_lamp()
    stranger = Requester(rig.address, 7)
    for _ in range(6):
        rig.say(stranger.request(wire.IDENTIFY, identify_payload(0)))
        rig.run(1000)
    assert rig.controller.link_lost
    rig.drain()
    rig.run(1000)
    assert not rig.controller.link_lost


# --- News of a neighbour ----------------------------------------------------------------------


def test_a_lamp_brightens_for_who_comes_and_lets_go_when_nobody_does():
    rig = secured_lamp(hold_s=2)
    floor = rig.plant.duty
    rig.hear(wire.NEWS, news((5, 8)))
    stay_in_touch(rig, 1000)
    assert rig.plant.duty == 65535
    assert rig.node.presence_count == 0
    stay_in_touch(rig, 6000)
    assert rig.plant.duty == 65535
    # Nobody came, so nothing is held.
    stay_in_touch(rig, 10000)
    assert rig.plant.duty == floor


def test_news_that_ends_sooner_takes_nothing_from_news_before():
    rig = secured_lamp(hold_s=1)
    rig.hear(wire.NEWS, news((5, 20)))
    rig.hear(wire.NEWS, news((5, 1)))
    stay_in_touch(rig, 15000)
    assert rig.plant.duty == 65535


def test_news_are_for_the_addresses_in_them():
    rig = secured_lamp()
    floor = rig.plant.duty
    rig.hear(wire.NEWS, news())
    rig.hear(wire.NEWS, news((4, 9), (6, 9)))
    stay_in_touch(rig, 1000)
    assert rig.plant.duty == floor
    rig.hear(wire.NEWS, news((4, 9), (6, 9), (5, 9)))
    stay_in_touch(rig, 1000)
    assert rig.plant.duty == 65535


def test_news_that_are_no_news_are_counted_and_change_nothing():
    rig = secured_lamp()
    floor = rig.plant.duty
    good = news((4, 9), (5, 9))
    for bad in (
        b"",
        good[:-1],
        good + b"\x05",
        b"\x02" + good[3:],
        b"\x05\x05\x05",
        b"\x00\x05\x09",
    ):
        rig.hear(wire.NEWS, bad)
    stay_in_touch(rig, 1000)
    assert rig.controller.uplink.malformed == 6
    assert rig.plant.duty == floor


def test_news_from_who_proves_nothing_are_not_heard():
    rig = secured_lamp()
    floor = rig.plant.duty
    rig.say(broadcast(wire.NEWS, news((5, 9)), 1))
    stay_in_touch(rig, 1000)
    assert rig.plant.duty == floor
    security = rig.controller.responder.security
    assert security is not None
    assert security.unsecured == 1


def test_a_post_hears_news_and_stays_as_it_is():
    rig = BollardRig({}, secured=True)
    rig.open()
    rig.hear(wire.NEWS, news((5, 9)))
    rig.run(1000)
    assert rig.controller.uplink.malformed == 0
    assert rig.plant.directions == {0}


# --- Time -------------------------------------------------------------------------------------


def clock_of(rig):
    """(seconds, quality) as of now."""
    clock = rig.controller.clock
    clock.stamp(rig.now_ms)
    return clock.seconds, clock.quality


def test_the_time_of_a_proved_gateway_sets_the_clock():
    rig = secured_lamp()
    assert clock_of(rig)[1] == wire.QUALITY_CLOCK_UNTRUSTED
    rig.hear(wire.TIME, time_payload(NOON, 0))
    assert clock_of(rig) == (NOON, 0)
    rig.say(broadcast(wire.TIME, time_payload(NOON + YEAR_S, 0), 1))
    assert clock_of(rig) == (NOON, 0)


def test_a_jump_of_twenty_years_loses_no_record_and_is_flagged():
    for jump_s in (20 * YEAR_S, -20 * YEAR_S):
        # On from 2020 a clock of 32 bits goes back no further than its begin.
        start_s = NOON + 20 * YEAR_S if jump_s < 0 else NOON
        rig = secured_lamp()
        rig.hear(wire.TIME, time_payload(start_s, 0))
        rig.run(3000)
        # Some records are unacknowledged when it comes, and all of them arrive.
        rig.hear(wire.TIME, time_payload(start_s + jump_s, 0))
        rig.run(3000)
        rig.drain()
        jumps = told(rig, wire.EVENT_CODE_CLOCK_JUMP)
        assert len(jumps) == 1
        assert (jumps[0] > 0) == (jump_s > 0)
        assert not [record for record in rig.records if record[0] == wire.RECORD_GAP]
        for base in (1, wire.URGENT_SEQUENCE_BASE + 1):
            top = base + wire.URGENT_SEQUENCE_BASE - 1
            numbers = [record[1] for record in rig.records if base <= record[1] < top]
            assert numbers == list(range(base, base + len(numbers)))
        assert abs(clock_of(rig)[0] - (start_s + jump_s + 3)) <= 1


def test_records_before_and_after_a_jump_bear_the_time_of_their_making():
    rig = secured_lamp()
    rig.hear(wire.TIME, time_payload(NOON, 0))
    rig.run(2500)
    rig.hear(wire.TIME, time_payload(NOON + 20 * YEAR_S, 0))
    rig.run(2500)
    _, _, payload = rig.ask(wire.POLL, rig.poll_payload())
    seconds = [stamp[1] for stamp in stamps(payload) if stamp[0] == 0]
    assert [s for s in seconds if s < NOON + 10]
    assert [s for s in seconds if s >= NOON + 20 * YEAR_S]


def test_a_gateway_without_time_says_so_and_the_records_too():
    rig = secured_lamp()
    rig.hear(wire.TIME, time_payload(NOON, 0, 0))
    assert clock_of(rig) == (NOON, wire.QUALITY_CLOCK_UNTRUSTED)
    rig.hear(wire.TIME, time_payload(NOON + YEAR_S, 0))
    assert clock_of(rig) == (NOON + YEAR_S, 0)
    rig.run(1000)
    assert len(told(rig, wire.EVENT_CODE_CLOCK_JUMP)) == 1


def test_a_gateway_without_time_takes_it_from_nobody():
    rig = secured_lamp()
    rig.hear(wire.TIME, time_payload(NOON, 0))
    rig.hear(wire.TIME, time_payload(0, 0, 0))
    assert clock_of(rig) == (NOON, 0)
    rig.run(1000)
    assert not told(rig, wire.EVENT_CODE_CLOCK_JUMP)


# --- Bad tags ---------------------------------------------------------------------------------


class Counted:
    """What a Sentry watches."""

    def __init__(self):
        self.bad_tags = 0


def test_bad_tags_are_told_once_a_minute_with_their_number():
    outbox = Outbox(Clock())
    security = Counted()
    sentry = Sentry(outbox, security)
    first = outbox.urgent.next
    for second in range(3 * QUIET_MS // 1000):
        security.bad_tags += 10
        sentry.turn(second * 1000)
    assert outbox.urgent.next - first == 3
    sentry.turn(3 * QUIET_MS)
    assert outbox.urgent.next - first == 4
    sentry.turn(10 * QUIET_MS)
    assert outbox.urgent.next - first == 4


def test_a_controller_without_keys_has_no_bad_tags():
    outbox = Outbox(Clock())
    sentry = Sentry(outbox, None)
    sentry.turn(0)
    assert (sentry.bad_tags(), outbox.held()) == (0, 0)


def test_a_forger_is_told_of_and_locks_nobody_out():
    rig = secured_lamp()
    rig.controller.health.turn(rig.now_ms)
    forger = bytearray(rig.requester.request(wire.POLL, rig.poll_payload()))
    # A byte of the payload is changed and the CRC put right, as a forger can.
    deframer = Deframer()
    deframer.push(bytes(forger), 0, len(forger))
    for change in range(1, 40):
        frame = bytearray(framing.BUFFER_SIZE)
        end = framing.PAYLOAD_AT + deframer.size
        frame[1:end] = deframer.buffer[1:end]
        frame[framing.PAYLOAD_AT] ^= change
        size = framing.finish_frame(frame, deframer.size)
        assert rig.say(bytes(frame[:size])) == b""
        rig.run(100)
    assert rig.controller.sentry.bad_tags() == 39
    assert told(rig, wire.EVENT_CODE_BAD_TAG) == [1]
    stay_in_touch(rig, QUIET_MS + 10000)
    assert told(rig, wire.EVENT_CODE_BAD_TAG) == [1, 39]
    health = wire_gateway.unpack_health(rig.last(wire.RECORD_HEALTH), 0, wire.HEALTH_SIZE)
    assert health[3] == 39
