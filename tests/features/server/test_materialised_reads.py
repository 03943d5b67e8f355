"""What is read over HTTP is what the lake says, however often it was brought online."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.features.server.taxi import ASKED, NOW, ROWS, make_project, rides, serving, towpath

from towpath.catalog import intervals
from towpath.core.instant import format_instant, parse_instant
from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.training import training_set
from towpath.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.features.server.taxi import Server

pytestmark = pytest.mark.e2e
SETS = ("rank", "crews")
HISTORY = ("--history", "6h")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "taxi")


@pytest.fixture
def server(project: Path) -> Iterator[Server]:
    with serving(project, "--flush-seconds", "0") as started:
        yield started


def materialize(project: Path, until: datetime) -> None:
    towpath(project, "feature", "materialize", "--until", format_instant(until), *HISTORY)


def ingest(project: Path, count: int, *, seed: int) -> None:
    """Take more rides of a few drivers in, of the hours before now."""
    dice = random.Random(seed)
    made = [
        {**dice.choice(ROWS), "ride_id": 10_000 * seed + number, "ago": dice.uniform(0.01, 40)}
        for number in range(count)
    ]
    path = project / f"more-{seed}.parquet"
    pq.write_table(rides(made), path)
    towpath(project, "data", "ingest", "rides", "--from", str(path), "--mode", "append")


def online(server: Server, feature_set: str, at: datetime) -> dict[str, list[Any]]:
    """Read all keys of a set at a time."""
    keys = {"request_id": [row[0] for row in ASKED]}
    body = {"keys": keys, "at": format_instant(at)}
    found = server.post(f"/v1/feature-sets/{feature_set}", body)
    assert found.status == 200, found
    columns: dict[str, list[Any]] = found.body["columns"]
    return columns


def offline(project: Path, feature_set: str, at: datetime) -> dict[str, list[Any]]:
    """Compute the same from the lake."""
    with Workspace.find(project) as workspace:
        chosen = workspace.project.feature_sets[feature_set]
        spine = workspace.lake["requests"].scan()
        moments = pa.array([at] * spine.num_rows, pa.timestamp("us", "UTC"))
        spine = spine.set_column(spine.column_names.index("at"), "at", moments)
        views, engine = workspace.project.views, EmbeddedEngine(1)
        table = training_set(workspace.lake, chosen, views, spine=spine, engine=engine)
    return {name: table[name].to_pylist() for name in table.column_names}


def plain(value: Any) -> Any:  # noqa: ANN401 - a value of any feature
    """Return a value as the lake has it."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if value == "Infinity":
        return math.inf
    if isinstance(value, str) and value.endswith("Z"):
        return parse_instant(value)
    return value


def check_parity(project: Path, server: Server, at: datetime) -> None:
    for feature_set in SETS:
        expected = offline(project, feature_set, at)
        for name, values in online(server, feature_set, at).items():
            assert [plain(value) for value in values] == expected[name], name


def check_intervals(project: Path, until: datetime) -> None:
    """Hold that the intervals of each view cover all from the first one on, without a gap."""
    with Workspace.find(project) as workspace:
        for view in ("driver", "zone", "crew"):
            known = [one.interval for one in intervals.read(workspace.catalog, view)]
            known.sort(key=lambda one: one.start)
            end = known[0].end
            for one in known:
                assert one.start <= end, f"{view} has a gap before {one}"
                end = max(end, one.end)
            assert end == until


def test_s10_the_same_range_twice_and_ranges_that_overlap(project: Path, server: Server) -> None:
    times = [NOW - timedelta(hours=hours) for hours in (3, 1, 2)]
    for number, until in enumerate(times, start=1):
        ingest(project, 50, seed=number)
        materialize(project, until)
        materialize(project, until)
    check_parity(project, server, NOW)
    check_parity(project, server, NOW - timedelta(hours=2))
    with Workspace.find(project) as workspace:
        last = max(one.interval.end for one in intervals.read(workspace.catalog, "driver"))
    check_intervals(project, last)


@pytest.mark.slow
def test_s10_a_materialisation_that_is_killed_is_completed_by_the_next(
    project: Path, server: Server
) -> None:
    dice = random.Random(3)
    command = [sys.executable, "-m", "towpath", "feature", "materialize", *HISTORY]
    ingest(project, 20_000, seed=7)
    for _ in range(5):
        with subprocess.Popen(command, cwd=project, stderr=subprocess.DEVNULL) as process:
            time.sleep(dice.uniform(0.8, 2.0))
            process.kill()
        assert server.online({"driver_id": [1]}, features=["driver:count_7d"]).status == 200
    now = datetime.now(UTC)
    materialize(project, now)
    check_parity(project, server, now)
    check_intervals(project, now)


def test_s11_values_now_are_those_of_the_lake_for_all_keys(project: Path, server: Server) -> None:
    check_parity(project, server, NOW)
    one = {**ROWS[0], "ride_id": 77, "ago": 0.2}
    row = rides([one]).to_pylist()[0]
    df = {
        name: [value.isoformat() if isinstance(value, datetime) else value]
        for name, value in row.items()
    }
    body = {"push_source_name": "rides", "df": df, "to": "online_and_offline"}
    assert server.post("/push", body).status == 200
    towpath(project, "feature", "flush")
    check_parity(project, server, datetime.now(UTC))
    materialize(project, datetime.now(UTC))
    check_parity(project, server, datetime.now(UTC))
