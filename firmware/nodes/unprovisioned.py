"""A controller that was not told what it is: touches no output, refuses every command."""

from protocol.generated.wire import GUARD_UNPROVISIONED, STATUS_REJECTED

TURN_MS = 100
REFUSED = (STATUS_REJECTED, GUARD_UNPROVISIONED, 0)


class UnprovisionedNode:
    """See Controller for what every node offers."""

    def turn(self, now_ms, link_lost):  # noqa: ARG002 - the interface of a node
        """There is nothing to do; returns after how many ms to be called again."""
        return TURN_MS

    def command(self, verb, level_percent, duration_s, transaction, now_ms):  # noqa: ARG002 - the interface of a node
        """Refuse."""
        return REFUSED

    def expect(self, duration_s, now_ms):
        """News of a neighbour's visitors is for lamps."""

    def safe(self):
        """The outputs were never touched, so they are as the hardware leaves them."""
