"""How the controller itself is: a record every ten seconds."""

from protocol.generated.wire import HEALTH_SIZE, RECORD_HEALTH, pack_health

PERIOD_MS = 10000
MAX_U16 = 0xFFFF


class Health:
    """Puts health records. `heap_free()` collects and returns the free bytes, `erases()` counts."""

    def __init__(self, outbox, deframer, sentry, heap_free, erases):
        self.turn_max_ms = 0
        self._outbox = outbox
        self._deframer = deframer
        self._sentry = sentry
        self._heap_free = heap_free
        self._erases = erases
        self._due_ms = 0

    def note_turn(self, elapsed_ms):
        """Tell how long a turn of the main loop took."""
        self.turn_max_ms = max(self.turn_max_ms, elapsed_ms)

    def turn(self, now_ms):
        """Report when it is time to."""
        if now_ms < self._due_ms:
            return
        self._due_ms = now_ms + PERIOD_MS
        outbox = self._outbox
        heap_free = self._heap_free()
        at = outbox.begin(RECORD_HEALTH, HEALTH_SIZE, 0, now_ms)
        pack_health(
            outbox.routine.data,
            at,
            now_ms // 1000,
            heap_free,
            self._deframer.bad_frames & MAX_U16,
            self._sentry.bad_tags() & MAX_U16,
            min(self.turn_max_ms, MAX_U16),
            self._erases() & MAX_U16,
        )
        self.turn_max_ms = 0
