"""Under a session, on both interpreters: what each end takes from the other, and refuses."""

# Without a session there would be an error, and the test would have failed as it should.
# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportAttributeAccessIssue=false

from protocol import framing, link, link_gateway, security, security_gateway
from protocol.errors import SecurityError
from protocol.framing import PAYLOAD_AT
from protocol.generated import wire
from tests.dual.protocol_rig import (
    ADDRESS,
    ECHO,
    SECURED,
    SECURED_REPLY,
    Recorder,
    Street,
    accept,
    altered,
    checked,
    deliver,
    opened,
    raised,
    refusal,
)

# --- What a stranger can do -----------------------------------------------------------------------


def test_a_request_comes_once_and_its_repetition_is_answered_byte_for_byte():
    street = opened()
    line = street.requester.request(ECHO, b"once")
    first = street.deliver(line)
    assert street.deliver(line) == first
    assert street.deliver(street.requester.repeat()) == first
    assert street.asked == [(ECHO, b"once")]


def test_an_old_request_is_never_taken_again():
    street = opened()
    lines = [street.requester.request(ECHO, bytes([i])) for i in range(5)]
    for line in lines:
        street.deliver(line)
    asked = list(street.asked)
    for line in lines[:-1]:
        assert street.deliver(line) == b""
    assert street.asked == asked
    assert street.security.bad_tags == 4


def test_a_repetition_after_a_strangers_question_is_still_answered_the_same():
    street = opened()
    line = street.requester.request(ECHO, b"once")
    first = street.deliver(line)
    stranger = link_gateway.Requester(ADDRESS, 999)
    assert street.deliver(stranger.request(wire.IDENTIFY, bytes(2)))
    assert street.deliver(altered(line, [(12, 0xEE)])) == b""
    assert street.deliver(line) == first
    assert street.asked == [(ECHO, b"once")]


def test_a_replayed_request_does_not_renew_the_proof_that_the_gateway_is_there():
    street = opened()
    line = street.requester.request(ECHO, b"once")
    street.deliver(line)
    heard_ms = street.responder.last_heard_ms
    street.now_ms += 400
    street.deliver(line)
    street.deliver(link_gateway.Requester(ADDRESS, 9).request(wire.IDENTIFY, bytes(2)))
    assert street.responder.last_heard_ms == heard_ms


def test_a_request_with_any_byte_changed_does_nothing():
    street = opened()
    line = street.requester.request(ECHO, b"a payload")
    frame, size = checked(line)[0]
    for at in range(6 + size):
        for flip in (0x01, 0x80):
            said = street.deliver(altered(line, [(at, frame[1 + at] ^ flip)]))
            assert said == b"" or refusal(said)
    assert street.asked == []
    assert street.ask(ECHO, b"genuine")


def test_a_reply_with_any_byte_changed_is_not_taken():
    street = opened()
    said = street.deliver(street.requester.request(ECHO, b"a payload"))
    frame, size = checked(said)[0]
    for at in range(6 + size):
        assert accept(street.requester, altered(said, [(at, frame[1 + at] ^ 0x04)])) == []
    assert street.requester.bad_tags > 0
    assert accept(street.requester, said)


def test_frames_without_room_for_a_tag_do_nothing():
    street = opened()
    for size in range(wire.TAG_SIZE):
        buffer = bytearray(framing.BUFFER_SIZE)
        framing.start_frame(buffer, wire.FLAG_SECURED, ADDRESS, 0, ECHO, 2)
        assert street.deliver(bytes(buffer[: framing.finish_frame(buffer, size)])) == b""
    assert street.asked == []


def test_a_request_thrown_back_is_no_reply():
    street = opened()
    line = street.requester.request(ECHO, b"mirror")
    mirrored = altered(line, [(0, SECURED_REPLY), (1, 0), (2, ADDRESS)])
    assert accept(street.requester, mirrored) == []


def test_a_reply_thrown_back_is_no_request():
    street = opened()
    said = street.deliver(street.requester.request(ECHO, b"mirror"))
    for counter in (checked(said)[0][0][5], checked(said)[0][0][5] + 1):
        mirrored = altered(said, [(0, SECURED), (1, ADDRESS), (2, 0), (4, counter)])
        assert street.deliver(mirrored) == b""
    assert len(street.asked) == 1


def sealed_bytes(line):
    frame, size = checked(line)[0]
    return bytes(frame[PAYLOAD_AT : PAYLOAD_AT + size - wire.TAG_SIZE])


