"""Sessions, on both interpreters: what each end takes from the other, and what it refuses."""

# Without a session there would be an error, and the test would have failed as it should.
# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportAttributeAccessIssue=false

from protocol import framing, keys, link, link_gateway, security, security_gateway
from protocol.errors import SecurityError, WireError
from protocol.framing import PAYLOAD_AT
from protocol.generated import wire, wire_gateway

ADDRESS = 5
ECHO = 0x40
SITE_KEY = bytes(range(32))
GATEWAY = b"park-gw1"
UNIT = bytes([0xE6, 0x61, 0x4C, 0x31, 0x1B, 0x3A, 0x7F, 0x29])
EPOCH = 1
SECURED = 0x20 | wire.FLAG_SECURED
SECURED_REPLY = SECURED | wire.FLAG_REPLY


class Recorder:
    """A service that answers ECHO with the payload backwards, and remembers what it was asked."""

    def __init__(self):
        self.asked = []
        self.heard = []
        self.now_ms = None

    def answer(self, kind, frame, at, size, reply, reply_at, now_ms):
        self.now_ms = now_ms
        payload = bytes(frame[at : at + size])
        if kind == wire.IDENTIFY:
            return wire.HELLO, wire.HELLO_SIZE, 0
        self.asked.append((kind, payload))
        for i in range(size):
            reply[reply_at + i] = payload[size - 1 - i]
        return kind, size, wire.FLAG_MORE

    def hear(self, kind, frame, at, size, now_ms):
        self.now_ms = now_ms
        self.heard.append((kind, bytes(frame[at : at + size])))


class Street:
    """A gateway's end and a controller's end, wire to wire."""

    def __init__(self, unit=UNIT, link_key=None, address=ADDRESS, boot=3, chance=1):
        self.chance = chance
        self.unit = unit
        self.link_key = link_key or keys.link_key(SITE_KEY, EPOCH, unit)
        self.security = security.ControllerSecurity({EPOCH: self.link_key}, unit, boot, b"")
        self.responder = link.Responder(address, Recorder(), self.security)
        self.requester = link_gateway.Requester(address, 0)
        self.group = security_gateway.Group(bytes([0x47]) * 16)
        self.now_ms = 1000

    @property
    def asked(self):
        return self.responder.service.asked

    def opening(self, unit=None, link_key=None, gateway=GATEWAY, epoch=EPOCH):
        self.chance += 1
        nonce = bytes([self.chance]) * 16
        key = link_key or self.link_key
        return security_gateway.Opening(key, unit or self.unit, gateway, epoch, nonce)

    def deliver(self, line):
        return deliver(self.responder, line, self.now_ms)

    def ask(self, kind, payload, plain=False):
        """What the gateway takes for the answer, or None."""
        answers = accept(self.requester, self.deliver(self.requester.request(kind, payload, plain)))
        return answers[0] if answers else None

    def confirmation(self, opening=None):
        """session_confirm on the wire, and the session it would begin."""
        opening = opening or self.opening()
        answer = self.ask(wire.SESSION_OPEN, opening.payload(), True)
        payload, session = opening.confirm(
            answer[2], self.requester.address, self.group, self.now_ms
        )
        return self.requester.confirm(payload, session), session

    def open(self):
        """Open a session; what the gateway takes for the answer to session_confirm."""
        line, _ = self.confirmation()
        return accept(self.requester, self.deliver(line))


def opened(**options):
    street = Street(**options)
    assert street.open()
    return street


def checked(line):
    """The frames of a line as (buffer, size), each buffer its own."""
    deframer, found, at = framing.Deframer(), [], 0
    while at < len(line):
        at = deframer.push(line, at, len(line))
        if deframer.size >= 0:
            found.append((bytearray(deframer.buffer), deframer.size))
    return found


def deliver(responder, line, now_ms=1000):
    """What the controller says to this line, as bytes."""
    said = b""
    for frame, size in checked(line):
        count = responder.receive(frame, size, now_ms)
        said += bytes(responder.reply[:count])
    return said


def accept(requester, line):
    """What the gateway takes of this line."""
    answers = [requester.accept(frame, size) for frame, size in checked(line)]
    return [answer for answer in answers if answer is not None]


