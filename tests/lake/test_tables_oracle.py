"""Any order of writes leaves what a plain list would hold; bounds never hide a row."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towpath.catalog.database import Database
from towpath.lake.tables.delta import DeltaTableStore
from towpath.lake.tables.file_statistics import file_statistics

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = st.lists(st.integers(0, 20), max_size=8, unique=True)
WRITES = st.lists(
    st.tuples(st.sampled_from(["append", "merge", "overwrite", "compact", "vacuum"]), KEYS),
    min_size=1,
    max_size=8,
)
SCHEMA = pa.table({"id": [0], "part": ["a"], "value": [0]}).schema
EARLIEST, LATEST = datetime(1, 1, 1), datetime(9999, 12, 31)  # noqa: DTZ001  # hypothesis adds UTC


def rows(keys: list[int], value: int) -> pa.Table:
    given = [{"id": key // 2, "part": "ab"[key % 2], "value": value} for key in keys]
    return pa.Table.from_pylist(given, SCHEMA)


class Model:
    """The rows as a list of (key, value, place)."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int]] = []
        self.next = 0

    def take(self, work: str, keys: list[int], value: int) -> None:
        if work in {"compact", "vacuum"}:
            return
        if work == "overwrite":
            self.rows, self.next = [], 0
        if work == "merge":
            self.rows = [row for row in self.rows if row[0] not in keys]
        self.rows += [(key, value, self.next + place) for place, key in enumerate(keys)]
        self.next = max((row[2] + 1 for row in self.rows), default=0)


def take(store: DeltaTableStore, work: str, keys: list[int], value: int) -> None:
    if work == "merge":
        store.merge("things", rows(keys, value), key=["id", "part"], batch=str(value))
    elif work in {"append", "overwrite"}:
        getattr(store, work)("things", rows(keys, value), batch=str(value))
    elif store.version("things") is None:
        return
    elif work == "compact":
        store.compact("things")
    else:
        store.vacuum("things", pinned=set, older_than=timedelta(0))


def found(store: DeltaTableStore) -> list[tuple[int, int, int]]:
    if store.version("things") is None:
        return []
    return [
        (2 * row["id"] + "ab".index(row["part"]), row["value"], row["_seq"])
        for row in store.scan("things").to_pylist()
    ]


@pytest.mark.slow
@settings(max_examples=40)
@given(writes=WRITES)
def test_any_order_of_writes_leaves_what_a_list_would_hold(
    writes: list[tuple[str, list[int]]],
) -> None:
    with (
        TemporaryDirectory() as folder,
        Database.open("sqlite:catalog.db", Path(folder)) as db,
    ):
        store, model = DeltaTableStore("file:lake", Path(folder), db), Model()
        for number, (work, keys) in enumerate(writes):
            take(store, work, keys, number)
            model.take(work, keys, number)
            assert found(store) == model.rows
            take(store, work, keys, number)
            assert found(store) == model.rows
        fresh = DeltaTableStore("file:lake", Path(folder), db)
        assert found(fresh) == model.rows


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
        (pa.float64(), st.floats()),
        (pa.string(), st.text(max_size=80)),
        (pa.date32(), st.dates()),
        (pa.timestamp("us", "UTC"), st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC))),
        (pa.decimal128(9, 2), st.decimals(-9999999, 9999999, places=2)),
        (pa.decimal128(38, 2), st.decimals(-9999999, 9999999, places=2)),
        (pa.bool_(), st.booleans()),
        (pa.list_(pa.float64()), st.lists(st.floats(), max_size=2)),
    ],
    ids=str,
)
def test_bounds_hold_all_values(kind: pa.DataType, values: st.SearchStrategy[Any]) -> None:
    @given(st.lists(st.none() | values, max_size=20))
    def holds(column: list[Any]) -> None:
        table = pa.table({"x": pa.array(column, kind)})
        notes: list[pq.FileMetaData] = []
        pq.write_table(table, pa.BufferOutputStream(), metadata_collector=notes, row_group_size=7)
        told = json.loads(file_statistics(table, notes[0]))
        assert told["numRecords"] == len(column)
        assert told["nullCount"]["x"] == column.count(None)
        if "x" in told["minValues"]:
            low, high = (READ[kind](told[one]["x"]) for one in ("minValues", "maxValues"))
            assert all(low <= one <= high for one in column if one is not None)
            assert low in column
            assert high in column
        else:
            assert without_bounds(column, kind)

    holds()


def without_bounds(column: list[Any], kind: pa.DataType) -> bool:
    """Tell whether there is a reason for a column to have no bounds."""
    there = [one for one in column if one is not None]
    if not there or kind not in READ:
        return True
    if kind == pa.float64():
        return not all(math.isfinite(one) for one in (*there, min(there), max(there)))
    return kind == pa.string() and max(len(min(there)), len(max(there))) > 64


READ: dict[pa.DataType, Callable[[Any], Any]] = {
    pa.int64(): int,
    pa.float64(): float,
    pa.string(): str,
    pa.date32(): date.fromisoformat,
    pa.timestamp("us", "UTC"): datetime.fromisoformat,
    pa.decimal128(9, 2): lambda value: Decimal(str(value)),
}


def test_times_that_no_datetime_holds_get_no_bounds() -> None:
    far = pa.array([2**62, 0], pa.int64()).cast(pa.timestamp("us", "UTC"))
    notes: list[pq.FileMetaData] = []
    pq.write_table(pa.table({"at": far}), pa.BufferOutputStream(), metadata_collector=notes)
    told = json.loads(file_statistics(pa.table({"at": far}), notes[0]))
    assert told["minValues"] == {}


def test_a_merge_finds_its_keys_by_bounds_of_all_kinds(store: DeltaTableStore) -> None:
    """Each file holds one key; a merge of the middle one rewrites no other."""
    moments = pa.array([10**15, 2 * 10**15, 3 * 10**15], pa.timestamp("us", "UTC"))
    kinds: dict[str, pa.Array[Any]] = {
        "number": pa.array([1, 2, 3]),
        "text": pa.array(["a", "b", "c" * 70]),
        "at": moments,
        "day": pc.cast(moments, pa.date32()),
        "money": pa.array([Decimal("1.25"), Decimal("2.25"), Decimal("3.25")]),
    }
    for name, values in kinds.items():
        for place in range(3):
            store.append(name, pa.table({name: values.slice(place, 1)}), batch=str(place))
        before = store.files(name).paths
        store.merge(name, pa.table({name: values.slice(1, 1)}), key=[name], batch="m")
        assert store.files(name).paths[:2] == (before[0], before[2])
        assert store.scan(name)["_seq"].to_pylist() == [0, 2, 3]
