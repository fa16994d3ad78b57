"""Commands: each transaction acts once, within its lifetime, and may ask for its result again."""

from protocol.generated.wire import (
    GUARD_BAD_ARGUMENT,
    GUARD_LATE,
    GUARD_NONE,
    GUARD_UNSUPPORTED,
    STATUS_DONE,
    STATUS_EXPIRED,
    STATUS_REJECTED,
    VERB_IDENTIFY,
)

REMEMBERED = 8
MAX_IDENTIFY_S = 3600
MAX_DURATION_S = 86400

# What `command` of a node returns: (status, guard, progress in percent).
DONE = (STATUS_DONE, GUARD_NONE, 100)
UNSUPPORTED = (STATUS_REJECTED, GUARD_UNSUPPORTED, 0)
BAD_ARGUMENT = (STATUS_REJECTED, GUARD_BAD_ARGUMENT, 0)
LATE = (STATUS_EXPIRED, GUARD_LATE, 0)


class CommandDesk:
    """Judges commands before the node sees them; remembers the results of the last few.

    `node.command(verb, level_percent, duration_s, transaction, now_ms)` does what is asked, or
    refuses, and returns (status, guard, progress).
    """

    def __init__(self, node, blinker):
        self.node = node
        self.blinker = blinker
        self.accepted = 0
        self._transactions = [-1] * REMEMBERED
        self._results = [(0, 0, 0)] * REMEMBERED
        self._oldest = 0

    def take(self, transaction, verb, lifetime_ms, level_percent, duration_s, now_ms):
        """(status, guard, progress) of a command, which acts unless it is late or was seen before.

        A command acts on reception or never, so of its lifetime only a whole rest of 0 is late.
        """
        for i in range(REMEMBERED):
            if self._transactions[i] == transaction:
                return self._results[i]
        if not lifetime_ms:
            result = LATE
        elif verb == VERB_IDENTIFY:
            result = self._identify(duration_s, now_ms)
        else:
            result = self.node.command(verb, level_percent, duration_s, transaction, now_ms)
        i = self._oldest
        self._transactions[i] = transaction
        self._results[i] = result
        self._oldest = (i + 1) % REMEMBERED
        self.accepted += 1
        return result

    def _identify(self, duration_s, now_ms):
        if duration_s > MAX_IDENTIFY_S:
            return BAD_ARGUMENT
        self.blinker.start(duration_s, now_ms)
        return DONE
