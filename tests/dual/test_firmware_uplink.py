"""What a controller answers and hears, whatever it is."""

from firmware import config
from protocol import framing
from protocol.generated import wire, wire_gateway, wire_lamp
from tests.dual.bollard_rig import BollardRig
from tests.dual.firmware_rig import BOOT, HARDWARE_ID, LampRig, Rig


def time_payload(seconds, milliseconds, trust=wire.TIME_TRUST_SYNCHRONISED):
    payload = bytearray(wire.TIME_SIZE)
    wire_gateway.pack_time(payload, 0, seconds, milliseconds, trust)
    return bytes(payload)


def identify_payload(blink_s):
    payload = bytearray(wire.IDENTIFY_SIZE)
    wire_gateway.pack_identify(payload, 0, blink_s)
    return bytes(payload)


def stamps(payload):
    """(quality, seconds, milliseconds) of every record of a reply."""
    found = []
    at = wire.RECORDS_SIZE
    while at < len(payload):
        _, size, quality, _, seconds, milliseconds = wire_gateway.unpack_record_header(
            payload, at, wire.RECORD_HEADER_SIZE
        )
        found.append((quality, seconds, milliseconds))
        at += wire.RECORD_HEADER_SIZE + size
    return found


def test_identify_is_answered_with_everything_there_is_to_know():
    rig = BollardRig({})
    kind, _, payload = rig.ask(wire.IDENTIFY, identify_payload(0))
    assert kind == wire.HELLO
    crc = config.checksum({"kind": "bollard", "address": 5, "parameters": {}})
    assert wire_gateway.unpack_hello(payload, 0, len(payload)) == (
        wire.FINGERPRINT,
        wire.KIND_BOLLARD,
        5,
        HARDWARE_ID,
        BOOT,
        wire.RESET_CAUSE_POWER_ON,
        0,
        1,
        0,
        0,
        crc,
        wire.CAPABILITY_PROVISIONED,
    )
    rig.run(1000)
    assert rig.system.blinks == 0


def test_identify_blinks_for_as_long_as_asked():
    rig = LampRig({})
    rig.ask(wire.IDENTIFY, identify_payload(2))
    rig.run(1900)
    assert rig.system.blinks == 4
    rig.run(5000)
    assert rig.system.lit == 0
    assert rig.command(wire.VERB_IDENTIFY, duration_s=3)[1] == wire.STATUS_DONE
    rig.run(5000)
    assert rig.system.blinks == 10
    assert rig.command(wire.VERB_IDENTIFY, 2, duration_s=3601)[2] == wire.GUARD_BAD_ARGUMENT


def test_nobody_can_make_it_blink_for_longer_than_an_hour():
    rig = LampRig({})
    rig.ask(wire.IDENTIFY, identify_payload(65535))
    rig.run(3601 * 1000)
    rig.system.lit = 1
    rig.system.blinks = 0
    rig.run(5000)
    assert rig.system.blinks == 0


def test_an_unprovisioned_controller_identifies_itself_and_refuses_commands():
    rig = Rig(config.unprovisioned(), None)
    _, _, payload = rig.ask(wire.IDENTIFY, identify_payload(0))
    hello = wire_gateway.unpack_hello(payload, 0, len(payload))
    assert hello[2] == wire.ADDRESS_UNASSIGNED
    assert hello[10:] == (0, 0)
    assert rig.command(wire_lamp.VERB_SET, level=50, duration_s=10)[1:3] == (
        wire.STATUS_REJECTED,
        wire.GUARD_UNPROVISIONED,
    )
    rig.run(5000)
    rig.controller.safe()


def test_a_request_of_unknown_type_or_wrong_size_is_refused():
    rig = LampRig({})
    assert rig.ask(0x7F, b"")[2] == bytes([0x7F, wire.REFUSAL_REASON_UNKNOWN_TYPE])
    for kind in (wire.POLL, wire.COMMAND, wire.IDENTIFY):
        for payload in (b"", b"\x00", bytes(13), bytes(200)):
            if kind == wire.COMMAND and len(payload) > 13:
                continue  # the authority behind a command may be of any length
            answer = rig.ask(kind, payload)
            assert answer[0] == wire.REFUSAL
            assert answer[2] == bytes([kind, wire.REFUSAL_REASON_MALFORMED])


