"""Bad tags: counted for health, and alarmed, but never so often that the alarms fill the ring."""

from protocol.generated.wire import EVENT_CODE_BAD_TAG, SEVERITY_ALARM

QUIET_MS = 60000


class Sentry:
    """Watches a security.ControllerSecurity; None is one that nothing is asked of."""

    def __init__(self, outbox, security):
        self._outbox = outbox
        self._security = security
        self._told = 0
        self._next_ms = 0

    def bad_tags(self):
        """Frames since boot whose tag or counter was not right."""
        return 0 if self._security is None else self._security.bad_tags

    def turn(self, now_ms):
        """Tell of new bad tags, at most once in QUIET_MS."""
        count = self.bad_tags()
        if count == self._told or now_ms < self._next_ms:
            return
        self._outbox.event(EVENT_CODE_BAD_TAG, SEVERITY_ALARM, 1, count, 0, now_ms)
        self._told = count
        self._next_ms = now_ms + QUIET_MS
