"""A copy of everything on a gateway moves no bollard.

The thief has the gateway's link key, so it may hold sessions, poll and give its permission; it has
every order that ever passed through or was held back, and can trick people into signing for one
post under the nonce of another. It has no key that signs. The post is the real controller in
virtual time, and each guard of it is taken out once: then the thief wins.
"""

from __future__ import annotations

from typing import Any

import pytest

import firmware.services.authority as authority_module
from firmware.logic import bollard
from protocol import orders
from protocol.generated import wire
from protocol.generated import wire_bollard as wb
from tests.dual import bollard_rig
from tests.dual.bollard_rig import COMMAND_KEY, BollardRig
from tests.dual.firmware_rig import BOOT, EPOCH, HARDWARE_ID
from tests.gateway import thief as thief_module
from tests.gateway.thief import ALICE, Thief, nothing_happened, raid, stolen
from tests.protocol.mutants import mutant

ATTACKS = 100_000
ATTACKS_ON_THE_LINE = 3_000


def test_a_hundred_thousand_attacks_move_nothing() -> None:
    thief = stolen(1)
    raid(thief, ATTACKS)
    status, guard = thief.give(thief.order(wb.VERB_RAISE, ALICE))
    assert (status, guard) == (wire.STATUS_ACCEPTED, wire.GUARD_NONE), "the post itself is well"
    thief.rig.live_until(bollard.UP)


def test_attacks_on_the_line_move_nothing() -> None:
    """The same under a session of the thief, with frames of before sent again and reflected."""
    thief = stolen(2)
    rig = thief.rig
    heard: list[bytes] = []
    say = rig.say

    def remember(data: bytes) -> bytes:
        sent = say(data)
        heard.extend((data, sent))
        return sent

    rig.say = remember
    for number in range(ATTACKS_ON_THE_LINE):
        loot = thief.attack()
        rig.command(
            loot.verb,
            loot.transaction & 0x3FFFFFFF,
            loot.wire_lifetime_ms,
            loot.level,
            loot.duration_s & 0x3FFFFFFF,
            loot.proof[:200],
        )
        say(thief.chance.choice(heard))
        rig.explain(loot.verb, loot.level, 5)
        if number % 500 == 0:
            rig.open()
            rig.live(100)
        assert nothing_happened(rig), f"attack {number}: {loot}"
    rig.live(5000)
    assert nothing_happened(rig)


# --- the last millisecond, duplicates, restarts -------------------------------------------------


@pytest.mark.parametrize(("late_ms", "guard"), [(-1, 0), (0, 0), (1, wire.GUARD_LATE)])
def test_an_order_is_in_time_up_to_the_last_millisecond_of_its_nonce(
    late_ms: int, guard: int
) -> None:
    thief = stolen(3)
    rig = thief.rig
    rig.node.authority.renew(rig.now_ms)
    loot = thief.order(wb.VERB_RAISE, ALICE, lifetime_ms=1700)
    rig.live(1700 + late_ms, 50)
    before = rig.node.authority.nonce
    assert thief.give(loot)[1] == guard
    assert rig.node.authority.nonce != before, "in time or late, it comes but once"


def test_an_order_that_asks_for_too_long_a_life_is_late() -> None:
    thief = stolen(4)
    assert thief.give(thief.order(wb.VERB_RAISE, ALICE, lifetime_ms=120_001)) == (
        wire.STATUS_EXPIRED,
        wire.GUARD_LATE,
    )
    assert thief.give(thief.order(wb.VERB_RAISE, ALICE, lifetime_ms=120_000))[1] == 0


