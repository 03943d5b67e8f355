"""The bare work of durable pushes: puts into LMDB, synced for each batch, and for each single one.

``FOLDER BATCH SECONDS`` prints puts a second in batches, and the 99th percentile of single commits.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time

import lmdb

KEYS = 10_000
VALUE = 96


def puts(environment: lmdb.Environment, size: int, seconds: float) -> list[float]:
    """Commit so many puts at a time; return how long each commit took."""
    draw = random.Random(1)
    taken = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        start = time.perf_counter()
        with environment.begin(write=True) as transaction:
            for _ in range(size):
                transaction.put(b"driver:%d" % draw.randrange(KEYS), os.urandom(VALUE))
        taken.append(time.perf_counter() - start)
    return taken


def main(folder: str, batch: str, seconds: str) -> None:
    with lmdb.open(folder, map_size=1 << 30) as environment:
        batches = puts(environment, int(batch), float(seconds))
        singles = sorted(puts(environment, 1, float(seconds) / 2))
    found = {
        "events": int(batch) * len(batches) / sum(batches),
        "sync_ms": singles[int(len(singles) * 0.99)] * 1000,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:4])
