"""Point-in-time joins on the example's data: ours and a plain Polars join_asof, in one run."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pyarrow.parquet
from benchmarks import latest
from benchmarks.claim import Claim, compare
from benchmarks.environment import BUILD, peer_python, prepared_project, run_json
from benchmarks.spark import measure_spark
from benchmarks.windows import write_windows

from towpath.core.record import to_json
from towpath.features.feature_set import spine_keys
from towpath.project.load import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUNS = 5
# Frames over skewed keys take minutes.
SKEWED_RUNS = 3
POLARS = ["polars==2.1.0", "pyarrow"]
TOLERANCE = 1e-9
# About as fast as one bare join (noise allowed for); for the whole set, four times sixteen.
WHOLE = 1 / 4
WITHIN = 0.75


# Times as fast as DuckDB's RANGE and the better form of Polars, by the kind of keys.
KEYS = {
    "few": "10,000 keys",
    "many": "1,000,000 keys",
    "zipf": "100,000 keys, Zipf(1.1)",
    "one": "one key",
}
TARGETS = {"few": (7.0, 5.0), "many": (7.0, 5.0), "zipf": (3.0, 3.0)}
FORMS = ("grouped", "over")
EVENTS = 10_000_000
MOST_EVENTS = 50_000_000
GROWTH = (1_000_000, EVENTS, MOST_EVENTS)
MEMORY_RUNS = 3
# Five times the events in no more than one and a half times the memory.
FLAT = 1 / 1.5
GIGABYTES = 4.0
# At most two and a half times as long as DuckDB takes for no more than the sort.
FLOOR = 1 / 2.5


def measure() -> Iterator[Claim]:
    """Measure all claims, those that take long last."""
    yield from measure_latest()
    yield from latest.measure()
    yield from measure_growth()
    yield from measure_memory()
    yield from measure_windows()
    yield from measure_spark()


def measure_windows() -> Iterator[Claim]:
    """Compare three windows of five aggregates of 1 M labels over 10 M events."""
    polars = peer_python("polars", POLARS)
    for kind, (target, polars_target) in TARGETS.items():
        files = write_windows(kind, EVENTS)
        ours, floor, ranges = [], [], []
        forms: dict[str, list[float]] = {form: [] for form in FORMS}
        for _ in range(SKEWED_RUNS if kind == "zipf" else RUNS):
            mine = run_json("python", "ours_windows.py", "table", *files)
            theirs = run_json("python", "peers/duckdb_windows.py", "range", *files)
            check_totals(mine, theirs)
            ours.append(mine["seconds"])
            ranges.append(theirs["seconds"])
            sort = run_json("python", "peers/duckdb_windows.py", "sort", *files)
            floor.append(sort["seconds"])
            for form, figures in forms.items():
                theirs = run_json(polars, "peers/polars_windows.py", form, *files)
                check_totals(mine, theirs)
                figures.append(theirs["seconds"])
        best = min(forms, key=lambda form: statistics.median(forms[form]))
        claim = f"3 windows x 5 aggregates, 1 M labels x 10 M events, {KEYS[kind]}"
        for name, figures, wanted in (
            ("DuckDB RANGE", ranges, target),
            (f"Polars rolling, {best}", forms[best], polars_target),
            ("DuckDB sorting the events to Arrow", floor, FLOOR),
        ):
            yield compare(claim, ours, (name, figures), unit="s", target=wanted)


def measure_growth() -> list[Claim]:
    """Compare time and memory for ten and fifty times the events, taken piece by piece."""
    seconds: dict[int, list[float]] = {rows: [] for rows in GROWTH}
    memory: dict[int, list[float]] = {rows: [] for rows in GROWTH}
    for _ in range(RUNS):
        for rows in GROWTH:
            files = write_windows("few", rows)
            found = run_json("python", "ours_windows.py", "pieces", *files)
            seconds[rows].append(found["seconds"])
            memory[rows].append(found["gigabytes"])
    claims = []
    for rows in GROWTH[1:]:
        times = rows // GROWTH[0]
        linear = [times * each for each in seconds[GROWTH[0]]]
        what = f"3 windows x 5 aggregates, 1 M labels x {rows // 1_000_000} M events in pieces"
        name = f"{times} times the time of 1 M events"
        claims.append(compare(f"{what}: time", seconds[rows], (name, linear), unit="s", target=1.0))
    largest, before = memory[GROWTH[2]], memory[GROWTH[1]]
    name = f"the memory of {GROWTH[1] // 1_000_000} M events"
    claims.append(compare(f"{what}: memory", largest, (name, before), unit="GB", target=FLAT))
    return claims


def measure_memory() -> Iterator[Claim]:
    """Hold the memory for 50 M events, spread or all of one key, against a limit."""
    for kind, keys in KEYS.items():
        files = write_windows(kind, MOST_EVENTS)
        found = [
            run_json("python", "ours_windows.py", "pieces", *files)["gigabytes"]
            for _ in range(MEMORY_RUNS)
        ]
        claim = f"3 windows x 5 aggregates, 1 M labels x 50 M events, {keys}: memory"
        limit = ("the limit", [GIGABYTES])
        yield compare(claim, found, limit, unit="GB", target=1.0)


def check_totals(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Make sure that both computed the same."""
    for name, total in theirs["totals"].items():
        assert math.isclose(ours["totals"][name], total, rel_tol=TOLERANCE), (name, ours, theirs)


