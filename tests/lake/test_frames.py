"""Rows as frames of other libraries, from disk and from a bucket."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest

from towpath.core.errors import MissingExtra
from towpath.lake.dataset import Column, Dataset
from towpath.lake.table import Table
from towpath.lake.tables.delta import DeltaTableStore
from towpath.lake.tables.s3 import S3DeltaTableStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Bucket

    from towpath.catalog.database import Database

pytest_plugins = ("tests.services",)

LARGE = 2**60 + 1
DATASET = Dataset(
    "things",
    (
        Column("id", "int64"),
        Column("on", "bool", nullable=True),
        Column("size", "float64", nullable=True),
        Column("cost", "decimal(9,2)", nullable=True),
        Column("word", "string", nullable=True),
        Column("at", "timestamp", nullable=True),
        Column("day", "date", nullable=True),
        Column("raw", "binary", nullable=True),
        Column("list", "list<float64>", nullable=True),
        Column("count", "int64", nullable=True),
    ),
    key=("id",),
)
AT = datetime(2024, 1, 1, 12, tzinfo=UTC)
FIRST = {"id": 1, "on": True, "word": 'it\'s "a"'}
LAST = {
    "id": 3,
    "on": False,
    "size": 0.5,
    "cost": Decimal("1.50"),
    "word": "ç",
    "at": AT,
    "day": date(2024, 1, 1),
    "raw": b"\x00\xff",
    "list": [1.0, None],
    "count": LARGE,
}
FIELDS: list[tuple[str, pa.DataType]] = [
    ("id", pa.int64()),
    ("on", pa.bool_()),
    ("word", pa.string()),
    ("size", pa.float64()),
    ("cost", pa.decimal128(9, 2)),
    ("at", pa.timestamp("us", "UTC")),
    ("day", pa.date32()),
    ("raw", pa.binary()),
    ("list", pa.list_(pa.float64())),
    ("count", pa.int64()),
]
SCHEMA = pa.schema(FIELDS)


def fill(store: DeltaTableStore | S3DeltaTableStore) -> None:
    """A row, and then one that brings more columns, of every type there is."""
    narrow = pa.schema([SCHEMA.field(name) for name in FIRST])
    store.append("things", pa.Table.from_pylist([FIRST], narrow), batch="1")
    store.append("things", pa.Table.from_pylist([LAST], SCHEMA), batch="2")


# A folder whose name holds the signs that engines take for patterns and partitions.
@pytest.fixture
def on_disk(tmp_path: Path, db: Database) -> Table:
    store = DeltaTableStore("file:year=2024/a [1]*?{b}", tmp_path, db)
    fill(store)
    return Table(DATASET, store, db)


@pytest.fixture
def in_bucket(s3: Bucket, tmp_path: Path, db: Database, monkeypatch: pytest.MonkeyPatch) -> Table:
    for name, value in s3.env.items():
        monkeypatch.setenv(name, value)
    store = S3DeltaTableStore(f"s3://{s3.bucket}/{tmp_path.name}", tmp_path, db)
    fill(store)
    return Table(DATASET, store, db)


@pytest.fixture(params=["on_disk", "in_bucket"])
def table(request: pytest.FixtureRequest) -> Table:
    found: Table = request.getfixturevalue(request.param)
    return found


def rows_of(table: pa.Table) -> list[dict[str, object]]:
    """Return the rows, without what is missing, by the order of arrival."""
    rows = sorted(table.to_pylist(), key=lambda row: row.pop("_seq"))
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def test_polars(table: Table) -> None:
    frame = table.to_polars()
    assert rows_of(frame.to_arrow()) == [FIRST, LAST]
    assert table.to_polars(["word", "id"], version=0).columns == ["word", "id"]


def test_pandas(table: Table) -> None:
    frame = table.to_pandas()
    assert frame["count"].tolist()[1] == LARGE
    assert str(frame["count"].dtype) == "Int64"
    assert str(frame["on"].dtype) == "boolean"
    assert str(frame["id"].dtype) == "int64"
    assert str(frame["at"].dtype) == "datetime64[us, UTC]"
    assert frame["cost"].tolist()[1] == Decimal("1.50")
    assert list(table.to_pandas(["word", "id"], version=0).columns) == ["word", "id"]


def test_duckdb(table: Table) -> None:
    relation = table.to_duckdb()
    assert relation.columns == [*SCHEMA.names, "_seq"]
    assert rows_of(relation.to_arrow_table()) == [FIRST, LAST]
    assert table.to_duckdb(["count", "id"]).filter("id = 3").fetchall() == [(LARGE, 3)]
    assert len(table.to_duckdb(version=0)) == 1


def test_a_relation_can_be_queried_by_its_name(table: Table) -> None:
    things = table.to_duckdb()
    found = duckdb.sql("SELECT max(id), count(word) FROM things")
    assert found is not None
    assert found.fetchall() == [(3, 2)]
    assert things.columns[0] == "id"


def test_a_relation_lives_where_it_is_asked_to(table: Table) -> None:
    with duckdb.connect() as connection:
        table.to_duckdb(connection=connection).create_view("things")
        assert connection.execute("SELECT count(*) FROM things").fetchall() == [(2,)]


def test_a_table_without_rows_has_its_columns(db: Database, tmp_path: Path, on_disk: Table) -> None:
    store = DeltaTableStore("file:empty", tmp_path, db)
    store.overwrite("others", SCHEMA.empty_table(), batch="1")
    table = Table(DATASET.replace(name="others"), store, db)
    assert table.to_duckdb().columns == [*SCHEMA.names, "_seq"]
    assert table.to_duckdb().fetchall() == []
    assert len(table.to_pandas()) == len(table.to_polars()) == 0


def test_a_column_without_rows_is_null(db: Database, tmp_path: Path) -> None:
    """The files of a version may all be older than its columns."""
    store = DeltaTableStore("file:lake", tmp_path, db)
    fill(store)
    relation = Table(DATASET, store, db).to_duckdb(version=1)
    assert relation.columns == [*SCHEMA.names, "_seq"]
    assert rows_of(relation.to_arrow_table()) == [FIRST]
    assert str(relation.types[relation.columns.index("at")]) == "TIMESTAMP WITH TIME ZONE"


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_a_missing_library_is_told_with_its_extra(
    on_disk: Table, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"towpath.lake.frames.{library}", raising=False)
    with pytest.raises(MissingExtra, match=f"towpath\\[{library}\\]"):
        getattr(on_disk, f"to_{library}")()
