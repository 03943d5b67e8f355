from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from towpath.core.errors import Contract, NotFound
from towpath.core.instant import parse_instant
from towpath.lake.dataset import Check, Column, Dataset

if TYPE_CHECKING:
    from towpath.lake.lake import Lake

AT = parse_instant("2023-12-31T00:00:00Z")
CARS = Dataset("cars", (Column("id", "int64"),), key=("id",))
RIDES = Dataset(
    "rides",
    (
        Column("ticket", "string", unique=True),
        Column("car", "int64", references="cars.id"),
        Column("cost", "decimal(9,2)", minimum="0.01"),
        Column("at", "timestamp"),
    ),
    event_time="at",
    checks=(Check("cheap", "cost < 100 OR car = 1"),),
    minimum_rows=1,
    maximum_rows=3,
)


@pytest.fixture
def rides(lake: Lake) -> Lake:
    lake.datasets |= {"cars": CARS, "rides": RIDES}
    lake.ingest("cars", pa.table({"id": [1, 2]}))
    return lake


def batch(*rows: tuple[str, int, int]) -> pa.Table:
    tickets, cars, costs = zip(*rows, strict=True)
    at = pa.array([AT] * len(rows), pa.timestamp("us", "UTC"))
    return pa.table({"ticket": tickets, "car": cars, "cost": costs, "at": at})


def test_rows_that_break_any_rule_are_set_aside_with_the_reason(rides: Lake) -> None:
    report = rides.ingest("rides", batch(("a", 1, 500), ("b", 2, 500), ("a", 9, 0)))
    assert (report.rows, report.rejected) == (1, 2)
    rejected = rides.store.scan("rides__rejected")
    assert rejected["_reasons"].to_pylist() == [
        "breaks cheap: cost < 100 OR car = 1",
        "car is not among cars.id; cost is below 0.01",
    ]


def test_a_unique_value_is_compared_with_the_stored_ones(rides: Lake) -> None:
    rides.ingest("rides", batch(("a", 1, 1)), mode="append")
    report = rides.ingest("rides", batch(("a", 1, 1), ("b", 1, 1)), mode="append")
    assert (report.rows, report.rejected) == (1, 1)


def test_nothing_of_a_batch_of_the_wrong_size_is_taken_in(rides: Lake) -> None:
    with pytest.raises(Contract, match="4 rows, more than 3"):
        rides.ingest("rides", batch(*((name, 1, 1) for name in "abcd")))
    assert not rides["rides"].exists()
    assert rides.store.version("rides__rejected") is None


def test_a_stale_batch_is_refused_or_reported(rides: Lake) -> None:
    rides.datasets["rides"] = RIDES.replace(freshness="12h")
    with pytest.raises(Contract, match="the latest event is of 2023-12-31T00:00:00Z"):
        rides.ingest("rides", batch(("a", 1, 1)))
    rides.datasets["rides"] = RIDES.replace(freshness="12h", batch_severity="warn")
    report = rides.ingest("rides", batch(("a", 1, 1)))
    assert [one.check for one in report.findings if not one.passed] == ["freshness"]


def test_a_reference_needs_the_other_dataset(lake: Lake) -> None:
    lake.datasets |= {"cars": CARS, "rides": RIDES}
    with pytest.raises(NotFound, match="Ingest cars first"):
        lake.ingest("rides", batch(("a", 1, 1)))
