"""Our engine on three windows of five aggregates, events in memory or piece by piece."""

from __future__ import annotations

import json
import resource
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.view import Aggregate, AggregateFunction, FeatureView

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTIONS: tuple[AggregateFunction, ...] = ("sum", "mean", "count", "min", "max")


EVENTS, LABELS = ["key", "_t", "value", "_seq"], ["key", "_t"]


def pieces(file: str) -> Iterator[pa.Table]:
    """Read events a piece at a time."""
    for batch in pyarrow.parquet.ParquetFile(file, pre_buffer=False).iter_batches(1 << 20):
        yield pa.Table.from_batches([batch]).rename_columns(EVENTS)


def windowed_view() -> FeatureView:
    """Ask for five aggregates over each of three windows."""
    features = (
        Aggregate(function, "value", timedelta(days=days), f"{function}_{days}")
        for days in (1, 7, 30)
        for function in FUNCTIONS
    )
    return FeatureView("v", "events", ("key",), tuple(features))


def main(form: str, events_file: str, labels_file: str) -> None:
    labels = pyarrow.parquet.read_table(labels_file).rename_columns(LABELS)
    events = next(pieces(events_file))
    view, engine = windowed_view(), EmbeddedEngine()
    engine.compute(view, events.slice(0, 10), labels.slice(0, 10))
    if form == "table":
        events = pyarrow.parquet.read_table(events_file).rename_columns(EVENTS)
    start = time.perf_counter()
    found = engine.compute(view, events if form == "table" else pieces(events_file), labels)
    seconds = time.perf_counter() - start
    totals = {name: pc.sum(found[name]).as_py() for name in found.column_names}
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"seconds": seconds, "totals": totals, "gigabytes": gigabytes}))


if __name__ == "__main__":
    main(*sys.argv[1:4])