def test_a_request_and_its_reply_share_no_key_stream():
    street = opened()
    line = street.requester.request(ECHO, bytes(16))
    assert sealed_bytes(line) != sealed_bytes(street.deliver(line))


def test_two_requests_share_no_key_stream():
    street = opened()
    lines = {sealed_bytes(street.requester.request(ECHO, bytes(16))) for _ in range(300)}
    assert len(lines) == 300


def test_frames_of_another_device_or_session_are_refused():
    street, other = opened(), opened(unit=bytes(8))
    again = opened(chance=100)
    for stranger in (other, again):
        line = stranger.requester.request(ECHO, b"wrong door")
        assert street.deliver(line) == b""
        said = stranger.deliver(line)
        street.requester.request(ECHO, b"question")
        assert accept(street.requester, said) == []
    assert street.asked == []


def test_a_reply_to_an_earlier_request_is_not_taken_for_the_present_one():
    street = opened()
    late = street.deliver(street.requester.request(ECHO, b"first"))
    present = street.requester.request(ECHO, b"second")
    counter = checked(present)[0][0][5]
    assert accept(street.requester, late) == []
    assert accept(street.requester, altered(late, [(4, counter)])) == []
    assert accept(street.requester, street.deliver(present))


def test_bad_tags_never_lock_anybody_out():
    street = opened()
    for _ in range(300):
        stranger = link_gateway.Requester(ADDRESS, 0)
        line = altered(stranger.request(ECHO, bytes(12)), [(0, SECURED)])
        assert street.deliver(line) == b""
    assert street.security.bad_tags == 300
    assert street.ask(ECHO, b"genuine")


# --- No way back to plain -------------------------------------------------------------------------


def test_a_provisioned_controller_takes_nothing_in_plain_that_acts():
    for street in (Street(), opened()):
        for kind in (wire.POLL, wire.COMMAND, ECHO, 0xFF, wire.PLAIN_TYPE_MAX + 1):
            said = street.deliver(link_gateway.Requester(ADDRESS, kind).request(kind, b"please"))
            assert refusal(said) == (kind, wire.REFUSAL_REASON_UNSECURED)
        assert street.asked == []
        assert street.security.unsecured == 5


def test_identify_is_answered_in_plain_for_ever():
    for street in (Street(), opened()):
        assert street.ask(wire.IDENTIFY, bytes(2), True)[0] == wire.HELLO


def test_a_request_in_plain_proves_nothing_about_the_gateway():
    street = Street()
    street.ask(wire.IDENTIFY, bytes(2), True)
    assert street.responder.last_heard_ms is None


def test_secured_frames_before_a_session_are_refused_with_a_hint():
    gateway, rebooted = opened(), Street(boot=4)
    line = gateway.requester.request(ECHO, b"x")
    said = rebooted.deliver(line)
    assert refusal(said) == (ECHO, wire.REFUSAL_REASON_NO_SESSION)
    kind, flags, _ = accept(gateway.requester, said)[0]
    assert kind == wire.REFUSAL
    assert not flags & wire.FLAG_SECURED


def test_a_gateway_with_a_session_takes_no_answer_in_plain_but_that_hint():
    street = opened()
    plain = link.Responder(ADDRESS, Recorder())
    line = street.requester.request(ECHO, b"question")
    open_counter = checked(line)[0][0][5]
    stranger = link_gateway.Requester(ADDRESS, open_counter - 1)
    for kind, payload in ((ECHO, b"answer"), (wire.IDENTIFY, bytes(2))):
        said = deliver(plain, altered(stranger.request(kind, payload), [(4, open_counter)]))
        assert accept(street.requester, said) == []
    for reason in range(8):
        hint = altered(said, [(3, wire.REFUSAL)])
        frame, _ = checked(hint)[0]
        frame[PAYLOAD_AT + 1] = reason
        hint = bytes(frame[: framing.finish_frame(frame, wire.REFUSAL_SIZE)])
        if reason not in link_gateway.HINTS:
            assert accept(street.requester, hint) == []
    assert accept(street.requester, street.deliver(line))


def test_a_session_ends_by_itself_after_its_time():
    street = opened()
    line = street.requester.request(ECHO, b"x")
    street.now_ms += security.SESSION_LIMIT_MS + 1
    assert refusal(street.deliver(line))[1] == wire.REFUSAL_REASON_NO_SESSION
    assert street.asked == []
    time = link_gateway.broadcast(wire.TIME, bytes(7), 0, street.group)
    assert street.deliver(time) == b""
    assert street.responder.service.heard == []
    assert street.open()
    assert street.ask(ECHO, b"y")


