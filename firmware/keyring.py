"""The keys of this controller on flash: K_link and K_cmd, by epoch. Written over USB only."""

import binascii
import json

from firmware.files import ConfigurationError, content, replace

FILE = "keys.json"
MAX_BYTES = 2048
KEY_BYTES = 32
MAX_EPOCH = 255
PURPOSES = ("link", "command")


class Keyring:
    """`link` and `command` map an epoch to 32 bytes; both are empty before provisioning."""

    def __init__(self, link, command):
        self.link = link
        self.command = command


def none():
    """The keyring of a controller that has no keys: no session, no motion."""
    return Keyring({}, {})


def validate(document):
    """The Keyring in a document {"link": {epoch: hex}, "command": {…}}; ConfigurationError."""
    if not isinstance(document, dict):
        raise ConfigurationError("keys: must be an object")
    rings = []
    for purpose in PURPOSES:
        given = document.get(purpose)
        if not isinstance(given, dict) or not given:
            raise ConfigurationError("keys.%s: must map an epoch to a key" % purpose)
        ring = {}
        for epoch in given:
            try:
                number = int(epoch)
                key = binascii.unhexlify(given[epoch])
            except (ValueError, TypeError):
                raise ConfigurationError("keys.%s: must be 64 hex digits" % purpose)
            if not 1 <= number <= MAX_EPOCH or len(key) != KEY_BYTES:
                raise ConfigurationError("keys.%s: must be 32 bytes in epoch 1 to 255" % purpose)
            ring[number] = key
        rings.append(ring)
    return Keyring(rings[0], rings[1])


def checksum(keyring):
    """CRC-32 over both rings in the order of their epochs, to notice a damaged file."""
    crc = 0
    for ring in (keyring.link, keyring.command):
        for epoch in sorted(ring):
            crc = binascii.crc32(bytes([epoch]) + ring[epoch], crc)
        crc = binascii.crc32(b"/", crc)
    return crc & 0xFFFFFFFF


def provision(path, document):
    """Check a document and make it the keys at `path`, all of them or none; returns the Keyring.

    Raises ConfigurationError or OSError, and then the old keys stay.
    """
    keyring = validate(document)
    stored = {purpose: document[purpose] for purpose in PURPOSES}
    stored["crc"] = checksum(keyring)
    replace(path, json.dumps(stored).encode())
    return keyring


def load(path):
    """The Keyring at `path`; OSError when there is none, ConfigurationError when damaged."""
    try:
        document = json.loads(content(path, MAX_BYTES))
    except (ValueError, UnicodeError):
        raise ConfigurationError("keys: not JSON")
    keyring = validate(document)
    if document.get("crc") != checksum(keyring):
        raise ConfigurationError("keys: damaged; provision the controller again")
    return keyring
