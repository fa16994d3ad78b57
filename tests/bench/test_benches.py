"""What `make bench` runs: every bench_….py here, one after the other; each prints its table."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_bench(name: str) -> None:
    print()
    importlib.import_module(f"tests.bench.{name}").main()