def test_what_is_not_for_us_or_broken_gets_no_answer():
    rig = LampRig({})
    rig.run(1000)
    good = rig.requester.request(wire.POLL, rig.poll_payload())
    for flags, destination in ((0, 6), (0, 0), (wire.FLAG_REPLY, 5), (wire.FLAG_SECURED, 5)):
        buffer = bytearray(framing.BUFFER_SIZE)
        framing.start_frame(buffer, flags, destination, 0, wire.POLL, 1)
        size = framing.finish_frame(buffer, 0)
        assert rig.deliver(bytes(buffer[:size])) is None
    for at in range(len(good) - 1):
        broken = bytearray(good)
        broken[at] ^= 0x40
        assert rig.deliver(bytes(broken)) is None
        assert rig.line.sent == b""
    assert rig.deliver(b"\x00" + good) is not None


def test_the_same_request_again_gets_the_same_bytes_again():
    rig = LampRig({})
    rig.run(5000)
    request = rig.requester.request(wire.POLL, rig.poll_payload())
    rig.deliver(request)
    first = rig.line.sent
    rig.run(3000)
    rig.deliver(b"\x00" + request)
    assert rig.line.sent == first
    assert len(first) > 100


def test_a_request_in_single_bytes_is_the_same_request():
    rig = LampRig({})
    request = rig.requester.request(wire.IDENTIFY, identify_payload(0))
    for at in range(len(request) - 1):
        assert rig.deliver(request[at : at + 1]) is None
    answer = rig.deliver(request[-1:])
    assert answer is not None
    assert answer[0] == wire.HELLO


def test_records_are_freed_only_when_the_gateway_says_that_they_are_durable():
    rig = LampRig({})
    rig.run(10000)
    routine = rig.routine
    rig.drain()
    read = len(rig.records)
    rig.routine = routine
    rig.urgent = wire.URGENT_SEQUENCE_BASE + 1
    rig.records.clear()
    # The last poll acknowledged all but what its own answer carried: the rest can be had again.
    held = rig.controller.outbox.held()
    assert 0 < held < read
    rig.drain()
    assert rig.records[0][0] == wire.RECORD_GAP


def test_a_poll_about_another_boot_frees_nothing_and_starts_from_the_first():
    rig = LampRig({})
    rig.run(3000)
    held = rig.controller.outbox.held()
    rig.boot = BOOT - 1
    rig.routine = 4000
    rig.urgent += 4000
    _, _, payload = rig.ask(wire.POLL, rig.poll_payload())
    assert wire_gateway.unpack_records(payload, 0, len(payload)) == (BOOT, held)
    assert len(payload) > wire.RECORDS_SIZE
    assert rig.controller.outbox.held() == held


def test_numbers_beyond_what_was_ever_made_do_no_harm():
    rig = LampRig({})
    rig.run(3000)
    rig.routine = 0xFFFFFFFF
    rig.urgent = 0xFFFFFFFF
    _, flags, payload = rig.ask(wire.POLL, rig.poll_payload())
    assert len(payload) == wire.RECORDS_SIZE
    assert not flags & (wire.FLAG_MORE | wire.FLAG_URGENT)
    assert rig.controller.outbox.held() == 0
    rig.routine = rig.controller.outbox.routine.next
    rig.urgent = rig.controller.outbox.urgent.next
    rig.run(3000)
    assert rig.drain()


def test_an_answer_never_exceeds_the_frame_or_the_limit():
    rig = LampRig({})
    rig.run(60000)
    for limit in range(0, 256, 5):
        rig.routine = 1
        rig.urgent = wire.URGENT_SEQUENCE_BASE + 1
        _, flags, payload = rig.ask(wire.POLL, rig.poll_payload(limit))
        assert len(payload) <= min(wire.MAX_PAYLOAD, wire.RECORDS_SIZE + limit)
        assert flags & wire.FLAG_MORE


