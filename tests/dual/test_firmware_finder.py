"""Being found and getting an address: searches, hushes, assignments."""

from firmware import config
from firmware.services.finder import Finder
from protocol.framing import Deframer
from protocol.generated import wire, wire_gateway
from protocol.link_gateway import accept_broadcast_reply, broadcast
from tests.dual.firmware_rig import HARDWARE_ID, FakeLamp, LampRig, Rig, configured

NOBODY = wire.ADDRESS_UNASSIGNED
STRANGER = b"\x01\x02\x03\x04\x05\x06\x07\x09"


def search(prefix, bits, number=1, address=NOBODY):
    payload = bytearray(wire.SEARCH_SIZE)
    wire_gateway.pack_search(payload, 0, number, address, bits, prefix)
    return bytes(payload)


def hush(hardware_id, number=1):
    payload = bytearray(wire.HUSH_SIZE)
    wire_gateway.pack_hush(payload, 0, number, hardware_id)
    return bytes(payload)


def assign(hardware_id, address):
    payload = bytearray(wire.ASSIGN_SIZE)
    wire_gateway.pack_assign(payload, 0, hardware_id, address)
    return bytes(payload)


def flipped(hardware_id, bit):
    """The id with one bit, counted from the most significant, the other way round."""
    changed = bytearray(hardware_id)
    changed[bit >> 3] ^= 0x80 >> (bit & 7)
    return bytes(changed)


def taken(_address):
    return True


def finder(address=NOBODY, keep=taken):
    return Finder(HARDWARE_ID, address, keep)


def is_meant(one, payload):
    return one.is_meant(payload, 0, len(payload))


def unplaced(secured=False):
    """A lamp that was told all but its address."""
    return Rig(configured("lamp", {}, NOBODY), FakeLamp(), secured)


def answer(rig, kind, payload):
    """(source, address in hello) of the answer to a broadcast in plain, or None."""
    said = rig.say(broadcast(kind, payload, 77))
    deframer = Deframer()
    deframer.push(said, 0, len(said))
    if deframer.size < 0:
        return None
    found = accept_broadcast_reply(deframer.buffer, deframer.size, 77)
    assert found is not None
    source, replied, hello = found
    assert replied == wire.HELLO
    fields = wire_gateway.unpack_hello(hello, 0, len(hello))
    assert fields[3] == HARDWARE_ID
    return source, fields[2]


def test_a_prefix_counts_to_its_last_bit_and_no_further():
    one = finder()
    for bits in range(65):
        assert is_meant(one, search(HARDWARE_ID, bits))
        if bits:
            assert not is_meant(one, search(flipped(HARDWARE_ID, bits - 1), bits))
            assert not is_meant(one, search(flipped(HARDWARE_ID, 0), bits))
        if bits < 64:
            assert is_meant(one, search(flipped(HARDWARE_ID, bits), bits))
            assert is_meant(one, search(flipped(HARDWARE_ID, 63), bits))


def test_more_bits_than_an_id_has_mean_nobody():
    for bits in (65, 72, 255):
        assert not is_meant(finder(), search(HARDWARE_ID, bits))


def test_a_search_is_for_one_address():
    assert not is_meant(finder(), search(HARDWARE_ID, 0, address=5))
    assert is_meant(finder(address=5), search(HARDWARE_ID, 0, address=5))
    assert not is_meant(finder(address=5), search(HARDWARE_ID, 0))


def test_a_hush_holds_for_its_search_alone():
    one = finder()
    one.hush(hush(HARDWARE_ID, 7), 0, wire.HUSH_SIZE)
    assert not is_meant(one, search(HARDWARE_ID, 0, 7))
    assert is_meant(one, search(HARDWARE_ID, 0, 8))
    assert is_meant(one, search(HARDWARE_ID, 0, 6))


def test_a_hush_for_another_is_no_hush():
    one = finder()
    one.hush(hush(STRANGER, 7), 0, wire.HUSH_SIZE)
    assert is_meant(one, search(HARDWARE_ID, 0, 7))


def test_an_address_is_taken_by_who_is_named_and_has_none():
    one = finder()
    for hardware_id, address in ((STRANGER, 9), (HARDWARE_ID, 0), (HARDWARE_ID, 248)):
        assert not one.take_address(assign(hardware_id, address), 0, wire.ASSIGN_SIZE)
        assert one.address == NOBODY
    assert one.take_address(assign(HARDWARE_ID, 9), 0, wire.ASSIGN_SIZE)
    assert one.address == 9


def test_who_has_an_address_keeps_it_and_says_so_when_it_is_that_one():
    kept = []

    def keep(address):
        kept.append(address)
        return True

    one = finder(5, keep)
    assert not one.take_address(assign(HARDWARE_ID, 9), 0, wire.ASSIGN_SIZE)
    assert one.take_address(assign(HARDWARE_ID, 5), 0, wire.ASSIGN_SIZE)
    assert (one.address, kept) == (5, [])


def test_without_flash_an_address_is_not_taken():
    rig = unplaced()
    rig.keeps = False
    assert answer(rig, wire.ASSIGN, assign(HARDWARE_ID, 9)) is None
    assert rig.kept == [9]
    assert rig.controller.responder.address == NOBODY
    assert answer(rig, wire.SEARCH, search(HARDWARE_ID, 64)) == (NOBODY, NOBODY)
    rig.keeps = True
    assert answer(rig, wire.ASSIGN, assign(HARDWARE_ID, 9)) == (9, 9)


def test_from_search_to_session_a_controller_is_found_placed_and_trusted():
    rig = unplaced(secured=True)
    assert answer(rig, wire.SEARCH, search(HARDWARE_ID, 12)) == (NOBODY, NOBODY)
    assert answer(rig, wire.SEARCH, search(STRANGER, 64)) is None
    rig.say(broadcast(wire.HUSH, hush(HARDWARE_ID), 78))
    assert rig.line.sent == b""
    assert answer(rig, wire.SEARCH, search(HARDWARE_ID, 12)) is None
    assert answer(rig, wire.ASSIGN, assign(HARDWARE_ID, 9)) == (9, 9)
    assert rig.kept == [9]
    rig.address = rig.requester.address = 9
    assert rig.open()[2] == 9
    rig.run(1000)
    assert rig.drain()


def test_a_malformed_search_hush_or_assignment_is_dropped_without_a_word():
    rig = unplaced()
    for kind in (wire.SEARCH, wire.HUSH, wire.ASSIGN):
        for payload in (b"", bytes(8), bytes(30)):
            rig.say(broadcast(kind, payload, 3))
            deframer = Deframer()
            deframer.push(rig.line.sent, 0, len(rig.line.sent))
            assert deframer.size < 0 or deframer.buffer[4] == wire.REFUSAL
    assert rig.controller.uplink.malformed == 9
    assert rig.controller.responder.address == NOBODY
    assert rig.kept == []


def test_a_lamp_at_its_place_is_not_moved():
    rig = LampRig({})
    assert answer(rig, wire.ASSIGN, assign(HARDWARE_ID, 9)) is None
    assert rig.controller.responder.address == 5
    assert rig.kept == []


def test_an_unprovisioned_controller_is_found_too():
    rig = Rig(config.unprovisioned(), None)
    assert answer(rig, wire.SEARCH, search(HARDWARE_ID, 0)) == (NOBODY, NOBODY)
