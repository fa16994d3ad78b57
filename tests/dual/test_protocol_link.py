"""The link without a session: who answers what, and what a repetition does."""

from protocol import framing, link, link_gateway
from protocol.errors import EncodeError, WireError
from protocol.framing import PAYLOAD_AT
from protocol.generated import wire, wire_gateway

ADDRESS = 5
ECHO, SILENT, BROKEN, ZERO = 0x40, 0x41, 0x42, 0x43


class Recorder:
    """A service that answers ECHO with the payload backwards and remembers what it was asked."""

    def __init__(self):
        self.asked = []
        self.heard = []
        self.now_ms = None

    def answer(self, kind, frame, at, size, reply, reply_at, now_ms):
        self.now_ms = now_ms
        payload = bytes(frame[at : at + size])
        self.asked.append((kind, payload))
        if kind == BROKEN:
            raise WireError("broken")
        if kind == SILENT:
            return link.NO_REPLY
        for i in range(size):
            reply[reply_at + i] = payload[size - 1 - i]
        return kind, size, wire.FLAG_MORE

    def hear(self, kind, frame, at, size, now_ms):
        if kind == BROKEN:
            raise WireError("broken")
        self.now_ms = now_ms
        self.heard.append((kind, bytes(frame[at : at + size])))


def ends(counter=0):
    responder = link.Responder(ADDRESS, Recorder())
    return link_gateway.Requester(ADDRESS, counter), responder


def checked(line):
    """The frames of a line as (buffer, size), each buffer its own."""
    deframer, found, at = framing.Deframer(), [], 0
    while at < len(line):
        at = deframer.push(line, at, len(line))
        if deframer.size >= 0:
            found.append((bytearray(deframer.buffer), deframer.size))
    return found


def deliver(responder, line, now_ms=0):
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


def altered(line, offset, value):
    """The first frame of a line with one header byte changed and a correct CRC."""
    frame, size = checked(line)[0]
    frame[1 + offset] = value
    return bytes(frame[: framing.finish_frame(frame, size)])


def test_a_request_is_answered_and_its_counter_and_flags_come_back():
    requester, responder = ends()
    said = deliver(responder, requester.request(ECHO, b"abc"), 77)
    assert accept(requester, said) == [
        (ECHO, 0x20 | wire.FLAG_REPLY | wire.FLAG_MORE, b"cba"),
    ]
    assert responder.last_heard_ms == 77


def test_the_same_request_twice_acts_once_and_answers_byte_for_byte_the_same():
    requester, responder = ends()
    request = requester.request(ECHO, b"abc")
    first = deliver(responder, request)
    assert first
    assert deliver(responder, request) == first
    assert deliver(responder, requester.repeat()) == first
    assert responder.service.asked == [(ECHO, b"abc")]
    assert responder.repeats == 2


def test_a_repeated_request_without_a_reply_stays_silent_and_acts_once():
    requester, responder = ends()
    request = requester.request(SILENT, b"x")
    assert deliver(responder, request) == b""
    assert deliver(responder, request) == b""
    assert len(responder.service.asked) == 1


def test_another_request_with_the_same_counter_is_not_taken_for_a_repetition():
    _, responder = ends()
    for payload in (b"one", b"two"):
        deliver(responder, link_gateway.Requester(ADDRESS, 6).request(ECHO, payload))
    assert [payload for _, payload in responder.service.asked] == [b"one", b"two"]


def test_the_same_payload_under_a_new_counter_acts_again():
    requester, responder = ends()
    for _ in range(2):
        deliver(responder, requester.request(ECHO, b"again"))
    assert len(responder.service.asked) == 2


def test_only_the_last_request_is_remembered():
    requester, responder = ends()
    first = requester.request(ECHO, b"first")
    deliver(responder, first)
    deliver(responder, requester.request(ECHO, b"second"))
    deliver(responder, first)
    assert [payload for _, payload in responder.service.asked] == [b"first", b"second", b"first"]


