"""The gateway's end of a session, see security; no controller loads it. Dual for its tests."""

from protocol import keys
from protocol.errors import SecurityError
from protocol.generated import wire, wire_gateway
from protocol.generated.wire import ADDRESS_BROADCAST
from protocol.security import (
    LAST_COUNTER,
    TO_ALL,
    TO_CONTROLLER,
    TO_GATEWAY,
    Channel,
    Secrets,
    Workspace,
    transcript_of,
)

GATEWAY_ID_SIZE = 8

# A new session is due after either.
REKEY_COUNTER = 0x1000_0000
REKEY_MS = 86_400_000

_CONFIRM_COUNTER = 0


class GatewaySession:
    """A session as the gateway sees it."""

    def __init__(self, secrets: Secrets, address: int, boot: int, now_ms: int) -> None:
        workspace = Workspace()
        self.boot = boot
        self.opened_ms = now_ms
        self.counter = _CONFIRM_COUNTER
        self._requests = Channel(secrets.to_controller, TO_CONTROLLER, address, workspace)
        self._replies = Channel(secrets.to_gateway, TO_GATEWAY, address, workspace)

    def next_counter(self) -> int:
        """Counter of the next request; SecurityError when the session has none left."""
        if self.counter >= LAST_COUNTER:
            raise SecurityError("the session's counters are used up")
        self.counter += 1
        return self.counter

    def seal_request(self, frame: bytearray, size: int) -> int:
        """Encrypt the request that bears the counter; returns the size with its tag."""
        return self._requests.seal(frame, size, self.counter)

    def open_reply(self, frame: bytearray, size: int) -> int:
        """Size of the payload of the last request's reply, decrypted in place; -1 otherwise."""
        return self._replies.open(frame, size, self.counter)

    def is_due(self, now_ms: int) -> bool:
        """Whether it is time for a new session."""
        return self.counter >= REKEY_COUNTER or now_ms - self.opened_ms >= REKEY_MS


class Group:
    """The broadcast key of one run of a gateway; a controller gets it with session_confirm."""

    def __init__(self, key: bytes) -> None:
        """`key`: SESSION_KEY_SIZE random bytes, never used before."""
        self.key = key
        self.counter = 0
        self._channel = Channel(key, TO_ALL, ADDRESS_BROADCAST, Workspace())

    def next_counter(self) -> int:
        """Counter of the next broadcast; SecurityError when the key has none left."""
        if self.counter >= LAST_COUNTER:
            raise SecurityError("the broadcast key's counters are used up")
        self.counter += 1
        return self.counter

    def seal(self, frame: bytearray, size: int) -> int:
        """Encrypt the broadcast that bears the counter; returns the size with its tag."""
        return self._channel.seal(frame, size, self.counter)


class Opening:
    """A handshake from the gateway's side; it serves once.

    `link_key` is K_link of the controller, `gateway` GATEWAY_ID_SIZE bytes, `nonce`
    HANDSHAKE_NONCE_SIZE random bytes.
    """

    def __init__(
        self, link_key: bytes, hardware_id: bytes, gateway: bytes, epoch: int, nonce: bytes
    ) -> None:
        self._link_key = link_key
        self._hardware_id = hardware_id
        self._gateway = gateway
        self._epoch = epoch
        self._nonce = nonce

    def payload(self) -> bytes:
        """Payload of session_open."""
        buffer = bytearray(wire.SESSION_OPEN_SIZE)
        wire_gateway.pack_session_open(buffer, 0, self._nonce, self._gateway, self._epoch)
        return bytes(buffer)

    def confirm(
        self, accepted: bytes, address: int, group: Group, now_ms: int
    ) -> tuple[bytes, GatewaySession]:
        """Payload of session_confirm and the session, from that of session_accept.

        SecurityError when the controller does not prove that it has the link key; WireError when
        the bytes are no session_accept.
        """
        device_nonce, boot, mac = wire_gateway.unpack_session_accept(accepted, 0, len(accepted))
        transcript = transcript_of(
            self._nonce, device_nonce, self._gateway, self._hardware_id, boot, self._epoch
        )
        secrets = Secrets(self._link_key, transcript)
        if not keys.same(mac, secrets.accept_mac()):
            raise SecurityError("the controller does not have this link key")
        sealed = secrets.mask(group.key)
        buffer = bytearray(wire.SESSION_CONFIRM_SIZE)
        proof = secrets.confirm_mac(sealed, group.counter)
        wire_gateway.pack_session_confirm(buffer, 0, sealed, group.counter, proof)
        return bytes(buffer), GatewaySession(secrets, address, boot, now_ms)
