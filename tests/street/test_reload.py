"""A site file that is read again while the whole house runs: nothing is lost, nothing hangs on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.contract import Avail
from gateway.journal import read_entries
from gateway.journal_check import verify
from gateway.site import parse_site
from tests.street.rig import House, house

pytestmark = [pytest.mark.emulator, pytest.mark.usefixtures("micropython_command")]

UNIT_1, UNIT_2 = "5740ea0000000001", "5740ea0000000002"


async def reload(h: House, *edits: tuple[str, str], more: str = "") -> list[str]:
    h.text += more
    for old, new in edits:
        assert old in h.text
        h.text = h.text.replace(old, new)
    changes = await h.agent.reload(parse_site(h.text, h.folder / "site.toml"))
    return [str(change) for change in changes]


def sessions(h: House) -> int:
    return sum(bus.counters.sessions for bus in h.agent.buses)


def without_slot(text: str, name: str) -> tuple[str, str]:
    """The edit that takes a slot out."""
    start = text.index(f'[[slot]]\nname = "{name}"')
    end = text.find("[[slot]]", start + 1)
    return text[start : end if end > 0 else None], ""


def told(h: House) -> list[dict[str, Any]]:
    return [entry.fields for entry in read_entries(h.agent.store.path)]


async def test_a_slot_comes_and_goes_while_the_others_keep_their_sessions(tmp_path: Path) -> None:
    async with house(tmp_path, lamps=2, bollards=0, bins=1) as h:
        await h.until(lambda: len(h.ear.seen) > 10, "no records")
        opened, lamp = sessions(h), h.agent.controllers["lamp-1"]
        gone, _ = edit = without_slot(h.text, "bin-1")
        (change,) = await reload(h, edit)
        assert change.startswith("- slot bin-1")
        await h.until(lambda: "bin-1" not in h.ear.avail, "its availability is still retained")
        await h.until(lambda: "bin-1" not in h.ear.states, "its state is still retained")
        refused = await h.command("bin-1", "compact", {})
        assert (refused["status"], refused["guard"]) == ("REJECTED", "unknown_slot")
        assert (await h.command("lamp-1", "auto", {}))["status"] == "DONE"
        (change,) = await reload(h, more=gone)
        assert change.startswith("+ slot bin-1")
        await h.until(h.all_online, "it did not come back")
        assert h.agent.controllers["lamp-1"] is lamp
        assert sessions(h) == opened + 1
        await h.settled()
        assert h.ear.holes(UNIT_1) == h.ear.holes(UNIT_2) == []


async def test_a_swapped_unit_keeps_the_slot_and_its_topics(tmp_path: Path) -> None:
    async with house(tmp_path, lamps=2, bollards=0, bins=0) as h:
        await h.until(lambda: len(h.ear.seen) > 10, "no records")
        (change,) = await reload(h, (UNIT_2, "00000000000000ff"))
        assert "another unit" in change
        await h.until(lambda: h.ear.avail["lamp-2"] != Avail.ONLINE, "the old unit still counts")
        assert h.ear.states["lamp-2"]["unit"] == UNIT_2
        await reload(h, ("00000000000000ff", UNIT_2))
        await h.until(h.all_online, "the unit that belongs there is not taken")
        assert (await h.command("lamp-2", "auto", {}))["status"] == "DONE"
        await h.settled()
        assert h.ear.holes(UNIT_1) == h.ear.holes(UNIT_2) == []


async def test_a_bus_with_another_turnaround_is_opened_anew_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, lamps=2, bollards=0, bins=0) as h:
        await h.until(lambda: len(h.ear.seen) > 10, "no records")
        port = h.text[h.text.index("port = ") :].split("\n")[0]
        await reload(h, (port, f"{port}\nturnaround_ms = 40"))
        assert h.agent.buses[0].options.turnaround_ms == 40
        await h.until(lambda: h.received() > 10, "nothing is received any more")
        await h.until(h.all_online, "not back")
        await h.settled()
        assert h.ear.holes(UNIT_1) == h.ear.holes(UNIT_2) == []


async def test_reloads_commands_and_motions_are_in_the_journal_and_it_verifies(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, lamps=1, bollards=1, bins=0) as h:
        lamp = h.street.lamp("lamp-1")
        lamp.presence(False)
        await h.command("lamp-1", "set", {"level": 100, "duration_s": 1}, ticket="W-7")
        await h.command("bollard-1", "raise", {})
        await reload(h, ("longitude = 4.35", "longitude = 4.36"))

        def caused() -> list[dict[str, Any]]:
            events = (one for one in told(h) if one["what"] == "event")
            return [one for one in events if one["slot"] == "lamp-1" and one["transaction"]]

        await h.until(lambda: bool(caused()), "the transition is not told")
        asked = next(one for one in told(h) if one["what"] == "command")
        done = next(one for one in told(h) if one["what"] == "result")
        assert (asked["slot"], asked["reason"], asked["ticket"]) == ("lamp-1", "a test", "W-7")
        assert done["receipt"]["unit"] == UNIT_1
        assert done["receipt"]["transaction"] == asked["transaction"]
        first = caused()[0]
        assert (first["cause"], first["id"], first["ticket"]) == ("command", asked["id"], "W-7")
        assert first["transaction"] == asked["transaction"]
        (refused,) = (one for one in told(h) if one["what"] == "refused")
        assert (refused["slot"], refused["guard"]) == ("bollard-1", "unauthorised")
        events = [one["event"] for one in told(h) if one["what"] == "gateway"]
        assert events == ["started", "reloaded"]
        assert verify(read_entries(h.agent.store.path)).findings == []
