"""Append rows from memory under a contract: every row checked, hashed, synced."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pyarrow.parquet

from towpath.catalog.database import Database
from towpath.core.clock import SystemClock
from towpath.lake.dataset import Check, Column, Dataset
from towpath.lake.lake import Lake
from towpath.lake.tables.delta import DeltaTableStore

ROWS = Dataset(
    "rows",
    (
        Column("id", "int64", minimum=0),
        Column("car", "int64", minimum=0, maximum=99_999),
        Column("fare", "float64", minimum=0.0, maximum=10_000.0),
        Column("distance", "float64", minimum=0.0, maximum=1.0),
        Column("route", "string", pattern="route-[0-9]{5}"),
        Column("note", "string", max_length=40),
        Column("started", "timestamp", minimum="2020-01-01T00:00:00Z"),
        Column("ended", "timestamp"),
    ),
    key=("id",),
    event_time="started",
    checks=(Check("ends_after_it_starts", "ended >= started"),),
    minimum_rows=1,
)


def main() -> None:
    rows, folder = Path(sys.argv[1]), Path(sys.argv[2])
    table = pyarrow.parquet.read_table(rows)
    folder.mkdir(parents=True)
    with Database.open("sqlite:catalog.db", folder) as db:
        store = DeltaTableStore("file:lake", folder, db)
        lake = Lake(store, db, {"rows": ROWS}, clock=SystemClock(), root=folder)
        started = time.perf_counter()
        report = lake.ingest("rows", table, mode="append")
        seconds = time.perf_counter() - started
        assert len(report.findings) > len(ROWS.columns), report
        found = {"rows": report.rows, "seconds": seconds}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
