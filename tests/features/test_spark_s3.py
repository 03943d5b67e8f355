from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from tests.features.conftest import CARRIER, DATASETS, VIEWS, airline

from towpath.catalog.database import Database
from towpath.core.clock import SimulatedClock
from towpath.core.errors import Denied
from towpath.core.instant import parse_instant
from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.engines.files import EventFiles
from towpath.features.feature_set import FeatureSet
from towpath.features.snapshot import Snapshot
from towpath.features.training import add_features
from towpath.lake.lake import Lake
from towpath.lake.tables import DataFiles
from towpath.lake.tables.s3 import S3DeltaTableStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Bucket

pytest_plugins = ("tests.services", "tests.spark_session")

BY_CARRIER = FeatureSet("delay", "schedule", "at", ("carrier",))


@pytest.mark.e2e
@pytest.mark.slow
def test_workers_read_a_lake_in_a_bucket(
    local_spark: str, s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from towpath.features.engines.spark import SparkEngine

    for name, value in s3.env.items():
        monkeypatch.setenv(name, value)
    clock = SimulatedClock(parse_instant("2013-02-01"))
    with Database.open("sqlite:catalog.db", tmp_path) as db:
        store = S3DeltaTableStore(f"s3://{s3.bucket}/{tmp_path.name}", tmp_path, db, clock=clock)
        lake = Lake(store, db, DATASETS, clock=clock)
        rows = airline(500)["arrivals"]
        for start in (0, 200, 400):
            lake.ingest("arrivals", rows.slice(start, 200), mode="append")
        lake.ingest("schedule", airline(500)["schedule"])
        files = lake.store.files("arrivals").paths
        labels = lake["schedule"].scan()
        engine = SparkEngine(local_spark, environ=os.environ, task_rows=200)
        found, expected = (
            add_features(Snapshot(lake), BY_CARRIER, VIEWS, labels=labels, engine=one)
            for one in (engine, EmbeddedEngine(2))
        )
    assert len(files) == 3
    assert all(one.startswith("s3://") for one in files)
    assert found.equals(expected)


@pytest.mark.e2e
@pytest.mark.slow
def test_a_bucket_that_refuses_a_worker_is_no_damaged_file(
    s3: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**s3.env, "AWS_SECRET_ACCESS_KEY": "wrong"}.items():
        monkeypatch.setenv(name, value)
    schema = pa.schema([("landed", pa.timestamp("us", "UTC")), ("_seq", pa.int64())])
    options = {"aws_endpoint_url": s3.endpoint, "aws_region": "us-east-1"}
    found = DataFiles("t", 0, (f"s3://{s3.bucket}/t/a.parquet",), options)
    files = EventFiles(CARRIER, found, schema, "landed", None)
    with pytest.raises(Denied, match=r"a\.parquet"):
        next(files.read(found.paths[0]))
