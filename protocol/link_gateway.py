"""The gateway's end of the link, see link; no controller loads it. Sans-I/O, dual for its tests."""

from protocol import framing
from protocol.errors import EncodeError
from protocol.framing import BUFFER_SIZE, PAYLOAD_AT
from protocol.generated.wire import (
    ADDRESS_BROADCAST,
    ADDRESS_GATEWAY,
    FLAG_REPLY,
    FLAG_SECURED,
    MAX_PAYLOAD,
    REFUSAL,
    REFUSAL_REASON_NO_SESSION,
    REFUSAL_REASON_UNPROVISIONED,
    REFUSAL_SIZE,
    SESSION_CONFIRM,
)
from protocol.security_gateway import GatewaySession, Group

# All that a reply in plain can tell a gateway that asked under a session: open a new one.
HINTS = (REFUSAL_REASON_NO_SESSION, REFUSAL_REASON_UNPROVISIONED)


class Requester:
    """The gateway's end of the link to one controller: at most one request is open at a time.

    `session` is None until `confirm` was answered; from then on requests are secured.
    """

    def __init__(self, address: int, counter: int) -> None:
        """`counter`: where to start, random, so that a new gateway repeats no old request."""
        self.address = address
        self.counter = counter & 0xFFFF
        self.session: GatewaySession | None = None
        self.bad_tags = 0
        self._buffer = bytearray(BUFFER_SIZE)
        self._size = 0
        self._open_counter = 0
        self._awaited: GatewaySession | None = None

    def request(self, kind: int, payload: bytes, plain: bool = False, flags: int = 0) -> bytes:
        """The bytes that ask `kind` with this payload; an earlier open request is given up.

        Secured when there is a session, unless `plain`; `flags` are wire.FLAG_*. EncodeError when
        the payload is too large, SecurityError when the session's counters are used up.
        """
        session = None if plain else self.session
        if session is None:
            self.counter = counter = (self.counter + 1) & 0xFFFF
        else:
            counter = session.next_counter()
        buffer = self._buffer
        self._size = 0
        if session is not None:
            flags |= FLAG_SECURED
        framing.start_frame(buffer, flags, self.address, ADDRESS_GATEWAY, kind, counter)
        size = put_payload(buffer, payload)
        if session is not None:
            size = session.seal_request(buffer, size)
        self._size = framing.finish_frame(buffer, size)
        self._open_counter = counter & 0xFFFF
        self._awaited = session
        return bytes(buffer[: self._size])

    def confirm(self, payload: bytes, session: GatewaySession) -> bytes:
        """The bytes of session_confirm; a secured hello answers it and puts `session` in force."""
        wire = self.request(SESSION_CONFIRM, payload, True)
        self._awaited = session
        return wire

    def repeat(self) -> bytes:
        """The same request again, after a zero byte that flushes what stale bytes lie before it."""
        return b"\x00" + bytes(self._buffer[: self._size])

    def accept(self, frame: bytearray, size: int) -> tuple[int, int, bytes] | None:
        """(kind, flags, payload) when this checked frame answers the open request, else None.

        After a secured request a refusal without FLAG_SECURED in its flags is a hint, not an
        answer: whether the request acted is not known, and a new session is needed.
        """
        if (
            not _is_reply(frame)
            or frame[3] != self.address
            or frame[5] | frame[6] << 8 != self._open_counter
            or not self._size
        ):
            return None
        awaited = self._awaited
        if frame[1] & FLAG_SECURED:
            if awaited is None:
                return None
            size = awaited.open_reply(frame, size)
            if size < 0:
                self.bad_tags += 1
                return None
            self.session = awaited
        elif awaited is not None and not _is_hint(frame, size):
            return None
        self._size = 0
        return frame[4], frame[1], bytes(frame[PAYLOAD_AT : PAYLOAD_AT + size])


def _is_hint(frame: bytearray, size: int) -> bool:
    """Whether a reply in plain says that the controller has no session to answer under."""
    return frame[4] == REFUSAL and size == REFUSAL_SIZE and frame[PAYLOAD_AT + 1] in HINTS


def _is_reply(frame: bytearray) -> bool:
    """Whether this is a reply to the gateway, in our version of the protocol."""
    return (
        frame[1] & framing.VERSION_MASK == framing.VERSION_BITS
        and frame[1] & FLAG_REPLY != 0
        and frame[2] == ADDRESS_GATEWAY
    )


def accept_broadcast_reply(
    frame: bytearray, size: int, counter: int
) -> tuple[int, int, bytes] | None:
    """(source, kind, payload) when this checked frame answers the broadcast of that counter."""
    if not _is_reply(frame) or frame[1] & FLAG_SECURED:
        return None
    if frame[5] | frame[6] << 8 != counter & 0xFFFF:
        return None
    return frame[3], frame[4], bytes(frame[PAYLOAD_AT : PAYLOAD_AT + size])


def put_payload(buffer: bytearray, payload: bytes) -> int:
    """Write a payload into a frame; returns its size. EncodeError when it does not fit."""
    size = len(payload)
    if size > MAX_PAYLOAD:
        raise EncodeError("a payload has at most MAX_PAYLOAD bytes")
    buffer[PAYLOAD_AT : PAYLOAD_AT + size] = payload
    return size


def broadcast(kind: int, payload: bytes, counter: int, group: Group | None = None) -> bytes:
    """The bytes of a message to every controller; only ANSWERED_BROADCASTS get replies.

    With a group it is secured and has the group's next counter; SecurityError when there is none.
    """
    buffer = bytearray(BUFFER_SIZE)
    flags = 0
    if group is not None:
        flags, counter = FLAG_SECURED, group.next_counter()
    framing.start_frame(buffer, flags, ADDRESS_BROADCAST, ADDRESS_GATEWAY, kind, counter)
    size = put_payload(buffer, payload)
    if group is not None:
        size = group.seal(buffer, size)
    return bytes(memoryview(buffer)[: framing.finish_frame(buffer, size)])
