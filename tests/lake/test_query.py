"""SELECT over a lake: what it answers, and what it refuses to reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from towpath.catalog.database import Database
from towpath.core.clock import SimulatedClock
from towpath.core.errors import Contract, Invalid, NotFound
from towpath.core.instant import parse_instant
from towpath.lake.dataset import Column, Dataset
from towpath.lake.lake import Lake
from towpath.lake.query import queried, select
from towpath.lake.tables.delta import DeltaTableStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRIPS = Dataset("trips", (Column("id", "int64"), Column("car", "string"), Column("km", "int64")))
CARS = Dataset("cars", (Column("car", "string"), Column("seats", "int64")))


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with Database.open("sqlite:catalog.db", tmp_path) as db:
        store = DeltaTableStore("file:lake", tmp_path, db)
        clock = SimulatedClock(parse_instant("2013-03-01"))
        made = Lake(store, db, {"trips": TRIPS, "cars": CARS}, clock=clock)
        made.ingest("trips", pa.table({"id": [1, 2, 3], "car": ["a", "b", "a"], "km": [5, 6, 7]}))
        made.ingest("cars", pa.table({"car": ["a", "b"], "seats": [4, 2]}))
        yield made


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT id FROM trips WHERE km > 5", [(2,), (3,)]),
        ("SELECT ID FROM Trips ORDER BY 1 DESC LIMIT 1;", [(3,)]),
        ("SELECT count(*) AS n FROM trips", [(3,)]),
        ("SELECT t.* FROM trips AS t WHERE id = 1", [(1, "a", 5)]),
        ("SELECT * FROM trips NATURAL JOIN cars WHERE id = 2", [(2, "b", 6, 2)]),
        ("SELECT id, seats FROM trips JOIN cars USING (car) ORDER BY id", [(1, 4), (2, 2), (3, 4)]),
        ("WITH far AS (SELECT * FROM trips WHERE km > 6) SELECT id FROM far", [(3,)]),
        ("SELECT car FROM cars EXCEPT SELECT 'a' AS car", [("b",)]),
        ("SELECT DISTINCT car FROM trips ORDER BY car", [("a",), ("b",)]),
        (
            "SELECT t.km FROM trips t WHERE t.car IN (SELECT car FROM cars WHERE seats > 3)",
            [(5,), (7,)],
        ),
        (
            "SELECT id, sum(km) OVER (PARTITION BY car ORDER BY id) AS km FROM trips ORDER BY id",
            [(1, 5), (2, 6), (3, 12)],
        ),
        ("SELECT unnest([1, 2]) AS one", [(1,), (2,)]),
        ("SELECT v.one FROM (VALUES (1), (2)) AS v(one)", [(1,), (2,)]),
        ("SELECT trips.km FROM trips WHERE _seq = 2 AND _ingested_at IS NOT NULL", [(7,)]),
        ("SELECT t.km FROM (SELECT trips AS t FROM trips) LIMIT 1", [(5,)]),
    ],
)
def test_a_query_reads_datasets(lake: Lake, query: str, rows: list[tuple[object, ...]]) -> None:
    assert [tuple(row.values()) for row in select(lake, query).to_pylist()] == rows


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("", "not one statement"),
        ("SELECT 1; SELECT 2", "not one statement"),
        ("DELETE FROM trips", "Only SELECT"),
        ("COPY trips TO 'x.csv'", "Only SELECT"),
        ("ATTACH 'x.db'", "Only SELECT"),
        ("SET memory_limit = '9GB'", "Only SELECT"),
        ("SELECT FROM WHERE", "syntax error"),
        ("SELECT * FROM read_csv('/etc/passwd')", "table function"),
        ("SELECT * FROM duckdb_settings()", "table function"),
        ("SELECT * FROM query('SELECT 1')", "table function"),
        ("SELECT * FROM information_schema.tables", "no dataset's"),
        ("SELECT * FROM trips USING SAMPLE 1", "sample"),
        ("SELECT * FROM trips TABLESAMPLE 10%", "sample"),
        ("DESCRIBE trips", "show ref"),
        ("SELECT random() AS x FROM trips", "random has another value"),
        ("SELECT id FROM trips WHERE now() > '2013-01-01'", "now has another value"),
        ("SELECT current_timestamp AS x", "the time of the query"),
        ("SELECT getvariable('x') AS x", "getvariable"),
        ("SELECT current_setting('memory_limit') AS x", "current_setting"),
        ("WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r) FROM r", "recursive"),
        ("SELECT kms FROM trips", "kms"),
    ],
)
def test_a_query_that_does_more_is_refused(lake: Lake, query: str, problem: str) -> None:
    with pytest.raises(Invalid, match=problem):
        select(lake, query)


@pytest.mark.parametrize("query", ["SELECT * FROM trip", "SELECT * FROM '/etc/passwd'"])
def test_a_table_that_is_no_dataset_is_not_found(lake: Lake, query: str) -> None:
    with pytest.raises(NotFound, match="no dataset"):
        select(lake, query)


def test_a_value_that_cannot_be_computed_is_told(lake: Lake) -> None:
    with pytest.raises(Contract, match="Could not convert"):
        select(lake, "SELECT CAST(car AS INTEGER) AS x FROM trips")


def test_a_query_reads_the_version_it_is_told(lake: Lake) -> None:
    first = lake["trips"].version()
    assert first is not None
    lake.ingest("trips", pa.table({"id": [4], "car": ["b"], "km": [8]}), mode="append")
    query = "SELECT count(*) AS n FROM trips"
    assert select(lake, query)["n"].to_pylist() == [4]
    assert select(lake, query, versions={"trips": first})["n"].to_pylist() == [3]
    assert queried(lake, "SELECT 1 AS x FROM trips, cars") == ("trips", "cars")
