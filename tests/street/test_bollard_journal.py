"""What the journal tells of a real post, whatever becomes of the gateway meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.journal import read_entries
from gateway.journal_check import verify
from tests.street.posts import ALICE, Gate, gate, post, unit_of

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.deadline,
    pytest.mark.usefixtures("micropython_command"),
]


def entries(g: Gate, what: str) -> list[dict[str, Any]]:
    path = g.house.folder / "stoep.sqlite"
    found = [entry.fields for entry in read_entries(path)]
    return [entry for entry in found if entry["what"] == what]


async def test_every_motion_is_told_with_who_signed_and_the_command_that_brought_it(
    tmp_path: Path,
) -> None:
    async with gate(tmp_path, post(1)) as g:
        await g.raised(1)
        assert await g.order(1, "lower", by=ALICE) == ("DONE", None)
        await g.house.until(lambda: len(entries(g, "motion")) >= 2, "motions are not told")
        up, down = entries(g, "motion")[:2]
        assert [(one["drive"], one["cause"], one["operator"]) for one in (up, down)] == [
            ("up", "command", "alice"),
            ("down", "command", "alice"),
        ]
        asked = {one["id"]: one for one in entries(g, "command")}
        for motion, verb in ((up, "raise"), (down, "lower")):
            command = asked[motion["id"]]
            assert (command["verb"], command["transaction"]) == (verb, motion["transaction"])
            assert motion["unit"] == unit_of(1)
        receipts = [one["receipt"]["status"] for one in entries(g, "result") if "receipt" in one]
        assert receipts.count("DONE") == 2
        report = verify(read_entries(g.house.folder / "stoep.sqlite"), None)
        assert report.findings == []


async def test_a_gateway_that_dies_stops_the_rise_and_the_journal_has_it_all_the_same(
    tmp_path: Path,
) -> None:
    async with gate(tmp_path, post(1)) as g:
        (task,) = await g.rising(1)
        await g.house.stop_agent()
        await g.until(lambda: g[1].driving <= 0, "it rises without a gateway", 2.0)
        await g.until(lambda: g[1].at_bottom and g.is_off(1), "it does not go down and rest")
        moved = g.motions(1)
        await g.house.start_agent()
        assert await task == ("FAILED", "gateway_restarted")
        await g.house.until(lambda: len(entries(g, "motion")) >= moved, "motions are not told")
        up, down = entries(g, "motion")
        assert (up["drive"], up["cause"], up["operator"]) == ("up", "command", "alice")
        assert (down["drive"], down["cause"]) == ("down", "lease_lost")
        assert up["id"] == entries(g, "command")[0]["id"]
        await g.stands(1)
