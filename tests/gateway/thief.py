"""A thief who has a gateway, and the post that it tries to move: see test_stolen_gateway."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from firmware.logic import bollard
from protocol import keys, orders
from protocol.generated import wire
from protocol.generated import wire_bollard as wb
from tests.dual.bollard_rig import COMMAND_KEY, BollardRig
from tests.dual.firmware_rig import EPOCH, HARDWARE_ID, LINK_KEY

OTHER_ID = b"\x11" * 8
OTHER_KEY = keys.command_key(bytes(32), EPOCH, OTHER_ID)
"""K_cmd of another post of the same street."""
VERBS = (wb.VERB_RAISE, wb.VERB_GRANT, wb.VERB_LOWER, wb.VERB_HOLD, wb.VERB_RESET, wb.VERB_BYPASS)
ALICE = ("alice", wb.ROLE_OPERATOR)
CHRIS = ("chris", wb.ROLE_SUPERVISOR)
DORA = ("dora", wb.ROLE_SUPERVISOR)
VIC = ("vic", wb.ROLE_VIEWER)
Person = tuple[str, int]


@dataclass(frozen=True)
class Loot:
    """An order as it passed through the gateway, in the parts that a thief may exchange."""

    verb: int
    transaction: int
    nonce: bytes
    lifetime_ms: int
    signatures: tuple[tuple[bytes, int, bytes], ...]
    level: int = 0
    duration_s: int = 0
    wire_lifetime_ms: int = 60_000
    trailing: bytes = b""

    @property
    def proof(self) -> bytes:
        """The bytes of the authority, well-formed or not."""
        head = self.nonce + (self.lifetime_ms & 0xFFFFFFFF).to_bytes(4, "little")
        parts = [name + bytes([role]) + tag for name, role, tag in self.signatures]
        return head + b"".join(parts) + self.trailing

    def signed(self, *people: Person, key: bytes = COMMAND_KEY, unit: bytes = HARDWARE_ID) -> Loot:
        """The same order with the signatures of these people."""
        order = orders.Order(
            self.verb, self.level, self.duration_s, self.lifetime_ms, self.transaction
        )
        message = order.signed_bytes(self.nonce, unit)
        made: list[tuple[bytes, int, bytes]] = []
        for name, role in people:
            field = orders.operator_field(name)
            made.append((field, role, orders.sign(orders.person_key(key, role, field), message)))
        return replace(self, signatures=tuple(made))


class Thief:
    """Builds attacks on one post; `seed` repeats them."""

    def __init__(self, rig: Any, seed: int) -> None:
        self.rig = rig
        self.chance = random.Random(seed)
        self.recorded: list[Loot] = []
        self._nonce = b""
        self._fresh: list[Loot] = []

    def order(self, verb: int, *people: Person, **changes: Any) -> Loot:
        """What these people sign for this post now."""
        blank = Loot(
            verb, self.chance.randrange(1, 1 << 30), self.rig.node.authority.nonce, 60_000, ()
        )
        return replace(blank, **changes).signed(*people)

    def give(self, loot: Loot) -> tuple[int, int]:
        """Hand an order to the post; (status, guard)."""
        answer = self.rig.controller.desk.take(
            *(loot.transaction, loot.verb, loot.wire_lifetime_ms, loot.level, loot.duration_s),
            *(loot.proof, self.rig.now_ms),
        )
        return answer[:2]

    def fresh(self) -> list[Loot]:
        """What can be had under the present nonce, but for an order to go up that is in force."""
        while self.rig.node.authority.nonce != self._nonce:
            self._nonce = self.rig.node.authority.nonce
            self.rig.run(2)  # now what is valid for 0 ms is late
            raise_ = self.order(wb.VERB_RAISE)
            self._fresh = [
                self.order(wb.VERB_RAISE, ALICE, lifetime_ms=0),  # held back until it is late
                self.order(wb.VERB_LOWER, ALICE),
                self.order(wb.VERB_RAISE, VIC),
                self.order(wb.VERB_RESET, ALICE),
                self.order(wb.VERB_BYPASS, CHRIS, duration_s=600),
                self.order(wb.VERB_BYPASS, CHRIS, CHRIS, duration_s=600),
                self.order(wb.VERB_BYPASS, ALICE, DORA, duration_s=600),
                raise_.signed(ALICE, key=OTHER_KEY, unit=OTHER_ID),
                raise_.signed(ALICE, key=OTHER_KEY),
                raise_.signed(ALICE, key=LINK_KEY),
                raise_.signed(ALICE, key=keys.command_key(LINK_KEY, EPOCH, HARDWARE_ID)),
                raise_.signed(ALICE, key=bytes(32)),
                raise_.signed(CHRIS, DORA, key=OTHER_KEY, unit=OTHER_ID),
            ]
        return self._fresh

    def attack(self) -> Loot:
        """One more: loot with up to four things changed."""
        chance = self.chance
        loot = chance.choice(self.fresh() if chance.random() < 0.7 else self.recorded)
        for _ in range(chance.randrange(5)):
            loot = chance.choice(CHANGES)(self, loot)
        return loot

    def tags(self) -> list[tuple[bytes, int, bytes]]:
        """Every signature there is."""
        return [one for loot in (*self.fresh(), *self.recorded) for one in loot.signatures]


def _other_signature(
    thief: Thief, loot: Loot, change: Callable[[tuple[bytes, int, bytes]], tuple[bytes, int, bytes]]
) -> Loot:
    made = list(loot.signatures) or [thief.chance.choice(thief.tags())]
    at = thief.chance.randrange(len(made))
    made[at] = change(made[at])
    return replace(loot, signatures=tuple(made))


def _flipped(thief: Thief, tag: bytes) -> bytes:
    changed = bytearray(tag)
    changed[thief.chance.randrange(len(changed))] ^= 1 << thief.chance.randrange(8)
    return bytes(changed)


CHANGES: tuple[Callable[[Thief, Loot], Loot], ...] = (
    lambda t, o: replace(o, verb=t.chance.choice(VERBS)),
    lambda _, o: replace(o, verb=wb.VERB_RAISE),
    lambda _, o: replace(o, verb=wb.VERB_GRANT),
    lambda t, o: replace(o, level=t.chance.choice((0, 1, 255))),
    lambda t, o: replace(o, duration_s=t.chance.choice((0, 1, 600, 1 << 31))),
    lambda t, o: replace(o, transaction=t.chance.randrange(1 << 32)),
    lambda t, o: replace(o, transaction=t.chance.choice(t.recorded).transaction),
    lambda t, o: replace(o, lifetime_ms=t.chance.choice((0, 60_000, 120_000, 0xFFFFFFFF))),
    lambda t, o: replace(o, wire_lifetime_ms=t.chance.choice((0, 1, 60_000, 0xFFFFFFFF))),
    lambda t, o: replace(o, nonce=t.rig.node.authority.nonce),
    lambda t, o: replace(o, nonce=t.chance.choice(t.recorded).nonce),
    lambda t, o: replace(o, nonce=t.chance.randbytes(8)),
    lambda _, o: replace(o, nonce=bytes(8)),
    lambda _, o: replace(o, signatures=o.signatures[:1]),
    lambda _, o: replace(o, signatures=()),
    lambda _, o: replace(o, signatures=o.signatures + o.signatures[:1]),
    lambda _, o: replace(o, signatures=o.signatures[::-1]),
    lambda t, o: replace(o, signatures=(*o.signatures, t.chance.choice(t.tags()))),
    lambda t, o: replace(o, trailing=t.chance.randbytes(t.chance.randrange(1, 26))),
    lambda t, o: _other_signature(t, o, lambda s: (s[0], t.chance.randrange(256), s[2])),
    lambda t, o: _other_signature(t, o, lambda s: (s[0], wb.ROLE_TECHNICIAN, s[2])),
    lambda t, o: _other_signature(t, o, lambda s: (t.chance.choice(t.tags())[0], s[1], s[2])),
    lambda t, o: _other_signature(t, o, lambda s: (s[0], s[1], t.chance.choice(t.tags())[2])),
    lambda t, o: _other_signature(t, o, lambda s: (s[0], s[1], _flipped(t, s[2]))),
    lambda t, o: _other_signature(t, o, lambda s: (s[0], s[1], bytes(16))),
    lambda t, o: _other_signature(t, o, lambda s: (_flipped(t, s[0]), s[1], s[2])),
)


def stolen(seed: int) -> Thief:
    """A post that went up and down again by order, and is down now; the thief saw it all."""
    rig: Any = BollardRig({}, secured=True)
    rig.open()
    rig.live(1000)
    thief = Thief(rig, seed)
    for verb, people, goal in (
        (wb.VERB_RAISE, (ALICE,), bollard.UP),
        (wb.VERB_LOWER, (CHRIS,), bollard.DOWN),
    ):
        loot = thief.order(verb, *people)
        thief.recorded.append(loot)
        status, guard = thief.give(loot)
        assert not guard, (status, guard)
        rig.live_until(goal)
    pair = thief.order(wb.VERB_BYPASS, CHRIS, DORA, duration_s=1)
    thief.recorded.append(pair)
    assert thief.give(pair) == (wire.STATUS_DONE, wire.GUARD_NONE)
    rig.live(2000)
    rig.plant.directions.clear()
    return thief


def nothing_happened(rig: Any) -> bool:
    """Whether the post is as it was: down, without a motion on its way, and with all its guards."""
    return (
        rig.node.state == bollard.DOWN
        and rig.plant.directions <= {wb.DRIVE_OFF}
        and not rig.node._bypass
    )


def raid(thief: Thief, attacks: int) -> None:
    """So many attacks, with the post alive and permitted to go up between them."""
    for number in range(attacks):
        loot = thief.attack()
        thief.give(loot)
        assert nothing_happened(thief.rig), f"attack {number}: {loot}"
        if number % 200 == 0:
            thief.rig.live(100)
    thief.rig.live(5000)
    assert nothing_happened(thief.rig)
