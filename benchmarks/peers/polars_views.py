"""For each view of the demo one plain join_asof of its first column: less than its features."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import polars as pl

# Both sides are sorted by time; Polars cannot check it within groups and says so.
warnings.filterwarnings("ignore", message="Sortedness of columns")


def main(folder: str, views_file: str) -> None:
    start = time.perf_counter()
    spine = pl.read_parquet(Path(folder) / "schedule.parquet").sort("predict_at")
    joined = spine
    for number, view in enumerate(json.loads(Path(views_file).read_text())):
        columns = list(dict.fromkeys([*view["keys"], view["time"], view["column"]]))
        events = pl.read_parquet(Path(folder) / f"{view['source']}.parquet", columns=columns)
        events = events.select(
            *(pl.col(one).alias(f"k{at}") for at, one in enumerate(view["keys"])),
            pl.col(view["time"]).alias("t"),
            pl.col(view["column"]).alias(f"value{number}"),
        ).sort("t")
        found = spine.select(
            *(pl.col(one).alias(f"k{at}") for at, one in enumerate(view["spine_keys"])),
            pl.col("predict_at").alias("t"),
        ).join_asof(events, on="t", by=[f"k{at}" for at in range(len(view["keys"]))])
        joined = joined.with_columns(found[f"value{number}"])
    print(json.dumps({"seconds": time.perf_counter() - start, "rows": joined.height}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
