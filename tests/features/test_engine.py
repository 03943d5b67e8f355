from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from towpath.core.errors import Invalid
from towpath.features.engines import arrange
from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.engines.kernel.total import MANY
from towpath.features.engines.keys import LabelKeys
from towpath.features.view import Aggregate, AggregateFunction, FeatureView, Latest

if TYPE_CHECKING:
    from collections.abc import Mapping

MICROSECOND = timedelta(microseconds=1)
DAY = 86_400
SQL: Mapping[AggregateFunction, str] = {
    "count": "count(whole) OVER w",
    "sum": "coalesce(sum(whole) OVER w, 0)::BIGINT",
    "mean": "avg(whole) OVER w",
    "min": "min(whole) OVER w",
    "max": "max(whole) OVER w",
    "std": "stddev_samp(whole) OVER w",
    "first": "list_extract(list(whole ORDER BY _seq) FILTER (whole IS NOT NULL) OVER w, 1)",
    "last": "list_extract(list(whole ORDER BY _seq) FILTER (whole IS NOT NULL) OVER w, -1)",
    "last_k": "list_reverse(list(whole ORDER BY _seq) FILTER (whole IS NOT NULL) OVER w)[:3]",
    "distinct": "count(DISTINCT whole) OVER w",
    "share": "avg((whole = 7)::INT) OVER w",
}


def events_of(rows: int, keys: int, *, seed: int = 7, span: int = 30 * DAY) -> pa.Table:
    random = np.random.default_rng(seed)
    times = np.sort(random.integers(0, span, rows))
    return pa.table(
        {
            "k": random.integers(0, keys, rows),
            "_t": times,
            "whole": pa.array(random.integers(-50, 50, rows), mask=random.random(rows) < 0.1),
            "real": random.normal(size=rows),
            "_seq": np.arange(rows),
        }
    )


def labels_of(rows: int, keys: int, *, seed: int = 8, span: int = 30 * DAY) -> pa.Table:
    random = np.random.default_rng(seed)
    return pa.table({"k": random.integers(0, keys, rows), "_t": random.integers(0, span, rows)})


def view_of(*functions: AggregateFunction, column: str = "whole", width: int = DAY) -> FeatureView:
    features = (
        Aggregate(
            function,
            column,
            width * MICROSECOND,
            function,
            k=3 if function == "last_k" else 0,
            value=7 if function == "share" else None,
        )
        for function in functions
    )
    return FeatureView("v", "source", ("k",), tuple(features))


def by_range_windows(events: pa.Table, labels: pa.Table, functions: Mapping[str, str]) -> pa.Table:
    """Compute windows of a day in SQL: labels are rows without values among the events."""
    wanted = ", ".join(f"{sql} AS {name}" for name, sql in functions.items())
    sql = f"""
        WITH united AS (
            SELECT k, _t, whole, _seq, -1 AS row FROM events UNION ALL
            SELECT k, _t, NULL, NULL, row_number() OVER () - 1 FROM labels)
        SELECT * EXCLUDE row FROM (
            SELECT row, {wanted} FROM united WINDOW w AS (
                PARTITION BY k ORDER BY _t RANGE BETWEEN {DAY - 1} PRECEDING AND CURRENT ROW))
        WHERE row >= 0 ORDER BY row"""
    with duckdb.connect() as connection:
        connection.register("events", events)
        connection.register("labels", labels)
        found: pa.Table = connection.sql(sql).to_arrow_table()
    return found


@pytest.mark.parametrize("function", SQL)
def test_engine_equals_range_windows_in_sql(function: AggregateFunction) -> None:
    events, labels = events_of(4_000, 20), labels_of(800, 22)
    found = EmbeddedEngine(2).compute(view_of(function), events, labels)
    wanted = by_range_windows(events, labels, {function: SQL[function]})
    for own, other in zip(found[function].to_pylist(), wanted[function].to_pylist(), strict=True):
        # DuckDB's deviation depends on the order of its additions.
        near = function == "std" and other is not None
        assert own == (pytest.approx(other, rel=1e-12) if near else other)


