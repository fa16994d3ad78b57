"""A loaded agent that is killed anywhere: nothing acknowledged is lost, no command acts twice."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.commands import Status
from gateway.contract import Topics, parse_timestamp
from gateway.queries import read_ledger
from hil.broker import EmbeddedBroker
from tests.gateway.brokers import Client, until
from tests.gateway.loaded_agent import (
    BASE_MS,
    LAST_LIFE,
    MAX_COMMANDS,
    UNITS,
    made,
    moment_ms,
    unit_name,
)
from tests.gateway.samples import command

ROOT = Path(__file__).parents[2]
KILLS, KILLS_SOAK = 1_000, 10_000
AGENTS = 2
"""Killed side by side: one waits for its disk while the other works."""
DEADLINE_S = 45.0
"""A slow machine kills less often by then; the number is printed."""
COMMAND_EVERY_S = 0.02
ATTEMPTS = 6
"""A fault shows by chance: on a busy machine few commands come between two kills."""


@dataclass
class Heard:
    """What an outside subscriber learned of one gateway."""

    records: dict[tuple[str, int, int], int] = field(default_factory=dict)
    """(unit, boot, seq) -> how often it came."""
    wrong: list[Any] = field(default_factory=list)
    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def hear(self, leaf: str, payload: bytes) -> None:
        value = json.loads(payload)
        if leaf == "res":
            self.answers.setdefault(value["id"], []).append(value)
        for one in value["records"] if leaf == "tele" else [value] if leaf == "event" else []:
            key = one["unit"], one["boot"], one["seq"]
            self.records[key] = self.records.get(key, 0) + 1
            if parse_timestamp(one["ts"]) != moment_ms(int(key[0], 16), key[2]):
                self.wrong.append(one)

    def finals(self, command_id: str) -> list[str]:
        """The different final results of a command; a refusal of its repetition is none."""
        found = [one for one in self.answers.get(command_id, ()) if Status(one["status"]).final]
        return sorted({json.dumps(one) for one in found if one.get("guard") != "duplicate"})


class Street:
    """Agents under fire, who commands them, and who listens."""

    def __init__(self, broker: EmbeddedBroker, folder: Path) -> None:
        self._broker = broker
        self._folder = folder
        self.heard = {f"gw{n}": Heard() for n in range(AGENTS)}
        self.sent: dict[str, list[str]] = {name: [] for name in self.heard}

    def store(self, name: str) -> Path:
        return self._folder / f"{name}.db"

    async def run(
        self, kills: int, deadline_s: float, arrangements: tuple[str, ...]
    ) -> dict[str, dict[str, Any]]:
        """The agents' reports, once everything they published was heard."""
        async with Client(self._broker.port) as client:
            listening = asyncio.create_task(self._listen(client))
            agents = (
                self._agent(client, name, kills, deadline_s, arrangements) for name in self.heard
            )
            reports = dict(zip(self.heard, await asyncio.gather(*agents), strict=True))
            with suppress(TimeoutError):  # what is missing then is told by what judges
                async with asyncio.timeout(1 if arrangements else 30):
                    await until(lambda: self._heard_all(reports))
            listening.cancel()
        return reports

    async def _agent(
        self,
        client: Client,
        name: str,
        kills: int,
        deadline_s: float,
        arrangements: tuple[str, ...],
    ) -> dict[str, Any]:
        """Its report. It is commanded until its last life begins, which nobody kills."""
        seed = random.getrandbits(31)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.gateway.loaded_agent",
            *map(str, (self.store(name), self._broker.port, name, kills, seed, deadline_s)),
            *arrangements,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        ended = asyncio.Event()
        commanding = asyncio.create_task(self._command(client, name, ended))
        try:
            begins = await process.stdout.readline()
        finally:
            ended.set()
            await commanding
        assert begins.decode().strip() == LAST_LIFE
        output, _ = await process.communicate(b"\n")
        assert process.returncode == 0
        return json.loads(output)

    async def _listen(self, client: Client) -> None:
        while True:
            taken, client.messages = client.messages, []
            for message in taken:
                words = str(message.topic).split("/")
                self.heard[words[3]].hear(words[-1], bytes(message.payload))
            await asyncio.sleep(0.05)

    async def _command(self, client: Client, name: str, ended: asyncio.Event) -> None:
        topic = Topics("park", name).slot("lamp", "L0", "cmd")
        chance, payloads = random.Random(name), [b""]
        for number in range(MAX_COMMANDS):
            if ended.is_set():
                return
            payloads = [*payloads[-3:], command(id=f"{name}-{number}")]
            await client.publish(topic, payloads[-1])
            self.sent[name].append(f"{name}-{number}")
            if chance.random() < 0.3:
                await client.publish(topic, chance.choice(payloads))
            await asyncio.sleep(COMMAND_EVERY_S)

    def _heard_all(self, reports: dict[str, dict[str, Any]]) -> bool:
        return all(
            keys_of(report) <= set(self.heard[name].records)
            and all(
                self.heard[name].finals(f"{name}-{number}")
                for number, times in enumerate(report["carried_out"])
                if times
            )
            for name, report in reports.items()
        )


def keys_of(report: dict[str, Any]) -> set[tuple[str, int, int]]:
    """(unit, boot, seq) of all records that controllers were allowed to free."""
    return {
        (unit_name(unit), 1, made(unit, number, urgent=urgent).sequence)
        for urgent in (False, True)
        for unit in range(UNITS)
        for number in range(1, report["urgent" if urgent else "routine"][unit] + 1)
    }


@dataclass
class Outcome:
    """How it went: sums over all agents, and what is wrong."""

    total: Counter[str] = field(default_factory=Counter[str])
    findings: list[str] = field(default_factory=list[str])


