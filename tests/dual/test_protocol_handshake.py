"""How a session opens, on both interpreters, and who cannot open one."""

# Without a session there would be an error, and the test would have failed as it should.
# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportAttributeAccessIssue=false

from protocol import framing, security
from protocol.errors import SecurityError, WireError
from protocol.framing import PAYLOAD_AT
from protocol.generated import wire
from tests.dual.protocol_rig import (
    ADDRESS,
    ECHO,
    EPOCH,
    GATEWAY,
    SECURED_REPLY,
    UNIT,
    Street,
    accept,
    altered,
    checked,
    opened,
    raised,
    refusal,
)


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
