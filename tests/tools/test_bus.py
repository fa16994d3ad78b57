"""`stoep bus`: a technician finds out who is on a line, and lets one of them blink."""

from __future__ import annotations

from pathlib import Path

import pytest
import serial

from gateway.site import load_site
from protocol.generated.messages import Kind
from tests.tools.conftest import Ended, stoep_now
from tests.tools.fake_bus import FakeBus, FakeController
from tools.field.scan import MOST_QUESTIONS_AT_AN_ADDRESS

LAMP, POST, BIN = "57400000000000a1", "a7400000000000b2", "a74fee00000000c3"
PATIENCE = ("--turnaround", "50")


def scan(bus: FakeBus, *options: str) -> Ended:
    return stoep_now("bus", "scan", "--port", bus.port, "--to", "8", *PATIENCE, *options)


def identify(bus: FakeBus, *arguments: str) -> Ended:
    return stoep_now("bus", "identify", "--port", bus.port, "--to", "8", *PATIENCE, *arguments)


def row_of(ended: Ended, unit: str) -> list[str]:
    return next(line.split() for line in ended.out.splitlines() if unit in line)


def test_a_scan_tells_who_is_where() -> None:
    with FakeBus(
        FakeController(LAMP, 3), FakeController(BIN, 8, Kind.BIN, fingerprint=0xABCD)
    ) as bus:
        ended = scan(bus)
    assert ended.code == 0, ended.err
    assert row_of(ended, LAMP) == ["3", "lamp", LAMP, "5", "0.1.0", "ours", "yes"]
    assert row_of(ended, BIN)[5:] == ["0000abcd", "yes"]
    assert ended.out.splitlines()[-1] == "2 controllers"


def test_controllers_without_an_address_are_found_by_their_hardware_ids() -> None:
    with FakeBus(*(FakeController(unit) for unit in (LAMP, POST, BIN))) as bus:
        ended = scan(bus, "--json")
        again = scan(bus, "--json")
    assert ended.code == 0, ended.err
    assert {one["unit"] for one in ended.json["controllers"]} == {LAMP, POST, BIN}
    assert {one["address"] for one in ended.json["controllers"]} == {None}
    # Those whom one scan has hushed answer the next one.
    assert again.json["controllers"] == ended.json["controllers"]


def test_neighbouring_hardware_ids_are_told_apart() -> None:
    with FakeBus(FakeController("00000000000000a0"), FakeController("00000000000000a1")) as bus:
        ended = stoep_now(
            *("bus", "scan", "--port", bus.port, "--to", "1", "--turnaround", "15", "--json")
        )
    assert [one["unit"] for one in ended.json["controllers"]] == [
        "00000000000000a0",
        "00000000000000a1",
    ]


def test_a_line_on_which_somebody_talks_is_left_alone() -> None:
    with FakeBus(FakeController(LAMP, 3)) as bus, bus.babble():
        ended = scan(bus)
        asked = bus.requests
    assert ended.code == 4
    assert "stop the gateway of this line" in ended.err
    assert asked == 0


def test_two_controllers_at_one_address_are_both_named() -> None:
    with FakeBus(FakeController(LAMP, 3), FakeController(POST, 3, Kind.BOLLARD)) as bus:
        ended = scan(bus)
    assert ended.code == 4
    assert f"address 3 is used by {LAMP} and {POST}" in ended.err
    assert row_of(ended, LAMP)[-1] == row_of(ended, POST)[-1] == "SHARED"


def test_a_strong_answer_does_not_hide_a_weak_one_at_the_same_address() -> None:
    with FakeBus(FakeController(LAMP, 3, drowns=True), FakeController(POST, 3)) as bus:
        ended = scan(bus, "--json")
    assert ended.code == 4
    assert ended.json["conflicts"] == [{"address": 3, "units": [LAMP, POST]}]
    assert not ended.json["ok"]


def test_what_cannot_be_read_is_said() -> None:
    old = [FakeController(unit, 3, knows_search=False) for unit in (LAMP, POST)]
    with FakeBus(*old) as bus:
        ended = scan(bus, "--json")
        assert bus.requests < MOST_QUESTIONS_AT_AN_ADDRESS
    assert ended.code == 4
    assert ended.json["unreadable"] == [3]
    assert "at address 3 something answers that cannot be read" in ended.err


