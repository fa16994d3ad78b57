"""One bus, one talker: the gateway asks, a controller answers. Sans-I/O, time passed in. Dual.

Every request carries a counter that its reply echoes. A request that arrives twice, byte for
byte, gets the same reply again, byte for byte: a lost reply costs a repetition, never an action.
Between a gateway and a provisioned controller everything that acts is secured, see security.
Here is the controller's end; the gateway's is link_gateway.
"""

# A service is whatever has the two methods: MicroPython has no typing to say so with.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from protocol import framing
from protocol.errors import WireError
from protocol.framing import BUFFER_SIZE, HEADER_AT, PAYLOAD_AT
from protocol.generated.wire import (
    ADDRESS_BROADCAST,
    ADDRESS_GATEWAY,
    ASSIGN,
    CRC_SIZE,
    FLAG_REPLY,
    FLAG_SECURED,
    IDENTIFY,
    IDENTIFY_SIZE,
    PLAIN_TYPE_MAX,
    REFUSAL,
    REFUSAL_REASON_MALFORMED,
    REFUSAL_REASON_NO_SESSION,
    REFUSAL_REASON_UNKNOWN_EPOCH,
    REFUSAL_REASON_UNPROVISIONED,
    REFUSAL_REASON_UNSECURED,
    SEARCH,
    SESSION_ACCEPT,
    SESSION_CONFIRM,
    SESSION_OPEN,
    pack_refusal,
)
from protocol.kernels import copy, equal
from protocol.security import ControllerSecurity, ControllerSession

NO_REPLY = (0, 0, 0)
# The station that is meant answers these, once a transmission and never from memory.
ANSWERED_BROADCASTS = (SEARCH, ASSIGN)

_NO_BLINK = bytes(IDENTIFY_SIZE)


class Exchange:
    """The last request of a station and its reply, byte for byte."""

    def __init__(self) -> None:
        self.reply_size = 0
        self._size = -1
        self._staged_size = -1
        self._request = bytearray(BUFFER_SIZE)
        self._staged = bytearray(BUFFER_SIZE)
        self._reply = bytearray(BUFFER_SIZE)

    def is_repeated_by(self, frame: bytearray, size: int) -> bool:
        """Whether this frame, with `size` bytes of payload and tag, is the request again."""
        end = PAYLOAD_AT + size + CRC_SIZE
        return size == self._size and bool(
            equal(frame, HEADER_AT, self._request, HEADER_AT, end - HEADER_AT)
        )

    def stage(self, frame: bytearray, size: int) -> None:
        """Keep a request as it came, until it is known whether it is genuine."""
        copy(self._staged, HEADER_AT, frame, HEADER_AT, PAYLOAD_AT + size + CRC_SIZE - HEADER_AT)
        self._staged_size = size

    def open(self) -> None:
        """The staged request is the last one now; until `close` it has no reply."""
        self._request, self._staged = self._staged, self._request
        self._size = self._staged_size
        self.reply_size = 0

    def close(self, reply: bytearray, reply_size: int) -> None:
        """Remember what went out."""
        copy(self._reply, 0, reply, 0, reply_size)
        self.reply_size = reply_size

    def repeat(self, reply: bytearray) -> int:
        """Write the reply that went out; returns its size, 0 for none."""
        copy(reply, 0, self._reply, 0, self.reply_size)
        return self.reply_size

    def forget(self) -> None:
        """No request is the last one."""
        self._size = -1


