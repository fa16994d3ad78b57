"""Every cell of the post's table and every clause of its logic is held by a sentence.

A cell is changed to each other state, a clause is taken out of the source; the sentences of
bollard_vectors are to notice. What survives is listed with the reason, and the reasons are checked
by the exploration of test_bollard_exhaustive. Clocks, node and authority: test_bollard_parts.
"""

from __future__ import annotations

import pytest

from firmware.logic import bollard
from tests.dual import bollard_vectors
from tests.firmware import render_bollard
from tests.firmware.test_bollard_exhaustive import never
from tests.protocol.mutants import mutant


def test_every_cell_that_can_come_about_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    table = bollard.NEXT
    survivors = set[tuple[int, int]]()
    tried = 0
    for state in range(15):
        for event in range(bollard.EVENTS):
            for to in bollard.LETTERS:
                cell = state * bollard.EVENTS + event
                if to == table[cell]:
                    continue
                changed = bytearray(table)
                changed[cell] = to
                monkeypatch.setattr(bollard, "NEXT", bytes(changed))
                tried += 1
                if not bollard_vectors.failures(bollard):
                    survivors.add((state, event))
    assert tried == 15 * 23 * 14
    names = list(render_bollard.EVENTS)
    unexplained = {
        (render_bollard.STATES[state], names[event]) for state, event in survivors - never()
    }
    assert not unexplained


# A wrong drive that nothing can notice, because permit removes it in that state.
SPARED = {
    (bollard.DOWN, bollard.DRIVE_DOWN),  # off the lower end it is STOPPED
    (bollard.GRANTED, bollard.DRIVE_DOWN),
    (bollard.PASSING, bollard.DRIVE_DOWN),
    (bollard.UP, bollard.DRIVE_UP),  # off the upper end it is STOPPED
    (bollard.PREWARN, bollard.DRIVE_UP),  # with its warning over it is RISING
}


