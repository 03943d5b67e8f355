from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from towpath.modelling.columns import FeatureColumns

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = 3000
DAY = 86_400_000_000


class Flights(NamedTuple):
    """Mixed columns with missing values, and whether each row came true."""

    table: pa.Table
    columns: FeatureColumns
    label: NDArray[np.bool_]


def boosting(columns: FeatureColumns) -> Pipeline:
    unknown = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    prepared = ColumnTransformer(
        [("numbers", "passthrough", columns.numeric), ("texts", unknown, columns.categorical)]
    )
    return Pipeline([("columns", prepared), ("trees", HistGradientBoostingClassifier(max_iter=30))])


def logistic(columns: FeatureColumns) -> Pipeline:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    prepared = ColumnTransformer(
        [("numbers", numbers, columns.numeric), ("texts", texts, columns.categorical)]
    )
    return Pipeline([("columns", prepared), ("line", LogisticRegression(max_iter=300))])


@pytest.fixture(scope="session")
def flights() -> Flights:
    random = np.random.default_rng(7)
    hour = random.integers(0, 24, ROWS)
    wind = np.where(random.random(ROWS) < 0.1, np.nan, random.gamma(2.0, 4.0, ROWS))
    carriers = np.array(["UA", "AA", "B6", "DL"])[random.integers(0, 4, ROWS)]
    rain = random.random(ROWS) < 0.2
    score = 0.1 * (hour - 12) + 0.08 * np.nan_to_num(wind) + (carriers == "B6") + rain - 1.0
    label = random.logistic(size=ROWS) < score
    table = pa.table(
        {
            "flight": [f"flight_{at}" for at in range(ROWS)],
            "at": pa.array(np.arange(ROWS) * DAY // 50).cast(pa.timestamp("us", "UTC")),
            "hour": hour,
            "wind": pa.array(wind, from_pandas=True),
            "rain": pa.array(rain, mask=random.random(ROWS) < 0.05),
            "carrier": pa.array(carriers, mask=random.random(ROWS) < 0.05),
        }
    )
    schema = {"hour": "int64", "carrier": "string", "wind": "float64", "rain": "bool"}
    return Flights(table, FeatureColumns(schema), label)
