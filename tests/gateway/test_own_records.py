"""What the gateway stores of its own: what a restart took with it, and alarms of its buses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from gateway import contract
from gateway.alarms import Alarms
from gateway.controller import Controller
from gateway.drain import Drain
from gateway.ledger import CausedRange, EndedBoot, Range, StreamReport
from gateway.own_records import OwnRecords
from gateway.records import Row, first_sequence
from gateway.store import Store
from protocol import codec
from protocol.generated import messages as m
from protocol.generated import wire
from tests.gateway.house import TOPICS
from tests.gateway.samples import LAMP, UNIT, alarm, record

URGENT = first_sequence(urgent=True)


def ended(routine_end: int, urgent_end: int = URGENT) -> EndedBoot:
    return EndedBoot("L1", "lamp", UNIT, 1, routine_end, urgent_end)


async def close(store: Store, *boots: EndedBoot) -> None:
    own = OwnRecords(store, "gw", int)
    for boot in boots:
        own.restarted(boot)
    await asyncio.sleep(0)
    await own.close()


async def streams(store: Store) -> dict[bool, StreamReport]:
    """The reports of boot 1, by urgent; the sums agree and no number is missing."""
    ledger = await store.ledger()
    assert not ledger.findings
    assert ledger.missing == 0
    return {one.key.urgent: one for one in ledger.streams if one.key[:2] == (UNIT, 1)}


# --- what a restart takes with it ---------------------------------------------------------------


async def test_what_a_restart_took_with_it_is_a_gap_of_the_boot_before(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db") as store:
        await store.put([record(1), record(2), alarm(1)])
        await close(store, ended(6, URGENT + 3))
        found = await streams(store)
        assert found[False].gaps == (CausedRange(3, 5, "reboot"),)
        assert found[True].gaps == (CausedRange(URGENT + 1, URGENT + 2, "reboot"),)
        assert not found[False].gaps[0].exact


async def test_the_gap_reaches_the_broker_as_a_gap_record_of_its_slot(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db") as store:
        await store.put([record(1)])
        await close(store, ended(6))
        (_, row) = await store.read(urgent=False, after_id=0, limit=9)
        (publish,) = Drain(store, TOPICS)._batches([row])
        assert publish.topic == TOPICS.slot("lamp", "L1", "tele")
        value = json.loads(publish.payload)
        jsonschema.validate(value, contract.schema("tele"))
        (gap,) = value["records"]
        assert (gap["boot"], gap["seq"], gap["type"]) == (1, 5, "gap")
        assert (gap["first"], gap["count"], gap["cause"]) == (2, 4, "reboot")


async def test_what_is_only_being_stored_is_not_lost(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db", linger_s=60) as store:
        putting = asyncio.create_task(store.put([record(1), record(2)]))
        await asyncio.sleep(0)
        await close(store, ended(3))
        await putting
        (row, _) = await store.read(urgent=False, after_id=0, limit=9)
        assert row.record.sequence == 1
        assert (await streams(store))[False].gaps == ()


async def test_a_hole_before_what_was_stored_is_a_gap_of_its_own(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db") as store:
        await store.put([record(1), record(4)])
        await close(store, ended(6))
        found = (await streams(store))[False]
        assert found.gaps == (CausedRange(2, 3, "reboot"), CausedRange(5, 5, "reboot"))
        assert found.pending == (Range(1, 1), Range(4, 4))


async def test_a_boot_that_is_closed_twice_has_one_gap(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db") as store:
        await store.put([record(1)])
        await close(store, ended(6), ended(6))
        assert (await streams(store))[False].gaps == (CausedRange(2, 5, "reboot"),)
        assert (await store.counters())["received"] == 2


async def test_a_restart_that_took_nothing_leaves_no_trace(tmp_path: Path) -> None:
    async with Store(tmp_path / "s.db") as store:
        await store.put([record(1), record(2)])
        await close(store, ended(3))
        assert (await store.counters())["received"] == 2


class Street:
    """What a gateway learns of a controller from its answers."""

    def __init__(self) -> None:
        self.controller = Controller("L1", "lamp", UNIT, 1)
        self.hello(1)

    def hello(self, boot: int) -> EndedBoot | None:
        """What is over when it proves this boot."""
        over = self.controller.ended_boot(boot)
        hello = m.Hello(
            *(0, m.Kind.LAMP, 1, bytes.fromhex(UNIT), boot, m.ResetCause(1), 0, 1, 0, 1, 0),
            m.Capability(0),
        )
        self.controller.start_boot(hello, 1, URGENT)
        return over

    def answer(self, *numbers: int, held: int, flags: int = 0, boot: int = 1) -> None:
        """A reply with records of these numbers, of so many held."""
        self.controller.poll()
        entries = b"".join(codec.encode_record(LAMP, number) for number in numbers)
        self.controller.take(m.Records(boot, held, entries), flags)


def test_what_an_answer_says_is_held_is_known_to_be_lost_with_a_restart() -> None:
    street = Street()
    street.answer(1, 2, held=7, flags=wire.FLAG_MORE)
    assert street.hello(2) == ended(8)


def test_what_came_but_was_not_stored_is_known_too() -> None:
    street = Street()
    street.answer(1, 2, 3, held=3)
    street.controller.not_stored(1, 0)
    assert street.hello(2) == ended(4)


def test_what_was_acknowledged_is_not_counted_as_held() -> None:
    street = Street()
    street.answer(1, 2, held=2)
    street.controller.stored(1, 0, [record(1), record(2)])
    street.answer(3, held=2, flags=wire.FLAG_MORE)
    assert street.hello(2) == ended(5)


def test_of_two_streams_that_wait_at_least_one_each_is_lost() -> None:
    street = Street()
    street.answer(URGENT, held=9, flags=wire.FLAG_MORE | wire.FLAG_URGENT)
    assert street.hello(2) == ended(2, URGENT + 2)


def test_a_new_session_of_the_same_boot_ends_nothing() -> None:
    street = Street()
    street.answer(1, held=5, flags=wire.FLAG_MORE)
    assert street.hello(1) is None


def test_an_answer_of_another_boot_says_nothing_of_this_one() -> None:
    street = Street()
    street.answer(held=5, flags=wire.FLAG_MORE, boot=2)
    assert street.hello(2) == ended(1)


# --- alarms of buses ----------------------------------------------------------------------------


@dataclass
class Bus:
    """What alarms are made of."""

    name: str = "north"
    connected: bool = True
    is_disturbed: bool = False
    babbling: int | None = None
    strangers: list[str] = field(default_factory=list[str])
    shared_addresses: dict[int, list[str]] = field(default_factory=dict[int, list[str]])


class Watcher:
    """Looks at one bus again and again."""

    def __init__(self) -> None:
        self.bus = Bus()
        self.alarms = Alarms()

    def look(self, *, stored: bool = True) -> list[tuple[str, bool, Any]]:
        """(code, active, address or units) of the events that are due."""
        events, note = self.alarms.look([self.bus])
        if stored:
            note()
        return [(e["code"], e["active"], e["address"] or e["units"]) for e in events]


def test_babble_is_raised_once_and_cleared_with_the_address_it_was_raised_for() -> None:
    watcher = Watcher()
    watcher.bus.is_disturbed, watcher.bus.babbling = True, 7
    assert watcher.look() == [("babble", True, 7)]
    assert watcher.look() == []
    watcher.bus.is_disturbed, watcher.bus.babbling = False, None
    assert watcher.look() == [("babble", False, 7)]


def test_shared_addresses_and_strangers_are_alarms_each_of_its_own() -> None:
    watcher = Watcher()
    watcher.bus.shared_addresses = {4: [UNIT, "0" * 16]}
    watcher.bus.strangers = [UNIT]
    assert watcher.look() == [("shared_address", True, 4), ("unassigned_unit", True, [UNIT])]
    watcher.bus.strangers = ["0" * 16]
    assert watcher.look() == [
        ("unassigned_unit", False, [UNIT]),
        ("unassigned_unit", True, ["0" * 16]),
    ]


def test_a_bus_that_is_away_keeps_what_was_raised_on_it() -> None:
    watcher = Watcher()
    watcher.bus.strangers = [UNIT]
    watcher.look()
    watcher.bus.connected, watcher.bus.strangers = False, []
    assert watcher.look() == [("bus_away", True, [])]
    watcher.bus.connected = True
    assert watcher.look() == [("bus_away", False, []), ("unassigned_unit", False, [UNIT])][::-1]


def test_an_alarm_that_could_not_be_stored_is_due_again() -> None:
    watcher = Watcher()
    watcher.bus.strangers = [UNIT]
    assert watcher.look(stored=False) == watcher.look(stored=False) != []


async def test_alarms_of_a_bus_reach_the_broker_as_events_of_the_gateway(tmp_path: Path) -> None:
    bus = Bus(is_disturbed=True, shared_addresses={4: [UNIT, "0" * 16]}, strangers=[UNIT])
    events = Alarms().look([bus, Bus("south", connected=False)])[0]
    async with Store(tmp_path / "s.db") as store:
        await OwnRecords(store, "gw", int).tell(events)
        rows = await store.read(urgent=True, after_id=0, limit=9)
        assert store.new_urgent.is_set()
        publishes = list(Drain(store, TOPICS)._batches(rows))
    assert {one.topic for one in publishes} == {TOPICS.agent("event")}
    told = [json.loads(one.payload) for one in publishes]
    for value in told:
        jsonschema.validate(value, contract.schema("gateway-event"))
    assert [one["code"] for one in told] == [
        "babble",
        "shared_address",
        "unassigned_unit",
        "bus_away",
    ]
    assert all(one["active"] for one in told)


async def test_events_of_the_gateway_are_numbered_without_a_hole_over_restarts(
    tmp_path: Path,
) -> None:
    event: Mapping[str, Any] = {"code": "babble"}
    rows: list[Row] = []
    for _ in range(2):
        async with Store(tmp_path / "s.db") as store:
            own = OwnRecords(store, "gw", int)
            await own.tell([event, event])
            await own.tell([event])
            rows = await store.read(urgent=True, after_id=0, limit=9)
            ledger = await store.ledger()
            assert not ledger.findings
            assert ledger.missing == 0
    found = [(row.record.boot, row.record.sequence) for row in rows]
    assert found == [(boot, URGENT + n) for boot in (1, 2) for n in range(3)]
