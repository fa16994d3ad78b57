"""Commands: each transaction acts once, within its lifetime, and may ask for its result again."""

from protocol.generated.wire import (
    EVENT_CODE_COMMAND_RESULT,
    GUARD_BAD_ARGUMENT,
    GUARD_LATE,
    GUARD_NONE,
    GUARD_UNSUPPORTED,
    SEVERITY_INFO,
    SEVERITY_WARNING,
    STATUS_ACCEPTED,
    STATUS_DONE,
    STATUS_EXPIRED,
    STATUS_IN_PROGRESS,
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


# These are not the last word about a command; `finish` tells that one.
OPEN = (STATUS_ACCEPTED, STATUS_IN_PROGRESS)
NO_TRANSACTION = -1


class CommandDesk:
    """Judges commands before the node sees them; remembers the results of the last few.

    `node.command(verb, level_percent, duration_s, transaction, now_ms)` does what is asked, or
    refuses, and returns (status, guard, progress). A node whose commands take their time answers
    ACCEPTED or IN_PROGRESS and calls `finish` of its `desk`, once for each. A node may offer
    `explain(verb, level_percent, duration_s, now_ms)`: what `command` would return, doing nothing.
    `outbox` takes the results told later.
    """

    def __init__(self, node, blinker, outbox):
        self.node = node
        node.desk = self
        self.blinker = blinker
        self.accepted = 0
        self.moves = False
        self._outbox = outbox
        self._authority = None
        self._transactions = [NO_TRANSACTION] * REMEMBERED
        self._results = [(0, 0, 0)] * REMEMBERED
        self._oldest = 0
        self._taking = NO_TRANSACTION

    def trust(self, authority):
        """From now on orders are judged by this services.authority.Authority; the node may act."""
        self.moves = True
        self._authority = authority
        self.node.authority = authority

    def take(self, transaction, verb, lifetime_ms, level_percent, duration_s, proof, now_ms):
        """(status, guard, progress) of a command, which acts unless it is late or was seen before.

        A command acts on reception or never, so of its lifetime only a whole rest of 0 is late.
        What a wrong signature refuses is not remembered: anybody could have sent it.
        """
        i = self._find(transaction)
        if i >= 0:
            return self._results[i]
        self.accepted += 1
        if not lifetime_ms:
            result = LATE
        elif verb == VERB_IDENTIFY:
            result = self._identify(duration_s, now_ms)
        else:
            refused = self._refused(verb, level_percent, duration_s, transaction, proof, now_ms)
            if refused is not None:
                return refused
            self._taking = transaction
            result = self.node.command(verb, level_percent, duration_s, transaction, now_ms)
            self._taking = NO_TRANSACTION
        i = self._place()
        self._transactions[i] = transaction
        self._results[i] = result
        return result

    def explain(self, verb, level_percent, duration_s, now_ms):
        """(status, guard, progress) that a command would get now; changes nothing."""
        if verb == VERB_IDENTIFY:
            return BAD_ARGUMENT if duration_s > MAX_IDENTIFY_S else DONE
        explain = getattr(self.node, "explain", None)
        if explain is None:
            return UNSUPPORTED
        return explain(verb, level_percent, duration_s, now_ms)

    def finish(self, transaction, status, guard, progress, now_ms):
        """The last word about a command that was answered ACCEPTED or IN_PROGRESS.

        It is told as an urgent event, and to who asks for the transaction again. Of a command that
        is settled before `command` returns, what that returns is the last word.
        """
        if transaction == self._taking:
            return
        i = self._find(transaction)
        if i >= 0:
            self._results[i] = (status, guard, progress)
        severity = SEVERITY_INFO if status == STATUS_DONE else SEVERITY_WARNING
        value = status | guard << 8 | progress << 16
        self._outbox.event(EVENT_CODE_COMMAND_RESULT, severity, 1, value, transaction, now_ms)

    def _refused(self, verb, level_percent, duration_s, transaction, proof, now_ms):
        """(status, guard, progress) when who sent a command may not give it, else None."""
        authority = self._authority
        if authority is None:
            return None
        guard = authority.judge(verb, level_percent, duration_s, transaction, proof, now_ms)
        if not guard:
            return None
        self.node.refused(guard, transaction, now_ms)
        return LATE if guard == GUARD_LATE else (STATUS_REJECTED, guard, 0)

    def _find(self, transaction):
        for i in range(REMEMBERED):
            if self._transactions[i] == transaction:
                return i
        return -1

    def _place(self):
        """Where the next result goes: in place of the oldest that is not open, if there is one."""
        i = self._oldest
        for _ in range(REMEMBERED):
            if self._results[i][0] not in OPEN:
                break
            i = (i + 1) % REMEMBERED
        self._oldest = (i + 1) % REMEMBERED
        return i

    def _identify(self, duration_s, now_ms):
        if duration_s > MAX_IDENTIFY_S:
            return BAD_ARGUMENT
        self.blinker.start(duration_s, now_ms)
        return DONE
