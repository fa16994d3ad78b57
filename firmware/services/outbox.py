"""What the gateway has not stored yet: two streams of records in two rings of bytes.

Records lie in the rings as they go over the line. A ring that is full drops its oldest record;
the loss is not stored but worked out when a poll asks for a number that is gone. Nothing here
takes heap after the start.
"""

from protocol.generated.wire import (
    EVENT_SIZE,
    GAP_CAUSE_RING_OVERFLOW,
    GAP_SIZE,
    RECORD_EVENT,
    RECORD_GAP,
    RECORD_HEADER_SIZE,
    URGENT_SEQUENCE_BASE,
    pack_event,
    pack_gap,
    pack_record_header,
)
from protocol.kernels import copy

ROUTINE_BYTES = 12288
URGENT_BYTES = 4096
GAP_BYTES = RECORD_HEADER_SIZE + GAP_SIZE


class Ring:
    """One stream: contiguous sequence numbers `first` to `next - 1` are held, oldest first.

    No record spans the end of `data`: what is left there stays free until the ring comes round.
    """

    def __init__(self, capacity, first):
        self.data = bytearray(capacity)
        self.first = first
        self.next = first
        self.reached = first
        self.dropped = 0
        self._head = 0
        self._tail = 0
        self._wrap = -1  # where the upper part ends while the records go round the end, else -1
        self._cursor = first  # a held number and where it lies, to find a place without a walk
        self._cursor_at = 0

    def reserve(self, size):
        """Room for the next record of `size` bytes with its header; returns where it begins.

        Drops the oldest records as needed. `size` must not exceed the ring.
        """
        capacity = len(self.data)
        while True:
            if self.first == self.next:
                self._head = self._tail = self._cursor_at = 0
                self._cursor = self.first
                self._wrap = -1
            if self._wrap >= 0:
                if self._head - self._tail >= size:
                    break
            elif capacity - self._tail >= size:
                break
            elif self._head >= size:
                self._wrap = self._tail
                self._tail = 0
                break
            self._drop()
            self.dropped += 1
        at = self._tail
        self._tail = at + size
        self.next += 1
        return at

    def acknowledge(self, below):
        """Free every record with a number under `below`."""
        while self.first < below and self.first < self.next:
            self._drop()

    def read(self, start, target, at, end):
        """Copy whole records from number `start` on to target[at:end]; returns the offset behind.

        `start` must not be under `first`. The number after the last copied one is in `reached`.
        """
        data = self.data
        self.reached = start
        if start >= self.next:
            return at
        position = self._locate(start)
        begin = position
        while self.reached < self.next:
            if position == self._wrap:
                at = self._copy(begin, position, target, at)
                begin = position = 0
            size = RECORD_HEADER_SIZE + data[position + 1]
            if at + position - begin + size > end:
                break
            position += size
            self.reached += 1
        self._cursor = self.reached
        self._cursor_at = position
        return self._copy(begin, position, target, at)

    def _copy(self, begin, end, target, at):
        copy(target, at, self.data, begin, end - begin)
        return at + end - begin

    def _locate(self, number):
        at = self._head
        held = self.first
        if held <= self._cursor <= number:
            at = self._cursor_at
            held = self._cursor
        while True:
            if at == self._wrap:
                at = 0
            if held == number:
                return at
            at += RECORD_HEADER_SIZE + self.data[at + 1]
            held += 1

    def _drop(self):
        self._head += RECORD_HEADER_SIZE + self.data[self._head + 1]
        self.first += 1
        if self._head == self._wrap:
            if self._cursor_at == self._wrap:
                self._cursor_at = 0
            self._head = 0
            self._wrap = -1


class Outbox:
    """The records of one boot. `clock`, a services.clock.Clock, stamps them.

    `begin` writes a routine record's header into `routine.data` and returns where its body goes.
    """

    def __init__(self, clock, routine_bytes=ROUTINE_BYTES, urgent_bytes=URGENT_BYTES):
        self.routine = Ring(routine_bytes, 1)
        self.urgent = Ring(urgent_bytes, URGENT_SEQUENCE_BASE + 1)
        self.more = False
        self.more_urgent = False
        self.clock = clock

    def held(self):
        """How many records are held, both streams together."""
        routine = self.routine
        urgent = self.urgent
        return routine.next - routine.first + urgent.next - urgent.first

    def begin(self, kind, size, quality, now_ms):
        """Put the header of a routine record of RECORD_* `kind`; returns where its body goes."""
        return self._put(self.routine, kind, size, quality, now_ms)

    def event(self, code, severity, active, value, transaction, now_ms):
        """Put an urgent event: EVENT_CODE_*, SEVERITY_*, 1 raised or 0 cleared, and its value."""
        at = self._put(self.urgent, RECORD_EVENT, EVENT_SIZE, 0, now_ms)
        pack_event(self.urgent.data, at, code, severity, active, value, transaction)

    def begin_urgent(self, kind, size, now_ms):
        """Put the header of an urgent record; returns where its body goes in `urgent.data`."""
        return self._put(self.urgent, kind, size, 0, now_ms)

    def fill(self, target, at, end, urgent_next, routine_next, now_ms):
        """Write the records a poll asks for to target[at:end], urgent first; returns the end.

        `more` and `more_urgent` then tell whether a stream holds further ones.
        """
        at = self._fill(self.urgent, target, at, end, urgent_next, now_ms)
        self.more_urgent = self.urgent.reached < self.urgent.next
        at = self._fill(self.routine, target, at, end, routine_next, now_ms)
        self.more = self.routine.reached < self.routine.next
        return at

    def _put(self, ring, kind, size, quality, now_ms):
        clock = self.clock
        clock.stamp(now_ms)
        number = ring.next
        at = ring.reserve(RECORD_HEADER_SIZE + size)
        return pack_record_header(
            ring.data,
            at,
            kind,
            size,
            quality | clock.quality,
            number,
            clock.seconds,
            clock.milliseconds,
        )

    def _fill(self, ring, target, at, end, start, now_ms):
        first = ring.first
        if start < first:
            if end - at < GAP_BYTES:
                ring.reached = start
                return at
            clock = self.clock
            clock.stamp(now_ms)
            at = pack_record_header(
                target,
                at,
                RECORD_GAP,
                GAP_SIZE,
                clock.quality,
                first - 1,
                clock.seconds,
                clock.milliseconds,
            )
            at = pack_gap(target, at, start, first - start, GAP_CAUSE_RING_OVERFLOW)
            start = first
        return ring.read(start, target, at, end)
