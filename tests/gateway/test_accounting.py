"""Every number that a controller ever gave out is accounted for: the real outbox, store and ledger.

The controller's code runs here in virtual time; polls are lost, storing fails, the gateway stays
away so long that the ring overflows, and still the ledger knows the fate of each record.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.controller import Controller
from gateway.queries import Ledger
from gateway.records import Record, first_sequence, gap_of
from gateway.store import Store
from protocol import codec
from protocol.generated import messages as m
from protocol.generated import wire
from tests.dual.firmware_rig import LampRig

UNIT = "5740ea0000000001"
FIRST_URGENT = first_sequence(urgent=True)


class Pair:
    """A lamp's firmware and what a gateway knows of it."""

    def __init__(self, store: Store) -> None:
        self.rig = LampRig({"status_period_ms": 1000})
        self.store = store
        self.taken: set[int] = set()
        self.start()

    def start(self) -> None:
        """The gateway starts, perhaps anew: it goes on where its store says."""
        self.controller = Controller("lamp-1", "lamp", UNIT, self.rig.address)
        payload = codec.encode_message(m.Identify(0))
        kind, _, answer = self.rig.ask(wire.IDENTIFY, payload)
        hello = codec.decode_message(kind, answer)
        assert isinstance(hello, m.Hello)
        self.controller.start_boot(hello, *self.store.resume(UNIT, hello.boot))

    async def poll(self, *, lost: bool = False, stored: bool = True) -> bool:
        """One poll; `lost` is its reply, or `stored` is false; whether there is more to come."""
        batch, attempt, flags = self._ask()
        if lost:
            return True
        records = self.controller.take(batch)
        if not stored:
            self.controller.not_stored(batch.boot, attempt)
            return True
        await self._put(records)
        self.controller.stored(batch.boot, attempt, records)
        return bool(flags & (wire.FLAG_MORE | wire.FLAG_URGENT))

    async def polls_while_the_first_is_not_stored(self) -> None:
        """Two polls; the second goes out before it is known that storing the first failed."""
        first, attempt, _ = self._ask()
        self.controller.take(first)
        second, _, _ = self._ask()
        records = self.controller.take(second)
        self.controller.not_stored(first.boot, attempt)
        await self._put(records)
        self.controller.stored(second.boot, attempt, records)

    def _ask(self) -> tuple[m.Records, int, int]:
        attempt = self.controller.attempt
        kind, flags, payload = self.rig.ask(wire.POLL, self.controller.poll())
        batch = codec.decode_message(kind, payload)
        assert isinstance(batch, m.Records)
        return batch, attempt, flags

    async def _put(self, records: list[Record]) -> None:
        gaps = [gap for gap in map(gap_of, records) if gap is not None]
        await self.store.put(records, gaps)
        self.taken |= {r.sequence for r in records if gap_of(r) is None}

    async def drain(self) -> Ledger:
        """Poll until the controller has nothing left; the ledger then."""
        while await self.poll():
            pass
        return await self.store.ledger()


def accounted(ledger: Ledger, pair: Pair) -> None:
    """Each number has one fate; what is not here is in a gap that names its cause."""
    assert not ledger.findings
    assert ledger.missing == 0
    for stream in ledger.streams:
        base = FIRST_URGENT if stream.key.urgent else 1
        lost = {n for gap in stream.gaps for n in range(gap.first, gap.last + 1)}
        here = {
            n
            for part in (*stream.delivered, *stream.pending)
            for n in range(part.first, part.last + 1)
        }
        assert not lost & here
        assert lost | here == set(range(base, max(lost | here) + 1))
        assert here == {n for n in pair.taken if (n >= FIRST_URGENT) == stream.key.urgent}
        assert {gap.cause for gap in stream.gaps} <= {"ring_overflow"}


async def test_an_hour_without_a_gateway_leaves_a_gap_that_says_how_many_and_why(
    tmp_path: Path,
) -> None:
    async with Store(tmp_path / "store.sqlite") as store:
        pair = Pair(store)
        await pair.drain()
        pair.rig.run(3_600_000)
        ledger = await pair.drain()
        accounted(ledger, pair)
        (routine,) = [s for s in ledger.streams if not s.key.urgent]
        assert sum(gap.last - gap.first + 1 for gap in routine.gaps) == ledger.lost > 2000


async def test_a_short_outage_loses_nothing(tmp_path: Path) -> None:
    async with Store(tmp_path / "store.sqlite") as store:
        pair = Pair(store)
        await pair.drain()
        pair.rig.run(240_000)
        ledger = await pair.drain()
        accounted(ledger, pair)
        assert ledger.lost == 0


async def test_what_is_stored_after_a_failure_acknowledges_nothing_before_it(
    tmp_path: Path,
) -> None:
    async with Store(tmp_path / "store.sqlite") as store:
        pair = Pair(store)
        pair.rig.run(60_000)
        await pair.polls_while_the_first_is_not_stored()
        ledger = await pair.drain()
        accounted(ledger, pair)
        assert ledger.lost == 0


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.integers(100, 900_000)),
        st.tuples(st.sampled_from(["poll", "lost", "fails", "overtaken", "restart"]), st.just(0)),
    ),
    max_size=30,
)


@settings(max_examples=40)
@given(STEPS)
async def test_whatever_is_lost_on_the_way_the_sums_agree(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        await play(Path(folder), steps)


async def play(folder: Path, steps: list[tuple[str, int]]) -> None:
    """Go through the steps, drain, and account."""
    async with Store(folder / "store.sqlite") as store:
        pair = Pair(store)
        for what, duration_ms in steps:
            if what == "run":
                pair.rig.run(duration_ms)
            elif what == "restart":
                pair.start()
            elif what == "overtaken":
                await pair.polls_while_the_first_is_not_stored()
            else:
                await pair.poll(lost=what == "lost", stored=what != "fails")
        accounted(await pair.drain(), pair)
