"""An application that asks for predictions by key, in a process of its own.

``python ask.py URL DATA COUNT`` asks about COUNT flights of the first week of October, each as of
two hours before it was to leave, and prints how long the answers took as one JSON object.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet

from towpath.serving.client import Client

FIRST = datetime(2013, 10, 1, tzinfo=UTC)
LAST = datetime(2013, 10, 8, tzinfo=UTC)


def flights(data: Path, count: int) -> list[tuple[str, datetime]]:
    """Choose flights evenly spaced over the week, in the order of their prediction times."""
    moment = pc.field("predict_at")
    week = pyarrow.parquet.read_table(
        data / "schedule.parquet",
        columns=["flight_id", "predict_at"],
        filters=(moment >= FIRST) & (moment < LAST),
    ).sort_by("predict_at")
    rows = week.take(np.linspace(0, week.num_rows - 1, count).astype(np.int64))
    return list(zip(rows["flight_id"].to_pylist(), rows["predict_at"].to_pylist(), strict=True))


def main(url: str, data: str, count: str) -> None:
    """Ask one flight after the other over one connection."""
    chosen = flights(Path(data), int(count))
    taken = np.empty(len(chosen))
    late = 0
    with Client(url) as client:
        for number, (flight, at) in enumerate(chosen):
            started = time.perf_counter()
            answer = client.predict("delay", keys=[{"flight_id": flight}], at=at)[0]
            taken[number] = time.perf_counter() - started
            late += answer.decision
    milliseconds = np.percentile(taken * 1000, [50, 99])
    found = {"predictions": len(chosen), "late": late, "latency_ms": milliseconds.tolist()}
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:4])
