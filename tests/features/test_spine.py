"""Spines that are found by a date, and columns whose checks only warn."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from towpath.catalog.database import Database
from towpath.core.clock import SimulatedClock
from towpath.core.errors import Invalid
from towpath.core.instant import parse_instant, to_micros
from towpath.core.record import to_json
from towpath.features.derived import derived
from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.feature_set import FeatureSet, definition_version
from towpath.features.lookup import Lookup
from towpath.features.materialize import materialize_spine
from towpath.features.online.memory import MemoryStore
from towpath.features.training import training_set
from towpath.features.verify import verify
from towpath.lake.dataset import Column, Dataset
from towpath.lake.lake import Lake
from towpath.lake.tables.delta import DeltaTableStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

NOW = parse_instant("2013-03-01")
SALES = Dataset(
    "sales",
    (
        Column("shop", "string"),
        Column("day", "date"),
        Column("due", "date"),
        Column("at", "timestamp"),
        Column("area", "int64", severity="warn"),
    ),
    key=("shop", "day"),
)


@derived(inputs=("area",), dtype="float64")
def acres(area: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return area / 4047


FEATURES = FeatureSet("sale", "sales", "at", columns=("area",), derived=(acres,))
DAYS = [date(2013, 2, 27), date(2013, 2, 28)]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with Database.open("sqlite:catalog.db", tmp_path) as db:
        store = DeltaTableStore("file:lake", tmp_path, db)
        made = Lake(store, db, {"sales": SALES}, clock=SimulatedClock(NOW))
        rows = {"shop": ["a", "a"], "day": DAYS, "due": DAYS, "area": [8094, None]}
        at = pa.array([NOW - timedelta(days=1)] * 2, pa.timestamp("us", "UTC"))
        made.ingest("sales", pa.table({**rows, "at": at}))
        yield made


@pytest.fixture
def lookup(lake: Lake) -> Lookup:
    store = MemoryStore()
    materialize_spine(lake, store, "sales", until=NOW)
    return Lookup(store, FEATURES, {}, lake.datasets)


@pytest.mark.parametrize("day", [DAYS[0], "2013-02-27"])
def test_a_row_is_found_by_a_date(lookup: Lookup, day: object) -> None:
    found = lookup.by_key({"shop": "a", "day": day}, to_micros(NOW))
    assert found == {"area": 8094, "acres": 2.0}


@pytest.mark.parametrize("day", [NOW, "yesterday", 7])
def test_a_key_that_is_no_date_is_refused(lookup: Lookup, day: object) -> None:
    with pytest.raises(Invalid, match="not a date"):
        lookup.by_key({"shop": "a", "day": day}, to_micros(NOW))


def test_a_null_that_was_only_warned_of_is_a_missing_value(lake: Lake, lookup: Lookup) -> None:
    spine = lake["sales"].scan()
    offline = training_set(lake, FEATURES, {}, spine=spine, engine=EmbeddedEngine())
    assert offline["acres"].to_pylist() == [2.0, None]
    assert lookup.by_rows([{"area": None}], to_micros(NOW)) == [[None, None]]


def test_predictions_by_a_date_are_compared(lake: Lake, lookup: Lookup) -> None:
    keys = [{"shop": "a", "day": day} for day in DAYS]
    found = [lookup.by_key(key, to_micros(NOW)) for key in keys]
    predictions = pa.table(
        {
            "key": [to_json(key).decode() for key in keys],
            "at": pa.array([NOW] * 2, pa.timestamp("us", "UTC")),
            "features": [to_json(features).decode() for features in found],
            "features_from": ["key"] * 2,
            "features_until": pa.nulls(2, pa.timestamp("us", "UTC")),
            "definition": [definition_version(FEATURES, {}, lake.datasets)] * 2,
        }
    )
    report = verify(lake, FEATURES, {}, EmbeddedEngine(), predictions=predictions)
    assert (report.checked, report.mismatches, report.skipped) == (2, 0, {})
