"""Polars' join_asof of the latest five values, at most 30 days old, from files, in label order."""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings

import polars as pl

# Both sides are sorted by time; Polars cannot check it within groups and says so.
warnings.filterwarnings("ignore", message="Sortedness of columns")


def main(labels_file: str, events_file: str) -> None:
    start = time.perf_counter()
    labels, events = pl.read_parquet(labels_file), pl.read_parquet(events_file)
    found = (
        labels.with_row_index("_row")
        .sort("t")
        .join_asof(events.sort("t"), on="t", by="key", strategy="backward", tolerance="30d")
        .sort("_row")
    )
    seconds = time.perf_counter() - start
    result = {
        "seconds": seconds,
        "rows": found.height,
        "nulls": found["f0"].null_count(),
        "sum": float(found["f0"].sum()),
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:3])
