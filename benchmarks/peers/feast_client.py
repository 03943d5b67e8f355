"""The stock Feast SDK with a remote online store: reads (and writes) what a server has.

``FOLDER URL ASKED`` makes a repository in FOLDER whose features are at URL, asks what ASKED says as
JSON, and prints the answers as JSON. ``features`` are views as name: [keys, {feature: type}];
``reads`` and ``writes`` are done in order.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, RepoConfig, ValueType
from feast.data_source import PushSource
from feast.infra.offline_stores.file_source import FileSource
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.types import Bool, Float64, Int64, String, UnixTimestamp

TYPES = {
    "int64": Int64, "float64": Float64, "string": String, "bool": Bool, "timestamp": UnixTimestamp,
}  # fmt: skip
KEYS = {"int64": ValueType.INT64, "string": ValueType.STRING}


def opened(root: Path, url: str, asked: dict[str, Any]) -> FeatureStore:
    """Register the views, as their users know them."""
    config = {
        "project": "stock",
        "provider": "local",
        "registry": str(root / "registry.db"),
        "online_store": {"type": "remote", "path": url},
        "entity_key_serialization_version": 3,
    }
    store = FeatureStore(config=RepoConfig(repo_path=root, **config))
    entities = {
        key: Entity(name=key, join_keys=[key], value_type=KEYS[dtype])
        for keys, _ in asked["views"].values()
        for key, dtype in keys.items()
    }
    batch = FileSource(path=str(root / "none.parquet"), timestamp_field="event_timestamp")
    source = PushSource(name=asked["push_source"], batch_source=batch)
    views = [
        FeatureView(
            name=name,
            entities=[entities[key] for key in keys],
            schema=[
                *(Field(name=key, dtype=TYPES[dtype]) for key, dtype in keys.items()),
                *(Field(name=one, dtype=TYPES[dtype]) for one, dtype in features.items()),
            ],
            source=source,
        )
        for name, (keys, features) in asked["views"].items()
    ]
    store.registry.apply_data_source(source, "stock")
    for entity in entities.values():
        store.registry.apply_entity(entity, "stock")
    for view in views:
        store.registry.apply_feature_view(view, "stock")
    service = FeatureService(name=asked["service"], features=views[:1])
    store.registry.apply_feature_service(service, "stock")
    return store


def read_old_way(store: FeatureStore, one: dict[str, Any]) -> list[dict[str, Any]]:
    """Read as clients before 0.60 do: a view, key by key, by the names of its features."""
    view = store.get_feature_view(one["view"])
    key, values = next(iter(one["keys"].items()))
    keys = [EntityKey(join_keys=[key], entity_values=[Value(int64_val=value)]) for value in values]
    online = store._get_provider().online_store
    rows = online.online_read(store.config, view, keys, one["features"])
    return [
        {
            name: getattr(value, value.WhichOneof("val")) if value.WhichOneof("val") else None
            for name, value in (features or {}).items()
        }
        for _, features in rows
    ]


def main(folder: str, url: str, asked_file: str) -> None:
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    asked = json.loads(Path(asked_file).read_text())
    store = opened(root, url, asked)
    answers: list[Any] = []
    for one in asked["steps"]:
        if one["do"] == "read":
            features = one.get("features") or store.get_feature_service(asked["service"])
            full = one.get("full", False)
            found = store.get_online_features(
                features, entity_rows=one["rows"], full_feature_names=full
            )
            answers.append(found.to_dict())
        elif one["do"] == "read_old_way":
            answers.append(read_old_way(store, one))
        else:
            frame = pd.DataFrame(one["rows"])
            moment = pd.to_datetime(frame["event_timestamp"], utc=True)
            frame = frame.assign(event_timestamp=moment, created=datetime.now(UTC))
            for name in one.get("instants", ["began"]):
                frame[name] = pd.to_datetime(frame[name], unit="s", utc=True)
            store.write_to_online_store(one["view"], frame)
            answers.append(None)
    print(json.dumps(answers, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:4])
