"""A post that a bad firmware drives: the monitors of the street see it, and the test would fail."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hil.monitors import Violation
from hil.pins import BollardPin
from hil.plugin import LOGS, StreetFactory, pytest_runtest_makereport
from tests.hil.test_controller import FIRMWARE, ready

SITE: dict[str, Any] = {
    "site": {"name": "test"},
    "bus": [{"name": "bus"}],
    "slot": [{"name": "post", "kind": "bollard", "bus": "bus", "address": 1}],
}


@pytest.mark.emulator
async def test_what_a_real_process_does_to_a_post_is_judged(street: StreetFactory) -> None:
    park = await street(SITE, firmware_root=FIRMWARE)
    await ready(park)
    assert park.violations == []
    descriptor = os.open(park.port("bus"), os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(descriptor, b"1o%d\n" % BollardPin.DRIVE_UP)
        await park.until(lambda: park.bollard("post").height_m > 0.1, what="it rises")
        os.write(descriptor, b"1wa note\n")
        await park.until(lambda: len(park.violations) >= 5, what="everything is noticed")
    finally:
        os.close(descriptor)
    # No lease, no warning, no command since boot, no red light, and flash written meanwhile.
    assert {violation.invariant for violation in park.violations} == {0, 5, 6, 8, 14}
    assert park.snapshot()["violations"] == [str(violation) for violation in park.violations]
    park.violations.clear()  # on purpose


@pytest.mark.parametrize("violations", [[], [Violation(1, "post", 12.0, "drove up")]])
def test_a_test_that_passed_fails_when_its_street_broke_an_invariant(
    violations: list[Violation],
) -> None:
    street = SimpleNamespace(violations=violations, log=lambda: "what it printed")
    failed = bool(violations)
    report = SimpleNamespace(when="call", outcome="passed", passed=True, failed=failed)
    report.sections, report.longrepr = [], ""
    item = SimpleNamespace(stash={LOGS: [street]})
    hook = pytest_runtest_makereport(cast("pytest.Item", item))
    next(hook)
    with pytest.raises(StopIteration):
        hook.send(SimpleNamespace(get_result=lambda: report))
    assert report.outcome == ("failed" if violations else "passed")
    assert ("drove up" in report.longrepr) == bool(violations)
