"""Our engine on Spark: three windows of five aggregates, events read by the workers from a lake."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.ours_windows import LABELS, windowed_view
from benchmarks.spark import MASTER, MEMORY, opened_lake

from towpath.features.engines.spark import SparkEngine
from towpath.features.event_files import event_files
from towpath.features.snapshot import Snapshot
from towpath.spark.settings import SparkSettings


def main(folder: str, labels_file: str) -> None:
    view = windowed_view()
    engine = SparkEngine(f"spark:{MASTER}", SparkSettings(memory=MEMORY), environ=os.environ)
    with opened_lake(Path(folder)) as lake:
        files = event_files(Snapshot(lake), view, until=None)
        few = pa.table({"key": pa.array([1, 2]), "_t": pa.array([10**12, 10**13])})
        engine.compute(view, files, few)
        start = time.perf_counter()
        labels = pyarrow.parquet.read_table(labels_file).rename_columns(LABELS)
        files = event_files(Snapshot(lake), view, until=pc.max(labels["_t"]).as_py())
        found = engine.compute(view, files, labels)
        totals = {name: pc.sum(found[name]).as_py() for name in found.column_names}
        seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "totals": totals}))


if __name__ == "__main__":
    main(*sys.argv[1:3])
