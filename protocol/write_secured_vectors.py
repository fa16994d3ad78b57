"""Golden handshakes and sealed frames, by the cryptography package alone. CPython only.

Written from the description in README, not from the code: HKDF, HMAC and AESCCM of the package
stand against keys, security and ccm.
"""

from __future__ import annotations

from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol.write_vectors import Case, wire


def _mac(key: bytes, message: bytes) -> bytes:
    made = HMAC(key, SHA256())
    made.update(message)
    return made.finalize()[:16]


class Handshake(NamedTuple):
    """All that goes into the keys of a session."""

    link_key: bytes
    gateway_nonce: bytes
    device_nonce: bytes
    gateway: bytes
    hardware_id: bytes
    boot: int
    epoch: int

    def transcript(self) -> bytes:
        """Who talks to whom in which session."""
        nonces = self.gateway_nonce + self.device_nonce
        identities = self.gateway + self.hardware_id
        return nonces + identities + self.boot.to_bytes(2, "little") + bytes([self.epoch])

    def material(self) -> bytes:
        """Key to the controller, key to the gateway, pad, nothing, key of the proofs."""
        salt = self.gateway_nonce + self.device_nonce
        info = b"stoep session 1" + self.transcript()
        return HKDF(SHA256(), 96, salt, info).derive(self.link_key)

    def keys(self) -> tuple[bytes, bytes]:
        """Key to the controller and key to the gateway."""
        material = self.material()
        return material[:16], material[16:32]

    def case(self, name: str, group_key: bytes, group_counter: int) -> Case:
        """The three messages of this handshake and the keys that come of it."""
        material, transcript = self.material(), self.transcript()
        pad, proof = material[32:48], material[64:]
        masked = bytes(a ^ b for a, b in zip(group_key, pad, strict=True))
        handed = masked + group_counter.to_bytes(4, "little")
        boot = self.boot.to_bytes(2, "little")
        accepted = self.device_nonce + boot + _mac(proof, b"accept" + transcript)
        return {
            "case": "handshake",
            "name": name,
            "link_key": self.link_key.hex(),
            "gateway": self.gateway.hex(),
            "hardware_id": self.hardware_id.hex(),
            "boot": self.boot,
            "epoch": self.epoch,
            "group_key": group_key.hex(),
            "group_counter": group_counter,
            "session_open": (self.gateway_nonce + self.gateway + bytes([self.epoch])).hex(),
            "session_accept": accepted.hex(),
            "session_confirm": (handed + _mac(proof, b"confirm" + transcript + handed)).hex(),
            "to_controller": material[:16].hex(),
            "to_gateway": material[16:32].hex(),
        }


def sealed(
    name: str, key: bytes, direction: int, header: bytes, counter: int, payload: bytes
) -> Case:
    """A secured frame: its nonce has direction, controller's address and counter, then zeros."""
    address = header[2] if direction == 1 else header[1]
    nonce = bytes([direction, address]) + counter.to_bytes(4, "little") + bytes(7)
    body = AESCCM(key, tag_length=8).encrypt(nonce, payload, header)
    return {
        "case": "secured",
        "name": name,
        "key": key.hex(),
        "direction": direction,
        "address": address,
        "counter": counter,
        "header": header.hex(),
        "payload": payload.hex(),
        "wire": wire(header + body).hex(),
    }
