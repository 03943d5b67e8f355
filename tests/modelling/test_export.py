from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from tests.modelling.conftest import boosting, logistic

from towpath.core.errors import Invalid
from towpath.modelling.columns import FeatureColumns
from towpath.modelling.export import export
from towpath.modelling.frame import to_matrix, to_row, to_rows

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from tests.modelling.conftest import Flights

    from towpath.modelling.plan import Plan

NUMBERS = st.none() | st.floats(allow_nan=False, width=64) | st.integers(-(2**60), 2**60)
TEXTS = st.none() | st.sampled_from(["UA", "AA", "B6", "DL", "", "ZZ"])
HALF = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)


def fitted(flights: Flights, estimator: BaseEstimator) -> BaseEstimator:
    return estimator.fit(to_matrix(flights.table, flights.columns), flights.label)


def difference(flights: Flights, original: BaseEstimator) -> float:
    plan = export(original, flights.columns)
    wanted = original.predict_proba(to_matrix(flights.table, flights.columns))[:, 1]
    rows = to_rows(flights.table.select(flights.columns.names).slice(0, 200))
    single = np.array([plan.predict_one(row) for row in rows])
    batch = plan.predict(flights.table)
    assert (single == batch[:200]).all()
    return float(np.abs(batch - wanted).max())


def test_boosted_trees_are_equal_bit_for_bit(flights: Flights) -> None:
    assert difference(flights, fitted(flights, boosting(flights.columns))) == 0.0


def test_a_logistic_regression_is_equal_to_rounding(flights: Flights) -> None:
    assert difference(flights, fitted(flights, logistic(flights.columns))) < 1e-12


@pytest.fixture(scope="module")
def trees(flights: Flights) -> tuple[BaseEstimator, Plan]:
    original = fitted(flights, boosting(flights.columns))
    return original, export(original, flights.columns)


@settings(max_examples=60, deadline=None)
@given(row=st.tuples(NUMBERS, TEXTS, NUMBERS, st.none() | st.booleans()))
def test_any_row_gets_the_originals_answer(
    flights: Flights, trees: tuple[BaseEstimator, Plan], row: tuple[object, ...]
) -> None:
    original, plan = trees
    wanted = original.predict_proba(to_row(row, flights.columns))[0, 1]
    assert plan.predict_one(row) == wanted


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(drop="first", handle_unknown="ignore"),
        OneHotEncoder(min_frequency=150, handle_unknown="infrequent_if_exist"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), HALF),
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), StandardScaler(with_mean=False)),
    ],
)
@pytest.mark.filterwarnings("ignore:Found unknown categories")
def test_every_way_to_encode_is_followed(flights: Flights, encoder: BaseEstimator) -> None:
    columns = flights.columns
    prepared = ColumnTransformer(
        [
            # The hour enters twice: as a number and as a category.
            ("number", SimpleImputer(), columns.numeric),
            ("hour", OneHotEncoder(handle_unknown="ignore"), columns.pick("hour")),
            ("text", encoder, columns.pick("carrier")),
        ]
    )
    line = Pipeline([("columns", prepared), ("line", LogisticRegression(max_iter=1000))])
    assert difference(flights, fitted(flights, line)) < 1e-12


def test_an_estimator_alone_is_compiled(flights: Flights) -> None:
    columns = FeatureColumns({"hour": "int64", "wind": "float64"})
    numbers = flights._replace(columns=columns)
    assert difference(numbers, fitted(numbers, HistGradientBoostingClassifier(max_iter=5))) == 0.0
    scaled = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
    assert difference(numbers, fitted(numbers, scaled)) < 1e-12


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (make_pipeline(SimpleImputer(), RandomForestClassifier(2)), "RandomForestClassifier"),
        (make_pipeline(SimpleImputer(), MinMaxScaler(), LogisticRegression()), "MinMaxScaler"),
        (CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=2)), "Calibrated"),
        (HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]), "categories"),
        (make_pipeline(SimpleImputer(add_indicator=True), LogisticRegression()), "missing"),
        (make_pipeline(StandardScaler(), SimpleImputer(), LogisticRegression()), "scaler"),
    ],
)
def test_what_cannot_be_compiled_says_why(
    flights: Flights, estimator: BaseEstimator, reason: str
) -> None:
    columns = FeatureColumns({"hour": "int64", "wind": "float64"})
    numbers = flights._replace(columns=columns)
    with pytest.raises(Invalid, match=reason):
        export(fitted(numbers, estimator), columns)


def test_the_plan_refuses_what_the_original_refuses(flights: Flights) -> None:
    columns = FeatureColumns({"carrier": "string", "wind": "float64"})
    some = flights._replace(
        columns=columns, table=flights.table.slice(0, 500).drop_null(), label=flights.label
    )
    some = some._replace(label=flights.label[: some.table.num_rows])
    strict = ColumnTransformer([("text", OneHotEncoder(), [0]), ("number", "passthrough", [1])])
    plan = export(fitted(some, make_pipeline(strict, LogisticRegression(max_iter=500))), columns)
    with pytest.raises(Invalid, match="has not seen carrier = 'ZZ'"):
        plan.predict_one(["ZZ", 1.0])
    for row, name in (([None, 1.0], "carrier"), (["UA", None], "wind"), (["UA", math.nan], "wind")):
        with pytest.raises(Invalid, match=f"missing '{name}'"):
            plan.predict_one(row)