def test_a_request_for_another_address_is_ignored():
    _, responder = ends()
    assert deliver(responder, link_gateway.Requester(ADDRESS + 1, 0).request(ECHO, b"x")) == b""
    assert responder.service.asked == []
    assert responder.last_heard_ms is None


def test_what_another_controller_says_is_ignored():
    requester, responder = ends()
    assert deliver(responder, altered(requester.request(ECHO, b"x"), 2, 9)) == b""
    assert responder.service.asked == []


def test_a_reply_on_the_bus_is_no_request():
    requester, responder = ends()
    reply = altered(requester.request(ECHO, b"x"), 0, 0x20 | wire.FLAG_REPLY)
    assert deliver(responder, reply) == b""
    assert responder.service.asked == []


def test_a_controller_without_keys_refuses_secured_frames_and_sessions():
    requester, responder = ends()
    secured = altered(requester.request(ECHO, b"123456789"), 0, 0x20 | wire.FLAG_SECURED)
    wanted = bytes([ECHO, wire.REFUSAL_REASON_UNPROVISIONED])
    assert accept(requester, deliver(responder, secured))[0][2] == wanted
    for kind in (wire.SESSION_OPEN, wire.SESSION_CONFIRM):
        said = deliver(responder, requester.request(kind, bytes(25)))
        wanted = bytes([kind, wire.REFUSAL_REASON_UNPROVISIONED])
        assert accept(requester, said)[0][2] == wanted
    assert responder.service.asked == []
    assert responder.last_heard_ms is None


def test_a_controller_without_keys_ignores_secured_broadcasts():
    _, responder = ends()
    line = altered(link_gateway.broadcast(wire.TIME, b"123456789", 9), 0, 0x20 | wire.FLAG_SECURED)
    assert deliver(responder, line) == b""
    assert responder.service.heard == []


def test_a_frame_of_another_protocol_version_is_counted_and_ignored():
    requester, responder = ends()
    assert deliver(responder, altered(requester.request(ECHO, b"x"), 0, 0x40)) == b""
    assert responder.service.asked == []
    assert responder.bad_versions == 1


def test_a_broadcast_is_heard_by_all_and_answered_by_none():
    _, responder = ends()
    assert deliver(responder, link_gateway.broadcast(wire.TIME, b"noon", 9)) == b""
    assert responder.service.heard == [(wire.TIME, b"noon")]
    assert responder.service.asked == []


def test_a_search_is_answered_by_broadcast_every_time_and_from_the_new_address():
    _, responder = ends()
    responder.address = wire.ADDRESS_UNASSIGNED
    search = link_gateway.broadcast(wire.SEARCH, b"prefix", 9)
    for _ in range(2):
        frame, size = checked(deliver(responder, search))[0]
        assert link_gateway.accept_broadcast_reply(frame, size, 9) == (0xFE, wire.SEARCH, b"xiferp")
        assert link_gateway.accept_broadcast_reply(frame, size, 8) is None
    assert len(responder.service.asked) == 2
    responder.address = 7
    frame, size = checked(deliver(responder, link_gateway.broadcast(wire.ASSIGN, b"id", 10)))[0]
    assert link_gateway.accept_broadcast_reply(frame, size, 10) == (7, wire.ASSIGN, b"di")


def test_only_replies_to_the_gateway_answer_a_broadcast():
    _, responder = ends()
    said = deliver(responder, link_gateway.broadcast(wire.SEARCH, b"prefix78", 9))
    secured = 0x20 | wire.FLAG_REPLY | wire.FLAG_SECURED
    for offset, value in ((0, 0x20), (0, 0x40 | wire.FLAG_REPLY), (0, secured), (1, 9)):
        frame, size = checked(altered(said, offset, value))[0]
        assert link_gateway.accept_broadcast_reply(frame, size, 9) is None