def altered(line, changes):
    """The first frame of a line with bytes changed, counted from the header, and a correct CRC."""
    frame, size = checked(line)[0]
    for offset, value in changes:
        frame[1 + offset] = value
    return bytes(frame[: framing.finish_frame(frame, size)])


def refusal(line):
    """(type, reason) of a refusal in plain on this line."""
    frame, size = checked(line)[0]
    assert frame[4] == wire.REFUSAL
    assert not frame[1] & wire.FLAG_SECURED
    return wire_gateway.unpack_refusal(frame, PAYLOAD_AT, size)


def raised(error, call, *arguments):
    try:
        call(*arguments)
    except error:
        return True
    return False


# --- The handshake --------------------------------------------------------------------------------


def test_a_session_opens_with_a_secured_hello():
    street = Street()
    kind, flags, payload = street.open()[0]
    assert kind == wire.HELLO
    assert flags == SECURED_REPLY
    assert len(payload) == wire.HELLO_SIZE
    assert street.requester.session.boot == 3
    assert street.responder.last_heard_ms == street.now_ms


def test_requests_under_a_session_are_answered_and_no_payload_is_readable():
    street = opened()
    secret = b"somebody is at the third lamp"
    line = street.requester.request(ECHO, secret)
    said = street.deliver(line)
    assert accept(street.requester, said) == [
        (ECHO, SECURED_REPLY | wire.FLAG_MORE, bytes(reversed(list(secret))))
    ]
    assert secret[:4] not in line
    assert bytes(reversed(list(secret)))[:4] not in said
    assert street.asked == [(ECHO, secret)]


def test_every_size_of_payload_travels():
    street = opened()
    for size in list(range(40)) + [63, 64, 65, wire.MAX_PAYLOAD - 1, wire.MAX_PAYLOAD]:
        payload = bytes([i & 0xFF for i in range(size)])
        assert street.ask(ECHO, payload)[2] == bytes(reversed(list(payload)))


def test_an_authenticated_record_of_24_bytes_takes_42_on_the_wire():
    street = opened()
    street.requester.session.counter = 0x0101
    sizes = [len(street.requester.request(ECHO, bytes(24))) for _ in range(20)]
    assert sizes == [42] * 20


def test_a_controller_with_another_link_key_is_found_out():
    street = Street()
    other = street.opening(link_key=bytes(32))
    answer = street.ask(wire.SESSION_OPEN, other.payload(), True)
    assert raised(SecurityError, other.confirm, answer[2], ADDRESS, street.group, 0)
    assert raised(WireError, other.confirm, answer[2][:-1], ADDRESS, street.group, 0)


def test_a_gateway_with_another_link_key_opens_nothing():
    street = Street(link_key=bytes(32))
    opening = street.opening()
    answer = street.ask(wire.SESSION_OPEN, opening.payload(), True)
    opening.confirm(answer[2], ADDRESS, street.group, 0)
    guess = bytearray(wire.SESSION_CONFIRM_SIZE)
    said = street.deliver(street.requester.request(wire.SESSION_CONFIRM, bytes(guess), True))
    assert refusal(said) == (wire.SESSION_CONFIRM, wire.REFUSAL_REASON_NO_SESSION)
    assert street.security.session is None
    assert street.security.bad_tags == 1


def test_a_proof_with_any_byte_changed_proves_nothing():
    for at in range(wire.SESSION_CONFIRM_SIZE):
        street = Street()
        line, _ = street.confirmation()
        value = checked(line)[0][0][PAYLOAD_AT + at] ^ 0x10
        said = street.deliver(altered(line, [(framing.HEADER_AT + 5 + at, value)]))
        assert refusal(said)[1] == wire.REFUSAL_REASON_NO_SESSION
        assert street.security.session is None


def test_an_acceptance_with_any_byte_changed_is_refused():
    street = Street()
    opening = street.opening()
    accepted = street.ask(wire.SESSION_OPEN, opening.payload(), True)[2]
    for at in range(len(accepted)):
        changed = bytearray(accepted)
        changed[at] ^= 1
        assert raised(SecurityError, opening.confirm, bytes(changed), ADDRESS, street.group, 0)


