"""One half-duplex wire, as arithmetic: who talks when, what the others hear, and how busy it is.

Pure: the time is passed in, in nanoseconds of one monotonic clock. `hil.line` joins it to ptys.
"""

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

BITS_PER_BYTE_ON_THE_LINE = 10  # start bit, 8 data bits, stop bit (8N1)
NS_PER_S = 1_000_000_000


@dataclass
class Counters:
    """What one line carried since it was made; benches divide these by the elapsed time."""

    bytes_sent: int = 0
    bytes_garbled: int = 0
    bytes_lost: int = 0
    bits_flipped: int = 0
    collisions: int = 0
    overruns: int = 0
    busy_ns: int = 0


@dataclass(frozen=True)
class Heard:
    """Bytes that arrive now at every endpoint except the talker and those that talked meanwhile."""

    talker: str
    deaf: frozenset[str]
    data: bytes


@dataclass
class _Burst:
    """Bytes sent without a pause: byte k lies on the line from k to k+1 byte times."""

    talker: str
    start_ns: int
    data: bytearray = field(default_factory=bytearray)
    delivered: int = 0

    @property
    def pending(self) -> bool:
        return self.delivered < len(self.data)


class Medium:
    """A half-duplex multidrop line: one talker at a time, overlapping talkers garble each other.

    `baud` in bits a second. `bit_error_rate` in 0..1 applies to each data bit, drawn from `seed`.
    `coalesce_ms` is the line time that may be gathered before bytes are handed over; the end of a
    burst is always handed over on time. 0 hands over byte by byte.
    """

    def __init__(
        self,
        baud: int = 115_200,
        *,
        bit_error_rate: float = 0.0,
        coalesce_ms: float = 1.0,
        seed: int = 0,
    ) -> None:
        if baud <= 0:
            raise ValueError(f"baud must be positive, not {baud}")
        self.baud = baud
        self.counters = Counters()
        self._coalesced_bytes = max(1, int(coalesce_ms / 1000 * baud / BITS_PER_BYTE_ON_THE_LINE))
        self._random = random.Random(seed)
        self._bursts: list[_Burst] = []
        self._busy_until_ns = 0
        self.set_bit_error_rate(bit_error_rate)

    def set_bit_error_rate(self, rate: float) -> None:
        """Change the noise from the next byte on; `rate` in 0..1."""
        if not 0.0 <= rate <= 1.0:
            raise ValueError(f"bit error rate must be in 0..1, not {rate}")
        self._bit_error_rate = rate
        self._good_bits_ahead = self._draw_good_bits()

    def duration_ns(self, byte_count: int) -> int:
        """Time that `byte_count` bytes without a pause occupy the line."""
        return byte_count * BITS_PER_BYTE_ON_THE_LINE * NS_PER_S // self.baud

    def talk(self, talker: str, data: bytes, now_ns: int) -> None:
        """`talker` puts `data` into its transmitter now; it follows what it is still sending."""
        if not data:
            return
        burst = self._latest(talker)
        if burst is None or self._end_ns(burst) < now_ns:
            if any(b.talker != talker and self._end_ns(b) > now_ns for b in self._bursts):
                self.counters.collisions += 1
            burst = _Burst(talker, now_ns)
            self._bursts.append(burst)
        from_ns = self._end_ns(burst)
        burst.data += data
        end_ns = self._end_ns(burst)
        self.counters.bytes_sent += len(data)
        self.counters.busy_ns += max(0, end_ns - max(from_ns, self._busy_until_ns))
        self._busy_until_ns = max(self._busy_until_ns, end_ns)

    def due_ns(self) -> int | None:
        """When `hear` has something next; None while the line is silent."""
        return min((self._due_ns(b) for b in self._bursts if b.pending), default=None)

    def hear(self, now_ns: int) -> list[Heard]:
        """Everything whose last bit has arrived by now, in the order of arrival on the line."""
        heard: list[Heard] = []
        for burst in self._bursts:
            if burst.pending and self._due_ns(burst) <= now_ns:
                heard.extend(self._deliver(burst, now_ns))
        self._forget(now_ns)
        return heard

    def silence(self, talker: str) -> None:
        """Drop what `talker` has not yet sent (it was unplugged or detached)."""
        for burst in self._bursts:
            if burst.talker == talker:
                del burst.data[burst.delivered :]

    def _latest(self, talker: str) -> _Burst | None:
        return next((b for b in reversed(self._bursts) if b.talker == talker), None)

    def _end_ns(self, burst: _Burst) -> int:
        return burst.start_ns + self.duration_ns(len(burst.data))

    def _due_ns(self, burst: _Burst) -> int:
        count = min(len(burst.data), burst.delivered + self._coalesced_bytes)
        return burst.start_ns + self.duration_ns(count)

    def _deliver(self, burst: _Burst, now_ns: int) -> Iterator[Heard]:
        first = burst.delivered
        arrived = (now_ns - burst.start_ns) * self.baud // (BITS_PER_BYTE_ON_THE_LINE * NS_PER_S)
        burst.delivered = min(len(burst.data), max(arrived, first))
        # duration_ns rounds down, so a byte can be due one count before `arrived` says so
        while burst.pending and self._byte_end_ns(burst, burst.delivered) <= now_ns:
            burst.delivered += 1
        data = bytes(burst.data[first : burst.delivered])
        start_ns = burst.start_ns + self.duration_ns(first)
        end_ns = burst.start_ns + self.duration_ns(burst.delivered)
        others = [
            b
            for b in self._bursts
            if b is not burst and b.start_ns < end_ns and self._end_ns(b) > start_ns
        ]
        if others:
            yield from self._overlapped(burst, first, data, others)
        elif data:
            yield Heard(burst.talker, frozenset(), self._add_noise(data))

    def _overlapped(
        self, burst: _Burst, first: int, data: bytes, others: list[_Burst]
    ) -> Iterator[Heard]:
        """Byte by byte: the wire carries one byte a byte time, so of two talkers' bytes the
        earlier talker's arrives, garbled, and the other's is lost."""
        for index, byte in enumerate(data, start=first):
            end_ns = self._byte_end_ns(burst, index)
            start_ns = burst.start_ns + self.duration_ns(index)
            rivals = [b for b in others if b.start_ns < end_ns and self._end_ns(b) > start_ns]
            if not rivals:
                yield Heard(burst.talker, frozenset(), self._add_noise(bytes((byte,))))
            elif self._is_first(burst, rivals):
                self.counters.bytes_garbled += 1
                garbled = byte ^ self._random.randrange(1, 256)
                yield Heard(burst.talker, frozenset(b.talker for b in rivals), bytes((garbled,)))
            else:
                self.counters.bytes_lost += 1

    def _is_first(self, burst: _Burst, rivals: Iterable[_Burst]) -> bool:
        mine = (burst.start_ns, burst.talker)
        return all(mine < (rival.start_ns, rival.talker) for rival in rivals)

    def _byte_end_ns(self, burst: _Burst, index: int) -> int:
        return burst.start_ns + self.duration_ns(index + 1)

    def _forget(self, now_ns: int) -> None:
        """Drop bursts that are over and that no byte still on the line can overlap."""
        unheard_from_ns = min(
            (b.start_ns + self.duration_ns(b.delivered) for b in self._bursts if b.pending),
            default=now_ns,
        )
        self._bursts = [
            b for b in self._bursts if b.pending or self._end_ns(b) >= min(now_ns, unheard_from_ns)
        ]

    def _draw_good_bits(self) -> float:
        """Distance to the next flipped bit (geometric), so that quiet lines cost nothing."""
        rate = self._bit_error_rate
        if rate <= 0.0:
            return math.inf
        if rate >= 1.0:
            return 0
        return int(math.log(1.0 - self._random.random()) / math.log(1.0 - rate))

    def _add_noise(self, data: bytes) -> bytes:
        bits = len(data) * 8
        if self._good_bits_ahead >= bits:
            self._good_bits_ahead -= bits
            return data
        noisy = bytearray(data)
        position = int(self._good_bits_ahead)
        while position < bits:
            noisy[position >> 3] ^= 1 << (position & 7)
            self.counters.bits_flipped += 1
            gap = self._draw_good_bits()
            if gap == math.inf:
                self._good_bits_ahead = gap
                return bytes(noisy)
            position += 1 + int(gap)
        self._good_bits_ahead = position - bits
        return bytes(noisy)