# --- Counters -------------------------------------------------------------------------------------


def test_sixteen_bits_on_the_wire_are_enough_for_all_counters():
    street = opened()
    for counter in (0xFFFD, 0x1FFFD, 0x2FFFD, 0x3FFFC):
        street.requester.session.counter = counter
        for _ in range(5):
            assert street.ask(ECHO, b"x")
        assert street.requester.session.counter == counter + 5


def test_a_session_whose_counters_are_used_up_says_nothing_more():
    street = opened()
    session = street.requester.session
    session.counter = security.LAST_COUNTER - 1
    street.requester.request(ECHO, b"last")
    assert raised(SecurityError, street.requester.request, ECHO, b"one more")
    group = street.group
    group.counter = security.LAST_COUNTER
    assert raised(SecurityError, link_gateway.broadcast, wire.TIME, bytes(7), 0, group)


def test_a_controller_takes_no_counter_behind_the_last():
    street = opened()
    session = street.security.session
    session._last = security.LAST_COUNTER
    for counter in (security.LAST_COUNTER, security.LAST_COUNTER + 1):
        frame = bytearray(framing.BUFFER_SIZE)
        framing.start_frame(frame, wire.FLAG_SECURED, ADDRESS, 0, ECHO, counter)
        size = street.requester.session._requests.seal(frame, 4, counter)
        assert session.open_request(frame, size) == -1


def test_a_new_session_is_due_after_a_day_and_before_the_counters_end():
    street = opened()
    session = street.requester.session
    assert not session.is_due(street.now_ms + security_gateway.REKEY_MS - 1)
    assert session.is_due(street.now_ms + security_gateway.REKEY_MS)
    session.counter = security_gateway.REKEY_COUNTER
    assert session.is_due(street.now_ms)
    assert security_gateway.REKEY_COUNTER < security.LAST_COUNTER < 2**30


# --- Broadcasts -----------------------------------------------------------------------------------


def test_a_broadcast_under_the_group_key_is_heard_once():
    street = opened()
    line = link_gateway.broadcast(wire.TIME, b"noon", 0, street.group)
    for _ in range(3):
        assert street.deliver(line) == b""
    assert street.responder.service.heard == [(wire.TIME, b"noon")]
    assert street.asked == []


def test_a_broadcast_in_plain_is_not_heard_by_a_provisioned_controller():
    street = opened()
    street.deliver(link_gateway.broadcast(wire.TIME, b"noon", 7))
    assert street.responder.service.heard == []
    assert street.security.unsecured == 1


def test_a_changed_broadcast_is_not_heard():
    street = opened()
    line = link_gateway.broadcast(wire.TIME, b"noon", 0, street.group)
    frame, size = checked(line)[0]
    for at in range(6 + size):
        if at != 1:
            street.deliver(altered(line, [(at, frame[1 + at] ^ 0x20)]))
    assert street.responder.service.heard == []
    street.deliver(line)
    assert street.responder.service.heard == [(wire.TIME, b"noon")]


def test_a_broadcast_of_before_the_session_is_not_heard():
    street = Street()
    early = link_gateway.broadcast(wire.TIME, b"early", 0, street.group)
    street.deliver(early)
    assert street.security.bad_tags == 0  # who has no group key yet cannot call it forged
    street.open()
    street.deliver(early)
    assert street.responder.service.heard == []
    street.deliver(link_gateway.broadcast(wire.TIME, b"late", 0, street.group))
    assert street.responder.service.heard == [(wire.TIME, b"late")]


def test_a_broadcast_cannot_pass_as_a_request_nor_a_request_as_a_broadcast():
    street = opened()
    line = altered(link_gateway.broadcast(ECHO, b"all", 0, street.group), [(1, ADDRESS)])
    assert street.deliver(line) == b""
    request = street.requester.request(ECHO, b"one")
    street.deliver(altered(request, [(1, wire.ADDRESS_BROADCAST)]))
    assert street.asked == []
    assert street.responder.service.heard == []


def test_a_search_in_plain_is_still_answered():
    street = opened()
    said = street.deliver(link_gateway.broadcast(wire.SEARCH, b"prefix", 9))
    frame, size = checked(said)[0]
    assert link_gateway.accept_broadcast_reply(frame, size, 9)[1] == wire.SEARCH
