"""The latest five values at the times of labels: ours, Feast, DuckDB and Polars, from files."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from benchmarks.claim import Claim, compare
from benchmarks.environment import BUILD, peer_python, run_json

RUNS = 5
LABELS = 1_000_000
FEW, MANY = 1_000_000, 10_000_000
KEYS = 10_000
SPAN = 90 * 86_400_000_000
START = 1_700_000_000_000_000
MOMENT = pa.timestamp("us", "UTC")
FEAST = ["feast[duckdb]==0.67.0"]
POLARS = ["polars==2.1.0", "pyarrow"]
TOLERANCE = 1e-9
Run = dict[str, Any]
TIMES_FEAST = 10.0
TIMES_FEAST_MEMORY = 4.0
WITHIN = 1 / 1.5
# It does not finish this size in the memory of the machine.
NOT_FEAST = ("DuckDB ASOF join", "Polars join_asof")


def measure() -> list[Claim]:
    feast = ("peers/feast_latest.py", peer_python("feast_offline", FEAST))
    plain = ("peers/duckdb_latest.py", "python")
    polars = ("peers/polars_latest.py", peer_python("polars", POLARS))
    claim = "latest of 5 columns, 1 M labels x 1 M rows of 10,000 keys, from files"
    ours, theirs = run_all(FEW, [feast])
    claims = [
        compare(
            f"{claim}: {what}",
            figures(ours, unit),
            ("Feast on DuckDB", figures(theirs[0], unit)),
            unit=unit,
            target=target,
        )
        for what, unit, target in (
            ("time", "s", TIMES_FEAST),
            ("memory", "GB", TIMES_FEAST_MEMORY),
        )
    ]
    ours, theirs = run_all(MANY, [plain, polars])
    times = [statistics.median(figures(one, "s")) for one in theirs]
    best = min(range(len(theirs)), key=times.__getitem__)
    claim = "latest of 5 columns, 1 M labels x 10 M rows of 10,000 keys, from files"
    peer = (f"{NOT_FEAST[best]}, the faster of two", figures(theirs[best], "s"))
    return [*claims, compare(claim, figures(ours, "s"), peer, unit="s", target=WITHIN)]


def run_all(rows: int, peers: list[tuple[str, Any]]) -> tuple[list[Run], list[list[Run]]]:
    """Run ours and the peers by turns on the same files; all must find the same."""
    files = write_rows(rows)
    ours: list[Run] = []
    theirs: list[list[Run]] = [[] for _ in peers]
    for _ in range(RUNS):
        mine = run_json("python", "ours_latest.py", *files)
        ours.append(mine)
        for (script, python), found in zip(peers, theirs, strict=True):
            other = run_json(python, script, *files)
            assert (other["rows"], other["nulls"]) == (mine["rows"], mine["nulls"]), other
            assert math.isclose(other["sum"], mine["sum"], rel_tol=TOLERANCE), (other, mine)
            found.append(other)
    return ours, theirs


def figures(runs: list[Run], unit: str) -> list[float]:
    """Return the seconds or the gigabytes of runs."""
    return [run["seconds" if unit == "s" else "gigabytes"] for run in runs]


def write_rows(rows: int) -> tuple[str, str]:
    """Write labels and rows with five columns once; return the files."""
    folder = BUILD / "bench" / f"latest_{rows}"
    paths = (folder / "labels.parquet", folder / "events.parquet")
    if not all(path.exists() for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        draw = np.random.default_rng(0)
        for path, count, columns in ((paths[0], LABELS, 0), (paths[1], rows, 5)):
            table = {
                "key": draw.integers(0, KEYS, count),
                "t": pa.array(START + draw.integers(0, SPAN, count), MOMENT),
                **{f"f{number}": draw.random(count) for number in range(columns)},
            }
            pyarrow.parquet.write_table(pa.table(table), path)
    return str(paths[0]), str(paths[1])
