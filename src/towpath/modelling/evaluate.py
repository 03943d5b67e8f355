"""How good probabilities are, with intervals, beside what the base rate alone would reach."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from towpath.core.errors import Invalid
from towpath.core.record import Record
from towpath.modelling.statistics import (
    Estimate,
    auc_estimate,
    auc_influence,
    mean_estimate,
    quantile,
    row_log_loss,
)
from towpath.registry.model import Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Labels = NDArray[np.bool_]

LEVEL = 0.975
BINS = 10
DAY = 86_400_000_000


class CalibrationBin(Record, frozen=True):
    """Rows of about equal probability: what was predicted and what happened.

    Args:
        rows: how many rows.
        predicted: their mean probability.
        observed: the share of true labels, with a 95 % interval by Wilson's score.
    """

    rows: int
    predicted: float
    observed: Metric


class Evaluation(Record, frozen=True):
    """The quality of probabilities on rows with known labels; intervals are 95 %.

    Args:
        rows: rows evaluated.
        positives: rows whose label is true.
        base_rate: share of true labels.
        roc_auc: area under the ROC curve; None where only one class is present.
        log_loss: mean log loss.
        brier: mean squared error.
        base_log_loss: log loss of predicting the base rate for all.
        base_brier: squared error of predicting the base rate for all.
        calibration: ten bins of equal size, lowest probability first.
    """

    rows: int
    positives: int
    base_rate: Metric
    roc_auc: Metric | None
    log_loss: Metric
    brier: Metric
    base_log_loss: float
    base_brier: float
    calibration: tuple[CalibrationBin, ...]

    @property
    def metrics(self) -> dict[str, Metric]:
        """The metrics by name."""
        named = {
            "roc_auc": self.roc_auc,
            "log_loss": self.log_loss,
            "brier": self.brier,
            "base_rate": self.base_rate,
        }
        return {name: metric for name, metric in named.items() if metric is not None}


def evaluate(
    probability: Floats, label: Labels, *, clusters: NDArray[np.int64] | None = None
) -> Evaluation:
    """Measure probabilities against labels.

    Args:
        probability: a probability for each row.
        label: whether it came true.
        clusters: a number for each row, equal for rows that are not independent of each other,
            such as those of one day; see ``days``.

    Raises:
        Invalid: no rows, rows of different number, or a probability outside 0 to 1.

    Example:
        >>> report = evaluate(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1], bool))
        >>> report.roc_auc.value
        0.75
    """
    _check(probability, label)
    positives, rows = int(label.sum()), len(label)
    rate = positives / rows
    truth = label.astype(np.float64)
    base = np.full(rows, rate)
    return Evaluation(
        rows=rows,
        positives=positives,
        base_rate=_interval(mean_estimate(truth, clusters=clusters), highest=1.0),
        roc_auc=_roc_auc(probability, label, clusters) if 0 < positives < rows else None,
        log_loss=_interval(mean_estimate(row_log_loss(probability, label), clusters=clusters)),
        brier=_interval(mean_estimate((probability - truth) ** 2, clusters=clusters)),
        base_log_loss=float(row_log_loss(base, label).mean()),
        base_brier=float(((base - truth) ** 2).mean()),
        calibration=_calibration(probability, label),
    )


def days(at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the UTC day of each time, for ``clusters``.

    Example:
        >>> days(np.array([0, 86_400_000_000 - 1, 86_400_000_000]))
        array([0, 0, 1])
    """
    return at // DAY


def day_clusters(at: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Number the UTC day of each time, or None where all rows are of one day.

    Rows of one day depend on each other. With few days the interval is wide, as its t distribution
    has one degree of freedom less than there are days (Cameron and Miller, Journal of Human
    Resources 2015, section VI); the gate asks for more days. A table without times has one day for
    all its rows, which are then taken as independent.

    Example:
        >>> day_clusters(np.zeros(1000, np.int64)) is None
        True
    """
    found = days(at)
    return found if len(np.unique(found)) > 1 else None


def _check(probability: Floats, label: Labels) -> None:
    """Refuse what cannot be measured."""
    if len(label) == 0 or len(label) != len(probability):
        message = f"There are {len(probability)} probabilities and {len(label)} labels."
        raise Invalid(message, hint="Give one of each for at least one row.")
    if not ((probability >= 0.0) & (probability <= 1.0)).all():
        raise Invalid("Some probability is not between 0 and 1.", hint="Give probabilities.")


def _interval(estimate: Estimate, *, highest: float = math.inf) -> Metric:
    """Put a 95 % interval around a mean that cannot be negative."""
    reach = quantile(LEVEL, estimate.freedom) * estimate.error
    lower, upper = estimate.value - reach, estimate.value + reach
    return Metric(estimate.value, max(lower, 0.0), min(upper, highest))


def _roc_auc(probability: Floats, label: Labels, clusters: NDArray[np.int64] | None) -> Metric:
    """Put a 95 % interval around an area, on the logit scale so that it stays inside 0 to 1."""
    area, influence = auc_influence(probability, label)
    estimate = auc_estimate(area, influence, label, clusters=clusters)
    if not 0.0 < area < 1.0:
        return _of_separated(area, label, clusters)
    reach = quantile(LEVEL, estimate.freedom) * estimate.error / (area * (1.0 - area))
    middle = math.log(area / (1.0 - area))
    lower, upper = (1.0 / (1.0 + math.exp(-(middle + side * reach))) for side in (-1, 1))
    return Metric(area, lower, upper)


def _of_separated(area: float, label: Labels, clusters: NDArray[np.int64] | None) -> Metric:
    """Put an interval around an area of 0 or 1, where no influence varies.

    Pairs of one positive and one negative that share no row, and no cluster, are independent trials
    that all went the same way: the exact binomial bound (Clopper and Pearson, Biometrika 1934).
    """
    groups = np.arange(len(label)) if clusters is None else clusters
    pairs = min(len(np.unique(groups[label])), len(np.unique(groups[~label])))
    bound = float((1.0 - LEVEL) ** (1.0 / pairs))
    return Metric(area, bound, 1.0) if area else Metric(area, 0.0, 1.0 - bound)


def _calibration(probability: Floats, label: Labels) -> tuple[CalibrationBin, ...]:
    """Cut the rows, sorted by probability, into bins of equal size."""
    order = np.argsort(probability, kind="stable")
    bins = []
    for part in np.array_split(order, min(BINS, len(order))):
        share = float(label[part].mean())
        observed = _wilson(share, len(part))
        bins.append(CalibrationBin(len(part), float(probability[part].mean()), observed))
    return tuple(bins)


def _wilson(share: float, rows: int) -> Metric:
    """Put Wilson's score interval around a share."""
    z = quantile(LEVEL, 10**9)
    centre = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    reach = z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + (z / (2 * rows)) ** 2)
    return Metric(share, max(centre - reach, 0.0), min(centre + reach, 1.0))
