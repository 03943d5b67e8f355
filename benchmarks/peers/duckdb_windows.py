"""DuckDB on three windows of five aggregates: RANGE frames; or, as a floor, only its sort."""

from __future__ import annotations

import json
import resource
import sys
import time

import duckdb

DAY = 86_400_000_000
FUNCTIONS = {"sum": "sum", "mean": "avg", "count": "count", "min": "min", "max": "max"}


def ranges() -> str:
    """Write windows over events and labels together, labels being rows without a value."""
    wanted = ", ".join(
        f"{sql}(value) OVER w{days} AS {name}_{days}"
        for days in (1, 7, 30)
        for name, sql in FUNCTIONS.items()
    )
    windows = ", ".join(
        f"w{days} AS (PARTITION BY key ORDER BY t "
        f"RANGE BETWEEN {days * DAY - 1} PRECEDING AND CURRENT ROW)"
        for days in (1, 7, 30)
    )
    return f"""
        WITH united AS (
            SELECT key, t, value, -1 AS row FROM events UNION ALL
            SELECT key, t, NULL, rowid FROM labels)
        SELECT * FROM (SELECT row, {wanted} FROM united WINDOW {windows})
        WHERE row >= 0 ORDER BY row"""


def main(kind: str, events_file: str, labels_file: str) -> None:
    database = duckdb.connect()
    database.sql(f"CREATE TABLE events AS FROM '{events_file}'")
    database.sql(f"CREATE TABLE labels AS FROM '{labels_file}'")
    query = ranges() if kind == "range" else "SELECT key, t, value FROM events ORDER BY key, t"
    start = time.perf_counter()
    found = database.sql(query).to_arrow_table()
    seconds = time.perf_counter() - start
    database.register("found", found)
    names = [name for name in found.column_names if name not in ("row", "key", "t", "value")]
    sums = ", ".join(f"sum({name}) AS {name}" for name in names) or "count(*) AS rows"
    totals = database.sql(f"SELECT {sums} FROM found").to_arrow_table().to_pylist()[0]
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    result = {"seconds": seconds, "totals": totals, "gigabytes": gigabytes}
    print(json.dumps(result, default=float))


if __name__ == "__main__":
    main(*sys.argv[1:4])
