"""MicroPython's cryptolib on the cryptography package, so that ccm runs on CPython too."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

# As cryptolib: an object that goes on from its last block, writing where it is told to.
ECB, CBC = 1, 2


class aes:  # noqa: N801 - the name that it stands in for
    """AES in ECB or CBC, encryption only."""

    def __init__(self, key: bytes, mode: int, iv: bytes | None = None) -> None:
        chosen = modes.ECB() if mode == ECB else modes.CBC(iv or bytes(16))
        self._encryptor = Cipher(algorithms.AES(key), chosen).encryptor()

    def encrypt(self, source: memoryview, target: memoryview) -> None:
        """Encrypt whole blocks of `source` into `target`, which may be the same."""
        target[:] = self._encryptor.update(bytes(source))
