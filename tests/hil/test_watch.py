"""What reaches the monitors of a street: pins, flash, and what the line says."""

from __future__ import annotations

import pytest

from firmware.parameters import bollard
from hil.monitors import Limits
from hil.pins import BollardPin, Kind
from hil.watch import Watch
from protocol import framing
from protocol.generated.wire import COMMAND, FLAG_PERMIT, FLAG_SECURED, POLL
from tests.hil.post_trace import UP


@pytest.fixture
def watch() -> Watch:
    watch = Watch()
    watch.add("post", {"dead_time_ms": 300})
    return watch


def frame(flags: int, kind: int, counter: int = 1, to: int = 7) -> bytes:
    buffer = bytearray(framing.BUFFER_SIZE)
    framing.start_frame(buffer, FLAG_SECURED | flags, to, 0, kind, counter)
    return bytes(buffer[: framing.finish_frame(buffer, 12)])


def rise(watch: Watch) -> set[int]:
    watch.output("post", Kind.DIGITAL, UP, 1)
    return {violation.invariant for violation in watch.violations}


def test_permission_and_commands_are_seen_on_the_line(watch: Watch) -> None:
    tap = watch.tap({7: "post"})
    data = frame(FLAG_PERMIT, POLL) + frame(0, COMMAND)
    tap("gateway", data[:9])
    tap("gateway", data[9:])
    assert rise(watch) == {6, 15}


@pytest.mark.parametrize(
    ("talker", "change"), [("post", ""), ("gateway", "plain"), ("gateway", "other")]
)
def test_what_gives_no_permission_gives_none(watch: Watch, talker: str, change: str) -> None:
    flags = 0 if change == "plain" else FLAG_PERMIT
    watch.tap({7: "post"})(talker, frame(flags, POLL, to=8 if change == "other" else 7))
    assert rise(watch) == {5, 6, 8, 15}


def test_a_garbled_permission_gives_none(watch: Watch) -> None:
    data = bytearray(frame(FLAG_PERMIT, POLL))
    data[6] ^= 0x40
    watch.tap({7: "post"})("gateway", bytes(data))
    assert 5 in rise(watch)


def test_inputs_flash_boots_and_the_watchdog_are_passed_on(watch: Watch) -> None:
    watch.message("post", Kind.BOOTED, 0, 0)
    watch.message("post", Kind.WATCHDOG, 0, 500)
    watch.inputs("post", {(Kind.DIGITAL, BollardPin.LOOP_A): 1})
    assert 15 not in rise(watch)
    watch.message("post", Kind.FLASH, 1, 3)
    assert watch.violations[-1].invariant == 14


def test_who_is_no_post_is_not_watched(watch: Watch) -> None:
    watch.message("lamp", Kind.FLASH, 1, 3)
    watch.output("lamp", Kind.DIGITAL, UP, 1)
    watch.inputs("lamp", {(Kind.DIGITAL, BollardPin.LOOP_A): 1})
    watch.tick()
    assert watch.violations == []


def test_the_limits_are_those_of_the_site_file_or_of_the_firmware() -> None:
    known = {name: default for name, default, _, _ in bollard.PARAMETERS}
    assert Limits.of(known) == Limits.of({}) == Limits()
    assert Limits.of({"travel_ms": 4000, "dead_time_ms": 200, "inversions_most": 1}) == Limits(
        4.0, 0.2, 0
    )
