"""Tables as people read them: versions, times, predicates, differences, history."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from towpath.core.errors import Contract, Invalid, NotFound
from towpath.lake.dataset import Column, Dataset
from towpath.lake.table import Table

if TYPE_CHECKING:
    from towpath.catalog.database import Database
    from towpath.core.clock import SimulatedClock
    from towpath.lake.tables.delta import DeltaTableStore

THINGS = Dataset(
    "things",
    (
        Column("id", "int64"),
        Column("fare", "float64", nullable=True),
        Column("kind", "string", nullable=True),
    ),
    key=("id",),
)


@pytest.fixture
def seen() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def table(
    store: DeltaTableStore, db: Database, clock: SimulatedClock, seen: list[tuple[str, str]]
) -> Table:
    """Three rows, then a new column, a row more and a fare changed, a day apart."""
    store.append("things", pa.table({"id": [1, 2, 3], "fare": [1.0, 2.0, None]}), batch="1")
    clock.move_to(clock.now() + timedelta(days=1))
    rows = pa.table({"id": [2, 4], "fare": [2.5, 4.0], "kind": ["day", "night"]})
    store.merge("things", rows, key=["id"], batch="2")
    return Table(THINGS, store, db, noted=lambda name, action: seen.append((name, action)))


def test_a_table_says_what_it_is(table: Table, store: DeltaTableStore, db: Database) -> None:
    assert repr(table) == "<Table things: version 2, 4 rows; id, fare, kind>"
    assert "no data yet" in repr(Table(THINGS.replace(name="others"), store, db))
    wide = Dataset("wide", tuple(Column(f"c{place}", "int64") for place in range(9)))
    assert "c5 and 3 more" in repr(Table(wide, store, db))


def test_a_time_stands_for_the_version_that_was_the_latest(
    table: Table, clock: SimulatedClock
) -> None:
    before = clock.now() - timedelta(hours=1)
    assert table.scan(["id"], as_of=before)["id"].to_pylist() == [1, 2, 3]
    assert table.scan(["id"], version=0)["id"].to_pylist() == [1, 2, 3]
    with pytest.raises(Invalid, match="Both as_of and version"):
        table.scan(as_of=before, version=0)
    with pytest.raises(NotFound, match="had no data"):
        table.scan(as_of=before - timedelta(days=2))


@pytest.mark.parametrize(
    ("predicate", "ids"),
    [
        ("fare > 1.5", [2, 4]),
        ("fare IS NULL OR kind = 'night'", [3, 4]),
        ("_seq < 2", [1]),
        ("1 = 1", [1, 3, 2, 4]),
        ("fare > 1000", []),
    ],
)
def test_rows_are_chosen_in_sql(table: Table, predicate: str, ids: list[int]) -> None:
    found = table.scan(["id"], predicate)
    assert found.column_names == ["id"]
    assert found["id"].to_pylist() == ids


@pytest.mark.parametrize(
    "predicate",
    [
        "fare",
        "nothing > 1",
        "fare > 1; DROP TABLE rows",
        "fare > 1 --",
        "id IN (SELECT id FROM rows)",
        "read_text('secret') = ''",
        "random() > 0.5",
    ],
)
def test_sql_that_does_more_is_refused(table: Table, predicate: str) -> None:
    with pytest.raises(Invalid, match="is no predicate"):
        table.scan(where=predicate)


def test_an_unknown_column_is_named(table: Table) -> None:
    with pytest.raises(NotFound, match="'fair'"):
        table.scan(["fair"])
    with pytest.raises(NotFound, match="'kind'"):
        table.to_duckdb(["kind"], version=0)


def test_each_read_is_noted_once(table: Table, seen: list[tuple[str, str]]) -> None:
    table.rows(), table.versions(), table.history(), repr(table)
    assert seen == []
    for read in (table.scan, table.to_polars, table.to_pandas, table.to_duckdb, table.profile):
        read()
        assert seen == [("things", "dataset.read")]
        seen.clear()
    table.diff()
    assert len(seen) == 1


def test_the_last_two_versions_of_rows_are_compared(table: Table) -> None:
    """New columns are a version of their own, which holds no other rows."""
    assert [one.version for one in table.versions()] == [0, 1, 2]
    assert table.pair() == (0, 2)
    found = table.diff()
    assert (found.added, found.removed, found.changed, found.unchanged) == (1, 0, 1, 2)
    assert found.columns_added == ("kind",)
    assert found.changed_rows[0].key == {"id": 2}


def test_versions_are_compared_by_number_or_time(table: Table, clock: SimulatedClock) -> None:
    now = clock.now()
    assert table.pair(now - timedelta(hours=1), now) == (0, 2)
    assert table.diff(2, 0).removed == 1
    assert table.diff(2, 2).same


def test_one_version_has_none_to_compare_with(
    table: Table, store: DeltaTableStore, db: Database
) -> None:
    with pytest.raises(NotFound, match="no version before 0"):
        table.diff(after=0)
    with pytest.raises(NotFound, match="no data yet"):
        Table(THINGS.replace(name="others"), store, db).diff()
    with pytest.raises(NotFound, match="no version 9"):
        table.diff(9)


def test_rows_without_the_key_are_compared_whole(store: DeltaTableStore, db: Database) -> None:
    store.overwrite("things", pa.table({"fare": [1.0, 2.0]}), batch="1")
    store.overwrite("things", pa.table({"id": [1], "fare": [2.0]}), batch="2")
    found = Table(THINGS, store, db).diff()
    assert (found.added, found.removed, found.unchanged) == (0, 1, 1)


def test_a_profile_is_of_one_version(table: Table) -> None:
    assert table.profile(version=0).rows == 3
    found = table.profile(["fare"])
    assert (found.dataset, found.version, found.rows) == ("things", 2, 4)
    assert [one.column for one in found.columns] == ["fare"]


def test_a_damaged_file_is_not_compared(table: Table, store: DeltaTableStore) -> None:
    from pathlib import Path

    path = Path(store.files("things").paths[0])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    for read in (table.diff, table.to_duckdb, table.to_polars):
        with pytest.raises(Contract, match="damaged"):
            read()
