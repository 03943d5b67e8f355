"""Our engine on the tables that the peer joins."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.view import FeatureView, Latest


def main(labels_file: str, events_file: str) -> None:
    labels, events = (pyarrow.parquet.read_table(one) for one in (labels_file, events_file))
    labels = pa.table({"key": labels["key"], "_t": labels["t"].cast(pa.int64())})
    times = events["t"].cast(pa.int64())
    columns = {"key": events["key"], "value": events["value"], "_t": times}
    events = pa.table({**columns, "_seq": np.arange(events.num_rows)})
    view = FeatureView("route", "arrivals", ("key",), (Latest("value"),))
    engine = EmbeddedEngine()
    engine.compute(view, events.slice(0, 10), labels.slice(0, 10))
    start = time.perf_counter()
    found = engine.compute(view, events, labels)["value"]
    seconds = time.perf_counter() - start
    total = float(pc.sum(found).as_py())
    print(json.dumps({"seconds": seconds, "sum": total, "nulls": found.null_count}))


if __name__ == "__main__":
    main(sys.argv[2], sys.argv[3])
