"""pytest fixtures for tests against the emulated street.

`street` is a factory: `park = await street(plan)`. Every street that a test started is stopped
after it, and its controllers' logs are shown when the test fails. A test whose street broke an
invariant (`Street.violations`) fails; one that breaks it on purpose clears that list.
"""

import os
from collections.abc import AsyncIterator, Generator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio

from hil import micropython
from hil.errors import NotAvailable
from hil.plan import StreetPlan, plan_from_dict
from hil.street import Options, Street

LOGS = pytest.StashKey[list[Street]]()
NO_STREETS: list[Street] = []


class StreetFactory(Protocol):
    """Starts a street from a plan or from the tables of a site file; keywords as in `Options`."""

    async def __call__(
        self, plan: StreetPlan | Mapping[str, Any], *, folder: Path | None = None, **options: Any
    ) -> Street:
        """A running street; `folder` when its flash is to be kept for another street."""
        ...


@pytest.fixture
def micropython_command() -> list[str]:
    """Command line of MicroPython; skips with the reason where there is none, fails in CI."""
    try:
        return micropython.command()
    except NotAvailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))


@pytest_asyncio.fixture
async def street(
    request: pytest.FixtureRequest, tmp_path: Path, micropython_command: list[str]
) -> AsyncIterator[StreetFactory]:
    """Factory of running streets, see `StreetFactory`."""
    del micropython_command  # it skips where there is no MicroPython
    streets: list[Street] = []
    request.node.stash[LOGS] = streets

    async def start(
        plan: StreetPlan | Mapping[str, Any], *, folder: Path | None = None, **options: Any
    ) -> Street:
        plan = plan if isinstance(plan, StreetPlan) else plan_from_dict(plan)
        place = folder or tmp_path / f"street-{len(streets)}"
        started = Street(plan, place, Options(**options))
        streets.append(started)
        await started.start()
        return started

    yield start
    for each in streets:
        await each.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Fail a test whose monitors found something; show what the controllers printed."""
    outcome = yield
    report = outcome.get_result()
    if report.when != "call":
        return
    streets = item.stash.get(LOGS, NO_STREETS)
    violations = [str(violation) for each in streets for violation in each.violations]
    if report.passed and violations:
        report.outcome = "failed"
        report.longrepr = "\n".join(violations)
    if report.failed:
        for number, each in enumerate(streets):
            report.sections.append((f"controllers of street {number}", each.log()))
