"""Will a flight arrive 15 minutes late or more? Asked two hours before it is to leave."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from towpath.modelling.model import Gate, Label, Model, TimeSplit

if TYPE_CHECKING:
    from towpath.modelling.columns import FeatureColumns


def baseline(columns: FeatureColumns) -> Pipeline:
    """Weigh each feature: the least that any other candidate must beat."""
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), columns.numeric),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), columns.categorical),
    )
    return make_pipeline(prepare, LogisticRegression(solver="newton-cholesky"))


def boosting(columns: FeatureColumns) -> Pipeline:
    """Add up small trees; missing values need no filling in."""
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    prepare = make_column_transformer(
        ("passthrough", columns.numeric), (encode, columns.categorical)
    )
    trees = HistGradientBoostingClassifier(
        max_iter=100,
        learning_rate=0.1,
        min_samples_leaf=200,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=0,
    )
    return make_pipeline(prepare, trees)


delay = Model(
    "delay",
    features="flight_delay",
    label=Label("arrivals", "late"),
    estimators={"baseline": baseline, "boosting": boosting},
    split=TimeSplit(
        train_until=datetime(2013, 10, 1, tzinfo=UTC), test_until=datetime(2014, 1, 1, tzinfo=UTC)
    ),
    gate=Gate(metric="roc_auc", alpha=0.05),
    description="Whether a flight arrives at least 15 minutes late, two hours before departure.",
    owner="flight-operations",
)