@pytest.mark.parametrize("keys", [1, 3, 500])
def test_keys_that_are_cut_and_events_in_no_order_change_nothing(
    keys: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, labels = events_of(6_000, keys, span=900), labels_of(500, keys, span=900)
    view = view_of("count", "mean", "std", "min", "last_k", "distinct", column="real", width=50)
    wanted = EmbeddedEngine(1).compute(view, events, labels)
    monkeypatch.setattr(arrange, "PART", 16)
    shuffled = events.take(np.random.default_rng(1).permutation(events.num_rows))
    found = EmbeddedEngine(2, at_once=1_000).compute(view, shuffled, labels)
    assert found.equals(wanted)


def test_values_too_far_apart_for_128_bits_are_summed_exactly() -> None:
    values = [1e300, 1.0, 1e-300, -1e300, 0.1]
    events = pa.table({"k": [1] * 5, "_t": range(5), "real": values, "_seq": range(5)})
    labels = pa.table({"k": [1], "_t": [4]})
    view = view_of("sum", "mean", column="real")
    (row,) = EmbeddedEngine(1).compute(view, events, labels).to_pylist()
    assert row == {"sum": 1.1, "mean": 1.1 / 5}


def test_sums_over_millions_of_events_are_exact_where_only_some_prefixes_are_kept() -> None:
    rows = MANY + 1_000
    values = np.random.default_rng(3).normal(size=rows)
    every = np.arange(rows)
    events = pa.table({"k": np.zeros(rows, np.int64), "_t": every, "real": values, "_seq": every})
    labels = pa.table({"k": [0, 0], "_t": [rows - 1, rows - 70]})
    found = EmbeddedEngine(2).compute(view_of("sum", column="real", width=rows), events, labels)
    assert found["sum"].to_pylist() == [math.fsum(values), math.fsum(values[:-69])]


def test_a_sum_that_64_bits_cannot_hold_is_missing_but_its_mean_is_not() -> None:
    events = pa.table({"k": [1, 1], "_t": [1, 2], "whole": [2**62, 2**62], "_seq": [0, 1]})
    labels = pa.table({"k": [1, 1], "_t": [1, 2]})
    found = EmbeddedEngine(1).compute(view_of("sum", "mean"), events, labels)
    assert found.to_pylist() == [{"sum": 2**62, "mean": 2.0**62}, {"sum": None, "mean": 2.0**62}]


def test_a_view_without_keys_sees_every_event_whatever_the_label() -> None:
    events = pa.table({"_t": [1, 2, 3], "km": [5, 6, 7], "_seq": [0, 1, 2]})
    view = FeatureView("all", "trips", (), (Aggregate("sum", "km", None), Latest("km")))
    found = EmbeddedEngine(1).compute(view, events, pa.table({"_t": [0, 2, 9]}))
    assert [tuple(row.values()) for row in found.to_pylist()] == [(0, None), (11, 6), (18, 7)]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
)
def test_keys_and_values_of_any_kind_of_string_are_alike(kind: pa.DataType) -> None:
    events = pa.table({"k": ["a", "b"], "_t": [1, 1], "text": ["x", "y"], "_seq": [0, 1]})
    for name in ("k", "text"):
        place = events.column_names.index(name)
        events = events.set_column(place, name, events[name].cast(kind))
    view = FeatureView("v", "source", ("k",), (Latest("text"),))
    found = EmbeddedEngine(1).compute(view, events, pa.table({"k": ["b", "c"], "_t": [1, 1]}))
    assert found["text"].to_pylist() == ["y", None]


def test_pieces_may_each_have_other_strings() -> None:
    pieces = [
        pa.table({"k": [1], "_t": [at], "text": [text], "_seq": [at]})
        for at, text in enumerate(["x", "y", "x", None])
    ]
    features = (Aggregate("distinct", "text", None), Aggregate("share", "text", None, value="x"))
    view = FeatureView("v", "source", ("k",), features)
    found = EmbeddedEngine(1).compute(view, iter(pieces), pa.table({"k": [1], "_t": [9]}))
    assert found.to_pylist() == [{"text_distinct_lifetime": 2, "text_share_x_lifetime": 2 / 3}]


def test_no_events_no_labels_and_no_pieces() -> None:
    engine, view = EmbeddedEngine(2), view_of("count", "mean")
    events, labels = events_of(5, 2), labels_of(3, 2)
    none = engine.compute(view, events, labels.slice(0, 0))
    assert (none.num_rows, none.schema.types) == (0, [pa.int64(), pa.float64()])
    empty = engine.compute(view, events.slice(0, 0), labels)
    assert empty.to_pylist() == [{"count": 0, "mean": None}] * 3
    with pytest.raises(Invalid, match="no piece"):
        engine.compute(view, iter([]), labels)


def test_progress_ends_with_all_labels_done() -> None:
    told: list[tuple[int, int]] = []
    EmbeddedEngine(2).compute(
        view_of("sum"), events_of(100, 5), labels_of(50, 6), report=lambda *done: told.append(done)
    )
    assert told[-1] == (50, 50)
    assert told == sorted(told)


def test_keys_of_several_columns_match_as_a_whole_only() -> None:
    labels = pa.table({"a": [1, 1, 2, None], "b": ["x", "y", "x", "x"]})
    keys = LabelKeys(labels, ("a", "b"))
    events = pa.table({"a": [2, 1, 2, 3, 1], "b": ["x", "y", "y", "x", None]})
    assert (keys.codes.tolist(), keys.count) == ([0, 1, 2, 3], 3)
    assert keys.find(events).tolist() == [2, 1, -1, -1, -1]
