"""A piece of the audited night: the shipped lamps, the park and the look-ahead play together."""

from __future__ import annotations

import datetime as dt

import pytest

from gateway.site import load_site
from tests.bench.light_audit import Audit, audit
from tests.bench.night_audit import SITE, Night

EVENING = dt.datetime(2026, 11, 24, 17, 0, tzinfo=dt.UTC)


def night(hours: float, arrivals_per_hour: float, *, look_ahead: bool = True) -> Night:
    """An evening in the park of the demo, not yet begun."""
    return Night(load_site(SITE), EVENING, hours, arrivals_per_hour, True, look_ahead, 7)


def verdicts(done: Night) -> tuple[Audit, Audit]:
    """At the lamps, and 12 m before them."""
    done.run()
    return (
        audit(done.records, done.arrivals, done.wanted),
        audit(done.records, done.approaches, done.wanted),
    )


def test_nobody_who_walks_or_cycles_arrives_in_the_dark_and_energy_is_saved() -> None:
    at_the_lamp, ahead = verdicts(night(0.3, 50.0))
    assert at_the_lamp.arrivals["walking"] > 15
    assert at_the_lamp.arrivals["cycling"] > 5
    assert at_the_lamp.dark_share("walking") == at_the_lamp.dark_share("cycling") == 0
    assert at_the_lamp.saved_share > 0.45
    assert not at_the_lamp.unknown
    without = verdicts(night(0.3, 50.0, look_ahead=False))[1]
    assert without.dark_share() > 2 * ahead.dark_share()


@pytest.mark.parametrize("failure", ["stuck_0", "disconnected"])
def test_a_blind_sensor_shows_as_dark_arrivals_and_a_broken_wire_does_not(failure: str) -> None:
    done = night(0.2, 60.0, look_ahead=False)
    done.by_name["lamp-3"].plant.fail("presence", failure)
    found, _ = verdicts(done)
    dark = {arrival.slot for arrival in found.dark if arrival.kind != "dog"}
    assert dark == ({"lamp-3"} if failure == "stuck_0" else set())


def test_an_empty_park_saves_what_the_floor_leaves() -> None:
    found, _ = verdicts(night(0.5, 0.0))
    # Twenty percent of light, and the sensors' false triggers.
    assert 0.72 < found.saved_share < 0.81
    assert not found.arrivals
