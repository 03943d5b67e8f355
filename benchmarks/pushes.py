"""Durable pushes over HTTP, one worker, beside the bare work: LMDB puts that are synced."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.claim import Claim, compare
from benchmarks.environment import BUILD, run_json, towpath
from benchmarks.listening import server

if TYPE_CHECKING:
    from pathlib import Path

RUNS, SECONDS = 3, 5
CLIENTS = (1, 8)
DRIVERS, BATCH = 10_000, 1000
BATCHES, SINGLES = 600, 30_000
ARROW, JSON = "application/vnd.apache.arrow.stream", "application/json"
EVENTS_PER_SECOND = 20_000.0
OUT = BUILD / "bench" / "pushes"
PATH = "/v1/datasets/rides/rows"
FLOOR = f"LMDB puts by key, a synced commit for each {BATCH:,}"
RIDES = """\
name: rides
key: [ride_id]
event_time: ended
source: rides.parquet
columns:
  - {name: ride_id, dtype: int64}
  - {name: driver_id, dtype: int64}
  - {name: fare, dtype: float64}
  - {name: seats, dtype: int64}
  - {name: ended, dtype: timestamp}
"""
FEATURES = """\
from towpath.features.view import FeatureView, Latest, aggregates

driver = FeatureView(
    "driver",
    "rides",
    ("driver_id",),
    (
        *aggregates("count", windows=["1h", "1d", "7d"]),
        *aggregates("mean", "fare", windows=["1h", "1d", "7d"]),
        *aggregates("max", "fare", windows=["1d", "7d"]),
        Latest("fare"),
        Latest("seats"),
    ),
)
"""
Figures = dict[tuple[str, int], list[dict[str, Any]]]


def measure() -> list[Claim]:
    write_project(OUT / "project")
    bodies = {one: OUT / f"{one}.bodies" for one in ("json", "arrow", "single")}
    write_bodies(bodies)
    figures: Figures = {}
    floor: list[dict[str, Any]] = []
    for _ in range(RUNS):
        for name, path in bodies.items():
            for clients in CLIENTS:
                found = run(path, ARROW if name == "arrow" else JSON, clients)
                figures.setdefault((name, clients), []).append(found)
        floor.append(floor_of(OUT / "floor"))
    return claims(figures, floor)


def claims(figures: Figures, floor: list[dict[str, Any]]) -> list[Claim]:
    """Put ours beside what is promised, and beside the bare work."""
    found = []
    bare = [one["events"] for one in floor]
    synced = [one["sync_ms"] for one in floor]
    for name, clients in figures:
        runs = figures[name, clients]
        many = f"{clients} client{'s' if clients > 1 else ''}"
        if name == "single":
            tails = [one["p99_ms"] for one in runs]
            what = f"a push of one event, {many}: p99"
            sync = ("a synced LMDB commit of one put, p99", synced)
            found.append(compare(what, tails, sync, unit="ms", target=0.1))
            continue
        rates = [one["rate"] * BATCH for one in runs]
        what = f"durable pushes of {BATCH:,} events, {name}, {many}"
        limit = ("the limit", [EVENTS_PER_SECOND])
        found += [
            compare(what, rates, limit, unit="events/s", target=1.0),
            compare(what, rates, (FLOOR, bare), unit="events/s", target=0.05),
        ]
    return found


def run(bodies: Path, media_type: str, clients: int) -> dict[str, Any]:
    """Push to a server with a state of its own."""
    folder = OUT / "run"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(OUT / "project", folder)
    command = [sys.executable, "-m", "towpath", "feature", "serve", "--port"]
    with server(command, folder) as port:
        arguments = (str(port), PATH, str(bodies), media_type, str(clients), str(SECONDS))
        return run_json("python", "push_load.py", *arguments)


def floor_of(folder: Path) -> dict[str, Any]:
    """Measure the bare work on the same disk."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return run_json("python", "peers/lmdb_puts.py", str(folder), str(BATCH), str(SECONDS))


def write_project(folder: Path) -> None:
    """Make a project with an event of each driver in the online store."""
    if (folder / ".made").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("datasets", "features"):
        (folder / name).mkdir(parents=True)
    (folder / "towpath.toml").write_text('name = "pushes"\n')
    (folder / "datasets" / "rides.yaml").write_text(RIDES)
    (folder / "features" / "rides.py").write_text(FEATURES)
    pq.write_table(events(0, DRIVERS), folder / "rides.parquet")
    towpath(folder, "apply")
    towpath(folder, "data", "ingest", "rides")
    towpath(folder, "feature", "materialize")
    (folder / ".made").touch()


def events(first: int, count: int) -> pa.Table:
    """Make rides of random drivers that ended within the last hour."""
    random = np.random.default_rng(first)
    ends = np.datetime64("now", "us") - random.integers(0, 3_600_000_000, count)
    columns = {
        "ride_id": np.arange(first, first + count),
        "driver_id": random.integers(0, DRIVERS, count),
        "fare": random.normal(10.0, 3.0, count).round(2),
        "seats": random.integers(1, 5, count),
        "ended": pa.array(ends).cast(pa.timestamp("us", "UTC")),
    }
    return pa.table(columns)


def write_bodies(paths: dict[str, Path]) -> None:
    """Write requests, each of which has events of its own."""
    kinds = {"json": (BATCHES, BATCH), "arrow": (BATCHES, BATCH), "single": (SINGLES, 1)}
    first = DRIVERS
    for name, path in paths.items():
        count, size = kinds[name]
        table = events(first, count * size)
        first += count * size
        with path.open("wb") as file:
            for number in range(count):
                rows = table.slice(number * size, size)
                body = as_arrow(rows) if name == "arrow" else as_json(rows)
                file.write(struct.pack("<q", len(body)) + body)
        os.sync()


def as_json(rows: pa.Table) -> bytes:
    """Write rows by column."""
    columns = rows.to_pydict()
    columns["ended"] = [one.isoformat() for one in columns["ended"]]
    return json.dumps({"rows": columns}).encode()


def as_arrow(rows: pa.Table) -> bytes:
    """Write rows as a stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.getvalue()
