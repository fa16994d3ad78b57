"""`stoep gateway journal`: shown, exported, verified; beside a running gateway or without."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.outbox import Note
from gateway.store import Store
from tests.tools.conftest import run_stoep, stoep_now
from tests.tools.test_gateway_ledger import SITE, database

ASKED: dict[str, Any] = {
    "slot": "L1",
    "kind": "lamp",
    "id": "c1",
    "verb": "set",
    "args": {"level": 60, "duration_s": 30},
    "actor": "an@office",
    "reason": "dark corner",
    "ticket": "W-7",
    "transaction": 7,
}


@pytest.fixture
async def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.toml"
    file.write_text(SITE)
    async with Store(database(file)) as store:
        await store.note(Note("command", ASKED))
        await store.note(Note("result", {"slot": "L1", "id": "c1", "status": "DONE"}))
        await store.note(
            Note("refused", {"slot": "L2", "status": "REJECTED", "guard": "retained", "id": None})
        )
        await store.note(Note("gateway", {"event": "stopped"}))
    return file


def test_the_newest_entries_are_shown(site: Path) -> None:
    ended = stoep_now("gateway", "journal", "show", "--site", str(site))
    assert ended.code == 0, ended.err
    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert lines[1].endswith("L1 command an@office set duration_s=30 level=60 (W-7): dark corner")
    assert lines[2].endswith("L1 result an@office DONE")
    assert lines[3].endswith(
        "refused - ?: REJECTED retained: commands must not be retained; "
        "publish without the retain flag"
    )
    newest = stoep_now("gateway", "journal", "show", "--site", str(site), "--last", "2", "--json")
    assert [entry["n"] for entry in newest.json] == [3, 4]
    of_slot = stoep_now("gateway", "journal", "show", "--site", str(site), "--slot", "L1", "--json")
    assert [entry["n"] for entry in of_slot.json] == [1, 2]


async def test_what_moved_is_shown_with_who_signed(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(SITE)
    signatures = [{"operator": "anna", "role": "supervisor"}, {"operator": "bert"}]
    asked = {**ASKED, "slot": "P1", "verb": "raise", "args": {}, "auth": {"signatures": signatures}}
    drive = {"slot": "P1", "drive": "up", "state": "rising", "transaction": 9}
    async with Store(database(file)) as store:
        await store.note(Note("command", asked))
        await store.note(Note("command", {**asked, "auth": None, "dry_run": True}))
        signed = {"cause": "command", "operator": "anna", "second": "bert"}
        because = {"id": "c1", "reason": "van", "ticket": "W-7"}
        await store.note(Note("motion", {**drive, **signed, **because}))
        await store.note(Note("motion", {**drive, "cause": "grant_closes", "operator": "anna"}))
        ended = {"slot": "P1", "code": "command_result", "status": "CANCELLED", "active": True}
        await store.note(Note("event", {**ended, "guard": "superseded", "cause": "command"}))
    shown = stoep_now("gateway", "journal", "show", "--site", str(file))
    assert shown.code == 0, shown.err
    lines = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert lines[1].endswith("P1 command anna and bert raise (W-7): dark corner")
    assert lines[2].endswith("P1 command an@office raise (dry run) (W-7): dark corner")
    assert lines[3].endswith("motion anna and bert drive up, rising, by command: van (W-7)")
    assert "by grant closes 9, which this gateway did not carry" in lines[4]
    assert lines[5].endswith("command_result CANCELLED superseded: command")


def test_an_export_is_json_lines_that_verify(site: Path) -> None:
    file = site.parent / "journal.jsonl"
    ended = stoep_now("gateway", "journal", "export", "--site", str(site), "--to", str(file))
    assert ended.code == 0, ended.err
    head = ended.err.split()[-1]
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["entry"]["n"] for line in lines] == [1, 2, 3, 4]
    assert lines[-1]["hash"] == head
    good = stoep_now("gateway", "journal", "verify", str(file), "--head", head)
    assert good.code == 0, good.err
    assert "4 entries, unaltered" in good.out
    again = stoep_now("gateway", "journal", "export", "--site", str(site), "--to", str(file))
    assert again.code == 2
    assert "overwrites nothing" in again.err


async def test_the_store_itself_is_verified_beside_a_running_gateway(site: Path) -> None:
    async with Store(database(site)) as store:
        head = store.journal_head
        await store.note(Note("gateway", {"event": "started"}))
        ended = await run_stoep(
            *("gateway", "journal", "verify", "--site", str(site)), "--head", str(head), "--json"
        )
        assert ended.code == 0, ended.err
        assert ended.json["entries"] == 5
        assert ended.json["after_known_head"] == 1


@pytest.mark.parametrize(
    ("alter", "says"),
    [
        (lambda lines: [lines[0].replace(b"dark", b"lit!"), *lines[1:]], "entry 1: its hash"),
        (lambda lines: [*lines[:1], *lines[2:]], "entry 3 stands where 2 belongs: removed"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "stands where 1 belongs"),
        (lambda lines: lines[:3], "is not there: the end was cut off"),
        (lambda lines: [*lines[:3], lines[3][:-1]], "line 4: it is cut off"),
    ],
)
def test_an_altered_export_ends_with_4_and_says_where(site: Path, alter: Any, says: str) -> None:
    file = site.parent / "journal.jsonl"
    stoep_now("gateway", "journal", "export", "--site", str(site), "--to", str(file))
    lines = file.read_bytes().splitlines(keepends=True)
    head = json.loads(lines[-1])["hash"]
    file.write_bytes(b"".join(alter(lines)))
    ended = stoep_now("gateway", "journal", "verify", str(file), "--head", head)
    assert ended.code == 4
    assert says in ended.out
    assert ended.err.startswith(f"stoep: the journal in {file} is not what was written")
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("head", ["", "abc", "00" * 31, "zz" * 32])
def test_a_head_that_is_no_hash_is_a_wrong_option(site: Path, head: str) -> None:
    ended = stoep_now("gateway", "journal", "verify", "--site", str(site), "--head", head)
    assert ended.code == 2
    assert "is no hash" in ended.err


@pytest.mark.parametrize("command", ["show", "export", "verify"])
def test_a_store_that_is_not_there_is_said_in_one_line(site: Path, command: str) -> None:
    database(site).unlink()
    ended = stoep_now("gateway", "journal", command, "--site", str(site))
    assert ended.code == 7
    assert len(ended.err.splitlines()) == 1
