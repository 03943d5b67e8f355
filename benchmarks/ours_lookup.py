"""Ten features of one key after the other, and the same keys read by py-lmdb alone."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

from towpath.core.instant import to_micros
from towpath.features.lookup import Lookup
from towpath.features.online import Item
from towpath.features.online.key import encode_key
from towpath.features.online.plan import plan_of
from towpath.workspace import Workspace

CARS, CALLS, WARM = 1_000, 20_000, 500


def main(folder: str) -> None:
    with Workspace(Path(folder)) as workspace:
        project, store = workspace.project, workspace.online
        lookup = Lookup(store, project.feature_sets["fleet"], project.views, project.datasets)
        now = to_micros(workspace.clock.now())
        for number in range(WARM):
            [found] = lookup.by_rows([{"car": number % CARS}], now)
            assert len(found) == 10, found
        taken = []
        for number in range(CALLS):
            row = [{"car": number * 7 % CARS}]
            start = time.perf_counter()
            lookup.by_rows(row, now + number)
            taken.append(time.perf_counter() - start)
        area = plan_of(project.views["car"], project.datasets["trips"]).area
        bare = []
        for number in range(CALLS):
            item = [Item(area, encode_key([number * 7 % CARS]))]
            start = time.perf_counter()
            store.read(item)
            bare.append(time.perf_counter() - start)
    cuts = statistics.quantiles(taken, n=100)
    print(json.dumps({"p50": cuts[49], "p99": cuts[98], "bare": statistics.median(bare)}))


if __name__ == "__main__":
    main(sys.argv[1])
