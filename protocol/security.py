"""Sessions: who may talk on the bus, and what no stranger can say, change, repeat or turn round.

Dual. A session begins with three messages (session_open, session_accept, session_confirm) and has
an AES-128 key a direction, from HKDF-SHA-256 over both nonces, the boot, the identities and the
epoch. The nonce of a frame is its direction, the controller's address and a 32-bit counter, of
which 16 bits travel; a request's counter only grows, and its reply has the same one.

Here is what both ends share, and the controller's end; the gateway's is security_gateway.
"""

try:
    from protocol.ccm import Channel, Workspace
except ImportError:
    from protocol.ccm_host import Channel, Workspace

from protocol import keys
from protocol.generated import wire
from protocol.generated.wire import ADDRESS_BROADCAST

HANDSHAKE_NONCE_SIZE = 16
MAC_SIZE = 16
SESSION_KEY_SIZE = 16

LAST_COUNTER = 0x1FFF_FFFF
# A gateway opens a new session before; a controller then ends the old one by itself.
SESSION_LIMIT_MS = 90_000_000

# Direction of a frame, the first byte of its nonce.
TO_CONTROLLER, TO_GATEWAY, TO_ALL = range(3)


def _next_counter(last: int, frame: bytearray) -> int:
    """The least counter above `last` with this header's 16 bits; -1 when there is none left."""
    counter = (last & ~0xFFFF) | frame[5] | frame[6] << 8
    if counter <= last:
        counter += 0x1_0000
    return counter if counter <= LAST_COUNTER else -1


class Secrets:
    """Keys of one session, and the proofs that both ends have them."""

    def __init__(self, link_key: bytes, transcript: bytes) -> None:
        """`transcript`: see `transcript_of`; it is salt, information and what the proofs cover."""
        salt = transcript[: 2 * HANDSHAKE_NONCE_SIZE]
        material = keys.hkdf(link_key, salt, b"stoep session 1" + transcript, 96)
        self.to_controller = material[:16]
        self.to_gateway = material[16:32]
        self.group_pad = material[32:48]
        self._proof = material[64:96]
        self._transcript = transcript

    def accept_mac(self) -> bytes:
        """The controller's proof."""
        return keys.hmac_sha256(self._proof, b"accept" + self._transcript)[:MAC_SIZE]

    def confirm_mac(self, group_sealed: bytes, group_counter: int) -> bytes:
        """The gateway's proof, which covers what it hands over."""
        handed = group_sealed + group_counter.to_bytes(4, "little")
        return keys.hmac_sha256(self._proof, b"confirm" + self._transcript + handed)[:MAC_SIZE]

    def mask(self, group_key: bytes) -> bytes:
        """The broadcast key under a pad that serves once; the same again takes it off."""
        return bytes([group_key[i] ^ self.group_pad[i] for i in range(SESSION_KEY_SIZE)])


def transcript_of(
    gateway_nonce: bytes,
    device_nonce: bytes,
    gateway: bytes,
    hardware_id: bytes,
    boot: int,
    epoch: int,
) -> bytes:
    """Who talks to whom in which session; every part has a fixed size."""
    identities = gateway + hardware_id
    return gateway_nonce + device_nonce + identities + boot.to_bytes(2, "little") + bytes([epoch])


class ControllerSession:
    """A session as a controller sees it."""

    def __init__(self, secrets: Secrets, address: int, workspace: Workspace, now_ms: int) -> None:
        self.opened_ms = now_ms
        self._last = 0
        self._requests = Channel(secrets.to_controller, TO_CONTROLLER, address, workspace)
        self._replies = Channel(secrets.to_gateway, TO_GATEWAY, address, workspace)

    def open_request(self, frame: bytearray, size: int) -> int:
        """Size of the payload, decrypted in place; -1 for what is old or not from the gateway."""
        counter = _next_counter(self._last, frame)
        if counter < 0:
            return -1
        size = self._requests.open(frame, size, counter)
        if size >= 0:
            self._last = counter
        return size

    def seal_reply(self, frame: bytearray, size: int) -> int:
        """Encrypt the one reply to the request opened last; returns the size with its tag."""
        return self._replies.seal(frame, size, self._last)


class ControllerSecurity:
    """What a provisioned controller knows and decides: link keys, handshakes, the session in force.

    `link_keys` maps an epoch to K_link, 32 bytes; during a rotation there are two. `entropy`: some
    random bytes; nonces stay unpredictable without it and never come twice while boots count.
    """

    def __init__(
        self, link_keys: dict[int, bytes], hardware_id: bytes, boot: int, entropy: bytes
    ) -> None:
        self.session: ControllerSession | None = None
        self.bad_tags = 0
        self.unsecured = 0
        self._link_keys = link_keys
        self._hardware_id = hardware_id
        self._boot = boot
        self._entropy = entropy
        self._handshakes = 0
        self._pending: Secrets | None = None
        self._workspace = Workspace()
        self._group: Channel | None = None
        self._group_last = 0

    def accept(self, frame: bytearray, at: int, size: int, reply: bytearray, reply_at: int) -> int:
        """Answer session_open with session_accept; its size, or -1 for an unknown epoch."""
        gateway_nonce, gateway, epoch = wire.unpack_session_open(frame, at, size)
        link_key = self._link_keys.get(epoch)
        if link_key is None:
            return -1
        self._handshakes += 1
        seed = b"stoep nonce" + self._boot.to_bytes(2, "little")
        seed += self._handshakes.to_bytes(4, "little")
        device_nonce = keys.hmac_sha256(link_key, seed + self._entropy)[:HANDSHAKE_NONCE_SIZE]
        self._pending = Secrets(
            link_key,
            transcript_of(
                gateway_nonce, device_nonce, gateway, self._hardware_id, self._boot, epoch
            ),
        )
        mac = self._pending.accept_mac()
        return wire.pack_session_accept(reply, reply_at, device_nonce, self._boot, mac) - reply_at

    def confirm(self, frame: bytearray, at: int, size: int, address: int, now_ms: int) -> bool:
        """Take session_confirm: True when it proves the link key; its session is then in force."""
        group_sealed, group_counter, mac = wire.unpack_session_confirm(frame, at, size)
        pending = self._pending
        if pending is None or not keys.same(mac, pending.confirm_mac(group_sealed, group_counter)):
            return False
        self._pending = None
        self.session = ControllerSession(pending, address, self._workspace, now_ms)
        group_key = pending.mask(group_sealed)
        self._group = Channel(group_key, TO_ALL, ADDRESS_BROADCAST, self._workspace)
        self._group_last = group_counter
        return True

    def session_at(self, now_ms: int) -> ControllerSession | None:
        """The session in force; one that is too old ends here."""
        session = self.session
        if session is not None and now_ms - session.opened_ms > SESSION_LIMIT_MS:
            self.session = session = self._group = None
        return session

    def has_group(self) -> bool:
        """Whether broadcasts can be judged; before the first session they are for others."""
        return self._group is not None

    def open_broadcast(self, frame: bytearray, size: int) -> int:
        """Size of a broadcast's payload, decrypted in place; -1 for what is old or not genuine."""
        counter = _next_counter(self._group_last, frame)
        if self._group is None or counter < 0:
            return -1
        size = self._group.open(frame, size, counter)
        if size >= 0:
            self._group_last = counter
        return size
