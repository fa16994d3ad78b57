"""How often a drive may start within an hour, so that it does not overheat. Integers only."""

PARTS = 12
PART_MS = 300000


class Duty:
    """Counts starts; never more than `most` (1 to 250) of those asked for in any hour."""

    def __init__(self, most):
        self._most = most
        self._counts = bytearray(PARTS + 1)
        self._part = 0
        self._ends_ms = PART_MS

    def turn(self, now_ms):
        """Let time pass: counts of more than an hour ago are forgotten."""
        while now_ms >= self._ends_ms:
            self._ends_ms += PART_MS
            self._part = (self._part + 1) % (PARTS + 1)
            self._counts[self._part] = 0

    def note(self):
        """The drive starts."""
        if self._counts[self._part] < 255:
            self._counts[self._part] += 1

    def used(self):
        """Starts in the last hour, and up to one part of it more."""
        total = 0
        for count in self._counts:
            total += count
        return total

    def exhausted(self):
        """Whether another start has to wait."""
        return self.used() >= self._most
