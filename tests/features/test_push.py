from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from towpath.core.errors import Contract, Invalid
from towpath.core.instant import from_micros
from towpath.features.feature_set import FeatureSet
from towpath.features.lookup import Lookup
from towpath.features.online.memory import MemoryStore
from towpath.features.push import push
from towpath.features.view import Aggregate, FeatureView, Latest
from towpath.lake.dataset import Check, Column, Dataset

if TYPE_CHECKING:
    from towpath.features.push import PushReport

HOUR = 3_600_000_000
NOW = 400_000 * HOUR
TRIPS = Dataset(
    "trips",
    (
        Column("trip", "int64"),
        Column("car", "string", nullable=True),
        Column("km", "float64", nullable=True, minimum=0.0),
        Column("ended", "timestamp"),
    ),
    key=("trip",),
    event_time="ended",
    checks=(Check("named", "car is null or length(car) < 9"),),
)
ASKS = Dataset("asks", (Column("car", "string"), Column("at", "timestamp")))
HOURLY = (Aggregate("count", window=timedelta(hours=2)), Latest("km"))
CAR = FeatureView("car", "trips", ("car",), HOURLY, ttl=timedelta(hours=1))
FAR = FeatureView("far", "trips", ("car",), HOURLY, where="km >= 100")
RIDE = FeatureSet("ride", "asks", "at", ("car", "far"))
VIEWS = {one.name: one for one in (CAR, FAR)}


def trips(*rows: tuple[int, str | None, float | None, float]) -> pa.Table:
    """Return trips; the last number is their age in hours."""
    trip, car, km, age = zip(*rows, strict=True)
    ended = [NOW - round(hours * HOUR) for hours in age]
    return pa.table(
        {
            "trip": pa.array(trip, pa.int64()),
            "car": pa.array(car, pa.string()),
            "km": pa.array(km, pa.float64()),
            "ended": pa.array(ended, pa.int64()).cast(pa.timestamp("us", "UTC")),
        }
    )


def send(store: MemoryStore, rows: pa.Table, later: float = 0) -> PushReport:
    """Push rows some hours from now."""
    return push(store, TRIPS, VIEWS.values(), rows, now=from_micros(NOW + round(later * HOUR)))


def read(store: MemoryStore, car: str, later: float = 0) -> list[object]:
    """Return the features of a car some hours from now."""
    lookup = Lookup(store, RIDE, VIEWS, {"trips": TRIPS, "asks": ASKS})
    return lookup.by_rows([{"car": car}], NOW + round(later * HOUR))[0]


def test_what_is_pushed_is_in_the_next_read() -> None:
    store = MemoryStore()
    report = send(store, trips((1, "a", 5.0, 0.5), (2, "a", 120.0, 0.2), (3, None, 7.0, 0.1)))
    assert (report.rows, report.accepted) == (3, 3), "two for one view, one for the other"
    assert read(store, "a") == [2, 120.0, 1, 120.0]
    assert read(store, "b") == [0, None, 0, None]


def test_an_older_event_does_not_hide_a_newer_one() -> None:
    store = MemoryStore()
    send(store, trips((1, "a", 5.0, 0.1)))
    send(store, trips((2, "a", 9.0, 0.5)), later=0.01)
    assert read(store, "a", later=0.01)[:2] == [2, 5.0]


def test_of_events_of_one_time_the_last_to_come_is_the_latest() -> None:
    store = MemoryStore()
    send(store, trips((1, "a", 5.0, 0.1), (2, "a", 6.0, 0.1)))
    send(store, trips((3, "a", 7.0, 0.1)))
    assert read(store, "a")[:2] == [3, 7.0]


def test_the_same_event_counts_once() -> None:
    store, rows = MemoryStore(), trips((1, "a", 5.0, 0.1), (1, "a", 5.0, 0.1))
    assert (send(store, rows).accepted, send(store, rows, later=0.01).repeated) == (1, 2)
    assert read(store, "a", later=0.01)[0] == 1


def test_an_event_out_of_reach_is_counted_as_expired() -> None:
    store = MemoryStore()
    send(store, trips((1, "a", 5.0, 0.1)))
    report = send(store, trips((2, "a", 5.0, 100.0)), later=60)
    assert (report.accepted, report.expired) == (0, 1)


def test_a_ttl_holds_online() -> None:
    store = MemoryStore()
    send(store, trips((1, "a", 5.0, 0.0)))
    assert read(store, "a", later=1)[:2] == [1, 5.0]
    assert read(store, "a", later=1.01)[:2] == [1, None]


def test_a_batch_with_a_wrong_row_is_refused_as_a_whole() -> None:
    store = MemoryStore()
    rows = trips((1, "a", 5.0, 0.1), (2, "a", -1.0, 0.1), (3, "much too long", 1.0, 0.1))
    with pytest.raises(Contract, match=r"2 of 3 rows pushed to 'trips'.*row 1: .*row 2: ") as error:
        send(store, rows)
    assert error.value.data["rows"] == [1, 2]
    with pytest.raises(Contract, match="lacks the column 'km'"):
        send(store, rows.drop_columns(["km"]))
    send(store, rows.slice(0, 1))
    assert read(store, "a")[0] == 1


def test_a_dataset_without_key_takes_no_pushes() -> None:
    with pytest.raises(Invalid, match="'trips' cannot be pushed: it has no key"):
        push(
            MemoryStore(),
            TRIPS.replace(key=()),
            [CAR],
            trips((1, "a", 5.0, 0.1)),
            now=from_micros(NOW),
        )
