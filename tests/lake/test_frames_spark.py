"""Rows as a frame of Spark, by a real session in this machine."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from tests.lake.test_frames import DATASET, FIRST, LAST, SCHEMA, fill

from towpath.core.errors import MissingExtra
from towpath.lake.table import Table
from towpath.lake.tables.delta import DeltaTableStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from towpath.catalog.database import Database
    from towpath.lake.frames.spark import SparkSession

pytestmark = [
    pytest.mark.slow,
    # Of Spark's own making: sockets that it leaves open, and pandas that it does not know yet.
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A session of one thread, whose ports are open to this machine alone."""
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("there is no Java")
    from pyspark.sql import SparkSession as Spark

    builder = Spark.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.bindAddress", "127.0.0.1")
    builder = builder.config("spark.driver.host", "127.0.0.1")
    folder = tmp_path_factory.mktemp("spark")
    found = builder.config("spark.sql.warehouse.dir", str(folder)).getOrCreate()
    yield found
    found.stop()


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