def test_every_identity_is_bound_into_the_keys():
    made = set()
    for i in range(7):
        transcript = security.transcript_of(
            bytes([i == 0]) * 16,
            bytes([i == 1]) * 16,
            b"park-gw2" if i == 2 else GATEWAY,
            bytes(8) if i == 3 else UNIT,
            4 if i == 4 else 3,
            2 if i == 5 else EPOCH,
        )
        made.add(security.Secrets(bytes(32), transcript).to_controller)
    assert len(made) == 7


def test_the_two_directions_the_pad_and_the_proofs_have_keys_of_their_own():
    secrets = security.Secrets(bytes(32), bytes(51))
    assert secrets.to_controller != secrets.to_gateway
    assert secrets.group_pad not in (secrets.to_controller, secrets.to_gateway)
    assert secrets.accept_mac() != secrets.confirm_mac(bytes(16), 0)


def test_two_units_with_the_same_link_key_have_different_sessions():
    one = Street(link_key=bytes(32))
    twin = Street(unit=bytes(8), link_key=bytes(32))
    opening = one.opening()
    answer = twin.ask(wire.SESSION_OPEN, opening.payload(), True)
    assert raised(SecurityError, opening.confirm, answer[2], ADDRESS, one.group, 0)


def test_an_unknown_epoch_is_refused_and_two_are_taken_during_a_rotation():
    street = Street()
    said = street.ask(wire.SESSION_OPEN, street.opening(epoch=9).payload(), True)
    assert said[0] == wire.REFUSAL
    assert said[2] == bytes([wire.SESSION_OPEN, wire.REFUSAL_REASON_UNKNOWN_EPOCH])
    two = {1: bytes(32), 2: bytes([2]) * 32}
    street.responder.security = security.ControllerSecurity(two, UNIT, 3, b"")
    for epoch in (1, 2):
        street.link_key = two[epoch]
        opening = street.opening(epoch=epoch)
        line, _ = street.confirmation(opening)
        assert accept(street.requester, street.deliver(line))


def test_no_nonce_of_a_controller_comes_twice_even_without_any_chance():
    nonces = set()
    for boot in (1, 2, 3):
        street = Street(boot=boot)
        for _ in range(20):
            answer = street.ask(wire.SESSION_OPEN, street.opening().payload(), True)
            nonces.add(answer[2][:16])
    assert len(nonces) == 60


def test_a_malformed_handshake_is_refused_and_counted():
    street = Street()
    for kind, size in ((wire.SESSION_OPEN, 24), (wire.SESSION_CONFIRM, 37)):
        said = street.ask(kind, bytes(size), True)
        assert said[2] == bytes([kind, wire.REFUSAL_REASON_MALFORMED])
    assert street.responder.malformed == 2


def test_a_lost_answer_to_the_confirmation_is_sent_again():
    street = Street()
    line, _ = street.confirmation()
    first = street.deliver(line)
    assert street.deliver(street.requester.repeat()) == first
    assert accept(street.requester, first)
    assert street.ask(ECHO, b"x")


def test_an_old_confirmation_opens_nothing():
    street = Street()
    line, _ = street.confirmation()
    accept(street.requester, street.deliver(line))
    street.ask(ECHO, b"x")
    session = street.security.session
    street.ask(wire.IDENTIFY, bytes(2), True)
    assert refusal(street.deliver(line))[1] == wire.REFUSAL_REASON_NO_SESSION
    assert street.security.session is session
    assert street.ask(ECHO, b"y")


def test_an_interrupted_handshake_leaves_the_session_in_force():
    street = opened()
    street.ask(wire.SESSION_OPEN, street.opening().payload(), True)
    assert street.ask(ECHO, b"still here")


def test_a_new_session_ends_the_old_one():
    street = opened()
    old = street.requester.request(ECHO, b"old")
    street.deliver(old)
    street.open()
    assert street.deliver(old) == b""
    assert street.ask(ECHO, b"new")
    assert street.deliver(old) == b""
    assert street.asked == [(ECHO, b"old"), (ECHO, b"new")]


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
