"""Orders to bollards: what people sign and controllers check. Dual; only bollards load it.

An authority travels with a command: nonce, lifetime, and the signatures of one or two people. Each
signs with a key of their own, made for one device, one name and one role, so the tag proves all
three. Nothing here judges what a role may do, how old a nonce is, or whether two are needed.
"""

from protocol.keys import DEVICE_KEY_SIZE, hkdf, hmac_sha256, same

NONCE_SIZE = 8
OPERATOR_SIZE = 8
TAG_SIZE = 16
SIGNATURE_SIZE = OPERATOR_SIZE + 1 + TAG_SIZE
SIGNATURES_AT = NONCE_SIZE + 4
MAX_SIGNATURES = 2


def operator_field(name: str) -> bytes:
    """A person's name as it is signed: filled with zeros to OPERATOR_SIZE bytes.

    ValueError unless it is 1 to 8 characters of a-z, 0-9, '.', '_' and '-'.
    """
    field = name.encode()
    field += bytes(max(OPERATOR_SIZE - len(field), 0))
    if "\0" in name or not is_operator(field):
        raise ValueError("a person's name has 1 to 8 characters of a-z 0-9 . _ -")
    return field


def is_operator(field: bytes) -> bool:
    """Whether these bytes are a name as `operator_field` makes them; each has one form only."""
    name = field.rstrip(b"\0")
    if not name or len(field) != OPERATOR_SIZE:
        return False
    for byte in name:
        letter = chr(byte)
        if not ("a" <= letter <= "z" or "0" <= letter <= "9" or letter in "._-"):
            return False
    return True


def person_key(command_key: bytes, role: int, operator: bytes) -> bytes:
    """K_person: signs in that role and name for the one device that `command_key` (K_cmd) is of.

    `role` is 0 to 255 (wire Role), `operator` a field of OPERATOR_SIZE bytes; ValueError else.
    """
    if len(command_key) != DEVICE_KEY_SIZE or len(operator) != OPERATOR_SIZE or not 0 <= role < 256:
        raise ValueError("a command key has 32 bytes, an operator 8, a role is 0 to 255")
    return hkdf(command_key, b"", b"stoep person 1" + bytes([role]) + operator, DEVICE_KEY_SIZE)


class Order:
    """One verb with its arguments; `lifetime_ms` counts from the birth of the nonce."""

    def __init__(
        self, verb: int, level_percent: int, duration_s: int, lifetime_ms: int, transaction: int
    ) -> None:
        self.verb = verb
        self.level_percent = level_percent
        self.duration_s = duration_s
        self.lifetime_ms = lifetime_ms
        self.transaction = transaction

    def signed_bytes(self, nonce: bytes, hardware_id: bytes) -> bytes:
        """The message under each tag; every part has a fixed size, so none can pass as another.

        ValueError when nonce or hardware id do not have 8 bytes each.
        """
        if len(nonce) != NONCE_SIZE or len(hardware_id) != 8:
            raise ValueError("nonce and hardware id have 8 bytes each")
        return (
            b"stoep order 2"
            + nonce
            + bytes([self.verb, self.level_percent])
            + self.duration_s.to_bytes(4, "little")
            + self.lifetime_ms.to_bytes(4, "little")
            + self.transaction.to_bytes(4, "little")
            + hardware_id
        )


def sign(key: bytes, message: bytes) -> bytes:
    """One person's tag, TAG_SIZE bytes, over `Order.signed_bytes`; `key` is their K_person."""
    return hmac_sha256(key, message)[:TAG_SIZE]


def join(nonce: bytes, lifetime_ms: int, signatures: list[tuple[bytes, int, bytes]]) -> bytes:
    """The `authority` of a command; a signature is (operator, role, tag). What `parse` reads.

    ValueError when a part has another size or there are not one or two signatures.
    """
    parts = nonce + lifetime_ms.to_bytes(4, "little")
    for operator, role, tag in signatures:
        parts += operator + bytes([role]) + tag
    if parse(parts) != (nonce, lifetime_ms, list(signatures)):
        raise ValueError("an authority has a nonce, a lifetime, and one or two signatures")
    return parts


def parse(
    authority: bytes | memoryview,
) -> tuple[bytes, int, list[tuple[bytes, int, bytes]]] | None:
    """(nonce, lifetime_ms, signatures), or None; never raises for whatever came over the wire.

    Whoever the signatures name, nothing of it counts before `covers` has said so.
    """
    authority = bytes(authority)
    size = len(authority) - SIGNATURES_AT
    if size not in (SIGNATURE_SIZE, MAX_SIGNATURES * SIGNATURE_SIZE):
        return None
    signatures: list[tuple[bytes, int, bytes]] = []
    for at in range(SIGNATURES_AT, len(authority), SIGNATURE_SIZE):
        role_at = at + OPERATOR_SIZE
        operator = authority[at:role_at]
        if not is_operator(operator):
            return None
        signatures.append(
            (operator, authority[role_at], authority[role_at + 1 : at + SIGNATURE_SIZE])
        )
    lifetime_ms = int.from_bytes(authority[NONCE_SIZE:SIGNATURES_AT], "little")
    return authority[:NONCE_SIZE], lifetime_ms, signatures


def covers(
    command_keys: dict[int, bytes], signature: tuple[bytes, int, bytes], message: bytes
) -> bool:
    """Whether that person signed that message, in that role, under a K_cmd of the device.

    `command_keys` are its K_cmd by epoch; none sign nothing. Never raises for a signature that
    `parse` gave; how long it takes tells nothing about the tag.
    """
    operator, role, tag = signature
    signed = False
    for command_key in command_keys.values():
        if same(sign(person_key(command_key, role, operator), message), tag):
            signed = True
    return signed
