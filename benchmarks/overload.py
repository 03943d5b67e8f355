"""Four times what a worker can do: what is admitted stays fast, the rest is told to come back."""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks.claim import Claim, compare
from benchmarks.environment import run_json
from benchmarks.listening import server
from benchmarks.online import PATH, load
from benchmarks.online_inputs import LMDB, OUT, SHAPES, write_data, write_project

if TYPE_CHECKING:
    from pathlib import Path

RUNS, SECONDS = 3, 5
TIMES = 4
REST_SECONDS = 1.0
# As many as may wait in the server's queue.
CONNECTIONS = 64
# As many as all that come may need.
MANY = 512
REFUSED_MS = 50.0
SHAPE = SHAPES[1]


def measure() -> list[Claim]:
    project = prepared()
    before, during, after = [], [], []
    for _ in range(RUNS):
        command = [sys.executable, "-m", "towpath", "feature", "serve", "--port"]
        with server(command, project) as port:
            load(port, SHAPE, CONNECTIONS)
            # What the first load left in the queue when it ended is still worked off.
            time.sleep(REST_SECONDS)
            before.append(load(port, SHAPE, CONNECTIONS))
            during.append(ask(port, TIMES * before[-1]["rate"], SECONDS))
            time.sleep(REST_SECONDS)
            after.append(load(port, SHAPE, CONNECTIONS))
        assert set(during[-1]) == {"due", "unanswered", "200", "503"}, during[-1]
        assert not during[-1]["unanswered"], during[-1]
    return claims(before, during, after)


def claims(
    before: list[dict[str, Any]], during: list[dict[str, Any]], after: list[dict[str, Any]]
) -> list[Claim]:
    """Put what is admitted beside what the same server does when it is not asked for more."""
    offered = statistics.median(
        sum(one[status]["rate"] for status in ("200", "503")) / base["rate"]
        for one, base in zip(during, before, strict=True)
    )
    what = f"{SHAPE.name}, LMDB, {offered:.1f} times the capacity offered, timed from when due"
    capacity = f"at capacity, {CONNECTIONS} connections"
    usual = [one["rate"] for one in before]
    admitted = [one["200"] for one in during]
    tails = (capacity, [one["p99_ms"] for one in before])
    refused = [one["503"]["p99_ms"] for one in during]
    return [
        compare(f"{what}: admitted", rates(admitted), (capacity, usual), unit="req/s", target=0.8),
        compare(
            f"{what}: p99 of what is admitted",
            [one["p99_ms"] for one in admitted],
            tails,
            unit="ms",
            target=0.5,
        ),
        compare(
            f"{what}: p99 of a refusal", refused, ("the limit", [REFUSED_MS]), unit="ms", target=1.0
        ),
        compare(
            f"{what}: right afterwards", rates(after), (capacity, usual), unit="req/s", target=0.9
        ),
    ]


def rates(runs: list[dict[str, Any]]) -> list[float]:
    """Return requests a second."""
    return [one["rate"] for one in runs]


def ask(port: int, rate: float, seconds: float, *, connections: int = MANY) -> dict[str, Any]:
    """Ask so often, whatever the server makes of it; a wait for a connection counts."""
    how = (str(rate), str(seconds), str(connections))
    return run_json("python", "open_load.py", str(port), PATH, str(SHAPE.bodies), *how)


def prepared() -> Path:
    """Return the project that the reads by key are measured on."""
    data, project = OUT / "drivers.parquet", OUT / "ours_LMDB"
    write_data(data)
    write_project(project, data, LMDB)
    return project
