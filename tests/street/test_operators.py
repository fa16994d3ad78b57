"""Operators at their command line, through broker and gateway, to posts on real MicroPython."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hil.plants.bollard import BollardPlant
from tests.street.posts import Gate, gate, post
from tests.tools.conftest import Ended, run_stoep

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.deadline,
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("micropython_command"),
]

USERS = """
[[user]]
name = "alice"
role = "operator"
[[user]]
name = "sam"
role = "supervisor"
"""
WHY = ("--reason", "a delivery")


class Desk:
    """The office of a gate: it issues key files, and gives commands with them."""

    def __init__(self, gate_: Gate, folder: Path) -> None:
        self.gate = gate_
        self.folder = folder
        (folder / "site.toml").write_text(gate_.house.text)

    async def issue(self, name: str, role: str) -> str:
        """A person's key file, as the office makes it."""
        out = str(self.folder / f"{name}.json")
        ended = await run_stoep(
            *("keys", "issue", name, "--role", role, "--out", out),
            *("--site", str(self.folder / "site.toml")),
            *("--command-key", str(self.folder / "street" / "keys" / "command.json")),
        )
        assert ended.code == 0, ended.err
        return out

    async def stoep(self, *arguments: str) -> Ended:
        """A command line against this gate's broker."""
        return await run_stoep(*arguments, "--broker", self.gate.house.broker.url)

    async def journal(self) -> list[dict[str, Any]]:
        """All that the gateway has kept of who did what."""
        ended = await run_stoep(
            *("gateway", "journal", "show", "--json", "--site", str(self.folder / "site.toml"))
        )
        assert ended.code == 0, ended.err
        return [entry for entry in ended.json if isinstance(entry, dict)]

    def post(self, number: int) -> BollardPlant:
        """The post in the street."""
        return self.gate[number]


@asynccontextmanager
async def desk(folder: Path, *tables: str) -> AsyncGenerator[Desk]:
    async with gate(folder, *tables) as ready:
        yield Desk(ready, folder)


async def test_alice_raises_a_post_and_the_journal_knows_her(tmp_path: Path) -> None:
    async with desk(tmp_path, post(1)) as d:
        key = await d.issue("alice", "operator")
        ended = await d.stoep("bollard", "raise", "post-1", *WHY, "--key", key)
        assert (ended.code, ended.out) == (0, "post-1: raise done\n"), ended.err
        assert d.post(1).at_top
        assert "up, 100 %" in (await d.stoep("ls")).out
        ended = await d.stoep("bollard", "lower", "post-1", *WHY, "--key", key, "--json")
        assert (ended.code, ended.json["status"]) == (0, "DONE"), ended.err
        assert d.post(1).at_bottom
        await d.gate.audited(1)
        told = str(await d.journal())
        for words in ("'alice'", "a delivery", "'raise'", "'lower'"):
            assert words in told


async def test_who_may_not_is_refused_by_the_post_itself(tmp_path: Path) -> None:
    async with desk(tmp_path, post(1)) as d:
        vera, alice = await d.issue("vera", "viewer"), await d.issue("alice", "operator")
        for key, arguments in (
            (vera, ("raise", "post-1", *WHY)),
            (alice, ("reset", "post-1", *WHY, "--ticket", "WO-7")),
        ):
            ended = await d.stoep("bollard", *arguments, "--key", key)
            assert ended.code == 3
            assert "by role: the role in the key file does not allow this" in ended.err
        sam, sue = await d.issue("sam", "supervisor"), await d.issue("sue", "supervisor")
        bypass = ("bypass", "post-1", "--for", "30s", *WHY, "--ticket", "WO-7", "--key", sam)
        ended = await d.stoep("bollard", *bypass)
        assert (ended.code, "by second_person" in ended.err) == (3, True)
        assert d.gate.motions(1) == 0
        ended = await d.stoep("bollard", *bypass, "--second-key", sue)
        assert ended.code == 0, ended.err


async def test_a_car_on_the_loop_is_why_a_post_would_not_rise(tmp_path: Path) -> None:
    async with desk(tmp_path, post(1)) as d:
        key = await d.issue("alice", "operator")
        assert (await d.stoep("explain", "raise", "post-1")).code == 0
        d.post(1).arrive(8.0, halt_at_m=-0.5, obedient=False)
        await d.gate.until(lambda: bool(d.post(1).vehicles), "no car")
        await d.gate.house.until(
            lambda: d.gate.house.ear.states["post-1"]["raise_guard"] == "occupied", "not seen"
        )
        ended = await d.stoep("explain", "raise", "post-1")
        assert ended.code == 3
        assert "raise would be refused: occupied: a vehicle is on a loop" in ended.err
        ended = await d.stoep("bollard", "raise", "post-1", *WHY, "--key", key)
        assert (ended.code, "by occupied" in ended.err) == (3, True)
        assert d.gate.motions(1) == 0
        assert (await d.stoep("explain", "lower", "post-1")).code == 0


async def test_a_row_is_raised_and_lowered_by_one_command(tmp_path: Path) -> None:
    row = [post(n, group="gate", across_m=1.5 * n) for n in (1, 2)]
    async with desk(tmp_path, *row) as d:
        key = await d.issue("alice", "operator")
        for verb in ("raise", "lower"):
            ended = await d.stoep("zone", verb, "post-*", *WHY, "--key", key)
            assert ended.code == 0, ended.out + ended.err
            there = [d.post(n).at_top if verb == "raise" else d.post(n).at_bottom for n in (1, 2)]
            assert there == [True, True]


async def test_who_left_the_users_file_is_refused_by_the_gateway(tmp_path: Path) -> None:
    async with desk(tmp_path, post(1)) as d:
        alice, bob = await d.issue("alice", "operator"), await d.issue("bob", "operator")
        (tmp_path / "users.toml").write_text(USERS)
        d.gate.house.text = d.gate.house.text.replace(
            'gateway = "gw"', 'gateway = "gw"\nusers = "users.toml"'
        )
        await d.gate.house.stop_agent()
        await d.gate.house.start_agent()
        await d.gate.house.until(d.gate.house.all_online, "not back")
        lower = ("bollard", "lower", "post-1", *WHY)
        ended = await d.stoep(*lower, "--key", bob)
        assert ended.code == 3
        assert "'bob' is not in the gateway's users file" in ended.err
        assert (await d.stoep(*lower, "--key", alice)).code == 0
        sam, sue = await d.issue("sam", "supervisor"), await d.issue("sue", "supervisor")
        bypass = ("bypass", "post-1", "--for", "1m", *WHY, "--ticket", "WO-7")
        ended = await d.stoep("bollard", *bypass, "--key", sam, "--second-key", sue)
        assert (ended.code, "'sue' is not in the gateway's users file" in ended.err) == (3, True)
