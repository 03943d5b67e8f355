"""Windows on Spark: our engine and Spark's own RANGE frames, in sessions of one size."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet
from benchmarks.claim import Claim, compare
from benchmarks.environment import BUILD, run_json
from benchmarks.windows import write_windows

from towpath.catalog.database import Database
from towpath.core.clock import SystemClock
from towpath.lake.dataset import Column, Dataset
from towpath.lake.lake import Lake
from towpath.lake.tables.delta import DeltaTableStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVENTS = 10_000_000
MASTER, MEMORY = "local[2]", "4g"
# What is told of the keys, and how many runs: a frame of Spark goes through the rows of its window
# again for each row, which takes minutes with few keys, and far longer with a hot one.
KINDS = {"few": ("10,000 keys", 1), "many": ("1,000,000 keys", 3)}
TARGET = 1.0
TOLERANCE = 1e-9
DATASET = Dataset(
    "events",
    (Column("key", "int64"), Column("at", "timestamp"), Column("value", "float64")),
    event_time="at",
)


def measure_spark() -> list[Claim]:
    """Compare three windows of five aggregates of 1 M labels over 10 M events."""
    claims = []
    for kind, (keys, runs) in KINDS.items():
        events, labels = write_windows(kind, EVENTS)
        folder = write_lake(kind, events)
        table = str(folder / "lake" / DATASET.name)
        ours, peer = [], []
        for _ in range(runs):
            mine = run_json("python", "ours_spark_windows.py", str(folder), labels)
            theirs = run_json("python", "peers/spark_windows.py", MASTER, MEMORY, table, labels)
            for total, found in theirs["totals"].items():
                assert math.isclose(mine["totals"][total], found, rel_tol=TOLERANCE), total
            ours.append(mine["seconds"])
            peer.append(theirs["seconds"])
        claim = f"Spark {MASTER}: 3 windows x 5 aggregates, 1 M labels x 10 M events, {keys}"
        name = ("Spark RANGE", peer)
        claims.append(compare(claim, ours, name, unit="s", target=TARGET))
    return claims


def write_lake(kind: str, events_file: str) -> Path:
    """Put the events into a lake once, for both sides to read; return its folder."""
    folder = BUILD / "bench" / f"spark_windows_{kind}"
    with opened_lake(folder) as lake:
        if lake.store.version(DATASET.name) is None:
            rows = pyarrow.parquet.read_table(events_file, columns=["key", "t", "value"])
            rows = rows.set_column(1, "at", rows["t"].cast(pa.timestamp("us", "UTC")))
            lake.store.append(DATASET.name, rows, batch=kind)
    return folder


@contextmanager
def opened_lake(folder: Path) -> Iterator[Lake]:
    """Open the lake in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with Database.open("sqlite:catalog.db", folder) as db:
        store = DeltaTableStore("file:lake", folder, db)
        yield Lake(store, db, {DATASET.name: DATASET}, clock=SystemClock())