async def fire(folder: Path, kills: int, deadline_s: float, *arrangements: str) -> Outcome:
    """Kills agents so often, or until the deadline."""
    async with EmbeddedBroker() as broker:
        street = Street(broker, folder)
        reports = await street.run(kills // AGENTS, deadline_s, arrangements)
    outcome = Outcome()
    total, findings = outcome.total, outcome.findings
    for name, report in reports.items():
        heard, path = street.heard[name], street.store(name)
        acknowledged = keys_of(report)
        findings += judge_report(report)
        findings += judge_records(path, heard, acknowledged)
        findings += judge_commands(path, heard, report["carried_out"], name)
        total.update(
            kills=report["kills"],
            lives_connected=report["lives_connected"],
            acknowledged=len(acknowledged),
            heard_again=sum(heard.records.values()) - len(heard.records),
            commands=sum(report["carried_out"]),
            seconds=int(report["seconds"]),
        )
    print(*arrangements, dict(total), *sorted(set(findings)))
    return outcome


async def fire_at_random(folder: Path, kills: int, deadline_s: float, *sabotage: str) -> list[str]:
    """What is wrong after kills that hit beginnings, and many lives that were at work."""
    outcome = await fire(folder, kills, deadline_s, *sabotage)
    assert outcome.total["lives_connected"] > outcome.total["kills"] / 4
    if not sabotage:  # what was confirmed is deleted soon, and not published in every life anew
        assert outcome.total["heard_again"] < outcome.total["acknowledged"]
    return outcome.findings


def judge_report(report: dict[str, Any]) -> Iterable[str]:
    """Nothing was wrong while the agent was killed."""
    if report["violations"]:
        yield "a freed record was asked for again"
    if report["unsound"]:
        yield "the database is not sound"
    if report["died"]:
        yield "an agent ended by itself"


def judge_records(
    path: Path, heard: Heard, acknowledged: set[tuple[str, int, int]]
) -> Iterable[str]:
    """Everything is delivered, nothing is missing, and what was heard is what was stored."""
    if not acknowledged <= set(heard.records):
        yield "an acknowledged record never arrived"
    if heard.wrong:
        yield "one number stands for two records"
    ledger = read_ledger(path)
    if ledger.findings or ledger.counters["stored"] != len(heard.records):
        yield "the sums do not agree"
    if ledger.pending or ledger.missing or ledger.lost:
        yield "the ledger misses records"


def judge_commands(
    path: Path, heard: Heard, carried_out: Iterable[int], name: str
) -> Iterable[str]:
    """No command acted twice; every one that was taken has exactly one final result."""
    acted = {f"{name}-{number}" for number, times in enumerate(carried_out) if times}
    if any(times > 1 for times in carried_out):
        yield "a command acted twice"
    connection = sqlite3.connect(path)
    stored = dict(connection.execute("SELECT id, result FROM command WHERE answered = 1"))
    waiting = connection.execute("SELECT count(*) FROM command WHERE answered = 0").fetchone()[0]
    connection.close()
    if waiting:
        yield "a command was never answered"
    # In a long run the store forgets what was answered and could only expire.
    if not acted <= set(stored) | set(heard.answers):
        yield "a command that acted is forgotten"
    for command_id in set(heard.answers) | set(stored):
        finals = heard.finals(command_id)
        if len(finals) != 1:
            yield f"{'no' if not finals else 'more than one'} final result"
        elif command_id in stored and json.loads(stored[command_id]) != json.loads(finals[0]):
            yield "another result is remembered than was told"


@pytest.mark.timeout(180)
async def test_an_agent_that_is_killed_anywhere_loses_nothing_and_does_nothing_twice(
    tmp_path: Path,
) -> None:
    assert await fire_at_random(tmp_path, KILLS, DEADLINE_S) == []


@pytest.mark.soak
async def test_an_agent_that_is_killed_very_often_loses_nothing_and_does_nothing_twice(
    tmp_path: Path,
) -> None:
    assert await fire_at_random(tmp_path, KILLS_SOAK, float("inf")) == []


async def test_what_was_published_before_a_commit_that_never_came_is_counted_when_it_is_repeated(
    tmp_path: Path,
) -> None:
    outcome = await fire(tmp_path, 4, DEADLINE_S, "die_before_the_commit")
    assert outcome.findings == []
    assert outcome.total["heard_again"] > 0


async def test_controllers_that_never_repeat_what_they_hold_break_the_sums(tmp_path: Path) -> None:
    outcome = await fire(tmp_path, 4, DEADLINE_S, "die_before_the_commit", "forget_held")
    assert set(outcome.findings) == {"the sums do not agree"}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("sabotage", "finding"),
    [
        ("acknowledge_early", "a freed record was asked for again"),
        ("delete_early", "an acknowledged record never arrived"),
        ("forget_commands", "a command acted twice"),
        ("forget_results", "a command was never answered"),
    ],
)
async def test_a_fault_in_the_agent_is_found_out_by_killing_it(
    tmp_path: Path, sabotage: str, finding: str
) -> None:
    found: list[str] = []
    for attempt in range(ATTEMPTS):
        if finding not in found:
            folder = tmp_path / str(attempt)
            folder.mkdir()
            found += await fire_at_random(folder, 40, DEADLINE_S, sabotage)
    assert finding in found


def test_the_records_of_the_agents_tell_who_made_them() -> None:
    moments = [made(unit, n, urgent=False).time_ms for unit in range(UNITS) for n in range(1, 99)]
    assert len(set(moments)) == len(moments)
    assert min(moments) > BASE_MS
