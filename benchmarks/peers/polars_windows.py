"""Polars on three windows of five aggregates: by a grouped frame, or by expressions over keys."""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings

import polars as pl

# Rows are sorted by time; Polars cannot check it within groups and says so.
warnings.filterwarnings("ignore", message="Sortedness of columns")
DAYS = (1, 7, 30)
VALUE = pl.col("value")


def grouped(united: pl.DataFrame) -> pl.DataFrame:
    """Give each row the aggregates of the frame that ends at it."""
    united = united.sort("key", "t", maintain_order=True)
    kept = united["row"]
    found = [kept.to_frame()]
    for days in DAYS:
        rolled = united.rolling(index_column="t", period=f"{days}d", group_by="key").agg(
            VALUE.sum().alias(f"sum_{days}"),
            VALUE.mean().alias(f"mean_{days}"),
            VALUE.count().alias(f"count_{days}"),
            VALUE.min().alias(f"min_{days}"),
            VALUE.max().alias(f"max_{days}"),
        )
        found.append(rolled.drop("key", "t"))
    return pl.concat(found, how="horizontal")


def over(united: pl.DataFrame) -> pl.DataFrame:
    """Roll by time within each key; counts are sums of whether a value is there."""
    here = VALUE.is_not_null().cast(pl.Int64)
    wanted = []
    for days in DAYS:
        span = {"by": "t", "window_size": f"{days}d"}
        wanted += [
            VALUE.rolling_sum_by(**span).over("key").alias(f"sum_{days}"),
            VALUE.rolling_mean_by(**span).over("key").alias(f"mean_{days}"),
            here.rolling_sum_by(**span).over("key").alias(f"count_{days}"),
            VALUE.rolling_min_by(**span).over("key").alias(f"min_{days}"),
            VALUE.rolling_max_by(**span).over("key").alias(f"max_{days}"),
        ]
    return united.sort("t", maintain_order=True).select("row", *wanted)


def main(form: str, events_file: str, labels_file: str) -> None:
    events, labels = pl.read_parquet(events_file), pl.read_parquet(labels_file)
    start = time.perf_counter()
    labels = labels.with_columns(
        pl.lit(None, pl.Float64).alias("value"), pl.int_range(pl.len()).alias("row")
    )
    events = events.select("key", "t", "value", pl.lit(-1, pl.Int64).alias("row"))
    united = pl.concat([events, labels]).with_columns(pl.col("t").cast(pl.Datetime("us")))
    found = (grouped if form == "grouped" else over)(united)
    found = found.filter(pl.col("row") >= 0).sort("row").drop("row")
    seconds = time.perf_counter() - start
    # Its counts are of 32 bits, and so would be their sum.
    totals = found.select(pl.all().cast(pl.Float64).sum()).to_dicts()[0]
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"seconds": seconds, "totals": totals, "gigabytes": gigabytes}))


if __name__ == "__main__":
    main(*sys.argv[1:4])
