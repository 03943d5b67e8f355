from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from towpath.core.errors import Invalid
from towpath.modelling.evaluate import evaluate
from towpath.modelling.statistics import auc_estimate, auc_influence, mean_estimate

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]
ROWS = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40)


def drawn(rows: int, *, seed: int, gain: float = 1.0) -> tuple[Floats, Labels]:
    random = np.random.default_rng(seed)
    label = random.random(rows) < 0.4
    return 1.0 / (1.0 + np.exp(-random.normal(gain * label, 1.0))), label


def delong_by_pairs(probability: Floats, label: Labels) -> tuple[float, float]:
    """DeLong's area and variance by their definition, in O(positives times negatives)."""
    wins = np.sign(probability[label][:, None] - probability[~label][None, :]) / 2 + 0.5
    by_positive, by_negative = wins.mean(axis=1), wins.mean(axis=0)
    variance = by_positive.var(ddof=1) / label.sum() + by_negative.var(ddof=1) / (~label).sum()
    return float(wins.mean()), float(variance)


@given(rows=ROWS)
def test_the_area_and_its_variance_are_delongs(rows: list[tuple[int, bool]]) -> None:
    probability = np.array([value / 6 for value, _ in rows])
    label = np.array([answer for _, answer in rows])
    if label.sum() < 2 or (~label).sum() < 2:
        return
    area, influence = auc_influence(probability, label)
    wanted, variance = delong_by_pairs(probability, label)
    assert area == pytest.approx(wanted, abs=1e-12)
    error = auc_estimate(area, influence, label, clusters=None).error
    assert error**2 == pytest.approx(variance, abs=1e-12)


def test_the_standard_error_of_an_area_is_the_bootstraps() -> None:
    probability, label = drawn(1500, seed=3)
    area, influence = auc_influence(probability, label)
    random = np.random.default_rng(0)
    draws = random.integers(0, 1500, (400, 1500))
    spread = np.std([roc_auc_score(label[one], probability[one]) for one in draws])
    error = auc_estimate(area, influence, label, clusters=None).error
    assert error == pytest.approx(spread, rel=0.12)


def test_rows_of_one_cluster_count_once() -> None:
    probability, label = drawn(500, seed=1)
    copies = np.repeat(np.arange(500), 4)
    area, influence = auc_influence(probability[copies], label[copies])
    together = auc_estimate(area, influence, label[copies], clusters=copies).error
    alone = auc_estimate(*auc_influence(probability, label), label, clusters=None).error
    assert together == pytest.approx(alone, rel=0.01)
    values = probability
    repeated = mean_estimate(values[copies], clusters=copies).error
    assert repeated == pytest.approx(mean_estimate(values, clusters=None).error, rel=0.01)


def test_metrics_are_scikit_learns() -> None:
    probability, label = drawn(2000, seed=2)
    found = evaluate(probability, label)
    assert found.roc_auc is not None
    assert found.roc_auc.value == pytest.approx(roc_auc_score(label, probability))
    assert found.log_loss.value == pytest.approx(log_loss(label, probability))
    assert found.brier.value == pytest.approx(brier_score_loss(label, probability))
    assert found.base_rate.value == label.mean()
    assert sum(one.rows for one in found.calibration) == 2000


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    truth = evaluate(*drawn(200_000, seed=99))
    held = {"roc_auc": 0, "log_loss": 0, "brier": 0}
    for seed in range(200):
        found = evaluate(*drawn(400, seed=seed)).metrics
        for name in held:
            held[name] += found[name].lower <= truth.metrics[name].value <= found[name].upper
    assert all(count >= 180 for count in held.values()), held


def test_one_class_alone_has_no_area() -> None:
    found = evaluate(np.array([0.2, 0.4]), np.array([True, True]))
    assert found.roc_auc is None
    assert "roc_auc" not in found.metrics


@pytest.mark.parametrize("values", [[], [0.5], [1.5, 0.5], [float("nan"), 0.5]])
def test_what_cannot_be_measured_is_refused(values: list[float]) -> None:
    with pytest.raises(Invalid):
        evaluate(np.array(values), np.array([True, False][: max(len(values), 2)]))