class Responder:
    """A controller's end of the link; `reply` holds the bytes to send after `receive`.

    `service.answer(kind, frame, at, size, reply, reply_at, now_ms)` reads a request's payload from
    frame[at:at+size], writes its answer to reply[reply_at:] and returns (kind, size, flags), or
    NO_REPLY to stay silent; a WireError becomes a refusal as malformed. A broadcast that is one of
    ANSWERED_BROADCASTS is put to it too; the reply bears the address that stands after the call.
    `service.hear(kind, frame, at, size, now_ms)` takes the others; a WireError is only counted.

    With `security`, which every provisioned controller has, only messages up to PLAIN_TYPE_MAX
    are taken unsecured, and `last_heard_ms` tells when the gateway was last *proved* to be there.
    """

    def __init__(self, address: int, service, security: ControllerSecurity | None = None) -> None:
        self.address = address
        self.service = service
        self.security = security
        self.reply = bytearray(BUFFER_SIZE)
        self.last_heard_ms: int | None = None
        self.bad_versions = 0
        self.malformed = 0
        self.repeats = 0
        self._plain = Exchange()
        self._secured = Exchange()

    def receive(self, frame: bytearray, size: int, now_ms: int) -> int:
        """Take one checked frame; returns how many bytes of `reply` to send, 0 for none."""
        flags = frame[1]
        if flags & framing.VERSION_MASK != framing.VERSION_BITS:
            self.bad_versions += 1
            return 0
        if flags & FLAG_REPLY or frame[3] != ADDRESS_GATEWAY:
            return 0
        if frame[2] == ADDRESS_BROADCAST:
            return self._receive_broadcast(frame, size, now_ms)
        if frame[2] != self.address:
            return 0
        session, security = None, self.security
        if flags & FLAG_SECURED and security is not None:
            session = security.session_at(now_ms)
        exchange = self._plain if session is None else self._secured
        if exchange.is_repeated_by(frame, size):
            self.repeats += 1
            return exchange.repeat(self.reply)
        exchange.stage(frame, size)
        if security is None or session is None:
            exchange.open()
            answer, session = self._answer_plain(frame, size, now_ms)
        else:
            size = session.open_request(frame, size)
            if size < 0:
                security.bad_tags += 1
                return 0
            exchange.open()
            self.last_heard_ms = now_ms
            answer = self._answer(frame, size, now_ms)
        exchange.close(self.reply, self._say(frame, answer, session))
        return exchange.reply_size

    def _answer_plain(
        self, frame: bytearray, size: int, now_ms: int
    ) -> tuple[tuple[int, int, int], ControllerSession | None]:
        """Answer to a request that nothing proves, and the session to seal it with, if any."""
        kind, security = frame[4], self.security
        if security is None:
            if frame[1] & FLAG_SECURED or kind in (SESSION_OPEN, SESSION_CONFIRM):
                return self._refuse(kind, REFUSAL_REASON_UNPROVISIONED), None
            self.last_heard_ms = now_ms
            return self._answer(frame, size, now_ms), None
        if frame[1] & FLAG_SECURED:
            return self._refuse(kind, REFUSAL_REASON_NO_SESSION), None
        if kind > PLAIN_TYPE_MAX:
            security.unsecured += 1
            return self._refuse(kind, REFUSAL_REASON_UNSECURED), None
        try:
            if kind == SESSION_OPEN:
                return self._accept_session(security, frame, size), None
            if kind == SESSION_CONFIRM:
                return self._confirm_session(security, frame, size, now_ms)
        except WireError:
            self.malformed += 1
            return self._refuse(kind, REFUSAL_REASON_MALFORMED), None
        return self._answer(frame, size, now_ms), None

    def _accept_session(
        self, security: ControllerSecurity, frame: bytearray, size: int
    ) -> tuple[int, int, int]:
        size = security.accept(frame, PAYLOAD_AT, size, self.reply, PAYLOAD_AT)
        if size < 0:
            return self._refuse(SESSION_OPEN, REFUSAL_REASON_UNKNOWN_EPOCH)
        return SESSION_ACCEPT, size, 0

    def _confirm_session(
        self, security: ControllerSecurity, frame: bytearray, size: int, now_ms: int
    ) -> tuple[tuple[int, int, int], ControllerSession | None]:
        """A secured hello as the first word of the new session, or a refusal."""
        if not security.confirm(frame, PAYLOAD_AT, size, self.address, now_ms):
            security.bad_tags += 1
            return self._refuse(SESSION_CONFIRM, REFUSAL_REASON_NO_SESSION), None
        self._secured.forget()
        self.last_heard_ms = now_ms
        hello = self.service.answer(
            IDENTIFY, _NO_BLINK, 0, IDENTIFY_SIZE, self.reply, PAYLOAD_AT, now_ms
        )
        return hello, security.session

    def _receive_broadcast(self, frame: bytearray, size: int, now_ms: int) -> int:
        security, kind = self.security, frame[4]
        if frame[1] & FLAG_SECURED:
            if security is None or not security.has_group():
                return 0
            size = security.open_broadcast(frame, size)
            if size < 0:
                security.bad_tags += 1
                return 0
        elif security is not None and kind > PLAIN_TYPE_MAX:
            security.unsecured += 1
            return 0
        elif kind in ANSWERED_BROADCASTS:
            return self._say(frame, self._answer(frame, size, now_ms), None)
        try:
            self.service.hear(kind, frame, PAYLOAD_AT, size, now_ms)
        except WireError:
            self.malformed += 1
        return 0

    def _answer(self, frame: bytearray, size: int, now_ms: int) -> tuple[int, int, int]:
        try:
            return self.service.answer(
                frame[4], frame, PAYLOAD_AT, size, self.reply, PAYLOAD_AT, now_ms
            )
        except WireError:
            self.malformed += 1
            return self._refuse(frame[4], REFUSAL_REASON_MALFORMED)

    def _refuse(self, kind: int, reason: int) -> tuple[int, int, int]:
        return REFUSAL, pack_refusal(self.reply, PAYLOAD_AT, kind, reason) - PAYLOAD_AT, 0

    def _say(
        self, frame: bytearray, answer: tuple[int, int, int], session: ControllerSession | None
    ) -> int:
        """Frame the answer to a request; returns its bytes on the wire."""
        kind, size, flags = answer
        if not kind:
            return 0
        counter = frame[5] | frame[6] << 8
        flags |= FLAG_REPLY if session is None else FLAG_REPLY | FLAG_SECURED
        reply = self.reply
        framing.start_frame(reply, flags, ADDRESS_GATEWAY, self.address, kind, counter)
        if session is not None:
            size = session.seal_reply(reply, size)
        return framing.finish_frame(reply, size)
