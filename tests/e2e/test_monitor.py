"""A monitor's findings are what its command's exit code says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pytest
from pyarrow import parquet

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

pytestmark = pytest.mark.e2e

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def watched(shop: Path, towpath: Run, *, code: int) -> dict[str, list[object]]:
    start = datetime.now(UTC) - timedelta(days=1)
    interval = ("--from", f"{start:%Y-%m-%d}", "--until", f"{start + timedelta(days=7):%Y-%m-%d}")
    towpath(shop, "monitor", "replay", "returned", *interval)
    done = towpath(shop, "monitor", "watch", "returned", *interval, "--json", code=code)
    found: dict[str, list[object]] = json.loads(done.stdout)
    return found


def test_a_monitor_without_findings_exits_with_0(shop: Path, towpath: Run) -> None:
    found = watched(shop, towpath, code=0)
    assert found["windows"]
    assert found["findings"] == []


def test_a_monitor_with_findings_exits_with_1(shop: Path, towpath: Run) -> None:
    path = shop / "data" / "orders.parquet"
    table = parquet.read_table(path)
    at = table.column_names.index("returned")
    parquet.write_table(table.set_column(at, "returned", pc.invert(table["returned"])), path)
    towpath(shop, "data", "ingest")
    assert watched(shop, towpath, code=1)["findings"]
