"""Means and areas under the curve, with the influence of each row on them.

The variance of an area is DeLong's (DeLong, DeLong and Clarke-Pearson, Biometrics 1988), computed
from midranks in O(n log n) (Sun and Xu, IEEE SPL 2014). Where rows come in clusters, such as the
flights of a day, the influences are added up within each (Obuchowski, Biometrics 1997).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CLIP = 1e-15


class Estimate(msgspec.Struct, frozen=True):
    """A statistic with its standard error and the degrees of freedom behind it."""

    value: float
    error: float
    freedom: int


def auc_influence(probability: Floats, label: NDArray[np.bool_]) -> tuple[float, Floats]:
    """Return the area under the ROC curve and what each row adds to its deviation.

    The squares of the influences, each class corrected by n / (n - 1), add up to DeLong's
    variance. Both classes must be present.

    Example:
        >>> area, _ = auc_influence(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1], bool))
        >>> area
        0.75
    """
    positives, negatives = int(label.sum()), int((~label).sum())
    overall = stats.rankdata(probability)
    placement = np.empty(len(probability))
    within = stats.rankdata(probability[label])
    placement[label] = (overall[label] - within) / negatives
    within = stats.rankdata(probability[~label])
    placement[~label] = 1.0 - (overall[~label] - within) / positives
    area = float(placement[label].mean())
    return area, (placement - area) / np.where(label, positives, negatives)


def auc_estimate(
    value: float,
    influence: Floats,
    label: NDArray[np.bool_],
    *,
    clusters: NDArray[np.int64] | None,
) -> Estimate:
    """Turn the influences on an area, or on the difference of two, into a standard error."""
    if clusters is not None:
        return _clustered(value, influence, clusters)
    variance = 0.0
    for part in (influence[label], influence[~label]):
        variance += float((part**2).sum()) * len(part) / max(len(part) - 1, 1)
    return Estimate(value, variance**0.5, len(influence) - 1)


def mean_estimate(values: Floats, *, clusters: NDArray[np.int64] | None) -> Estimate:
    """Return a mean with its standard error.

    Example:
        >>> mean_estimate(np.array([1.0, 2.0, 3.0]), clusters=None).value
        2.0
    """
    value, rows = float(values.mean()), len(values)
    influence = (values - value) / rows
    if clusters is not None:
        return _clustered(value, influence, clusters)
    variance = float((influence**2).sum()) * rows / max(rows - 1, 1)
    return Estimate(value, variance**0.5, rows - 1)


def quantile(level: float, freedom: int) -> float:
    """Return a quantile of Student's t distribution."""
    return float(stats.t.ppf(level, max(freedom, 1)))


def upper_tail(statistic: float, freedom: int) -> float:
    """Return the chance of at least this statistic under Student's t distribution."""
    return float(stats.t.sf(statistic, max(freedom, 1)))


def row_log_loss(probability: Floats, label: NDArray[np.bool_]) -> Floats:
    """Return the log loss of each row; a probability of 0 or 1 counts as 1e-15 inside.

    Example:
        >>> row_log_loss(np.array([0.5]), np.array([True])).round(4)
        array([0.6931])
    """
    inside = np.clip(probability, CLIP, 1.0 - CLIP)
    return np.asarray(-np.log(np.where(label, inside, 1.0 - inside)))


def _clustered(value: float, influence: Floats, clusters: NDArray[np.int64]) -> Estimate:
    """Add influences within clusters before squaring."""
    _, member = np.unique(clusters, return_inverse=True)
    sums = np.bincount(member, weights=influence)
    count = len(sums)
    variance = float((sums**2).sum()) * count / max(count - 1, 1)
    return Estimate(value, variance**0.5, count - 1)
