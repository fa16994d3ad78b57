"""Power may be cut at any write or sync: what was acknowledged is still there, and adds up."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.outbox import Outbox, PutResult
from gateway.records import GapNotice, Record
from gateway.store import Store
from tests.gateway import power_loss
from tests.gateway.power_loss import judge_all, record_workload

STEPS = 60
IMAGES = 2_000
IMAGES_SOAK = 100_000
FEW = 200
"""Enough to find a planted fault."""
FULL = "PRAGMA synchronous=FULL"
NORMAL = "PRAGMA synchronous=NORMAL"


class Cuts:
    """What came of the power cuts into some workloads."""

    def __init__(self) -> None:
        self.images = 0
        self.kinds: Counter[str] = Counter()
        self.findings: list[str] = []
        self.spoilt = 0

    def add(self, outcome: tuple[int, Counter[str], list[str]]) -> None:
        count, kinds, findings = outcome
        self.images += count
        self.kinds += kinds
        self.findings += findings
        self.spoilt += len({finding.partition(": ")[0] for finding in findings})


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: an image is only opened, judged and thrown away."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as name:
        yield Path(name)


def cut(
    tmp_path: Path,
    folder: Path,
    patch: pytest.MonkeyPatch,
    wanted: int,
    *,
    cuts_per_operation: float = 1.0,
    pragma: str = FULL,
    honest: bool = True,
) -> Cuts:
    """At least the wanted number of power cuts, spread over all operations of some workloads."""
    cuts, seed = Cuts(), 0
    while cuts.images < wanted:
        seed += 1
        place = tmp_path / str(seed)
        place.mkdir()
        operations = record_workload(place, patch, seed, pragma, steps=STEPS, honest=honest)
        cuts.add(judge_all(operations, folder, seed, cuts_per_operation))
    return cuts


@pytest.mark.timeout(120)
def test_no_power_cut_loses_what_was_acknowledged(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts = cut(tmp_path, folder, monkeypatch, IMAGES)
    print(f"{cuts.images} power cuts, {cuts.spoilt} losses")
    assert cuts.findings == []


@pytest.mark.soak
def test_no_power_cut_of_very_many_loses_what_was_acknowledged(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts = cut(tmp_path, folder, monkeypatch, IMAGES_SOAK)
    print(f"{cuts.images} power cuts, {cuts.spoilt} losses")
    assert cuts.findings == []


# --- whether such a loss would be seen ----------------------------------------------------------


@pytest.mark.parametrize(
    ("pragma", "honest"),
    [(NORMAL, True), (FULL, False)],
    ids=["synchronous=NORMAL", "a disk that only says it synced"],
)
def test_without_a_sync_at_every_commit_power_cuts_lose_acknowledged_records(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, pragma: str, *, honest: bool
) -> None:
    cuts = cut(
        tmp_path, folder, monkeypatch, FEW, cuts_per_operation=0.25, pragma=pragma, honest=honest
    )
    print(f"{pragma}, honest={honest}: {cuts.images} power cuts, {cuts.spoilt} losses")
    assert cuts.kinds["an acknowledged record is gone"] > 0


def test_an_acknowledgement_before_the_commit_is_found_out(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, hasty_ones = Store.put, set[asyncio.Task[PutResult]]()

    async def hasty(self: Store, records: list[Record], gaps: list[GapNotice]) -> PutResult:
        hasty_ones.add(asyncio.create_task(put(self, records, gaps)))
        return PutResult(len(records), 0)

    monkeypatch.setattr(Store, "put", hasty)
    monkeypatch.setattr(power_loss.Workload, "_alarm", power_loss.Workload._delete)
    cuts = cut(tmp_path, folder, monkeypatch, FEW, cuts_per_operation=0.25)
    assert cuts.kinds["an acknowledged record was never received"] > 0


def test_counters_outside_the_transaction_are_found_out(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_two_transactions(outbox: Outbox, ids: list[int]) -> int:
        gone = delete(outbox, ids)
        counted, outbox._counts = outbox._counts, Counter()
        outbox.commit()
        outbox.begin()
        outbox._counts = counted
        return gone

    delete = Outbox.delete
    monkeypatch.setattr(Outbox, "delete", in_two_transactions)
    cuts = cut(tmp_path, folder, monkeypatch, FEW, cuts_per_operation=0.25)
    assert cuts.kinds["the sums do not agree"] > 0
