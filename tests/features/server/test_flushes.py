"""Pushed rows come into the lake by themselves, whatever happens to the server or to the lake."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.features.server.taxi import (
    driver_fare,
    eventually,
    lake_fares,
    make_project,
    push,
    ride,
    serving,
    towpath,
)

from towpath.workspace import Workspace

if TYPE_CHECKING:
    from tests.features.server.taxi import Server

pytestmark = pytest.mark.e2e
LOG = (".towpath", "state", "pushed")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("flushed") / "taxi")


def health(server: Server) -> dict[str, Any]:
    found = server.get("/health")
    assert found.status == 200
    told: dict[str, Any] = found.body["pushes"]
    return told


def planned(project: Path) -> bool:
    """Tell whether a batch is on its way into the lake."""
    path = project.joinpath(*LOG, "compacted.json")
    return path.exists() and bool(json.loads(path.read_bytes()).get("planned"))


def test_what_is_pushed_offline_is_in_the_lake_soon(project: Path) -> None:
    with serving(project, "--flush-seconds", "0.2") as server:
        assert push(server, ride(300, 1.0, 5.0), to="offline").status == 200
        eventually(lambda: lake_fares(project, 300) == [5.0])
        eventually(lambda: health(server)["oldest_waiting_seconds"] == 0)
        assert health(server) == {"flush": "on", "failures": 0, "oldest_waiting_seconds": 0.0}
    assert server.process.wait(30) == 0


def test_without_a_flush_rows_wait_and_their_age_is_told(project: Path) -> None:
    with serving(project, "--flush-seconds", "0") as server:
        push(server, ride(301, 1.0, 5.0), to="offline")
        assert health(server)["flush"] == "off"
        assert health(server)["oldest_waiting_seconds"] > 0
        text = server.get("/metrics").body
        age = next(
            line for line in text.splitlines() if line.startswith("feature_push_log_oldest_seconds")
        )
        assert float(age.split()[1]) > 0
        assert lake_fares(project, 301) == []
        towpath(project, "feature", "flush", "--json")
        assert lake_fares(project, 301) == [5.0]
        assert health(server)["oldest_waiting_seconds"] == 0


def test_one_of_several_workers_flushes(project: Path) -> None:
    with serving(project, "--flush-seconds", "0.2", "--workers", "2") as server:
        for driver in range(310, 316):
            push(server, ride(driver, 1.0, 5.0), to="offline")
        eventually(lambda: all(lake_fares(project, one) == [5.0] for one in range(310, 316)))
        eventually(lambda: health(server)["oldest_waiting_seconds"] == 0)
        assert health(server)["failures"] == 0


def states(server: Server) -> set[str]:
    """Return what the workers say; which one is asked is left to chance."""
    return {health(server)["flush"] for _ in range(12)}


def test_a_lake_that_fails_stops_no_push_and_every_worker_tells(project: Path) -> None:
    with Workspace.find(project) as workspace:
        data = Path(workspace.lake.store.files("rides").paths[0])
    away = data.with_suffix(".away")
    with serving(project, "--flush-seconds", "0.5", "--workers", "2") as server:
        data.rename(away)
        push(server, ride(320, 1.0, 5.0), to="online_and_offline")
        eventually(lambda: states(server) == {"failing"})
        assert health(server)["failures"] >= 1
        assert push(server, ride(320, 0.5, 6.0), to="online_and_offline").status == 200
        assert driver_fare(server, 320) == (6.0, 2)
        text = server.get("/metrics").body
        failures = next(
            line
            for line in text.splitlines()
            if line.startswith("feature_push_flush_failures_total")
        )
        assert float(failures.split()[1]) >= 1
        away.rename(data)
        eventually(lambda: states(server) == {"on"})
        eventually(lambda: sorted(lake_fares(project, 320)) == [5.0, 6.0])


@pytest.mark.slow
def test_a_kill_while_rows_are_on_their_way_neither_loses_nor_doubles_them(project: Path) -> None:
    dice, kept = random.Random(7), []
    for trial in range(5):
        with serving(project, "--flush-seconds", "0.05") as server:
            first = 10_000 + trial * 1_000
            for driver in range(first, first + 1_000):
                rows = [ride(driver, 1.0 + one, 5.0) for one in range(20)]
                assert push(server, *rows, to="online_and_offline").status == 200
                kept.append(driver)
                if planned(project):
                    break
            time.sleep(dice.uniform(0, 0.1))
            os.kill(server.process.pid, signal.SIGKILL)
    with serving(project, "--flush-seconds", "0.05") as again:
        eventually(lambda: health(again)["oldest_waiting_seconds"] == 0)
        assert {driver_fare(again, driver) for driver in kept} == {(5.0, 20)}
    with Workspace.find(project) as workspace:
        drivers = workspace.lake["rides"].scan(["driver_id"])["driver_id"].to_pylist()
    counts = Counter(drivers)
    assert {counts[driver] for driver in kept} == {20}


def test_a_server_that_is_told_to_stop_leaves_nothing_half_done(project: Path) -> None:
    with serving(project, "--flush-seconds", "0.05") as server:
        for driver in range(500, 505):
            push(server, ride(driver, 1.0, 5.0), to="offline")
        eventually(lambda: planned(project) or lake_fares(project, 500) == [5.0])
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
    assert not planned(project)
    towpath(project, "feature", "flush")
    assert all(lake_fares(project, driver) == [5.0] for driver in range(500, 505))
