"""What a controller answers: identify, poll, command; what it hears: the time."""

from firmware.services.commands import MAX_IDENTIFY_S
from protocol.errors import WireError
from protocol.generated.wire import (
    ASSIGN,
    CAPABILITY_MOTION,
    CAPABILITY_PROVISIONED,
    CAPABILITY_RESCUE,
    CAPABILITY_SECURED,
    COMMAND,
    COMMAND_RESULT,
    COMMAND_RESULT_SIZE,
    COMMAND_SIZE,
    EVENT_CODE_CLOCK_JUMP,
    EXPLAIN,
    FINGERPRINT,
    FLAG_MORE,
    FLAG_PERMIT,
    FLAG_SECURED,
    FLAG_URGENT,
    HELLO,
    HELLO_SIZE,
    HUSH,
    IDENTIFY,
    MAX_PAYLOAD,
    NEWS,
    NEWS_SIZE,
    POLL,
    RECORDS,
    RECORDS_SIZE,
    REFUSAL,
    REFUSAL_REASON_MALFORMED,
    REFUSAL_REASON_UNKNOWN_TYPE,
    REFUSAL_SIZE,
    SEARCH,
    SEVERITY_WARNING,
    TIME,
    URGENT_SEQUENCE_BASE,
    pack_command_result,
    pack_hello,
    pack_records,
    pack_refusal,
    unpack_command,
    unpack_explain,
    unpack_identify,
    unpack_news,
    unpack_poll,
    unpack_time,
)
from protocol.link import NO_REPLY

FIRMWARE_VERSION = (0, 1, 0)


class Identity:
    """What hello says besides the configuration.

    `hardware_id`: 8 bytes; `boot`: 1 to 65535; `reset_cause`: wire.RESET_CAUSE_*; `revision`: of
    the board, 0 = emulated; `rescued`: the flash could not be used.
    """

    def __init__(self, hardware_id, boot, reset_cause, revision, rescued):
        self.hardware_id = hardware_id
        self.boot = boot
        self.reset_cause = reset_cause
        self.revision = revision
        self.rescued = rescued


