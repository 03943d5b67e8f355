"""Feast's materialisation of one view of ten floats into an online store that is empty.

``FOLDER DATA`` makes a repository in FOLDER for the Parquet file DATA.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64

FEATURES = 10


def main(folder: str, data: str) -> None:
    root = Path(folder)
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    config = {
        "project": "bench",
        "provider": "local",
        "registry": str(root / "registry.db"),
        "online_store": {"type": "sqlite", "path": str(root / "online.db")},
        "offline_store": {"type": "file"},
        "entity_key_serialization_version": 3,
    }
    store = FeatureStore(config=RepoConfig(repo_path=root, **config))
    driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
    view = FeatureView(
        name="drivers",
        entities=[driver],
        ttl=timedelta(days=3650),
        schema=[Field(name=f"feature_{place}", dtype=Float64) for place in range(FEATURES)],
        source=FileSource(path=data, timestamp_field="at"),
    )
    store.apply([driver, view])
    start = time.perf_counter()
    store.materialize(datetime(2025, 1, 1, tzinfo=UTC), datetime.now(tz=UTC))
    seconds = time.perf_counter() - start
    print("\n" + json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:3])
