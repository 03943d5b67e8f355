"""DuckDB's ASOF join of the latest five values, at most 30 days old, from files to Arrow."""

from __future__ import annotations

import json
import resource
import sys
import time

import duckdb
import pyarrow.compute as pc

QUERY = """
    SELECT l.*, {columns} FROM '{labels}' AS l ASOF LEFT JOIN '{events}' AS e
    ON l.key = e.key AND l.t >= e.t
"""
FRESH = "CASE WHEN e.t >= l.t - INTERVAL 30 DAY THEN e.f{0} END AS f{0}"


def main(labels_file: str, events_file: str) -> None:
    columns = ", ".join(FRESH.format(number) for number in range(5))
    database = duckdb.connect()
    database.sql("SET TimeZone = 'UTC'")
    start = time.perf_counter()
    query = QUERY.format(columns=columns, labels=labels_file, events=events_file)
    found = database.sql(query).to_arrow_table()
    seconds = time.perf_counter() - start
    result = {
        "seconds": seconds,
        "rows": found.num_rows,
        "nulls": found["f0"].null_count,
        "sum": float(pc.sum(found["f0"]).as_py()),
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:3])
