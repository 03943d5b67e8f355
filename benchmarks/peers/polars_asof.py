"""A plain Polars join_asof by key, backward: what a careful user writes by hand."""

from __future__ import annotations

import json
import sys
import time
import warnings

import polars as pl

# Both sides are sorted by time; Polars cannot check it within groups and says so.
warnings.filterwarnings("ignore", message="Sortedness of columns")


def main(labels_file: str, events_file: str) -> None:
    labels = pl.read_parquet(labels_file)
    events = pl.read_parquet(events_file)
    start = time.perf_counter()
    joined = (
        labels.with_row_index("_row")
        .sort("t")
        .join_asof(events.sort("t"), on="t", by="key", strategy="backward")
        .sort("_row")
    )
    seconds = time.perf_counter() - start
    column = events.columns[-1]
    checksum = float(joined[column].fill_nan(None).sum())
    nulls = int(joined[column].fill_nan(None).null_count())
    print(json.dumps({"seconds": seconds, "sum": checksum, "nulls": nulls}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