def test_the_clock_starts_untrusted_and_takes_the_time_it_is_told():
    rig = LampRig({})
    rig.run(2000)
    _, _, payload = rig.ask(wire.POLL, rig.poll_payload())
    before = stamps(payload)
    assert {quality for quality, _, _ in before} == {wire.QUALITY_CLOCK_UNTRUSTED}
    rig.hear(wire.TIME, time_payload(200000000, 250))
    rig.drain()
    rig.records.clear()
    rig.run(1500)
    _, _, payload = rig.ask(wire.POLL, rig.poll_payload())
    quality, seconds, _ = stamps(payload)[-1]
    assert quality == 0
    assert 200000001 <= seconds <= 200000002


def test_a_gateway_that_is_not_sure_of_its_time_gives_no_trust():
    rig = LampRig({})
    rig.hear(wire.TIME, time_payload(200000000, 0, 0))
    rig.run(1000)
    _, _, payload = rig.ask(wire.POLL, rig.poll_payload())
    assert stamps(payload)[-1][0] == wire.QUALITY_CLOCK_UNTRUSTED


def test_a_jump_of_the_clock_is_told_and_changes_no_output():
    rig = LampRig({"hold_s": 10})
    rig.hear(wire.TIME, time_payload(200000000, 0))
    rig.plant.somebody = 1
    rig.run(3000)
    rig.plant.somebody = 0
    rig.run(3000)
    state = rig.node.state
    duty = rig.plant.duty
    rig.hear(wire.TIME, time_payload(100000000, 0))
    rig.run(1000)
    assert (rig.node.state, rig.plant.duty) == (state, duty)
    rig.drain()
    jumps = [event[3] for event in rig.events() if event[0] == wire.EVENT_CODE_CLOCK_JUMP]
    # Told as far as a small int goes.
    assert len(jumps) == 1
    assert jumps[0] < -900000000


def test_broadcasts_that_are_unknown_or_broken_are_dropped():
    rig = LampRig({})
    for kind, payload in ((0x70, b"x"), (wire.TIME, b""), (wire.TIME, bytes(30))):
        rig.hear(kind, payload)
    assert rig.line.sent == b""
    assert rig.controller.uplink.malformed == 2


def test_commands_beyond_the_remembered_ones_still_act():
    rig = LampRig({})
    for transaction in range(1, 30):
        answer = rig.command(wire.VERB_IDENTIFY, transaction, duration_s=1)
        assert answer == (transaction, wire.STATUS_DONE, wire.GUARD_NONE, 100)
    assert rig.controller.desk.accepted == 29
    rig.command(wire.VERB_IDENTIFY, 29, duration_s=1)
    rig.command(wire.VERB_IDENTIFY, 22, duration_s=1)
    assert rig.controller.desk.accepted == 29


def test_boot_and_its_problems_are_told():
    rig = LampRig({})
    rig.controller.begin(7, 0)
    rig.drain()
    told = [event[:2] for event in rig.events()]
    assert (wire.EVENT_CODE_BOOT, wire.SEVERITY_CRITICAL) in told
    assert (wire.EVENT_CODE_STORAGE_FAULT, wire.SEVERITY_ALARM) in told
    assert (wire.EVENT_CODE_CONFIGURATION_INVALID, wire.SEVERITY_ALARM) in told


def test_health_tells_uptime_heap_line_and_flash():
    rig = LampRig({})
    rig.controller.health.note_turn(12)
    rig.controller.health.note_turn(5)
    rig.deliver(b"\x05\x01\x02\x03\x04\x00")
    rig.run(10000)
    rig.drain()
    bodies = [r[3] for r in rig.records if r[0] == wire.RECORD_HEALTH]
    assert wire_gateway.unpack_health(bodies[0], 0, len(bodies[0])) == (0, 65536, 1, 0, 12, 3)
    assert wire_gateway.unpack_health(bodies[1], 0, len(bodies[1]))[0] == 10
