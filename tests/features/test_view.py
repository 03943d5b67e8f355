from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from towpath.core.errors import Invalid
from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.feature_dtype import feature_dtype, whole_value
from towpath.features.view import Aggregate, FeatureView, Latest, aggregates

if TYPE_CHECKING:
    from collections.abc import Callable

DAY, WEEK = timedelta(days=1), timedelta(days=7)


@pytest.mark.parametrize(
    ("feature", "name"),
    [
        (Aggregate("std", "delay", WEEK), "delay_std_7d"),
        (Aggregate("last_k", "delay", WEEK, k=3), "delay_last_3_7d"),
        (Aggregate("distinct", "carrier", WEEK), "carrier_distinct_7d"),
        (Aggregate("count", window=None), "count_lifetime"),
        (Aggregate("share", "diverted", DAY, value=True), "diverted_share_true_1d"),
        (Aggregate("share", "sky", DAY, value="Light rain!"), "sky_share_light_rain_1d"),
    ],
)
def test_a_feature_is_named_for_column_function_and_window(feature: Aggregate, name: str) -> None:
    assert feature.name == name


def test_one_aggregate_over_several_windows_and_the_lifetime() -> None:
    found = aggregates("share", "km", windows=["1d", "lifetime"], value=2)
    assert [(one.window, one.name) for one in found] == [
        (DAY, "km_share_2_1d"),
        (None, "km_share_2_lifetime"),
    ]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Aggregate("std", "km"), "has no window"),
        (lambda: Aggregate("distinct", window=DAY), "has no column"),
        (lambda: Aggregate("last_k", "km", DAY), "lists 0 values"),
        (lambda: Aggregate("last_k", "km", DAY, k=1001), "lists 1001 values"),
        (lambda: Aggregate("last", "km", DAY, k=2), "has a k"),
        (lambda: Aggregate("share", "km", DAY), "does not say of which value"),
        (lambda: Aggregate("share", "km", DAY, value=float("nan")), "does not say"),
        (lambda: Aggregate("sum", "km", DAY, value=1), "has a value"),
        (lambda: FeatureView("v", "trips", ("car",), ()), "no features"),
        (
            lambda: FeatureView("v", "t", (), (Latest("km"),), columns={"a": "km", "b": "km"}),
            "the column 'km' twice",
        ),
    ],
)
def test_a_definition_that_says_too_little_or_too_much_is_refused(
    make: Callable[[], object], problem: str
) -> None:
    with pytest.raises(Invalid, match=problem):
        make()


@pytest.mark.parametrize(
    ("function", "dtype", "wanted"),
    [
        ("count", "string", "int64"),
        ("sum", "bool", "int64"),
        ("sum", "decimal(9,2)", "decimal(19,2)"),
        ("min", "decimal(9,2)", "decimal(9,2)"),
        ("mean", "decimal(9,2)", "float64"),
        ("std", "int64", "float64"),
        ("first", "timestamp", "timestamp"),
        ("last_k", "bool", "list<bool>"),
        ("distinct", "float64", "int64"),
    ],
)
def test_the_type_of_a_feature_follows_from_function_and_column(
    function: str, dtype: str, wanted: str
) -> None:
    feature = Aggregate(function, "it", DAY, k=2 if function == "last_k" else 0)  # type: ignore[arg-type]
    assert feature_dtype(feature, dtype, "View 'v'") == wanted


@pytest.mark.parametrize(
    ("feature", "dtype", "problem"),
    [
        (Aggregate("std", "it", DAY), "string", "View 'v' takes the std of 'it', which is string"),
        (Aggregate("max", "it", DAY), "timestamp", "the max of 'it', which is timestamp"),
        (Aggregate("count", "it", DAY), "date", "a date cannot be a feature"),
        (Aggregate("sum", "it", DAY), "decimal(20,2)", "more than 18 digits"),
        (Aggregate("share", "it", DAY, value="late"), "int64", "the share of 'late' in 'it'"),
        (Aggregate("share", "it", DAY, value=1), "bool", "the share of 1 in 'it'"),
        (Aggregate("share", "it", DAY, value="0.001"), "decimal(9,2)", "the share of '0.001'"),
        (Latest("it"), "binary", "a binary cannot be a feature"),
    ],
)
def test_a_function_that_does_not_fit_its_column_is_refused(
    feature: Aggregate | Latest, dtype: str, problem: str
) -> None:
    with pytest.raises(Invalid, match=problem):
        feature_dtype(feature, dtype, "View 'v'")


@pytest.mark.parametrize(
    ("value", "dtype", "wanted"),
    [
        (1, "float64", 1.0),
        (2**63, "int64", None),
        (True, "int64", None),
        ("1e3", "decimal(9,2)", 100_000),
        ("x", "decimal(9,2)", None),
        ("inf", "decimal(9,2)", None),
        ("x", "timestamp", None),
    ],
)
def test_a_value_is_taken_only_as_its_column_can_hold_it(
    value: float | str, dtype: str, wanted: float | None
) -> None:
    assert whole_value(value, dtype) == wanted


def test_the_columns_that_features_read_are_listed_once() -> None:
    features = (Latest("km"), Aggregate("count", "km", DAY), Aggregate("count", window=DAY))
    assert FeatureView("v", "trips", (), features).used == ("km",)


def test_a_decimal_comes_back_as_one() -> None:
    money = pa.array([Decimal("0.10"), None, Decimal("-0.30")], pa.decimal128(9, 2))
    events = pa.table({"_t": [1, 2, 3], "_seq": [0, 1, 2], "fare": money})
    features = (Aggregate("sum", "fare", None), Latest("fare"))
    view = FeatureView("v", "source", (), features)
    found = EmbeddedEngine(1).compute(view, events.slice(1), pa.table({"_t": [2, 3]}))
    assert found["fare_sum_lifetime"].to_pylist() == [Decimal("0.00"), Decimal("-0.30")]
    assert found["fare"].to_pylist() == [None, Decimal("-0.30")]
