"""Other engines read our tables as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.dataset as pads
import pytest
from deltalake import DeltaTable

if TYPE_CHECKING:
    from towpath.lake.tables.delta import DeltaTableStore

Found = list[tuple[int, str, float | None]]
ROWS: Found = [(1, "a", None), (3, "b", 0.5), (2, "c", 1.5)]


@pytest.fixture(autouse=True)
def things(store: DeltaTableStore) -> None:
    """A table that was appended to, merged, widened and compacted."""
    store.append("things", pa.table({"id": [1, 2], "word": ["a", "b"]}), batch="1")
    wider = pa.table({"id": [3, 2], "word": ["b", "c"], "size": [0.5, 1.5]})
    store.append("things", pa.table({"id": [4], "word": ["d"]}), batch="2")
    store.compact("things")
    store.merge("things", wider, key=["id"], batch="3")
    store.overwrite("others", pa.table({"id": [7]}), batch="1")


def rows_of(table: pa.Table) -> Found:
    rows = sorted(table.to_pylist(), key=lambda row: row["_seq"])
    return [(row["id"], row["word"], row["size"]) for row in rows if row["id"] != 4]


def test_ours(store: DeltaTableStore) -> None:
    assert rows_of(store.scan("things")) == ROWS


def test_duckdb(store: DeltaTableStore) -> None:
    paths = list(store.files("things").paths)
    found = duckdb.read_parquet(paths, union_by_name=True)
    assert rows_of(found.to_arrow_table()) == ROWS


def test_deltalake(store: DeltaTableStore) -> None:
    table = DeltaTable(store.files("things").table)
    assert rows_of(table.to_pyarrow_table()) == ROWS
    assert table.version() == store.version("things")


def test_deltalake_at_an_earlier_version(store: DeltaTableStore) -> None:
    table = DeltaTable(store.files("things").table, version=1)
    assert set(table.to_pyarrow_table()["id"].to_pylist()) == {1, 2, 4}


def test_pyarrow(store: DeltaTableStore) -> None:
    found = store.files("things")
    rows = pads.dataset(list(found.paths), schema=store.schema("things")).to_table()
    assert rows_of(rows) == ROWS


def test_polars(store: DeltaTableStore) -> None:
    polars = pytest.importorskip("polars")
    lazy = polars.scan_delta(store.files("things").table)
    assert rows_of(lazy.collect().to_arrow()) == ROWS
    assert lazy.filter(polars.col("id") == 3).collect()["word"].to_list() == ["b"]


def test_pandas(store: DeltaTableStore) -> None:
    pandas = pytest.importorskip("pandas")
    frames = [pandas.read_parquet(path) for path in store.files("things").paths]
    assert set(pandas.concat(frames)["id"]) == {1, 2, 3, 4}
