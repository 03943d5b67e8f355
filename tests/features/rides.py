"""A small project: rides are asked for, cars were seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from tests.features.sightings import UTC_MICROS, moment

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.workspace import Workspace

FEATURES = """
from datetime import timedelta

from towpath.features.derived import derived
from towpath.features.feature_set import FeatureSet
from towpath.features.view import Aggregate, FeatureView, Latest

car = FeatureView(
    "car", "sightings", ("car",),
    (Latest("km"), Latest("kind"), Aggregate("sum", "km", timedelta(hours=2))),
    ttl=timedelta(hours=1),
)


@derived(inputs=("car__km_sum_2h",), dtype="float64")
def far(km):
    return km / FACTOR


ride = FeatureSet("ride", "asks", "at", ("car",), derived=(far,))
"""
SIGHTINGS = """
name: sightings
event_time: seen
columns:
  - {name: car, dtype: string}
  - {name: km, dtype: int64, nullable: true}
  - {name: kind, dtype: string, nullable: true}
  - {name: seen, dtype: timestamp}
"""
ASKS = """
name: asks
key: [ask]
event_time: asked
columns:
  - {name: ask, dtype: int64}
  - {name: car, dtype: string}
  - {name: at, dtype: timestamp}
  - {name: asked, dtype: timestamp}
"""


def minutes(*values: float) -> pa.Array[pa.Scalar[pa.DataType]]:
    found: pa.Array[pa.Scalar[pa.DataType]] = pa.array(
        [moment(value) for value in values], pa.int64()
    ).cast(UTC_MICROS)
    return found


def write_project(root: Path, factor: int = 10) -> Path:
    for folder, name, text in (
        ("features", "ride.py", FEATURES.replace("FACTOR", str(factor))),
        ("datasets", "sightings.yaml", SIGHTINGS),
        ("datasets", "asks.yaml", ASKS),
    ):
        (root / folder).mkdir(exist_ok=True)
        (root / folder / name).write_text(text.lstrip())
    (root / "towpath.toml").write_text('name = "rides"\n')
    return root


def ingest_rides(workspace: Workspace) -> None:
    """Ingest three sightings of two cars, and four asks, one of them for a third car."""
    cars, km = ["a", "b", "a"], [1, 2, 4]
    rows = {"car": cars, "km": km, "kind": [None, "x", "y"], "seen": minutes(5, 10, 20)}
    workspace.lake.ingest("sightings", pa.table(rows))
    asks = {"ask": [1, 2, 3, 4], "car": [*"abca"]}
    times = {"at": minutes(6, 12, 20, 30), "asked": minutes(1, 2, 3, 4)}
    workspace.lake.ingest("asks", pa.table({**asks, **times}))
