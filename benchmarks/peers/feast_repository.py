"""A Feast repository: five views of ten float features, the latest row of each of 10,000 drivers.

``FOLDER STORE DATA`` makes it in FOLDER, with the online store that STORE describes as JSON, from
the Parquet file DATA; then ``feast serve`` in FOLDER answers.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64

VIEWS, FEATURES = 5, 10


def main(folder: str, online: str, data: str) -> None:
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    config = {
        "project": "bench",
        "provider": "local",
        "registry": str(root / "registry.db"),
        "online_store": json.loads(online),
        "entity_key_serialization_version": 3,
    }
    (root / "feature_store.yaml").write_text(json.dumps(config))
    store = FeatureStore(config=RepoConfig(repo_path=root, **config))
    driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
    source = FileSource(path=data, timestamp_field="event_timestamp")
    views = [
        FeatureView(
            name=f"view_{view}",
            entities=[driver],
            ttl=timedelta(days=3650),
            schema=[
                Field(name=f"view_{view}_feature_{place}", dtype=Float64)
                for place in range(FEATURES)
            ],
            source=source,
        )
        for view in range(VIEWS)
    ]
    store.apply([driver, *views])
    frame = pd.read_parquet(data)
    for view in views:
        names = [field.name for field in view.schema if field.name != "driver_id"]
        part = frame[["driver_id", "event_timestamp", *names]]
        store.write_to_online_store(view.name, part)


if __name__ == "__main__":
    main(*sys.argv[1:4])
