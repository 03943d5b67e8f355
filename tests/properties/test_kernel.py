from __future__ import annotations

import math
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numba import njit

from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.engines.kernel.exact_sum import (
    ADDED,
    FLOAT_UNIT,
    REMOVED,
    add,
    new_sum,
    rounded,
)
from towpath.features.view import Aggregate, AggregateFunction, FeatureView, Latest

if TYPE_CHECKING:
    from collections.abc import Callable

    from towpath.features.engines.kernel.form import Ints

ENGINE = EmbeddedEngine(workers=2)
FUNCTIONS: tuple[AggregateFunction, ...] = ("count", "sum", "mean", "min", "max")
MICROSECOND = timedelta(microseconds=1)

Event = tuple[str | None, int, int | None, float | None, bool | None]
Labels = list[tuple[str | None, int]]

keys = st.sampled_from(["a", "b", None])
times = st.integers(0, 30)
events_of = st.lists(
    st.tuples(
        keys,
        times,
        st.none() | st.integers(-(2**40), 2**40),
        st.none() | st.floats(),
        st.none() | st.booleans(),
    ),
    max_size=25,
)
labels_of = st.lists(st.tuples(keys, times), min_size=1, max_size=10)


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """Compile before the first example is timed."""
    rows: list[Event] = [("a", 1, 1, 0.1, True), ("a", 1, 1, 0.3, True)]
    ENGINE.compute(view_of(5), as_events(rows), as_labels([("a", 2)]))


def as_events(rows: list[Event]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * 5
    kinds = (pa.string(), pa.int64(), pa.int64(), pa.float64(), pa.bool_())
    names = ("k", "_t", "whole", "real", "flag")
    table = {
        name: pa.array(column, kind)
        for name, column, kind in zip(names, columns, kinds, strict=True)
    }
    return pa.table({**table, "_seq": pa.array(range(len(rows)), pa.int64())})


def as_labels(rows: Labels) -> pa.Table:
    return pa.table(
        {
            "k": pa.array([key for key, _ in rows], pa.string()),
            "_t": pa.array([at for _, at in rows], pa.int64()),
        }
    )


def view_of(width: int, *, exclusive: bool = False) -> FeatureView:
    span = width * MICROSECOND
    found = [
        Aggregate(function, column, span, f"{column}_{function}", exclude_current=exclusive)
        for column in ("whole", "real", "flag")
        for function in FUNCTIONS
    ]
    count = Aggregate("count", "", span, "rows", exclude_current=exclusive)
    latest = tuple(Latest(column) for column in ("whole", "real", "flag"))
    return FeatureView("v", "source", ("k",), (count, *found, *latest), ttl=span)


def expected(function: str, values: list[float | int | bool]) -> float | int | None:
    if function == "count":
        return len(values)
    if not values:
        return 0 if function == "sum" else None
    real = isinstance(values[0], float)
    total = _sum(values) if real else sum(values)
    found = {
        "sum": total,
        "mean": total / len(values),
        "min": min(values),
        "max": max(values),
    }[function]
    return None if math.isnan(found) else found


def bits_of(value: float) -> int:
    return int(np.float64(value).view(np.int64))


def _sum(values: list[float | int | bool]) -> float:
    infinite = [value for value in values if math.isinf(value)]
    if infinite:
        return sum(infinite)
    try:
        return math.fsum(values)
    except OverflowError:
        halves = math.fsum(value / 4 for value in values) * 2
        return halves * 2


@given(events_of, labels_of, st.integers(1, 20), st.booleans())
def test_embedded_engine_equals_a_naive_loop(
    rows: list[Event], labels: Labels, width: int, exclusive: bool
) -> None:
    view = view_of(width, exclusive=exclusive)
    table = ENGINE.compute(view, as_events(rows), as_labels(labels)).to_pylist()
    for (key, at), found in zip(labels, table, strict=True):
        seen = [
            row
            for row in rows
            if key is not None
            and row[0] == key
            and (at - width <= row[1] < at if exclusive else at - width < row[1] <= at)
        ]
        assert found["rows"] == len(seen)
        for place, column in ((2, "whole"), (3, "real"), (4, "flag")):
            values = [
                row[place] for row in seen if row[place] is not None and row[place] == row[place]
            ]
            for function in FUNCTIONS:
                assert found[f"{column}_{function}"] == expected(function, values)  # type: ignore[arg-type]


@given(events_of, labels_of, st.integers(1, 20))
def test_latest_is_the_last_event_not_older_than_the_ttl(
    rows: list[Event], labels: Labels, ttl: int
) -> None:
    table = ENGINE.compute(view_of(ttl), as_events(rows), as_labels(labels)).to_pylist()
    for (key, at), found in zip(labels, table, strict=True):
        seen = [
            (row[1], place, row)
            for place, row in enumerate(rows)
            if key is not None and row[0] == key and at - ttl <= row[1] <= at
        ]
        last = max(seen, key=lambda one: one[:2])[2] if seen else (None,) * 5
        real = last[3]
        assert found["whole"] == last[2]
        assert found["real"] == (None if real is None or math.isnan(real) else real)
        assert found["flag"] == last[4]


def in_compiled_code(added: Ints, removed: Ints) -> float:
    """Add floats, given as their bits, and take some away."""
    total = new_sum(0, 2046)
    for bits in added:
        add(total, bits, ADDED, (True, 0))
    for bits in removed:
        add(total, bits, REMOVED, (True, 0))
    return float(rounded(total, FLOAT_UNIT))


difference = cast("Callable[[Ints, Ints], float]", njit(in_compiled_code))


@example([-1.49e308, -1.49e308, 1.44e308, 1.44e308])
@example([1.7e308, 1.7e308])
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=40))
def test_exact_sum_is_rounded_once_whatever_was_added_and_taken_away(values: list[float]) -> None:
    thirds = [value / 3 for value in values]
    added, removed = (np.array(some, float) for some in (values + thirds, thirds))
    exact = sum(map(Fraction, values), Fraction())
    try:
        expected = float(exact)
    except OverflowError:
        expected = math.inf if exact > 0 else -math.inf
    assert difference(added.view(np.int64), removed.view(np.int64)) == expected


