"""Signed orders on both interpreters: what a signature covers, and what is no authority."""

from protocol import keys, orders
from protocol.generated.wire_bollard import (
    ROLE_OPERATOR,
    ROLE_SUPERVISOR,
    ROLE_TECHNICIAN,
    VERB_LOWER,
    VERB_RAISE,
)

HARDWARE_ID = bytes(range(8))
NONCE = b"nonce-01"
ANNA = b"anna\0\0\0\0"
BERT = b"bert\0\0\0\0"
SITE_KEY = bytes(range(32))
PERSON_KEY = "574b72b03639eec485dbd1e06c81b51789325ed2bf3f1e42960513b083969e8a"
TAG = "fee5f93f0f20a614ccbfb49d18ceb91c"
RING = {1: keys.command_key(SITE_KEY, 1, HARDWARE_ID)}


def unhex(text):
    return bytes([int(text[i : i + 2], 16) for i in range(0, len(text), 2)])


def raised(error, call, *arguments):
    try:
        call(*arguments)
    except error:
        return True
    return False


def order(verb=VERB_RAISE, level=255, duration=0, lifetime=2000, transaction=7):
    return orders.Order(verb, level, duration, lifetime, transaction)


def tag_of(message, operator=ANNA, role=ROLE_OPERATOR, epoch=1):
    key = keys.command_key(SITE_KEY, epoch, HARDWARE_ID)
    return orders.sign(orders.person_key(key, role, operator), message)


def signature(message, operator=ANNA, role=ROLE_OPERATOR, epoch=1):
    return operator, role, tag_of(message, operator, role, epoch)


def parsed(authority):
    """What is in an authority that is one."""
    found = orders.parse(authority)
    assert found is not None
    return found


def test_a_signed_order_is_covered_and_names_who_signed_in_which_role():
    message = order().signed_bytes(NONCE, HARDWARE_ID)
    authority = orders.join(NONCE, 2000, [signature(message)])
    assert len(authority) == orders.SIGNATURES_AT + orders.SIGNATURE_SIZE
    nonce, lifetime_ms, signatures = parsed(authority)
    assert (nonce, lifetime_ms, len(signatures)) == (NONCE, 2000, 1)
    assert signatures[0][:2] == (ANNA, ROLE_OPERATOR)
    assert orders.covers(RING, signatures[0], message)


def test_the_keys_and_tags_of_a_person_never_change():
    message = order().signed_bytes(NONCE, HARDWARE_ID)
    assert message == (
        b"stoep order 2nonce-01"
        + bytes([4, 255, 0, 0, 0, 0, 0xD0, 7, 0, 0, 7, 0, 0, 0])
        + HARDWARE_ID
    )
    assert orders.person_key(RING[1], ROLE_OPERATOR, ANNA) == unhex(PERSON_KEY)
    assert tag_of(message) == unhex(TAG)


def test_two_people_sign_the_same_bytes_each_with_a_key_of_their_own():
    message = order().signed_bytes(NONCE, HARDWARE_ID)
    both = [signature(message), signature(message, BERT, ROLE_SUPERVISOR)]
    assert both[0][2] != both[1][2]
    nonce, lifetime_ms, signatures = parsed(orders.join(NONCE, 2000, both))
    assert (nonce, lifetime_ms, signatures) == (NONCE, 2000, both)
    assert all(orders.covers(RING, one, message) for one in signatures)


def test_a_signature_covers_every_part_of_an_order():
    message = order().signed_bytes(NONCE, HARDWARE_ID)
    signed = signature(message)
    others = [
        order(verb=VERB_LOWER).signed_bytes(NONCE, HARDWARE_ID),
        order(level=0).signed_bytes(NONCE, HARDWARE_ID),
        order(duration=1).signed_bytes(NONCE, HARDWARE_ID),
        order(lifetime=2001).signed_bytes(NONCE, HARDWARE_ID),
        order(transaction=8).signed_bytes(NONCE, HARDWARE_ID),
        order().signed_bytes(b"nonce-02", HARDWARE_ID),
        order().signed_bytes(NONCE, bytes(8)),
    ]
    assert orders.covers(RING, signed, message)
    for other in others:
        assert not orders.covers(RING, signed, other)


