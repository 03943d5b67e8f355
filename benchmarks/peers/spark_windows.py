"""Spark itself on three windows of five aggregates: RANGE frames over the files of a lake."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession

DAY = 86_400_000_000
FUNCTIONS = {"sum": "sum", "mean": "avg", "count": "count", "min": "min", "max": "max"}


def ranges() -> str:
    """Write windows over events and labels together, labels being rows without a value."""
    names = [
        (f"{name}_{days}", sql, days) for days in (1, 7, 30) for name, sql in FUNCTIONS.items()
    ]
    wanted = ", ".join(f"{sql}(value) OVER w{days} AS {name}" for name, sql, days in names)
    windows = ", ".join(
        f"w{days} AS (PARTITION BY key ORDER BY t "
        f"RANGE BETWEEN {days * DAY - 1} PRECEDING AND CURRENT ROW)"
        for days in (1, 7, 30)
    )
    totals = ", ".join(f"sum({name}) AS {name}" for name, _, _ in names)
    return f"""
        WITH united AS (
            SELECT key, unix_micros(at) AS t, value, false AS asks FROM events UNION ALL
            SELECT key, t, NULL, true FROM labels)
        SELECT {totals} FROM (SELECT asks, {wanted} FROM united WINDOW {windows}) WHERE asks"""


def main(master: str, memory: str, table: str, labels_file: str) -> None:
    os.environ.update(PYSPARK_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
    builder = SparkSession.builder.master(master).config("spark.driver.memory", memory)
    builder = builder.config("spark.ui.enabled", "false").config("spark.log.level", "ERROR")
    session = builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    events = session.read.parquet(*map(str, Path(table).glob("*.parquet")))
    labels = session.read.parquet(labels_file)
    # The first query pays for starting and compiling.
    for rows in (10_000, None):
        for name, frame in (("events", events), ("labels", labels)):
            (frame.limit(rows) if rows else frame).createOrReplaceTempView(name)
        start = time.perf_counter()
        found = session.sql(ranges()).collect()[0].asDict()
        seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "totals": found}, default=float))
    session.stop()


if __name__ == "__main__":
    main(*sys.argv[1:5])
