"""Our scan, and DuckDB's on the files that we checked."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import duckdb
import pyarrow.compute as pc

from towpath.catalog.database import Database
from towpath.lake.tables.delta import DeltaTableStore

TIMES = 5
GROUPED = "SELECT route, count(*), sum(fare) FROM read_parquet(?) GROUP BY route"


def grouped(store: DeltaTableStore) -> tuple[int, float]:
    found = duckdb.execute(GROUPED, [list(store.files("rows").paths)]).fetchall()
    return sum(row[1] for row in found), sum(row[2] for row in found)


def arrow(store: DeltaTableStore) -> tuple[int, float]:
    table = store.scan("rows", columns=["id", "fare", "started"])
    return table.num_rows, pc.sum(table["fare"]).as_py()


def main(folder: str, kind: str) -> None:
    root = Path(folder)
    read = {"group": grouped, "arrow": arrow}[kind]
    with Database.open("sqlite:catalog.db", root) as db:
        store = DeltaTableStore("file:lake", root, db)
        rows, total = read(store)
        seconds = []
        for _ in range(TIMES):
            start = time.perf_counter()
            read(store)
            seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": statistics.median(seconds), "rows": rows, "sum": total}))


if __name__ == "__main__":
    main(*sys.argv[1:])