def test_a_signature_is_of_one_person_in_one_role_with_one_device_key():
    message = order().signed_bytes(NONCE, HARDWARE_ID)
    tag = tag_of(message)
    assert not orders.covers(RING, (BERT, ROLE_OPERATOR, tag), message)
    assert not orders.covers(RING, (ANNA, ROLE_TECHNICIAN, tag), message)
    other = {1: keys.command_key(SITE_KEY, 1, bytes(8))}
    assert not orders.covers(other, (ANNA, ROLE_OPERATOR, tag), message)
    assert not orders.covers({}, (ANNA, ROLE_OPERATOR, tag), message)


def test_a_tag_counts_only_whole():
    message = order().signed_bytes(NONCE, HARDWARE_ID)
    tag = tag_of(message)
    for at in range(orders.TAG_SIZE):
        changed = bytearray(tag)
        changed[at] ^= 1
        assert not orders.covers(RING, (ANNA, ROLE_OPERATOR, bytes(changed)), message)
    for other in (b"", tag[:-1], tag + b"\0"):
        assert not orders.covers(RING, (ANNA, ROLE_OPERATOR, other), message)


def test_during_a_rotation_both_epochs_sign():
    message = order().signed_bytes(NONCE, HARDWARE_ID)
    ring = {epoch: keys.command_key(SITE_KEY, epoch, HARDWARE_ID) for epoch in (1, 2)}
    assert orders.covers(ring, signature(message, epoch=1), message)
    assert orders.covers(ring, signature(message, epoch=2), message)
    assert not orders.covers(ring, signature(message, epoch=3), message)


def test_every_person_role_and_device_has_a_key_of_their_own():
    made = {
        orders.person_key(bytes([device]) * 32, role, operator)
        for device in (0, 1)
        for role in (1, 2, 3, 4, 255)
        for operator in (ANNA, BERT)
    }
    assert len(made) == 20
    assert all(len(key) == keys.DEVICE_KEY_SIZE for key in made)


def test_bytes_that_are_no_authority_are_told_and_raise_nothing():
    message = order().signed_bytes(NONCE, HARDWARE_ID)
    one = orders.join(NONCE, 2000, [signature(message)])
    two = orders.join(NONCE, 2000, [signature(message), signature(message, BERT)])
    for size in range(len(two)):
        if size != len(one):
            assert orders.parse(two[:size]) is None, size
    assert orders.parse(two + b"\0") is None
    assert orders.parse(two + bytes(orders.SIGNATURE_SIZE)) is None
    assert orders.parse(memoryview(one)) == orders.parse(one)
    highest = orders.parse(NONCE + b"\xff\xff\xff\xff" + one[orders.SIGNATURES_AT :])
    assert highest is not None
    assert highest[1] == 4294967295


def test_a_name_has_one_form_on_the_wire():
    assert orders.operator_field("anna") == ANNA
    assert orders.operator_field("j.d-2_xz") == b"j.d-2_xz"
    for name in ("", "Anna", "anna b", "annabelle", "ann\0", "é", "a\0b"):
        assert raised(ValueError, orders.operator_field, name)
    one = orders.join(NONCE, 0, [(ANNA, ROLE_OPERATOR, bytes(16))])
    at = orders.SIGNATURES_AT
    for field in (
        bytes(8),
        b"\0anna\0\0\0",
        b"an\0na\0\0\0",
        b"Anna\0\0\0\0",
        b"anna    ",
        b"\xff" * 8,
    ):
        assert orders.parse(one[:at] + field + one[at + 8 :]) is None, field


def test_what_has_the_wrong_size_cannot_be_signed_or_joined():
    for nonce, unit in ((b"", HARDWARE_ID), (NONCE, b""), (NONCE + b"1", HARDWARE_ID)):
        assert raised(ValueError, order().signed_bytes, nonce, unit)
    for key, role, operator in (
        (bytes(31), ROLE_OPERATOR, ANNA),
        (bytes(32), 256, ANNA),
        (bytes(32), -1, ANNA),
        (bytes(32), ROLE_OPERATOR, b"anna"),
    ):
        assert raised(ValueError, orders.person_key, key, role, operator)
    good = (ANNA, ROLE_OPERATOR, bytes(16))
    for signatures in ([], [good] * 3, [(b"anna", 2, bytes(16))], [(ANNA, 2, bytes(15))]):
        assert raised(ValueError, orders.join, NONCE, 0, signatures)
    assert raised(ValueError, orders.join, b"short", 0, [good])
