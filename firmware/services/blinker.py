"""The identify light: shows a person in the street which controller is meant."""

HALF_PERIOD_MS = 250


class Blinker:
    """Blinks `led`, a function that takes 1 or 0, twice a second for as long as asked."""

    def __init__(self, led):
        self._led = led
        self._until_ms = -1
        self._begin_ms = 0
        self._lit = 0

    def start(self, seconds, now_ms):
        """Blink for `seconds` from now on; 0 ends it."""
        self._begin_ms = now_ms
        self._until_ms = now_ms + seconds * 1000

    def blinks(self, now_ms):
        """Whether it still has to."""
        return now_ms < self._until_ms

    def turn(self, now_ms):
        """Set the light as it has to be at `now_ms`."""
        lit = 0
        if self.blinks(now_ms):
            lit = 1 - (now_ms - self._begin_ms) // HALF_PERIOD_MS % 2
        if lit != self._lit:
            self._lit = lit
            self._led(lit)
