"""Keys and what is made of them: HMAC, HKDF, keys of devices. Dual, on hashlib.

Nothing here is in the path of a frame, so it may use the heap. What is signed with K_cmd is in
`orders`.
"""

from hashlib import sha256

from protocol.kernels import equal

SITE_KEY_SIZE = 32
DEVICE_KEY_SIZE = 32

_BLOCK_SIZE = 64
_HASH_SIZE = 32


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256 (RFC 2104): 32 bytes."""
    if len(key) > _BLOCK_SIZE:
        key = sha256(key).digest()
    key = key + bytes(_BLOCK_SIZE - len(key))
    inner = sha256(bytes([byte ^ 0x36 for byte in key]))
    inner.update(message)
    outer = sha256(bytes([byte ^ 0x5C for byte in key]))
    outer.update(inner.digest())
    return outer.digest()


def hkdf(material: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    """HKDF-SHA-256 (RFC 5869): `size` bytes, at most 8160."""
    if size > 255 * _HASH_SIZE:
        raise ValueError("HKDF gives at most 8160 bytes")
    secret = hmac_sha256(salt or bytes(_HASH_SIZE), material)
    made = last = b""
    while len(made) < size:
        last = hmac_sha256(secret, last + info + bytes([len(made) // _HASH_SIZE + 1]))
        made += last
    return made[:size]


def same(one: bytes, other: bytes) -> bool:
    """Whether both are the same; takes the same time wherever they differ."""
    return len(one) == len(other) and bool(equal(one, 0, other, 0, len(one)))


def link_key(site_key: bytes, epoch: int, hardware_id: bytes) -> bytes:
    """K_link of one device: opens its sessions. From the site's link key; 32 bytes."""
    return _device_key(b"stoep link 1", site_key, epoch, hardware_id)


def command_key(site_key: bytes, epoch: int, hardware_id: bytes) -> bytes:
    """K_cmd of one device: makes the keys of people. From the site's command key; 32 bytes."""
    return _device_key(b"stoep command 1", site_key, epoch, hardware_id)


def _device_key(label: bytes, site_key: bytes, epoch: int, hardware_id: bytes) -> bytes:
    if len(site_key) != SITE_KEY_SIZE or len(hardware_id) != 8 or not 0 <= epoch <= 255:
        raise ValueError("a site key has 32 bytes, a hardware id 8, an epoch is 0 to 255")
    return hkdf(site_key, b"", label + bytes([epoch]) + hardware_id, DEVICE_KEY_SIZE)
