"""The authority of a bollard's controller, as the working agreement has it, without the bollard."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from gateway.commands import Command, Outcome, Status
from gateway.execution import to_wire
from protocol import orders
from protocol.generated.messages import Role
from protocol.keyfile import SiteKey

SUPERVISED = ("reset", "bypass")


def unit_in(slot: str) -> str:
    """The hardware id of the unit in a slot of the tests."""
    return hashlib.sha256(slot.encode()).hexdigest()[:16]


@dataclass
class FakePost:
    """Judges signatures, roles, nonce and age; None is an order that it accepts."""

    unit: str
    command_key: SiteKey
    epochs: tuple[int, ...] = ()
    """Of the command key that it was provisioned with; empty: all."""
    nonce: bytes = bytes(range(8))
    age_ms: int = 0
    """Of its nonce."""
    late_once: bool = False
    """The nonce ends just before the next order comes."""
    seen: list[tuple[bytes, int]] = field(default_factory=list[tuple[bytes, int]])
    """Nonce and transaction of every order that came."""

    def judge(self, command: Command) -> Outcome | None:
        """What refuses an order; the nonce is new after an accepted and after a late one."""
        auth = command.auth
        assert auth is not None
        self.seen.append((auth.nonce, auth.transaction))
        if self.late_once:
            self.late_once = False
            self.renew()
        if auth.nonce != self.nonce:
            return Outcome(Status.REJECTED, "old_nonce")
        if not self.covered(command):
            return Outcome(Status.REJECTED, "bad_authority")
        roles = [one.role for one in auth.signatures]
        needed = Role.SUPERVISOR if command.verb in SUPERVISED else Role.OPERATOR
        if min(roles) < needed:
            return Outcome(Status.REJECTED, "role")
        if command.verb == "bypass" and len(roles) < 2:
            return Outcome(Status.REJECTED, "second_person")
        if self.age_ms > auth.lifetime_ms:
            self.renew()
            return Outcome(Status.EXPIRED, "late")
        self.renew()
        return None

    def covered(self, command: Command) -> bool:
        """Whether every signature is of that person, in that role, over this very order."""
        assert command.auth is not None
        wire = to_wire(command)
        parsed = orders.parse(command.auth.wire)
        assert parsed is not None
        nonce, lifetime_ms, signatures = parsed
        order = orders.Order(
            int(wire.verb),
            wire.level_percent,
            wire.duration_s,
            lifetime_ms,
            command.auth.transaction,
        )
        message = order.signed_bytes(nonce, bytes.fromhex(self.unit))
        keys = self.command_key.device_keys(bytes.fromhex(self.unit))
        mine = {epoch: key for epoch, key in keys.items() if epoch in (self.epochs or keys)}
        return all(orders.covers(mine, one, message) for one in signatures)

    def renew(self) -> None:
        """Another nonce, just born."""
        self.nonce = hashlib.sha256(self.nonce).digest()[:8]
        self.age_ms = 0
