"""Features by key in this process, and bringing them into the online store."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.claim import Claim, compare
from benchmarks.environment import BUILD, peer_python, run_json, towpath
from benchmarks.online_inputs import FEAST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUNS = 5
OUT = BUILD / "bench" / "lookup"
CARS = 1_000
# As many events of a key as are kept in one block, and so many that they are kept in chunks.
EVENTS = (200, 4_000)
SECONDS = 0.0001
ROWS, FEATURES = 100_000, 10
WEEK_MICROS = 7 * 86_400_000_000
DEFINITIONS = """
from datetime import timedelta
from towpath.features.feature_set import FeatureSet
from towpath.features.view import Aggregate, FeatureView

day = timedelta(days=1)
car = FeatureView(
    "car",
    "trips",
    ("car",),
    (
        Aggregate("count", "", timedelta(hours=1)),
        Aggregate("count", "", day),
        Aggregate("count", "", 7 * day),
        Aggregate("sum", "km", timedelta(hours=1)),
        Aggregate("sum", "km", day),
        Aggregate("mean", "km", 7 * day),
        Aggregate("std", "km", 7 * day),
        Aggregate("min", "km", 7 * day),
        Aggregate("max", "km", day),
        Aggregate("max", "km", 7 * day),
    ),
)
fleet = FeatureSet("fleet", "requests", "at", ("car",))
"""


def measure() -> Iterator[Claim]:
    for events in EVENTS:
        folder = OUT / f"cars_{events}"
        write_cars(folder, events)
        found = [run_json("python", "ours_lookup.py", str(folder)) for _ in range(RUNS)]
        what = f"10 features over windows, one key of {events:,} events, in this process"
        limit = ("the limit", [SECONDS])
        tails = [one["p99"] for one in found]
        yield compare(f"{what}: p99", tails, limit, unit="s", target=1.0)
        bare = ("the bytes alone, by py-lmdb", [one["bare"] for one in found])
        medians = [one["p50"] for one in found]
        yield compare(f"{what}: median", medians, bare, unit="s", target=0.05)
    yield materialized()


def materialized() -> Claim:
    """Compare how fast rows come into an online store that was empty."""
    folder, python = OUT / "drivers", peer_python("feast", FEAST)
    data = write_drivers(folder)
    ours, peer = [], []
    for _ in range(RUNS):
        ours.append(ROWS / run_json("python", "ours_materialize.py", str(folder))["seconds"])
        theirs = run_json(python, "peers/feast_materialize.py", str(OUT / "feast"), str(data))
        peer.append(ROWS / theirs["seconds"])
    name = ("Feast's materialize, sqlite", peer)
    what = f"materialise {ROWS:,} rows of {FEATURES} features"
    return compare(what, ours, name, unit="rows/s", target=10.0)


def write_cars(folder: Path, events: int) -> None:
    """Make a project of cars that have so many trips each, with them in the online store."""
    if (folder / ".made").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    random, rows = np.random.default_rng(1), CARS * events
    now = np.datetime64("now", "us").astype(np.int64)
    moments = np.sort(now - random.integers(0, WEEK_MICROS, rows))
    cars = {"car": np.repeat(np.arange(CARS), events)}
    random.shuffle(cars["car"])
    trips = {"trip": np.arange(rows), **cars, "km": random.gamma(2.0, 5.0, rows)}
    folder.mkdir(parents=True)
    at = pa.array(moments, pa.int64()).cast(pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({**trips, "at": at}), folder / "trips.parquet")
    requests = pa.table({"car": np.arange(CARS), "at": at.slice(0, CARS)})
    pq.write_table(requests, folder / "requests.parquet")
    write_project(folder, "trips", ["trip: int64", "car: int64", "km: float64"], "trip")
    write_project(folder, "requests", ["car: int64"], "car")
    (folder / "features").mkdir()
    (folder / "features" / "cars.py").write_text(DEFINITIONS)
    towpath(folder, "apply")
    for name in ("trips", "requests"):
        towpath(folder, "data", "ingest", name)
    towpath(folder, "feature", "materialize")
    (folder / ".made").touch()


def write_drivers(folder: Path) -> Path:
    """Make a project of one view of ten floats, with a row for each driver in the lake."""
    path = folder / "drivers.parquet"
    if (folder / ".made").exists():
        return path
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    start = np.datetime64("2025-10-01T00:00:00", "us").astype(np.int64)
    moments = pa.array(start + random.integers(0, WEEK_MICROS, ROWS), pa.int64())
    names = [f"feature_{place}" for place in range(FEATURES)]
    values = {name: random.normal(size=ROWS) for name in names}
    keys = {"driver_id": np.arange(ROWS), "at": moments.cast(pa.timestamp("us", "UTC"))}
    pq.write_table(pa.table({**keys, **values}), path)
    columns = ["driver_id: int64", *(f"{name}: float64" for name in names)]
    write_project(folder, "drivers", columns, "driver_id")
    (folder / "features").mkdir()
    (folder / "features" / "drivers.py").write_text(
        "from towpath.features.view import FeatureView, Latest\n"
        f"features = tuple(map(Latest, {names}))\n"
        "drivers = FeatureView('drivers', 'drivers', ('driver_id',), features)\n"
    )
    towpath(folder, "apply")
    towpath(folder, "data", "ingest", "drivers")
    (folder / ".made").touch()
    return path


def write_project(folder: Path, dataset: str, columns: list[str], key: str) -> None:
    """Write what a project says of a dataset; a time of its events comes with it."""
    (folder / "datasets").mkdir(exist_ok=True)
    (folder / "towpath.toml").write_text(f'name = "{folder.name}"\n')
    parts = [one.split(": ") for one in columns]
    described = "".join(f"  - {{name: {name}, dtype: {dtype}}}\n" for name, dtype in parts)
    (folder / "datasets" / f"{dataset}.yaml").write_text(
        f"name: {dataset}\nkey: [{key}]\nevent_time: at\nsource: {dataset}.parquet\ncolumns:\n"
        f"{described}  - {{name: at, dtype: timestamp}}\n"
    )
