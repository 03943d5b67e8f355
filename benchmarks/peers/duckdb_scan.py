"""The same reads by DuckDB on the bare files."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import duckdb
import pyarrow.compute as pc

TIMES = 5
GROUPED = "SELECT route, count(*), sum(fare) FROM read_parquet(?) GROUP BY route"
COLUMNS = 'SELECT "id", "fare", "started" FROM read_parquet(?)'


def grouped(paths: list[str]) -> tuple[int, float]:
    found = duckdb.execute(GROUPED, [paths]).fetchall()
    return sum(row[1] for row in found), sum(row[2] for row in found)


def arrow(paths: list[str]) -> tuple[int, float]:
    table = duckdb.sql(COLUMNS, params=[paths]).to_arrow_table()
    return table.num_rows, pc.sum(table["fare"]).as_py()


def main(folder: str, kind: str) -> None:
    paths = sorted(str(path) for path in Path(folder).glob("*.parquet"))
    read = {"group": grouped, "arrow": arrow}[kind]
    rows, total = read(paths)
    seconds = []
    for _ in range(TIMES):
        start = time.perf_counter()
        read(paths)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": statistics.median(seconds), "rows": rows, "sum": total}))


if __name__ == "__main__":
    main(*sys.argv[1:])
