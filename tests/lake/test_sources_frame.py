from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.core.errors import Contract, Invalid
from towpath.lake.sources import open_source
from towpath.lake.sources.content import content_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from towpath.lake.dataset import Dataset
    from towpath.lake.lake import Lake

ROOT = Path()
TABLE = pa.table(
    {
        "kind": ["day", None, "night"],
        "id": [1, 2, 3],
        "fare": [1.5, None, float("nan")],
        "at": pa.array([0, 1_000_000, 2_000_000], pa.timestamp("us", "Europe/Lisbon")),
    }
)
FORMS: dict[str, Callable[[], Any]] = {
    "table": lambda: TABLE,
    "batch": lambda: TABLE.to_batches()[0],
    "reader": TABLE.to_reader,
    "polars": lambda: pl.from_arrow(TABLE),
    "pandas": TABLE.to_pandas,
    "duckdb": lambda: duckdb.from_arrow(TABLE),
    "list of batches": lambda: TABLE.to_batches(max_chunksize=1),
    "generator": lambda: (TABLE.slice(at, 1) for at in range(3)),
    "list of polars": lambda: [pl.from_arrow(TABLE.slice(0, 1)), pl.from_arrow(TABLE.slice(1))],
}


def read(dataset: Dataset, rows: object, since: object = None) -> pa.Table:
    source = open_source(dataset, rows, root=ROOT, since=since)
    pieces = [piece for part in source.parts() for piece in source.read(part)]
    return pa.concat_tables(pieces)


@pytest.mark.parametrize("name", FORMS)
def test_each_kind_of_frame_gives_the_same_rows_and_key(trips: Dataset, name: str) -> None:
    source = open_source(trips, FORMS[name](), root=ROOT)
    part = next(source.parts())
    for _ in range(2):
        table = pa.concat_tables(source.read(part))
        assert table["id"].to_pylist() == [1, 2, 3]
        assert table["fare"].to_pylist() == [1.5, None, None]
        assert table.schema.field("at").type == pa.timestamp("us", "UTC")
    assert part.key == next(open_source(trips, TABLE, root=ROOT).parts()).key
    assert part.origin == "The given table"


@pytest.mark.parametrize("name", FORMS)
def test_each_kind_of_frame_is_ingested_once(lake: Lake, name: str) -> None:
    first = lake.ingest("trips", FORMS[name](), mode="append")
    again = lake.ingest("trips", FORMS[name](), mode="append")
    assert (first.rows, first.unchanged, again.unchanged) == (3, False, True)


def test_rows_from_the_watermark_on_are_read(trips: Dataset) -> None:
    for name in ("table", "reader"):
        rows = read(trips, FORMS[name](), since="1970-01-01T00:00:01Z")
        assert rows["id"].to_pylist() == [2, 3]


def test_columns_of_another_type_are_named(trips: Dataset) -> None:
    for rows in (TABLE.set_column(1, "id", pa.array(["1", "2", "3"])), [TABLE.drop_columns("id")]):
        with pytest.raises(Contract, match=r"The given table"):
            read(trips, rows)
    naive = TABLE.to_pandas().assign(at=pd.Timestamp("2013-01-01"))
    with pytest.raises(Invalid, match="without a time zone"):
        read(trips, naive)


def test_an_index_of_pandas_is_no_column(trips: Dataset) -> None:
    with pytest.raises(Contract, match=r"lacks the column 'id'|has the column"):
        read(trips, TABLE.to_pandas().rename(columns={"id": "key"}).set_index("key"))


@pytest.mark.parametrize("rows", [7, object(), [1, 2], b"id\n1\n"])
def test_what_gives_no_rows_is_refused(trips: Dataset, rows: object) -> None:
    with pytest.raises(Invalid, match="gives no rows"):
        read(trips, rows)


def test_an_empty_frame_is_held_against_the_contract(trips: Dataset) -> None:
    source = open_source(trips, TABLE.slice(0, 0).to_reader(), root=ROOT)
    assert list(source.read(next(source.parts()))) == []
    other = open_source(trips, pa.table({"x": [1]}).slice(0, 0).to_reader(), root=ROOT)
    with pytest.raises(Contract, match="column 'x'"):
        list(other.parts())


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False),
    "string": st.text(max_size=3),
    "binary": st.binary(max_size=3),
    "bool": st.booleans(),
}


@given(data=st.data(), kind=st.sampled_from(sorted(VALUES)))
def test_a_content_hash_sees_values_and_not_how_they_are_cut(
    data: st.DataObject, kind: str
) -> None:
    dtype: Any = pa.type_for_alias(kind)  # type: ignore[call-overload]  # of any text
    column = st.lists(st.none() | VALUES[kind], max_size=12)
    one, other = data.draw(column), data.draw(column)
    cut = data.draw(st.integers(0, len(one)))
    array = pa.array(one, dtype)
    whole = content_hash(pa.table({"v": array}))
    pieces = pa.table({"v": pa.chunked_array([array[:cut], array[cut:]], dtype)})
    assert content_hash(pieces) == whole
    assert content_hash(pa.table({"v": pa.array([None, *one], dtype)[1:]})) == whole
    same = pa.array(one, dtype).equals(pa.array(other, dtype))
    assert (content_hash(pa.table({"v": pa.array(other, dtype)})) == whole) == same


def test_a_content_hash_tells_lists_and_neighbours_apart() -> None:
    kind = pa.list_(pa.float64())
    lists = ([[1.0], [2.0]], [[1.0, 2.0], []], [[1.0, 2.0], None], [None, [1.0, 2.0]])
    texts = (["ab", "c"], ["a", "bc"], ["abc", ""], ["abc", None])
    hashes = {content_hash(pa.table({"v": pa.array(one, kind)})) for one in lists}
    hashes |= {content_hash(pa.table({"v": one})) for one in texts}
    assert len(hashes) == 8