def test_a_malformed_request_is_refused_and_counted_and_the_link_goes_on():
    requester, responder = ends()
    said = deliver(responder, requester.request(BROKEN, b"?"))
    kind, _, payload = accept(requester, said)[0]
    assert kind == wire.REFUSAL
    assert wire_gateway.unpack_refusal(payload, 0, len(payload)) == (
        BROKEN,
        wire.REFUSAL_REASON_MALFORMED,
    )
    assert responder.malformed == 1
    assert accept(requester, deliver(responder, requester.request(ECHO, b"ok")))


def test_a_malformed_broadcast_is_counted():
    _, responder = ends()
    deliver(responder, link_gateway.broadcast(BROKEN, b"?", 9))
    assert responder.malformed == 1


def test_a_reply_is_taken_once():
    requester, responder = ends()
    said = deliver(responder, requester.request(ECHO, b"abc"))
    assert len(accept(requester, said + said)) == 1


def test_a_reply_to_an_earlier_request_is_not_taken():
    requester, responder = ends()
    late = deliver(responder, requester.request(ECHO, b"first"))
    requester.request(ECHO, b"second")
    assert accept(requester, late) == []


def test_nothing_is_taken_before_anything_was_asked():
    requester, responder = ends()
    other = link_gateway.Requester(ADDRESS, requester.counter - 1)
    assert accept(requester, deliver(responder, other.request(ECHO, b"x"))) == []


def test_the_gateways_own_request_heard_back_is_no_reply():
    requester, _ = ends()
    request = requester.request(ECHO, b"abc")
    assert accept(requester, altered(request, 1, 0)) == []
    assert accept(requester, altered(altered(request, 1, 0), 2, ADDRESS)) == []


def test_a_reply_for_somebody_else_or_from_somebody_else_is_not_taken():
    for offset, value in ((1, 9), (2, 9), (0, 0x40 | wire.FLAG_REPLY), (4, 0xEE), (5, 0xEE)):
        requester, responder = ends()
        said = deliver(responder, requester.request(ECHO, b"abc"))
        assert accept(requester, altered(said, offset, value)) == [], offset
        assert accept(requester, said), offset


def test_a_secured_reply_to_a_plain_request_is_not_taken():
    requester, responder = ends()
    said = deliver(responder, requester.request(ECHO, b"123456789"))
    assert accept(requester, altered(said, 0, 0x20 | wire.FLAG_REPLY | wire.FLAG_SECURED)) == []


def test_counters_pass_their_end():
    requester, responder = ends(0xFFFE)
    for _ in range(4):
        assert accept(requester, deliver(responder, requester.request(ECHO, b"x")))
    assert requester.counter == 2
    assert len(responder.service.asked) == 4


def test_a_payload_that_does_not_fit_is_refused_before_it_is_sent():
    requester, _ = ends()
    for send in (
        lambda p: requester.request(ECHO, p),
        lambda p: link_gateway.broadcast(ECHO, p, 1),
    ):
        send(bytes(wire.MAX_PAYLOAD))
        try:
            send(bytes(wire.MAX_PAYLOAD + 1))
        except EncodeError:
            continue
        raise AssertionError("too large a payload was taken")


def test_the_longest_reply_fits_and_is_repeated():
    requester, responder = ends()
    request = requester.request(ECHO, bytes(range(wire.MAX_PAYLOAD)))
    first = deliver(responder, request)
    assert deliver(responder, request) == first
    assert accept(requester, first)[0][2] == bytes(range(wire.MAX_PAYLOAD - 1, -1, -1))


def test_a_frame_without_a_payload_is_answered():
    requester, responder = ends()
    assert accept(requester, deliver(responder, requester.request(ZERO, b"")))[0][2] == b""
    assert framing.PAYLOAD_AT == PAYLOAD_AT


def test_a_request_without_a_reply_says_nothing_of_the_one_before():
    requester, responder = ends()
    deliver(responder, requester.request(ECHO, b"abc"))
    silent = requester.request(SILENT, b"abc")
    assert deliver(responder, silent) == b""
    assert deliver(responder, silent) == b""
