"""What holds for every test: how much Hypothesis may do, marks by folder, workers, the order."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

# The machine may be busy, so an example is never too slow; the test's own timeout is the limit.
hypothesis.settings.register_profile("stoep", deadline=None, print_blob=True)
hypothesis.settings.load_profile("stoep")

pytest_plugins = ["hil.plugin"]

BENCH = Path(__file__).parent / "bench"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Marks everything below tests/bench, before `-m` selects; puts what takes longest first.

    A test says by its timeout how long it may take. Started last, it would run when all other
    workers have nothing left to do. Among equals the random order stays.
    """
    for item in items:
        if BENCH in item.path.parents:
            item.add_marker("bench")
    yield
    items.sort(key=lambda item: -_timeout_s(item))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: one worker more than processors, since many tests wait for a disk or a socket."""
    return (os.cpu_count() or 1) + 1


def _timeout_s(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark and mark.args else 0.0
