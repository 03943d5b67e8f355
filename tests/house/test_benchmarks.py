"""Benchmarks run seldom, so what they take from the package is looked at each time."""

from __future__ import annotations

import importlib

import pytest
from tests.house.conftest import ROOT

MODULES = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("name", MODULES)
def test_a_benchmark_finds_what_it_imports(name: str) -> None:
    assert importlib.import_module(f"benchmarks.{name}")
