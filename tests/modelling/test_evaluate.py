from __future__ import annotations

import numpy as np
import pytest

from towpath.modelling.evaluate import DAY, day_clusters, evaluate


@pytest.mark.parametrize("rows", [2, 4, 40, 400])
@pytest.mark.parametrize("flipped", [False, True])
def test_perfect_separation_has_an_interval_that_narrows_with_rows(
    rows: int, flipped: bool
) -> None:
    label = np.arange(rows) % 2 == 0
    area = evaluate(np.where(label ^ flipped, 0.9, 0.1), label).roc_auc
    assert area is not None
    exact = 0.025 ** (2 / rows)
    assert (area.lower, area.upper) == pytest.approx((0, 1 - exact) if flipped else (exact, 1))


def test_bound_of_perfect_separation_covers_the_truth() -> None:
    """Of small samples of a good model, those that are separated by luck do not claim too much."""
    random, truth, missed = np.random.default_rng(4), 0.921, 0
    for _ in range(400):
        label = np.arange(12) < 6
        area = evaluate(1 / (1 + np.exp(-random.normal(2.0 * label, 1.0))), label).roc_auc
        assert area is not None
        missed += area.value == 1.0 and area.lower > truth
    assert missed == 0


def test_rows_of_one_day_count_once_however_few_days() -> None:
    """Two days of like rows are two observations, not two hundred."""
    label = np.arange(200) % 3 == 0
    probability = np.where(label, 0.9, 0.1)
    at = (np.arange(200) < 100) * DAY
    whole = evaluate(probability, label).roc_auc
    by_day = evaluate(probability, label, clusters=day_clusters(at)).roc_auc
    assert whole is not None
    assert by_day is not None
    assert whole.lower > 0.9
    assert by_day.lower == pytest.approx(0.025 ** (1 / 2))


def test_interval_over_a_few_days_has_the_degrees_of_freedom_of_days() -> None:
    random = np.random.default_rng(7)
    label, day = random.random(300) < 0.5, np.arange(300) % 3
    found = evaluate(random.random(300), label, clusters=day_clusters(day * DAY)).base_rate
    rates = np.array([label[day == one].mean() for one in range(3)])
    reach = 4.302653 * rates.std(ddof=1) / np.sqrt(3)
    assert found.upper - found.value == pytest.approx(reach, rel=1e-6)
