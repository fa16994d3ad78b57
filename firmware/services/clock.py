"""Time of day for records and for a lamp's night: set by the gateway's broadcasts.

Whatever moves runs on monotonic milliseconds alone. Before the first broadcast the clock counts
from 2020-01-01T00:00:00Z at power-on and says that it is not to be trusted. Once it was set by a
gateway that knows the time, one that does not (just started, without its time server) cannot move
it for as long as it is good by itself.
"""

from protocol.generated.wire import QUALITY_CLOCK_UNTRUSTED, TIME_TRUST_SYNCHRONISED

# Broadcasts jitter by the time a turn takes; small errors are taken over by an eighth each time.
STEP_MS = 1000
EASE_SHIFT = 3
# An error is not worked out beyond this many seconds, so that it stays a small int.
FAR_S = 1000000
# A crystal of 50 ppm is 2 minutes off by then, which sunset can bear.
HOLDOVER_S = 2419200


class Clock:
    """Wall clock over a monotonic one. After `stamp`, `seconds` and `milliseconds` are the time.

    `quality` is 0 for HOLDOVER_S after a synchronised gateway has told the time, else
    QUALITY_CLOCK_UNTRUSTED.
    """

    def __init__(self):
        self.seconds = 0
        self.milliseconds = 0
        self.quality = QUALITY_CLOCK_UNTRUSTED
        self.steps = 0
        self._told = False
        self._at_ms = 0
        self._left_s = 0  # of the holdover

    def stamp(self, now_ms):
        """Bring `seconds` and `milliseconds` to `now_ms`; earlier times are ignored."""
        elapsed_ms = now_ms - self._at_ms
        if elapsed_ms <= 0:
            return
        self._at_ms = now_ms
        milliseconds = self.milliseconds + elapsed_ms
        gone_s = milliseconds // 1000
        self.seconds += gone_s
        self.milliseconds = milliseconds % 1000
        self._left_s -= gone_s
        if self._left_s <= 0:
            self._left_s = 0
            self.quality = QUALITY_CLOCK_UNTRUSTED

    def tell(self, seconds, milliseconds, trust, now_ms):
        """Take the time of a broadcast; returns by how many ms the clock jumped, 0 when it eased.

        The first time sets the clock and counts as no jump; a worse one than its own is refused.
        """
        self.stamp(now_ms)
        if trust & TIME_TRUST_SYNCHRONISED:
            self.quality = 0
            self._left_s = HOLDOVER_S
        elif not self.quality:
            return 0
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
