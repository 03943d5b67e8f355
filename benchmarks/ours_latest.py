"""Our engine on the latest five values of each label's key, at most 30 days old, from files."""

from __future__ import annotations

import json
import resource
import sys
import time
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.view import FeatureView, Latest

COLUMNS = [f"f{number}" for number in range(5)]


def read(file: str) -> pa.Table:
    """Read rows with times as microseconds."""
    table = pyarrow.parquet.read_table(file)
    place = table.column_names.index("t")
    return table.set_column(place, "_t", table["t"].cast(pa.int64()))


def main(labels_file: str, events_file: str) -> None:
    features = tuple(Latest(name) for name in COLUMNS)
    view = FeatureView("v", "events", ("key",), features, ttl=timedelta(days=30))
    engine = EmbeddedEngine()
    some = pyarrow.parquet.ParquetFile(events_file).read_row_group(0).slice(0, 10)
    some = some.rename_columns(["key", "_t", *COLUMNS])
    some = some.set_column(1, "_t", some["_t"].cast(pa.int64()))
    some = some.append_column("_seq", pa.array(np.arange(10)))
    engine.compute(view, some, some.select(["key", "_t"]))
    start = time.perf_counter()
    labels, events = read(labels_file), read(events_file)
    events = events.append_column("_seq", pa.array(np.arange(events.num_rows)))
    found = engine.compute(view, events, labels)
    seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "seconds": seconds,
                "rows": found.num_rows,
                "nulls": found["f0"].null_count,
                "sum": float(pc.sum(found["f0"]).as_py()),
                "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:3])
