"""AES-CCM: RFC 3610, the controller's implementation against the host's, and both vectors."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from protocol import ccm_host, keys
from protocol.framing import BUFFER_SIZE, PAYLOAD_AT
from tests.protocol import fake_cryptolib


def controllers_ccm() -> Any:
    """The module ccm as a controller has it, on CPython."""
    found = importlib.util.find_spec("protocol.ccm")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["cryptolib"] = fake_cryptolib
    try:
        found.loader.exec_module(module)
    finally:
        del sys.modules["cryptolib"]
    return module


CCM = controllers_ccm()

# RFC 3610 section 8, packet vectors 1, 2 and 4: nonce, bytes of header, size, what is sent.
RFC_3610 = [
    (
        "00000003020100a0a1a2a3a4a5",
        8,
        31,
        "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0",
    ),
    (
        "00000004030201a0a1a2a3a4a5",
        8,
        32,
        "72c91a36e135f8cf291ca894085c87e3cc15c439c9e43a3ba091d56e10400916",
    ),
    (
        "00000006050403a0a1a2a3a4a5",
        12,
        31,
        "a28c6865939a9a79faaa5c4c2a9d4a91cdac8c96c861b9c9e61ef1",
    ),
]
RFC_KEY = bytes(range(0xC0, 0xD0))


def textbook(key: bytes, nonce: bytes, header: bytes, payload: bytes) -> bytes:
    """CCM as RFC 3610 tells it, L = 2, M = 8: payload and tag, encrypted."""
    block = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update
    flags = 0x40 + 8 * 3 + 1
    first = bytes([flags]) + nonce + len(payload).to_bytes(2, "big")
    associated = len(header).to_bytes(2, "big") + header
    state = bytes(16)
    for part in (first, associated, payload):
        padded = part + bytes(-len(part) % 16)
        for at in range(0, len(padded), 16):
            mixed = zip(state, padded[at : at + 16], strict=True)
            state = block(bytes(a ^ b for a, b in mixed))
    blocks = len(payload) // 16 + 2
    stream = b"".join(block(b"\x01" + nonce + i.to_bytes(2, "big")) for i in range(blocks))
    body = bytes(a ^ b for a, b in zip(payload, stream[16:], strict=False))
    return body + bytes(a ^ b for a, b in zip(state[:8], stream, strict=False))


@pytest.mark.parametrize(("nonce", "head", "size", "sent"), RFC_3610)
def test_the_textbook_and_the_host_package_give_what_rfc_3610_says(
    nonce: str, head: int, size: int, sent: str
) -> None:
    packet, raw_nonce = bytes(range(size)), bytes.fromhex(nonce)
    header, payload = packet[:head], packet[head:]
    assert textbook(RFC_KEY, raw_nonce, header, payload).hex() == sent
    package = AESCCM(RFC_KEY, tag_length=8)
    assert package.encrypt(raw_nonce, payload, header).hex() == sent


def nonce_of(route: tuple[int, int, int]) -> bytes:
    direction, address, counter = route
    return bytes([direction, address]) + counter.to_bytes(4, "little") + bytes(7)


def channel(module: Any, key: bytes, route: tuple[int, int, int]) -> Any:
    return module.Channel(key, route[0], route[1], module.Workspace())


def frame_of(header: bytes, payload: bytes) -> bytearray:
    return bytearray(b"\0" + header + payload).ljust(BUFFER_SIZE, b"\xee")


keys_16 = st.binary(min_size=16, max_size=16)
routes = st.tuples(st.integers(0, 2), st.integers(0, 255), st.integers(0, 2**30 - 1))
headers = st.binary(min_size=6, max_size=6)
payloads = st.binary(max_size=237)


@given(keys_16, routes, headers, payloads)
def test_both_implementations_seal_what_the_textbook_says(
    key: bytes, route: tuple[int, int, int], header: bytes, payload: bytes
) -> None:
    wanted = textbook(key, nonce_of(route), header, payload)
    for module in (CCM, ccm_host):
        frame = frame_of(header, payload)
        size = channel(module, key, route).seal(frame, len(payload), route[2])
        assert size == len(wanted)
        assert bytes(frame[PAYLOAD_AT : PAYLOAD_AT + len(wanted)]) == wanted
        assert bytes(frame[1:PAYLOAD_AT]) == header
        assert len(frame) == BUFFER_SIZE
        assert set(frame[PAYLOAD_AT + len(wanted) :]) <= {0xEE}


@given(keys_16, routes, headers, payloads, st.integers(0, 10**6), st.integers(1, 255))
def test_each_opens_what_the_other_sealed_and_nothing_that_was_changed(
    key: bytes, route: tuple[int, int, int], header: bytes, payload: bytes, at: int, flip: int
) -> None:
    for one, other in ((CCM, ccm_host), (ccm_host, CCM)):
        frame = frame_of(header, payload)
        size = channel(one, key, route).seal(frame, len(payload), route[2])
        changed = bytearray(frame)
        changed[1 + at % (6 + len(payload) + 8)] ^= flip
        opener = channel(other, key, route)
        assert opener.open(changed, size, route[2]) == -1
        assert opener.open(frame, size, route[2]) == len(payload)
        assert bytes(frame[PAYLOAD_AT : PAYLOAD_AT + len(payload)]) == payload


@given(st.lists(st.tuples(st.booleans(), headers, payloads, st.integers(0, 2**30 - 1)), max_size=8))
def test_a_controllers_cipher_keeps_nothing_from_one_frame_to_the_next(
    frames: list[tuple[bool, bytes, bytes, int]],
) -> None:
    shared = CCM.Workspace()
    channels = [CCM.Channel(RFC_KEY, 1, 5, shared), CCM.Channel(bytes(16), 1, 5, shared)]
    for second, header, payload, counter in frames:
        frame = frame_of(header, payload)
        size = channels[second].seal(frame, len(payload), counter)
        key = bytes(16) if second else RFC_KEY
        wanted = textbook(key, nonce_of((1, 5, counter)), header, payload)
        assert bytes(frame[PAYLOAD_AT : PAYLOAD_AT + len(wanted)]) == wanted
        assert channels[second].open(frame, size, counter) == len(payload)


def test_the_host_leaves_a_payload_that_it_cannot_open_as_it_came() -> None:
    frame = frame_of(b"header", b"payload and no tag")
    before = bytes(frame)
    assert channel(ccm_host, RFC_KEY, (0, 0, 0)).open(frame, 18, 0) == -1
    assert bytes(frame) == before
    with pytest.raises(InvalidTag):
        AESCCM(RFC_KEY, tag_length=8).decrypt(bytes(13), before[7:25], before[1:7])


@pytest.mark.parametrize("module", [CCM, ccm_host])
def test_what_cannot_be_a_payload_and_a_tag_is_not_opened(module: Any) -> None:
    opener = channel(module, RFC_KEY, (0, 5, 1))
    for size in (-1, 0, 7, 246, 300):
        assert opener.open(bytearray(400), size, 1) == -1


@given(st.binary(max_size=200), st.binary(max_size=300))
def test_hmac_is_the_host_packages(key: bytes, message: bytes) -> None:
    package = HMAC(key, SHA256())
    package.update(message)
    assert keys.hmac_sha256(key, message) == package.finalize()


@given(st.binary(min_size=1), st.binary(), st.binary(), st.integers(1, 300))
def test_hkdf_is_the_host_packages(material: bytes, salt: bytes, info: bytes, size: int) -> None:
    package = HKDF(SHA256(), size, salt or None, info)
    assert keys.hkdf(material, salt, info, size) == package.derive(material)