def measure_latest() -> list[Claim]:
    """Compare latest values with a join of Polars."""
    python = peer_python("polars", POLARS)
    folder = prepared_project()
    files = write_inputs(folder)
    ours, peer = [], []
    for _ in range(RUNS):
        mine = run_json("python", "ours_asof.py", str(folder), *files)
        theirs = run_json(python, "peers/polars_asof.py", *files)
        assert mine["nulls"] == theirs["nulls"], (mine, theirs)
        assert math.isclose(mine["sum"], theirs["sum"], rel_tol=TOLERANCE), (mine, theirs)
        ours.append(mine["seconds"])
        peer.append(theirs["seconds"])
    views = write_views(folder)
    whole, plain = [], []
    for _ in range(RUNS):
        whole.append(run_json("python", "ours_training_set.py", str(folder))["seconds"])
        data = str(folder / "data")
        plain.append(run_json(python, "peers/polars_views.py", data, views)["seconds"])
    return [
        compare(
            "last arrival delay of the route for 336,776 flights, tables in memory",
            ours,
            ("Polars join_asof", peer),
            unit="s",
            target=WITHIN,
        ),
        compare(
            "the demo's training set from files, 53 features (35 over windows) of 16 views, "
            "against one latest value for each view",
            whole,
            ("16 times Polars join_asof", plain),
            unit="s",
            target=WHOLE,
        ),
    ]


def write_views(folder: Path) -> str:
    """Describe each use of a view for the peer: source, keys, time and its first column."""
    project = Project(folder)
    feature_set = project.feature_sets["flight_delay"]
    uses = []
    for ref in feature_set.refs:
        view = project.views[ref.view]
        time = project.datasets[view.source].event_time
        column = next((one.column for one in view.features if one.column), time)
        uses.append(
            {
                "source": view.source,
                "keys": view.keys,
                "spine_keys": spine_keys(ref, view),
                "time": time,
                "column": column,
            }
        )
    path = BUILD / "bench" / "views.json"
    path.write_bytes(to_json(uses))
    return str(path)


def write_inputs(folder: Path) -> tuple[str, str]:
    """Write labels (key, t) and events (key, t, value) of one join, for both sides."""
    out = BUILD / "bench" / "asof"
    out.mkdir(parents=True, exist_ok=True)
    labels = pyarrow.parquet.read_table(f"{folder}/data/schedule.parquet")
    events = pyarrow.parquet.read_table(f"{folder}/data/arrivals.parquet")
    (time,) = (name for name in events.column_names if name.endswith("_at") or "landed" in name)
    labels = labels.select(["route", "predict_at"]).rename_columns(["key", "t"])
    events = events.select(["route", time, "arr_delay"]).rename_columns(["key", "t", "value"])
    events = events.filter(pc.is_valid(events["value"]))
    # Of events at one time the last row wins on our side, and on Polars' side in a stable sort.
    paths = (str(out / "labels.parquet"), str(out / "events.parquet"))
    pyarrow.parquet.write_table(labels, paths[0])
    pyarrow.parquet.write_table(events, paths[1])
    return paths
