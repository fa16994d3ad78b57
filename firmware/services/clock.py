"""Time of day for records: set by the gateway's broadcasts, never a cause of anything.

Logic runs on monotonic milliseconds alone; this clock only stamps. Before the first broadcast it
counts from 2020-01-01T00:00:00Z at power-on and says that it is not to be trusted.
"""

from protocol.generated.wire import QUALITY_CLOCK_UNTRUSTED, TIME_TRUST_SYNCHRONISED

# Broadcasts jitter by the time a turn takes; small errors are taken over by an eighth each time.
STEP_MS = 1000
EASE_SHIFT = 3
# An error is not worked out beyond this many seconds, so that it stays a small int.
FAR_S = 1000000


class Clock:
    """Wall clock over a monotonic one. After `stamp`, `seconds` and `milliseconds` are the time.

    `quality` is QUALITY_CLOCK_UNTRUSTED until a synchronised gateway has told the time, then 0.
    """

    def __init__(self):
        self.seconds = 0
        self.milliseconds = 0
        self.quality = QUALITY_CLOCK_UNTRUSTED
        self.steps = 0
        self._told = False
        self._at_ms = 0

    def stamp(self, now_ms):
        """Bring `seconds` and `milliseconds` to `now_ms`; earlier times are ignored."""
        elapsed_ms = now_ms - self._at_ms
        if elapsed_ms <= 0:
            return
        self._at_ms = now_ms
        milliseconds = self.milliseconds + elapsed_ms
        self.seconds += milliseconds // 1000
        self.milliseconds = milliseconds % 1000

    def tell(self, seconds, milliseconds, trust, now_ms):
        """Take the time of a broadcast; returns by how many ms the clock jumped, 0 when it eased.

        The first time sets the clock and counts as no jump.
        """
        self.stamp(now_ms)
        self.quality = 0 if trust & TIME_TRUST_SYNCHRONISED else QUALITY_CLOCK_UNTRUSTED
        ahead_s = min(max(seconds - self.seconds, -FAR_S), FAR_S)
        error_ms = ahead_s * 1000 + milliseconds - self.milliseconds
        if self._told and -STEP_MS < error_ms < STEP_MS:
            total = self.milliseconds + (error_ms >> EASE_SHIFT)
            self.seconds += total // 1000
            self.milliseconds = total % 1000
            return 0
        self.seconds = seconds
        self.milliseconds = milliseconds % 1000
        if not self._told:
            self._told = True
            return 0
        self.steps += 1
        return error_ms