class Uplink:
    """The service behind a link.Responder. Nothing that arrives here raises out of it.

    A node may offer `permitted(now_ms, permission)`: each secured poll tells it whether the gateway
    permits upward drive.
    """

    def __init__(self, identity, configuration, outbox, clock, desk, finder):
        self.malformed = 0
        self.secured = False
        self.finder = finder
        self._identity = identity
        self._configuration = configuration
        self._outbox = outbox
        self._clock = clock
        self._desk = desk
        # Looked up once: a method that is looked up takes heap.
        self._permits = hasattr(desk.node, "permitted")

    def answer(self, kind, frame, at, size, reply, reply_at, now_ms):
        """Answer a request, see link.Responder; returns (type, size, flags) of the reply."""
        try:
            if kind == POLL:
                return self._poll(frame, at, size, reply, reply_at, now_ms)
            if kind == COMMAND:
                return self._command(frame, at, size, reply, reply_at, now_ms)
            if kind == EXPLAIN:
                return self._explain(frame, at, size, reply, reply_at, now_ms)
            if kind == IDENTIFY:
                return self._identify(frame, at, size, reply, reply_at, now_ms)
            if kind == SEARCH:
                return self._search(frame, at, size, reply, reply_at)
            if kind == ASSIGN:
                return self._assign(frame, at, size, reply, reply_at)
        except WireError:
            self.malformed += 1
            pack_refusal(reply, reply_at, kind, REFUSAL_REASON_MALFORMED)
            return REFUSAL, REFUSAL_SIZE, 0
        pack_refusal(reply, reply_at, kind, REFUSAL_REASON_UNKNOWN_TYPE)
        return REFUSAL, REFUSAL_SIZE, 0

    def hear(self, kind, frame, at, size, now_ms):
        """Take a broadcast, see link.Responder; kinds that are not known are no error."""
        try:
            if kind == TIME:
                self._time(frame, at, size, now_ms)
            elif kind == NEWS:
                self._news(frame, at, size, now_ms)
            elif kind == HUSH:
                self.finder.hush(frame, at, size)
        except WireError:
            self.malformed += 1

    def _news(self, frame, at, size, now_ms):
        (count,) = unpack_news(frame, at, size)
        if size != NEWS_SIZE + 2 * count:
            raise WireError("news")
        for i in range(at + NEWS_SIZE, at + size, 2):
            if frame[i] == self.finder.address:
                self._desk.node.expect(frame[i + 1], now_ms)

    def _time(self, frame, at, size, now_ms):
        seconds, milliseconds, trust = unpack_time(frame, at, size)
        jump_ms = self._clock.tell(seconds, milliseconds, trust, now_ms)
        if jump_ms:
            self._outbox.event(EVENT_CODE_CLOCK_JUMP, SEVERITY_WARNING, 1, jump_ms, 0, now_ms)

    def _identify(self, frame, at, size, reply, reply_at, now_ms):
        (blink_s,) = unpack_identify(frame, at, size)
        if blink_s:
            # Anybody may ask this, so not for as long as they like.
            self._desk.blinker.start(min(blink_s, MAX_IDENTIFY_S), now_ms)
        return self._hello(reply, reply_at)

    def _search(self, frame, at, size, reply, reply_at):
        if self.finder.is_meant(frame, at, size):
            return self._hello(reply, reply_at)
        return NO_REPLY

    def _assign(self, frame, at, size, reply, reply_at):
        if self.finder.take_address(frame, at, size):
            return self._hello(reply, reply_at)
        return NO_REPLY

    def _hello(self, reply, reply_at):
        identity = self._identity
        configuration = self._configuration
        capabilities = CAPABILITY_PROVISIONED if configuration.provisioned else 0
        if self.secured:
            capabilities |= CAPABILITY_SECURED
        if self._desk.moves:
            capabilities |= CAPABILITY_MOTION
        if identity.rescued:
            capabilities |= CAPABILITY_RESCUE
        pack_hello(
            reply,
            reply_at,
            FINGERPRINT,
            configuration.kind,
            self.finder.address,
            identity.hardware_id,
            identity.boot,
            identity.reset_cause,
            FIRMWARE_VERSION[0],
            FIRMWARE_VERSION[1],
            FIRMWARE_VERSION[2],
            identity.revision,
            configuration.crc,
            capabilities,
        )
        return HELLO, HELLO_SIZE, 0

    def _poll(self, frame, at, size, reply, reply_at, now_ms):
        (
            boot,
            routine_acknowledged,
            routine_next,
            urgent_acknowledged,
            urgent_next,
            limit,
        ) = unpack_poll(frame, at, size)
        if self._permits and frame[1] & FLAG_SECURED:
            self._desk.node.permitted(now_ms, frame[1] & FLAG_PERMIT != 0)
        outbox = self._outbox
        if boot == self._identity.boot:
            outbox.routine.acknowledge(routine_acknowledged)
            outbox.urgent.acknowledge(urgent_acknowledged)
        else:
            routine_next = 1
            urgent_next = URGENT_SEQUENCE_BASE + 1
        begin = reply_at + RECORDS_SIZE
        end = reply_at + min(RECORDS_SIZE + limit, MAX_PAYLOAD)
        end = outbox.fill(reply, begin, end, urgent_next, routine_next, now_ms)
        pack_records(reply, reply_at, self._identity.boot, outbox.held())
        flags = 0
        if outbox.more:
            flags = FLAG_MORE
        if outbox.more_urgent:
            flags |= FLAG_URGENT
        return RECORDS, end - reply_at, flags

    def _command(self, frame, at, size, reply, reply_at, now_ms):
        transaction, verb, lifetime_ms, level_percent, duration_s = unpack_command(frame, at, size)
        proof = bytes(frame[at + COMMAND_SIZE : at + size])
        status, guard, progress = self._desk.take(
            transaction, verb, lifetime_ms, level_percent, duration_s, proof, now_ms
        )
        pack_command_result(reply, reply_at, transaction, status, guard, progress)
        return COMMAND_RESULT, COMMAND_RESULT_SIZE, 0

    def _explain(self, frame, at, size, reply, reply_at, now_ms):
        verb, level_percent, duration_s = unpack_explain(frame, at, size)
        status, guard, progress = self._desk.explain(verb, level_percent, duration_s, now_ms)
        pack_command_result(reply, reply_at, 0, status, guard, progress)
        return COMMAND_RESULT, COMMAND_RESULT_SIZE, 0
