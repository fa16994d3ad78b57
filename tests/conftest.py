"""What holds for every test: how much Hypothesis may do, and which marks follow from the folder."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

# The machine may be busy, so an example is never too slow; the test's own timeout is the limit.
hypothesis.settings.register_profile("stoep", deadline=None, print_blob=True)
hypothesis.settings.load_profile("stoep")

pytest_plugins = ["hil.plugin"]

BENCH = Path(__file__).parent / "bench"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks everything below tests/bench, before `-m` selects."""
    for item in items:
        if BENCH in item.path.parents:
            item.add_marker("bench")
