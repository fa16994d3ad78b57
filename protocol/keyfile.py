"""Key files on a host: the site's link key or its command key, with the epochs in force.

JSON, readable by the owner only. During a rotation a file holds two epochs, so that controllers
that have only the old key and those that have the new one are both reached. CPython only.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from protocol import keys
from protocol.errors import ProtocolError

Purpose = Literal["link", "command"]

MAX_EPOCH = 255
EPOCHS_KEPT = 2
PRIVATE = 0o600
# RFC 7914, section 2: interactive use would allow less; an export is opened once a year.
SCRYPT_COST = 2**17
SALT_SIZE = NONCE_SIZE = 16
SHORTEST_PASSPHRASE = 12


class KeyFileError(ProtocolError):
    """A key file that cannot be used; the message says what to do."""


@dataclass(frozen=True, repr=False)
class SiteKey:
    """One of a site's two secrets: `epochs` maps an epoch, 1 to 255, to 32 bytes."""

    purpose: Purpose
    site: str
    epochs: Mapping[int, bytes]

    def __repr__(self) -> str:
        """Without the secret."""
        return f"SiteKey({self.purpose} key of {self.site}, epochs {sorted(self.epochs)})"

    @property
    def current(self) -> int:
        """The epoch that new sessions and signatures use."""
        return max(self.epochs)

    def device_keys(self, hardware_id: bytes) -> dict[int, bytes]:
        """K_link or K_cmd of one device, by epoch."""
        derive = keys.link_key if self.purpose == "link" else keys.command_key
        return {epoch: derive(key, epoch, hardware_id) for epoch, key in self.epochs.items()}

    def rotated(self) -> SiteKey:
        """With a new epoch beside the current one; older ones are dropped."""
        if self.current >= MAX_EPOCH:
            raise KeyFileError(f"epoch {MAX_EPOCH} is the last; make a new key with a new name")
        newest = sorted(self.epochs)[-(EPOCHS_KEPT - 1) :]
        kept = {epoch: self.epochs[epoch] for epoch in newest}
        return replace(self, epochs={**kept, self.current + 1: _random_key()})


def new_key(purpose: Purpose, site: str) -> SiteKey:
    """A fresh random key in epoch 1."""
    return SiteKey(purpose, site, {1: _random_key()})


def _random_key() -> bytes:
    return secrets.token_bytes(keys.SITE_KEY_SIZE)


def save(key: SiteKey, path: Path, *, replace_file: bool = False) -> None:
    """Write a key file, whole or not at all; only the owner may read it.

    Raises KeyFileError when it exists and may not be replaced, or cannot be written.
    """
    write_private(path, json.dumps(_document(key), indent=2) + "\n", replace_file=replace_file)


def load(path: Path, purpose: Purpose) -> SiteKey:
    """Read a key file; KeyFileError when it is missing, open to others, or not of that purpose."""
    text = read_private(path, "make it with: stoep keys init")
    return _parse(text, purpose, str(path))


def export(key: SiteKey, path: Path, passphrase: str) -> None:
    """Write a copy under a passphrase (scrypt, AES-256-GCM) for the safe.

    KeyFileError when it exists or when the passphrase has under SHORTEST_PASSPHRASE characters.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise KeyFileError(f"the passphrase needs {SHORTEST_PASSPHRASE} characters or more")
    salt, nonce = secrets.token_bytes(SALT_SIZE), secrets.token_bytes(NONCE_SIZE)
    plain = json.dumps(_document(key)).encode()
    sealed = AESGCM(_stretched(passphrase, salt)).encrypt(nonce, plain, None)
    document = {
        "stoep": "exported key",
        "salt": base64.b64encode(salt).decode(),
        "nonce": base64.b64encode(nonce).decode(),
        "sealed": base64.b64encode(sealed).decode(),
    }
    write_private(path, json.dumps(document, indent=2) + "\n", replace_file=False)


def restore(path: Path, purpose: Purpose, passphrase: str) -> SiteKey:
    """Read an exported copy; KeyFileError when it is none, or the passphrase is not the one."""
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
        salt, nonce, sealed = (
            base64.b64decode(document[name], validate=True) for name in ("salt", "nonce", "sealed")
        )
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFileError(f"{path}: is no exported key of stoep") from error
    try:
        plain = AESGCM(_stretched(passphrase, salt)).decrypt(nonce, sealed, None)
    except (InvalidTag, ValueError) as error:
        raise KeyFileError(f"{path}: the passphrase is wrong, or the file is damaged") from error
    return _parse(plain, purpose, str(path))


def _stretched(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=SCRYPT_COST, r=8, p=1).derive(passphrase.encode())


def _document(key: SiteKey) -> dict[str, Any]:
    epochs = {str(epoch): value.hex() for epoch, value in sorted(key.epochs.items())}
    return {"stoep": f"{key.purpose} key", "site": key.site, "epochs": epochs}


def _parse(text: bytes, purpose: Purpose, where: str) -> SiteKey:
    try:
        document: dict[str, Any] = json.loads(text)
        title, site = str(document["stoep"]), str(document["site"])
        epochs = {int(e): bytes.fromhex(v) for e, v in document["epochs"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeyFileError(f"{where}: is no key file of stoep") from error
    if title != f"{purpose} key":
        raise KeyFileError(f"{where}: holds a {title}, but a {purpose} key is needed here")
    sizes = {len(value) for value in epochs.values()}
    if sizes != {keys.SITE_KEY_SIZE} or not all(1 <= e <= MAX_EPOCH for e in epochs):
        raise KeyFileError(f"{where}: is damaged; restore it from its export")
    return SiteKey(purpose, site, epochs)


def read_private(path: Path, hint: str) -> bytes:
    """The bytes of a secret file; `hint` tells how to make one that is missing.

    KeyFileError when it cannot be read, or others than its owner may read it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read()
    except OSError as error:
        told = hint if isinstance(error, FileNotFoundError) else ""
        raise KeyFileError(f"{path}: {error.strerror}; {told}".rstrip("; ")) from error
    if mode & 0o077:
        raise KeyFileError(f"{path}: others may read this secret; run: chmod 600 {path}")
    return text


def write_private(path: Path, text: str, *, replace_file: bool) -> None:
    """Write a secret file, whole or not at all, for its owner only.

    KeyFileError when it exists and may not be replaced, or cannot be written.
    """
    if path.exists() and not replace_file:
        raise KeyFileError(f"{path}: exists already; a key is never overwritten")
    aside = path.with_name(path.name + ".new")
    try:
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written: {error.strerror}") from error
