"""The verdict on a night's light, from planted records."""

from __future__ import annotations

import pytest

from firmware.logic import dali
from gateway.records import Record
from protocol import codec
from protocol.generated import messages as wire
from tests.bench.light_audit import Arrival, audit

FLOOR, FULL = dali.level(20), dali.FULL_LEVEL
START_MS = 1_795_000_000_000
HOUR_S = 3600
WANTED = {"lamp-1": FULL}
State = wire.LampState


def status(at_s: float, state: wire.LampState, level: int, target: int) -> Record:
    """What lamp-1 tells at a time."""
    body = wire.LampStatus(
        state, wire.LampReason.SCHEDULE, level, target, wire.LampFault(0), 0, 0, 10
    )
    raw = next(codec.decode_records(codec.encode_record(body, 1))).raw
    time_ms = START_MS + round(at_s * 1000)
    return Record("lamp-1", "lamp", "0" * 16, 1, 1, body.ID, 0, time_ms, raw)


def at(second: float, kind: str = "walking") -> Arrival:
    return Arrival(START_MS + round(second * 1000), "lamp-1", kind)


def night(*, late: bool = False) -> list[Record]:
    """An hour at the floor in which the light comes up from second 100 to 130, once."""
    records: list[Record] = []
    for second in range(HOUR_S + 1):
        lit = 100 <= second < 130
        records.append(
            status(second, State.HOLD, FULL, FULL)
            if lit
            else status(second, State.NIGHT_FLOOR, FLOOR, FLOOR)
        )
    if late:
        records[100] = status(100, State.RAMP_UP, FLOOR, FULL)
    return records


def test_who_arrives_under_full_light_does_not_arrive_in_the_dark() -> None:
    found = audit(night(), [at(100), at(115, "cycling"), at(129.9)], WANTED)
    assert found.arrivals == {"walking": 2, "cycling": 1}
    assert found.dark == []
    assert found.dark_share() == 0


def test_a_planted_dark_arrival_is_found() -> None:
    dark = at(60, "cycling")
    found = audit(night(), [at(110), dark, at(112)], WANTED)
    assert found.dark == [dark]
    assert found.dark_share() == pytest.approx(1 / 3)
    assert found.dark_share("cycling") == 1
    assert found.dark_share("walking") == 0


def test_light_that_is_still_coming_is_too_late() -> None:
    assert audit(night(late=True), [at(100.5)], WANTED).dark == [at(100.5)]
    assert audit(night(), [at(100.5)], WANTED).dark == []


def test_light_that_already_goes_down_is_dark() -> None:
    records = [*night()[:130], status(129.2, State.RAMP_DOWN, FULL, FLOOR)]
    assert audit(records, [at(129.1)], WANTED).dark == []
    assert audit(records, [at(129.4)], WANTED).dark == [at(129.4)]


def test_an_hour_at_twenty_percent_saves_eighty() -> None:
    records = [status(s, State.NIGHT_FLOOR, FLOOR, FLOOR) for s in range(HOUR_S + 1)]
    found = audit(records, [], WANTED)
    assert found.lamp_hours == pytest.approx(1.0)
    assert found.saved_share == pytest.approx(0.8, abs=0.005)


def test_full_light_all_night_saves_nothing() -> None:
    records = [status(s, State.HOLD, FULL, FULL) for s in range(HOUR_S + 1)]
    assert audit(records, [], WANTED).saved_share == pytest.approx(0.0)


def test_by_day_nothing_is_saved_and_nobody_arrives_in_the_dark() -> None:
    records = [status(s, State.DAY, 0, 0) for s in range(100)]
    found = audit(records, [at(50)], WANTED)
    assert found.lamp_hours == 0
    assert not found.arrivals
    assert not found.dark


def test_a_lamp_that_told_nothing_is_no_good_light() -> None:
    records = [record for record in night() if not 90_000 < record.time_ms - START_MS < 140_000]
    found = audit(records, [at(110)], WANTED)
    assert found.unknown == [at(110)]
    assert not found.arrivals
    assert found.lamp_hours < 1.0
    assert audit([], [at(1)], WANTED).unknown == [at(1)]


def test_the_order_of_the_records_does_not_matter() -> None:
    assert audit(night()[::-1], [at(60)], WANTED).dark == [at(60)]
