"""The lake: appends beside a bare write_deltalake, scans beside DuckDB, checks and search."""

from __future__ import annotations

import math
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from benchmarks import catalog, checks
from benchmarks.claim import Claim, compare
from benchmarks.environment import BUILD, run_json

if TYPE_CHECKING:
    from pathlib import Path

RUNS = 7
ROWS = 10_000_000
MORE = 5_000_000
ROUTES = 5_000
NOTES = 1_000_003
START = 1_700_000_000_000_000
MOMENT = pa.timestamp("us", "UTC")
APPEND_WITHIN = 1 / 1.3
INGEST_WITHIN = 1 / 1.6
SCAN_WITHIN = 1 / 1.1
TOLERANCE = 1e-9


def measure() -> list[Claim]:
    rows = write_rows()
    folder = BUILD / "bench" / "lake"
    tables = [*appends(rows, folder), *scans(rows, folder / "scanned")]
    return [*tables, *checks.measure(), *catalog.measure()]


def appends(rows: Path, folder: Path) -> list[Claim]:
    """All sides hold the rows in memory and write them into an empty folder."""
    seconds: dict[str, list[float]] = {
        "ours_append.py": [],
        "ours_ingest.py": [],
        "peers/write_deltalake.py": [],
    }
    for _ in range(RUNS):
        for script, each in seconds.items():
            shutil.rmtree(folder, ignore_errors=True)
            found = run_json("python", script, str(rows), str(folder))
            assert found["rows"] == ROWS, found
            each.append(found["seconds"])
    shutil.rmtree(folder, ignore_errors=True)
    bare, checked, peer = seconds.values()
    many = "append 10,000,000 rows of 8 columns, synced, hashed and with page checksums"
    name = ("write_deltalake, not synced", peer)
    return [
        compare(many, bare, name, unit="s", target=APPEND_WITHIN),
        compare(
            f"{many}, known again by their content, and 20 checks of a contract",
            checked,
            name,
            unit="s",
            target=INGEST_WITHIN,
        ),
    ]


def scans(rows: Path, folder: Path) -> list[Claim]:
    """Both sides read the same files, warm; each side has a process of its own."""
    run_json("python", "ours_append.py", str(rows), str(folder), str(MORE))
    whats = {
        "group": "group 15,000,000 rows by one of 5,000 texts: DuckDB on the files that we checked",
        "arrow": "15,000,000 rows of 3 columns as an Arrow table",
    }
    claims = []
    for kind, what in whats.items():
        ours, peer = [], []
        for _ in range(RUNS):
            mine = run_json("python", "ours_scan.py", str(folder), kind)
            theirs = run_json("python", "peers/duckdb_scan.py", str(folder / "lake/rows"), kind)
            assert mine["rows"] == theirs["rows"], (mine, theirs)
            assert math.isclose(mine["sum"], theirs["sum"], rel_tol=TOLERANCE), (mine, theirs)
            ours.append(mine["seconds"])
            peer.append(theirs["seconds"])
        name = ("DuckDB on the bare files", peer)
        claims.append(compare(what, ours, name, unit="s", target=SCAN_WITHIN))
    shutil.rmtree(folder, ignore_errors=True)
    return claims


def write_rows() -> Path:
    """Write the rows once: whole numbers, doubles, few and many texts, and times."""
    path = BUILD / "bench" / "lake_rows.parquet"
    if path.exists():
        return path
    draw = np.random.default_rng(7)
    number = np.arange(ROWS)
    routes = pa.array([f"route-{one:05d}" for one in range(ROUTES)])
    notes = pa.array([f"note {one}" for one in range(NOTES)])
    started = START + number * 1_000_000
    table = pa.table(
        {
            "id": number,
            "car": draw.integers(0, 100_000, ROWS),
            "fare": np.round(draw.gamma(2, 20, ROWS), 2),
            "distance": draw.random(ROWS),
            "route": routes.take(pa.array(draw.integers(0, ROUTES, ROWS))),
            "note": notes.take(pa.array(draw.integers(0, NOTES, ROWS))),
            "started": pa.array(started, MOMENT),
            "ended": pa.array(started + draw.integers(0, 10**10, ROWS), MOMENT),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, path)
    return path
