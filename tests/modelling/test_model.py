from __future__ import annotations

from datetime import datetime

import pytest
from tests.modelling.conftest import boosting, logistic

from towpath.core.errors import Invalid, NotFound
from towpath.core.instant import parse_instant
from towpath.core.record import fingerprint
from towpath.modelling.columns import FeatureColumns
from towpath.modelling.model import Gate, HashSplit, Label, Model, TimeSplit

OCTOBER = parse_instant("2013-10-01")


def make_model(**changes: object) -> Model:
    model = Model("late", "flight", Label("arrivals", "late"), {"boosting": boosting})
    return model.replace(**changes)


def test_a_naive_split_is_refused() -> None:
    with pytest.raises(Invalid, match="no time zone"):
        TimeSplit(datetime(2013, 10, 1))  # noqa: DTZ001 - naive on purpose


def test_a_split_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(Invalid, match="end before they start"):
        TimeSplit(OCTOBER, OCTOBER)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_split_that_leaves_a_side_empty_is_refused(share: float) -> None:
    with pytest.raises(Invalid, match="test share"):
        HashSplit(share)


def test_a_gate_that_accepts_any_loss_is_refused() -> None:
    with pytest.raises(Invalid, match="margin"):
        Gate(mode="non_inferior")
    with pytest.raises(Invalid, match="alpha"):
        Gate(alpha=0.5)


@pytest.mark.parametrize(
    "changes", [{"name": "Late"}, {"estimators": {}}, {"threshold": 1.5}], ids=str
)
def test_a_model_that_cannot_be_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        make_model(**changes)


def test_an_unknown_estimator_is_not_found() -> None:
    with pytest.raises(NotFound, match="Did you mean 'boosting'"):
        make_model().factory("bosting")


def test_a_definition_has_another_version_when_its_estimator_changes() -> None:
    same = fingerprint(make_model())
    assert fingerprint(make_model()) == same
    assert fingerprint(make_model(estimators={"boosting": logistic})) != same


def test_an_unknown_feature_is_not_found() -> None:
    with pytest.raises(NotFound, match="Did you mean 'carrier'"):
        FeatureColumns({"carrier": "string"}).pick("carier")
