"""Forgetting the ledger of old boots: what is complete is summed up in counters. Pure but for SQL.

A unit that restarts daily adds two rows to the ledger each time, for ever. Of the boots before the
newest `KEEP_BOOTS` those are forgotten of which every number has its fate and nothing waits.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping

from gateway.ledger import CausedRange, Intervals, StreamKey, report
from gateway.records import first_sequence, is_urgent

KEEP_BOOTS = 16
RECEIVED = "received"
PRUNED = "pruned:"
"""What counters of forgotten numbers begin with; the rest is the fate as in the ledger."""

Fates = Mapping[str, Intervals]


def old_boots(sql: sqlite3.Connection, unit: str) -> list[int]:
    """Sessions of the unit before its newest `KEEP_BOOTS` of which nothing waits in the outbox.

    The newest are those that came last: a controller that lost its counter draws a boot by lot.
    """
    found = sql.execute(
        "SELECT id FROM session WHERE unit = ? AND id < ("
        "SELECT id FROM session WHERE unit = ? ORDER BY id DESC LIMIT 1 OFFSET ?) "
        "AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.session = session.id)",
        (unit, unit, KEEP_BOOTS - 1),
    )
    return [row[0] for row in found]


def is_complete(fates: Fates) -> bool:
    """Whether every number of both streams, up to the highest known, has a fate."""
    for urgent in (False, True):
        received = Intervals(
            part for part in fates.get(RECEIVED, ()) if is_urgent(part.first) is urgent
        )
        gaps = [
            CausedRange(part.first, part.last, fate)
            for fate, ranges in fates.items()
            if fate.startswith("gap:")
            for part in ranges
            if is_urgent(part.first) is urgent
        ]
        if not received and not gaps:
            continue
        key = StreamKey("", 0, urgent)
        first = first_sequence(urgent=urgent)
        if not report(key, first, received, Intervals(), [], gaps).complete:
            return False
    return True


def forget(sql: sqlite3.Connection, session: int, fates: Fates) -> Counter[str]:
    """Deletes a session and its ledger; returns what the counters must remember of it."""
    sql.execute("DELETE FROM ledger WHERE session = ?", (session,))
    sql.execute("DELETE FROM session WHERE id = ?", (session,))
    return Counter({PRUNED + fate: ranges.size for fate, ranges in fates.items()})