def test_embedded_engine_equals_range_windows_in_sql() -> None:
    random = np.random.default_rng(7)
    size, labels_size, width = 5_000, 1_000, 3_600
    events = pa.table(
        {
            "k": pa.array(random.integers(0, 20, size)),
            "_t": pa.array(random.integers(0, 86_400, size)),
            "whole": pa.array(random.integers(-50, 50, size), mask=random.random(size) < 0.1),
            "_seq": pa.array(np.arange(size)),
        }
    )
    labels = pa.table(
        {
            "k": pa.array(random.integers(0, 22, labels_size)),
            "_t": pa.array(random.integers(0, 86_400, labels_size)),
        }
    )
    features = tuple(
        Aggregate(function, "whole", width * MICROSECOND, function) for function in FUNCTIONS
    )
    found = ENGINE.compute(FeatureView("v", "source", ("k",), features), events, labels)
    sql = f"""
        WITH united AS (
            SELECT k, _t, whole, -1 AS row FROM events UNION ALL
            SELECT k, _t, NULL, row_number() OVER () - 1 FROM labels)
        SELECT * EXCLUDE row FROM (
            SELECT row, count(whole) OVER w AS count, coalesce(sum(whole) OVER w, 0) AS sum,
                avg(whole) OVER w AS mean, min(whole) OVER w AS min, max(whole) OVER w AS max
            FROM united WINDOW w AS (
                PARTITION BY k ORDER BY _t RANGE BETWEEN {width - 1} PRECEDING AND CURRENT ROW))
        WHERE row >= 0 ORDER BY row"""
    with duckdb.connect() as connection:
        connection.register("events", events)
        connection.register("labels", labels)
        rows = connection.execute(sql).fetchall()
    assert [tuple(row.values()) for row in found.to_pylist()] == rows
