from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towpath.core.errors import Invalid
from towpath.core.instant import from_micros
from towpath.core.interval import Interval
from towpath.monitoring.profile import (
    NUMERIC_BINS,
    Bins,
    learn_bins,
    profile,
    profiled,
    windows_between,
)

UTC_MICROS = pa.timestamp("us", "UTC")
WINDOWS = [Interval(from_micros(start), from_micros(start + 10)) for start in (0, 10, 20)]


def rows(times: list[int], values: object) -> pa.Table:
    return pa.table({"at": pa.array(times, UTC_MICROS), "x": values})


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-5, 35), st.one_of(st.none(), st.floats(-3, 3), st.just(math.inf))),
        max_size=40,
    ),
    st.lists(st.floats(-2, 2), max_size=5, unique=True),
)
def test_counts_equal_a_loop_over_rows(
    data: list[tuple[int, float | None]], edges: list[float]
) -> None:
    bins = Bins("x", "numeric", tuple(sorted(edges)))
    table = rows([at for at, _ in data], pa.array([value for _, value in data], pa.float64()))
    found = profile(table, {"x": bins}, at="at", windows=WINDOWS)["x"]
    for window, one in zip(WINDOWS, found, strict=True):
        inside = [value for at, value in data if from_micros(at) in window]
        expected = [0] * bins.size
        for value in (value for value in inside if value is not None):
            expected[sum(edge < value for edge in edges)] += 1
        assert (list(one.counts), one.nulls) == (expected, inside.count(None))


def test_bins_of_numbers_have_equal_mass() -> None:
    table = pa.table({"x": np.random.default_rng(1).permutation(10_000)})
    bins = learn_bins(table, ["x"])
    counts = profile(rows([0] * 10_000, table.column("x")), bins, at="at", windows=WINDOWS[:1])[
        "x"
    ][0].counts
    assert bins["x"].size == NUMERIC_BINS
    assert max(counts) - min(counts) <= 2


def test_few_distinct_numbers_get_a_bin_each() -> None:
    bins = learn_bins(pa.table({"x": [1, 2, 3] * 100}), ["x"])["x"]
    found = profile(rows([0, 0, 0], [1, 2, 3]), {"x": bins}, at="at", windows=WINDOWS[:1])
    assert sorted(found["x"][0].counts, reverse=True)[:3] == [1, 1, 1]


def test_nan_counts_as_null_and_a_rare_category_as_other() -> None:
    found = profile(
        rows([0, 0], [math.nan, 1.0]), {"x": Bins("x", "numeric")}, at="at", windows=WINDOWS[:1]
    )["x"][0]
    assert (found.counts, found.nulls, found.rows) == ((1,), 1, 2)
    bins = Bins("x", "categorical", categories=("UA", "B6"))
    found = profile(
        rows([0] * 4, ["B6", "AA", None, "UA"]), {"x": bins}, at="at", windows=WINDOWS[:1]
    )["x"][0]
    assert (found.counts, found.nulls) == ((1, 1, 1), 1)


def test_booleans_are_categories_and_times_are_not_profiled() -> None:
    table = rows([0, 0, 0], [True, False, True])
    assert profiled(table) == ("x",)
    assert learn_bins(table, ["x"])["x"].categories == ("true", "false")


def test_a_column_of_nulls_has_one_bin() -> None:
    assert learn_bins(pa.table({"x": pa.array([None], pa.float64())}), ["x"])["x"].size == 1


def test_windows_end_where_the_monitored_time_begins() -> None:
    windows = windows_between(from_micros(0), from_micros(25), span=timedelta(microseconds=10))
    assert [window.start for window in windows] == [from_micros(5), from_micros(15)]


def test_a_missing_column_and_a_naive_time_are_refused() -> None:
    with pytest.raises(Invalid, match="'y' is missing"):
        profile(rows([0], [1.0]), {"y": Bins("y", "numeric")}, at="at", windows=WINDOWS)
    naive = pa.table({"at": pa.array([0], pa.timestamp("us")), "x": [1.0]})
    with pytest.raises(Invalid, match="not times with a zone"):
        profile(naive, {"x": Bins("x", "numeric")}, at="at", windows=WINDOWS)
