"""Rows as a frame of Spark, by a real session in this machine."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from tests.lake.test_frames import DATASET, FIRST, LAST, SCHEMA, fill

from towpath.core.errors import MissingExtra
from towpath.lake.table import Table
from towpath.lake.tables.delta import DeltaTableStore
from towpath.spark.settings import SparkSettings

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.catalog.database import Database
    from towpath.lake.frames.spark import SparkSession

pytestmark = [
    pytest.mark.slow,
    # Of Spark's own making: sockets that it leaves open, and pandas that it does not know yet.
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning"),
]


pytest_plugins = ("tests.spark_session",)


@pytest.fixture(scope="module")
def session(local_spark: str) -> SparkSession:
    from towpath.spark.session import open_session

    return open_session(local_spark, SparkSettings(), environ=os.environ)


@pytest.fixture
def table(tmp_path: Path, db: Database) -> Table:
    store = DeltaTableStore("file:year=2024/a [1]*?{b}", tmp_path, db)
    fill(store)
    return Table(DATASET, store, db)


def test_spark(table: Table, session: SparkSession) -> None:
    frame = table.to_spark(session=session)
    assert frame.columns == [*SCHEMA.names, "_seq"]
    assert dict(frame.dtypes)["cost"] == "decimal(9,2)"
    first, last = frame.orderBy("_seq").drop("_seq", "at").collect()
    told = {name: value for name, value in first.asDict().items() if value is not None}
    assert told == FIRST
    assert last.asDict() == {name: value for name, value in LAST.items() if name != "at"}
    assert frame.selectExpr("max(unix_micros(at)) AS at").collect()[0]["at"] == 1704110400000000


def test_spark_reads_a_selection(table: Table, session: SparkSession) -> None:
    frame = table.to_spark(["word", "id"], session=session, version=0)
    assert [tuple(row) for row in frame.collect()] == [(FIRST["word"], 1)]
    assert table.to_spark(["id"], session=session).filter("id = 3").count() == 1


def test_a_missing_spark_is_told_with_its_extra(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    monkeypatch.delitem(sys.modules, "towpath.lake.frames.spark", raising=False)
    with pytest.raises(MissingExtra, match=r"towpath\[spark\]"):
        table.to_spark()
