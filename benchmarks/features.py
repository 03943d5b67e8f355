"""Point-in-time joins on the example's data: ours and a plain Polars join_asof, in one run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.parquet
from benchmarks.claim import Claim, compare
from benchmarks.environment import BUILD, peer_python, prepared_project, run_json

from towpath.core.record import to_json
from towpath.features.feature_set import spine_keys
from towpath.project.load import Project

if TYPE_CHECKING:
    from pathlib import Path

RUNS = 5
POLARS = ["polars==2.1.0", "pyarrow"]
TOLERANCE = 1e-9
# About as fast as one bare join (noise allowed for); for the whole set, four times sixteen.
WHOLE = 1 / 4
WITHIN = 0.75


def measure() -> list[Claim]:
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