@pytest.mark.parametrize("state", range(15))
def test_what_a_state_drives_and_shows_is_held(state: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drives, signals = bollard.DRIVE, bollard.SIGNALS
    for drive in {bollard.OFF, bollard.DRIVE_UP, bollard.DRIVE_DOWN} - {drives[state]}:
        monkeypatch.setattr(bollard, "DRIVE", (*drives[:state], drive, *drives[state + 1 :]))
        assert bool(bollard_vectors.failures(bollard)) != ((state, drive) in SPARED)
    monkeypatch.setattr(bollard, "DRIVE", drives)
    other = signals[state] ^ (bollard.RED | bollard.GREEN)
    monkeypatch.setattr(bollard, "SIGNALS", (*signals[:state], other, *signals[state + 1 :]))
    assert bollard_vectors.failures(bollard)


BLOCKS = 'lasts; GUARD_NONE: nothing."""\n'
# What is taken out of logic.bollard, and what stands there instead.
CLAUSES = (
    ("    if not sample & SETTLED:\n        return ON_UNSETTLED\n", ""),
    ("    if sample & BOTH_ENDS == BOTH_ENDS:\n        return ON_IMPLAUSIBLE\n", ""),
    ("    if sample & EMERGENCY:\n        return ON_STOP\n", ""),
    ("    if sample & OVERRUN:\n        return ON_OVERRUN\n", ""),
    ("    if sample & EMERGENCY_LOWER:\n        return ON_EMERGENCY_LOWER\n", ""),
    ("    if sample & POWER_LOST:\n        return ON_POWER_LOST\n", ""),
    ("    if sample & RESET:\n        return ON_RESET\n", ""),
    ("    if sample & HOLD:\n        return ON_HOLD\n", ""),
    ("    if sample & LOWER:\n        return ON_LOWER\n", ""),
    (
        "if sample & UP_RECENT and sample & (OCCUPIED | OVERLOAD):\n        return ON_T",
        "if 0:\n        return ON_T",
    ),
    (
        "if sample & UP_RECENT and sample & (OCCUPIED | OVERLOAD):\n        return ON_T",
        "if sample & (OCCUPIED | OVERLOAD):\n        return ON_T",
    ),
    (
        "sample & (OCCUPIED | OVERLOAD):\n        return ON_T",
        "sample & OCCUPIED:\n        return ON_T",
    ),
    (
        "sample & (OCCUPIED | OVERLOAD):\n        return ON_T",
        "sample & OVERLOAD:\n        return ON_T",
    ),
    ("    if sample & OVERLOAD:\n        return ON_OVERLOAD\n", ""),
    ("    if sample & KEYS:\n        return ON_KEYS\n", ""),
    ("    if sample & GRANT:\n        return ON_GRANT\n", ""),
    ("    if sample & TIME_OVER:\n        return ON_TIME_OVER\n", ""),
    ("    if sample & RAISE:\n        return ON_RAISE\n", ""),
    ("    if sample & PASSAGE:\n        return ON_PASSAGE\n", ""),
    ("    if sample & AT_TOP:\n        return ON_TOP\n", ""),
    ("    if sample & WARNED:\n        return ON_WARNED\n", ""),
    ("    if not sample & AT_BOTTOM:\n        return ON_NOTHING\n", ""),
    ("    if sample & TO_GRANT:\n        return ON_BOTTOM_GRANT\n", ""),
    ("    if sample & TO_LOCK:\n        return ON_BOTTOM_LOCK\n", ""),
    ("    if sample & TO_RAISE:\n        return ON_BOTTOM_RAISE\n", ""),
    ("LOOPS = LOOP_A | LOOP_B", "LOOPS = LOOP_A"),
    ("LOOPS = LOOP_A | LOOP_B", "LOOPS = LOOP_B"),
    ("OCCUPIED = LOOPS | LOOP_FAULT | OBSTACLE", "OCCUPIED = LOOPS | OBSTACLE"),
    ("OCCUPIED = LOOPS | LOOP_FAULT | OBSTACLE", "OCCUPIED = LOOPS | LOOP_FAULT"),
    ("OCCUPIED = LOOPS | LOOP_FAULT | OBSTACLE", "OCCUPIED = LOOP_FAULT | OBSTACLE"),
    ("KEYS = LOCAL_KEY | LOCAL_LOWER", "KEYS = LOCAL_KEY"),
    ("KEYS = LOCAL_KEY | LOCAL_LOWER", "KEYS = LOCAL_LOWER"),
    ("if pressed == LOCAL_KEY:", "if pressed & LOCAL_KEY:"),
    ("if pressed == LOCAL_LOWER else OFF", "if pressed else OFF"),
    ("return DRIVE_DOWN if sample & SINKS else OFF", "return DRIVE_DOWN"),
    ("return DRIVE_DOWN if sample & SINKS else OFF", "return OFF"),
    ("if not sample & SETTLED or sample & (EMERGENCY", "if sample & (EMERGENCY"),
    ("(EMERGENCY | OVERLOAD | OVERRUN)", "(OVERLOAD | OVERRUN)"),
    ("(EMERGENCY | OVERLOAD | OVERRUN)", "(EMERGENCY | OVERRUN)"),
    ("(EMERGENCY | OVERLOAD | OVERRUN)", "(EMERGENCY | OVERLOAD)"),
    ("(OCCUPIED | AT_TOP | DOWN", "(AT_TOP | DOWN"),
    ("OCCUPIED | AT_TOP | DOWN", "OCCUPIED | DOWN"),
    ("AT_TOP | DOWN_RECENT | EMER", "AT_TOP | EMER"),
    ("DOWN_RECENT | EMERGENCY_LOWER | POWER_LOST", "DOWN_RECENT | POWER_LOST"),
    ("EMERGENCY_LOWER | POWER_LOST):", "EMERGENCY_LOWER):"),
    ("if not sample & WARNED or not", "if not"),
    (" or not sample & (LEASE | LOCAL_KEY)", ""),
    ("(LEASE | LOCAL_KEY)", "LEASE"),
    ("(LEASE | LOCAL_KEY)", "LOCAL_KEY"),
    ("(AT_BOTTOM | UP_RECENT)", "UP_RECENT"),
    ("(AT_BOTTOM | UP_RECENT)", "AT_BOTTOM"),
    ("drive == DRIVE_DOWN and not sample & (", "drive and not sample & ("),
    ("    if after != state:\n        return after, OFF\n", ""),
    ("if shown & GREEN and not sample & AT_BOTTOM:", "if False:"),
    ("    if sample & EMERGENCY:\n        return GUARD_EMERGENCY\n", ""),
    ("    if state == FAULT:\n        return GUARD_FAULT\n", ""),
    ("if state == EMERGENCY_DOWN or sample & EMERGENCY_LOWER:", "if sample & EMERGENCY_LOWER:"),
    ("if state == EMERGENCY_DOWN or sample & EMERGENCY_LOWER:", "if state == EMERGENCY_DOWN:"),
    ("    if sample & POWER_LOST:\n        return GUARD_POWER\n", ""),
    ("    if state in (BOOT, POWER_FAIL):\n        return GUARD_BUSY\n", ""),
    ("if state in (BOOT, POWER_FAIL):", "if state == BOOT:"),
    ("if state in (BOOT, POWER_FAIL):", "if state == POWER_FAIL:"),
    ("if state == MANUAL or sample & KEYS:", "if sample & KEYS:"),
    ("if state == MANUAL or sample & KEYS:", "if state == MANUAL:"),
    (
        "        return guard\n    if sample & LOOP_FAULT:\n        return GUARD_SENSOR_INVALID\n",
        "        return guard\n",
    ),
    ("    if state == LOCKED_DOWN:\n        return GUARD_LOCKED\n", ""),
    ("    if state in (LOWERING, INVERTING, PASSING):\n        return GUARD_BUSY\n", ""),
    (
        "if sample & UP_RECENT and sample & (OCCUPIED | OVERLOAD):\n        return GUARD",
        "if 0:\n        return GUARD",
    ),
    (
        BLOCKS + "    if sample & LOOP_FAULT:\n        return GUARD_SENSOR_INVALID\n",
        BLOCKS,
    ),
    ("    if sample & OBSTACLE:\n        return GUARD_OBSTACLE\n", ""),
    ("    if sample & LOOPS:\n        return GUARD_OCCUPIED\n", ""),
    ("    if not sample & LEASE:\n        return GUARD_LEASE\n", ""),
    ("if state == LOCKED_DOWN and sample & TO_LOCK:", "if False:"),
    ("if state == LOCKED_DOWN and sample & TO_LOCK:", "if state == LOCKED_DOWN:"),
    ("if state in (PREWARN, RISING, LOWERING, INVERTING, PASSING):", "if False:"),
    (
        "    if sample & DOOR_OPEN:\n        return GUARD_DOOR_OPEN\n    if state == LOCKED",
        "    if state == LOCKED",
    ),
    (
        "    if sample & DOOR_OPEN:\n        return GUARD_DOOR_OPEN\n    if not sample & LEASE",
        "    if not sample & LEASE",
    ),
    ("if sample & EMERGENCY or sample & EMERGENCY_LOWER:", "if sample & EMERGENCY_LOWER:"),
    ("if sample & EMERGENCY or sample & EMERGENCY_LOWER:", "if sample & EMERGENCY:"),
    (
        "if not sample & SETTLED or sample & BOTH_ENDS == BOTH_ENDS:",
        "if sample & BOTH_ENDS == BOTH_ENDS:",
    ),
    ("if not sample & SETTLED or sample & BOTH_ENDS == BOTH_ENDS:", "if not sample & SETTLED:"),
    ("return GUARD_POWER if sample & POWER_LOST else GUARD_NONE", "return GUARD_NONE"),
)


@pytest.mark.parametrize("clause", CLAUSES)
def test_without_this_clause_a_sentence_fails(clause: tuple[str, str]) -> None:
    assert bollard_vectors.failures(mutant(bollard, clause))