def test_a_controller_that_does_not_know_the_search_is_found_at_its_address() -> None:
    with FakeBus(FakeController(LAMP, 3, knows_search=False)) as bus:
        ended = scan(bus)
    assert ended.code == 0, ended.err
    assert row_of(ended, LAMP)[0] == "3"


def test_a_silent_line_is_unreachable_and_says_what_to_look_at() -> None:
    with FakeBus() as bus:
        ended = scan(bus)
    assert ended.code == 6
    assert "nobody answers" in ended.err
    assert "A and B" in ended.err
    assert ended.out == ""


def test_a_proposed_site_is_accepted_and_never_written_over_another_file(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    people = (
        FakeController(LAMP, 1),
        FakeController(POST, 7, Kind.BOLLARD),
        FakeController(BIN, kind=Kind.BIN),
    )
    with FakeBus(*people) as bus:
        ended = scan(bus, "--write", str(file))
        assert ended.code == 0, ended.err
        refused = scan(bus, "--write", str(file))
        forced = scan(bus, "--write", str(file), "--force")
    site = load_site(file)
    assert [(s.name, s.kind, s.address, s.unit) for s in site.slots] == [
        ("lamp-1", "lamp", 1, LAMP),
        ("bollard-1", "bollard", 7, POST),
        ("bin-1", "bin", 2, BIN),
    ]
    assert stoep_now("gateway", "check", str(file)).code == 0
    assert refused.code == 2
    assert "--force" in refused.err
    assert forced.code == 0


def test_a_conflict_is_left_to_a_person_in_the_proposed_site(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    people = FakeController(LAMP, 3), FakeController(POST, 3), FakeController(BIN, 4, Kind.BIN)
    with FakeBus(*people) as bus:
        assert scan(bus, "--write", str(file)).code == 4
    assert [slot.unit for slot in load_site(file).slots] == [BIN]
    assert f"# Address 3 is used by {LAMP} and {POST}" in file.read_text()


@pytest.mark.parametrize("who", ["3", LAMP, LAMP.upper()])
def test_a_controller_blinks_by_address_or_hardware_id(who: str) -> None:
    lamp, other = FakeController(LAMP, 3), FakeController(POST, 4)
    with FakeBus(lamp, other) as bus:
        first = identify(bus, who, "--for", "12s")
        again = identify(bus, who, "--for", "12s")
    assert first.code == again.code == 0, first.err
    assert f"lamp {LAMP} at address 3 blinks for 12s" in first.out
    assert (lamp.blinks_s, other.blinks_s) == ([12, 12], [])


def test_a_unit_without_an_address_blinks_when_it_is_the_only_one() -> None:
    lamp = FakeController(LAMP)
    with FakeBus(lamp, FakeController(POST, 4)) as bus:
        assert identify(bus, LAMP).code == 0
    assert lamp.blinks_s == [10]
    with FakeBus(lamp, FakeController(POST)) as bus:
        ended = identify(bus, LAMP)
    assert ended.code == 4
    assert "give it an address first" in ended.err


def test_whom_nobody_is_cannot_blink() -> None:
    with FakeBus(FakeController(LAMP, 3)) as bus:
        absent, unknown, nonsense = (identify(bus, who) for who in ("4", BIN, "lamp-1"))
    assert (absent.code, unknown.code, nonsense.code) == (6, 6, 2)
    assert "neither an address" in nonsense.err


def test_a_port_that_another_program_holds_is_said_so(tmp_path: Path) -> None:
    with FakeBus(FakeController(LAMP, 3)) as bus, serial.Serial(bus.port, exclusive=True):
        ended = scan(bus)
    assert ended.code == 6
    assert "another program holds it" in ended.err
    missing = stoep_now("bus", "scan", "--port", str(tmp_path / "ttyUSB9"))
    assert missing.code == 6
    assert "is the adapter plugged in?" in missing.err
    wrong = stoep_now("bus", "scan", "--port", "nonsense://x")
    assert wrong.code == 7
    assert "not a port or pyserial URL" in wrong.err


@pytest.mark.parametrize(
    "options", [("--from", "9", "--to", "8"), ("--to", "248"), ("--turnaround", "0"), ()]
)
def test_wrong_options_are_usage_errors(options: tuple[str, ...]) -> None:
    port = ("--port", "/dev/ttyUSB0") if options else ()
    assert stoep_now("bus", "scan", *port, *options).code == 2
