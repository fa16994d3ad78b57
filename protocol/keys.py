"""Keys and what is made of them: HMAC, HKDF, keys of devices, tags of commands. Dual, on hashlib.

Nothing here is in the path of a frame, so it may use the heap.
"""

from hashlib import sha256

from protocol.kernels import equal

SITE_KEY_SIZE = 32
DEVICE_KEY_SIZE = 32
COMMAND_TAG_SIZE = 16
OPERATOR_SIZE = 8
AUTHORITY_SIZE = OPERATOR_SIZE + COMMAND_TAG_SIZE

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
    """K_cmd of one device: signs what it may do. From the site's command key; 32 bytes."""
    return _device_key(b"stoep command 1", site_key, epoch, hardware_id)


def _device_key(label: bytes, site_key: bytes, epoch: int, hardware_id: bytes) -> bytes:
    if len(site_key) != SITE_KEY_SIZE or len(hardware_id) != 8 or not 0 <= epoch <= 255:
        raise ValueError("a site key has 32 bytes, a hardware id 8, an epoch is 0 to 255")
    return hkdf(site_key, b"", label + bytes([epoch]) + hardware_id, DEVICE_KEY_SIZE)


class Order:
    """What an operator signs: one verb with its arguments, for one device and one nonce."""

    def __init__(
        self, verb: int, level_percent: int, duration_s: int, lifetime_ms: int, transaction: int
    ) -> None:
        self.verb = verb
        self.level_percent = level_percent
        self.duration_s = duration_s
        self.lifetime_ms = lifetime_ms
        self.transaction = transaction

    def signed_bytes(self, nonce: bytes, operator: bytes, hardware_id: bytes) -> bytes:
        """The message under the tag; every part has a fixed size, so none can pass as another."""
        if len(nonce) != 8 or len(operator) != OPERATOR_SIZE or len(hardware_id) != 8:
            raise ValueError("nonce, operator and hardware id have 8 bytes each")
        return (
            b"stoep order 1"
            + nonce
            + bytes([self.verb, self.level_percent])
            + self.duration_s.to_bytes(4, "little")
            + self.lifetime_ms.to_bytes(4, "little")
            + operator
            + self.transaction.to_bytes(4, "little")
            + hardware_id
        )


def sign_order(
    key: bytes, order: Order, nonce: bytes, operator: bytes, hardware_id: bytes
) -> bytes:
    """The `authority` of a command: operator and tag, AUTHORITY_SIZE bytes. `key` is K_cmd."""
    message = order.signed_bytes(nonce, operator, hardware_id)
    return operator + hmac_sha256(key, message)[:COMMAND_TAG_SIZE]


def order_is_signed(
    key: bytes, order: Order, nonce: bytes, authority: bytes, hardware_id: bytes
) -> bool:
    """Whether that authority covers that order; never raises for whatever came over the wire."""
    if len(authority) != AUTHORITY_SIZE:
        return False
    operator = bytes(authority[:OPERATOR_SIZE])
    return same(sign_order(key, order, nonce, operator, hardware_id), bytes(authority))
