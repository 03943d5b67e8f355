"""Feast's DuckDB engine on the latest five values, at most 30 days old: labels to a frame."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource
from feast.repo_config import RepoConfig
from feast.types import Float64
from feast.value_type import ValueType

COLUMNS = [f"f{number}" for number in range(5)]


def store(folder: Path, events_file: str) -> FeatureStore:
    """Register one view over the file."""
    config = RepoConfig(
        project="bench",
        provider="local",
        registry=str(folder / "registry.db"),
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        offline_store={"type": "duckdb"},
        entity_key_serialization_version=3,
    )
    opened = FeatureStore(config=config)
    key = Entity(name="key", join_keys=["key"], value_type=ValueType.INT64)
    source = FileSource(name="events", path=events_file, timestamp_field="t")
    view = FeatureView(
        name="v",
        entities=[key],
        ttl=timedelta(days=30),
        schema=[Field(name=name, dtype=Float64) for name in COLUMNS],
        source=source,
    )
    opened.apply([key, view])
    return opened


def main(labels_file: str, events_file: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        opened = store(Path(folder), events_file)
        labels = pd.read_parquet(labels_file).rename(columns={"t": "event_timestamp"})
        start = time.perf_counter()
        job = opened.get_historical_features(labels, [f"v:{name}" for name in COLUMNS])
        found = job.to_df()
        seconds = time.perf_counter() - start
    result = {
        "seconds": seconds,
        "rows": len(found),
        "nulls": int(found["f0"].isna().sum()),
        "sum": float(found["f0"].sum()),
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:3])