def test_an_order_that_comes_twice_acts_once() -> None:
    thief = stolen(5)
    rig = thief.rig
    loot = thief.order(wb.VERB_RAISE, ALICE)
    first = thief.give(loot)
    assert thief.give(loot) == first
    rig.live_until(bollard.UP)
    assert thief.give(thief.order(wb.VERB_LOWER, ALICE))[1] == 0
    rig.live_until(bollard.DOWN)
    rig.plant.directions.clear()
    assert thief.give(loot) == (wire.STATUS_DONE, wire.GUARD_NONE), "told, and not done again"
    for transaction in range(9):  # until the post has forgotten it
        thief.give(thief.order(wb.VERB_LOWER, ALICE, transaction=transaction + 1))
    rig.live(1000)
    rig.plant.directions.clear()
    assert thief.give(loot) == (wire.STATUS_REJECTED, wb.GUARD_OLD_NONCE)
    rig.live(5000)
    assert rig.plant.directions <= {wb.DRIVE_OFF}


def test_what_was_recorded_or_held_back_before_a_restart_is_worth_nothing_after_it() -> None:
    thief = stolen(6)
    held_back = thief.order(wb.VERB_RAISE, ALICE)
    rig: Any = BollardRig({}, secured=True)
    again = authority_module.Authority(
        {EPOCH: COMMAND_KEY}, HARDWARE_ID, BOOT + 1, b"other entropy"
    )
    rig.controller.desk.trust(again)
    rig.open()
    rig.live(1000)
    after = Thief(rig, 6)
    for loot in (*thief.recorded, held_back):
        assert after.give(loot) == (wire.STATUS_REJECTED, wb.GUARD_OLD_NONCE)
    rig.live(5000)
    assert rig.plant.directions <= {wb.DRIVE_OFF}


def test_a_bad_source_of_chance_repeats_no_nonce_of_an_earlier_boot() -> None:
    made = {
        authority_module.Authority({EPOCH: COMMAND_KEY}, HARDWARE_ID, boot, b"").nonce
        for boot in range(1, 200)
    }
    assert len(made) == 199


# --- guards that were taken out -----------------------------------------------------------------

GUARDS = {
    "the signature": (
        authority_module,
        "if not orders.covers(self._command_keys, signature, message):",
        "if False:",
    ),
    "every signature": (
        authority_module,
        "for signature in signatures:\n",
        "for signature in signatures[:1]:\n",
    ),
    "the nonce": (
        authority_module,
        "        if nonce != self.nonce:\n            return GUARD_OLD_NONCE\n",
        "",
    ),
    "the role": (authority_module, "if not least_role <= role <= ROLE_TECHNICIAN:", "if False:"),
    "the second person": (
        authority_module,
        "if verb in PAIRED and len(signatures) < orders.MAX_SIGNATURES:",
        "if False:",
    ),
    "another second person": (
        authority_module,
        "if len(signatures) > 1 and signatures[0][0] == signatures[1][0]:",
        "if False:",
    ),
    "the end of validity": (authority_module, "or age_ms > lifetime_ms:", "or False:"),
    "the verb under the signature": (
        orders,
        "bytes([self.verb, self.level_percent])",
        "bytes([self.level_percent])",
    ),
    "the lifetime under the signature": (
        orders,
        '            + self.lifetime_ms.to_bytes(4, "little")\n',
        "",
    ),
    "the role in the key": (
        orders,
        " + bytes([role]) + operator, DEVICE_KEY_SIZE)",
        " + operator, DEVICE_KEY_SIZE)",
    ),
    "the name in the key": (
        orders,
        " + bytes([role]) + operator, DEVICE_KEY_SIZE)",
        " + bytes([role]), DEVICE_KEY_SIZE)",
    ),
    "the whole tag": (orders, "message), tag):", "message)[:1], tag[:1]):"),
}


@pytest.mark.parametrize("guard", GUARDS)
def test_without_this_guard_the_thief_wins(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, taken_out, instead = GUARDS[guard]
    made = mutant(module, (taken_out, instead))
    if module is orders:
        monkeypatch.setattr(thief_module, "orders", made)
        monkeypatch.setattr(authority_module, "orders", made)
    else:
        monkeypatch.setattr(bollard_rig, "Authority", made.__dict__["Authority"])
    thief = stolen(7)
    with pytest.raises(AssertionError):
        raid(thief, 20_000)
