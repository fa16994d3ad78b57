"""The demo's parts alone: the verdict, the view, and what counts as lost."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from rich.console import Console

from gateway import contract
from gateway.contract import Avail, Topics
from tests.tools.fake_gateway import BIN, BOLLARD, LAMP
from tools.demo.figures import Figures
from tools.demo.observer import Observer
from tools.demo.view import draw
from tools.ops.address import parse_broker
from tools.ops.client import Scope
from tools.ops.street import StreetView

TOPICS = Topics("park", "gw-1")
URGENT = 0x20000000


def good(**changes: Any) -> Figures:
    figures = Figures(
        controllers=11,
        online=11,
        records_received=100,
        records_published=100,
        records_seen=100,
        light_command={"ok": True, "detail": ""},
    )
    for name, value in changes.items():
        setattr(figures, name, value)
    figures.judge()
    return figures


def test_a_good_run_is_good() -> None:
    assert good().ok
    assert good().problems == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"online": 10}, "10 of 11"),
        ({"lost": 1}, "lost"),
        ({"duplicates": 2}, "twice"),
        ({"records_seen": 99}, "99 seen"),
        ({"records_published": 99}, "99 published"),
        ({"light_command": None}, "not tried"),
        ({"light_command": {"ok": False, "detail": "dark"}}, "dark"),
        ({"records_received": 0, "records_published": 0, "records_seen": 0}, "no record"),
    ],
)
def test_one_thing_that_is_wrong_fails_the_run_and_is_named(
    changes: dict[str, Any], words: str
) -> None:
    figures = good(**changes)
    assert not figures.ok
    assert words in "; ".join(figures.problems)


def observer_of(*numbers: int, **fields: Any) -> Observer:
    observer = Observer(parse_broker("mqtt://127.0.0.1"), Scope())
    for number in numbers:
        record = {"unit": "ab", "boot": 1, "seq": number, "type": "lamp_status", **fields}
        payload = json.dumps({"records": [record]}).encode()
        observer.take(TOPICS.slot("lamp", "lamp-1", "tele"), payload)
    return observer


@pytest.mark.parametrize(
    ("numbers", "records", "lost", "duplicates"),
    [
        ((1, 2, 3), 3, 0, 0),
        ((2, 3), 2, 1, 0),
        ((1, 3), 2, 1, 0),
        ((1, 2, 2), 2, 0, 1),
        ((3, 1, 2), 3, 0, 0),
        ((1, URGENT + 1, 2, URGENT + 2), 4, 0, 0),
        ((URGENT + 3,), 1, 2, 0),
    ],
)
def test_records_are_counted_by_their_numbers(
    numbers: tuple[int, ...], records: int, lost: int, duplicates: int
) -> None:
    observer = observer_of(*numbers)
    assert (observer.records, observer.lost, observer.duplicates) == (records, lost, duplicates)


def test_a_reported_gap_is_lost_once() -> None:
    observer = observer_of(1, 2)
    gap = {"unit": "ab", "boot": 1, "seq": 5, "type": "gap", "first": 3, "count": 3}
    observer.take(TOPICS.slot("lamp", "lamp-1", "event"), json.dumps(gap).encode())
    assert (observer.lost, observer.duplicates) == (3, 0)


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b'{"records": 3}', b'{"records": [{}]}'])
def test_what_is_malformed_is_counted_and_left(payload: bytes) -> None:
    observer = observer_of(1)
    observer.take(TOPICS.slot("lamp", "lamp-1", "tele"), payload)
    assert (observer.records, observer.malformed) == (1, 1)


def test_the_view_fits_a_terminal_of_80_by_24() -> None:
    street = StreetView()
    street.take(TOPICS.agent("avail"), contract.avail(Avail.ONLINE))
    plants: dict[str, Any] = {}
    for kind, count, state in (("lamp", 6, LAMP), ("bollard", 2, BOLLARD), ("bin", 3, BIN)):
        for number in range(1, count + 1):
            name = f"{kind}-{number}"
            plants[name] = {"presence": True}
            fields = {**state, "ts": contract.timestamp(time.time_ns() // 10**6), "q": "good"}
            street.take(TOPICS.slot(kind, name, "state"), json.dumps(fields).encode())
            street.take(TOPICS.slot(kind, name, "avail"), contract.avail(Avail.ONLINE))
    figures = good(broker="mqtt://127.0.0.1:54321")
    bus = {"name": "path", "connected": True, "exchanges": 10**6, "repeats": 10**4, "timeouts": 99}
    figures.buses = [bus]
    snapshot = {"slots": plants, "people": [[-12.0, 0.0], [75.0, 1.0], [1000.0, 0.0]]}
    places = {f"lamp-{n}": 30.0 * (n - 1) for n in range(1, 7)}
    console = Console(width=80, height=24, force_terminal=True)
    with console.capture() as captured:
        console.print(
            draw(
                street.sorted(),
                snapshot,
                figures,
                dict.fromkeys(("gate", "path", "bins"), "x" * 200),
                ["x" * 200] * 5,
                "Stoep demo",
                places,
                ("stoep", "/tmp/stoep-demo-abcdefgh/operator"),
            )
        )
    lines = captured.get().splitlines()
    assert len(lines) <= 23
    assert lines[1].count("lamp-") == 6
    assert "stoep lamp set lamp-1" in captured.get()
