"""Whether a challenger may replace the champion, by a paired test on the same rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from towpath.core.errors import Invalid
from towpath.core.finding import Finding
from towpath.core.record import Record
from towpath.modelling.statistics import (
    Estimate,
    auc_estimate,
    auc_influence,
    mean_estimate,
    quantile,
    row_log_loss,
    upper_tail,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from towpath.modelling.model import Gate

    Floats = NDArray[np.float64]
    Labels = NDArray[np.bool_]

POWER = 0.8
FEWEST_OF_A_CLASS = 10
FEWEST_CLUSTERS = 10


class GateReport(Record, frozen=True):
    """Outcome of a gate.

    Args:
        decision: ``promote`` or ``reject``.
        metric: what was compared.
        delta: by how much the challenger is better; above zero is better for every metric.
        lower: bound that the true difference exceeds with confidence 1 - alpha.
        p_value: chance of such a difference, or a greater, if the challenger were not better.
        detectable: the true difference that would pass in four of five tries on so many rows.
        rows: test rows compared.
        findings: the outcome as findings, with the reason in words.
    """

    decision: Literal["promote", "reject"]
    metric: str
    delta: float
    lower: float
    p_value: float
    detectable: float
    rows: int
    findings: tuple[Finding, ...]


def gate(
    rule: Gate,
    label: Labels,
    *,
    challenger: Floats,
    champion: Floats | None,
    clusters: NDArray[np.int64] | None = None,
) -> GateReport:
    """Test a challenger against the champion.

    Tests on the same rows share one alpha: give each its part, ``rule.replace(alpha=…)``.

    Args:
        rule: metric, mode and limits.
        label: whether each row came true.
        challenger: its probability for each row.
        champion: the champion's for the same rows; None where there is no champion yet.
        clusters: a number for each row, equal for rows that depend on each other.

    Raises:
        Invalid: probabilities of another number of rows than labels.

    Example:
        >>> from towpath.modelling.model import Gate
        >>> label = np.arange(1000) % 2 == 0
        >>> good = np.where(label, 0.6, 0.4) + np.linspace(-0.3, 0.3, 1000)
        >>> gate(Gate(), label, challenger=good, champion=1 - good).decision
        'promote'
    """
    for scores in (challenger, champion):
        if scores is not None and len(scores) != len(label):
            message = f"There are {len(scores)} probabilities for {len(label)} labels."
            raise Invalid(message, hint="Score both models on the same rows.")
    if champion is None:
        return _untested(rule, label, "No champion yet.", passed=True)
    shortage = _shortage(label, clusters)
    if shortage:
        return _untested(rule, label, shortage, passed=False)
    difference = _difference(rule, label, challenger=challenger, champion=champion, by=clusters)
    return _judged(rule, difference, rows=len(label))


def successor(report: GateReport, *, compared: bool) -> GateReport:
    """Let a challenger through because the champion cannot answer any more.

    Its features are defined otherwise now. What a test found is kept for the record.

    Args:
        report: the test's outcome.
        compared: whether the champion had been scored on the same rows.
    """
    record = f"For the record: {report.findings[0].message}" if compared else "It was not compared."
    message = f"The champion's features are defined otherwise now: it cannot answer. {record}"
    told = report.findings[0].replace(passed=True, message=message)
    return report.replace(decision="promote", findings=(told,))


def _untested(rule: Gate, label: Labels, message: str, *, passed: bool) -> GateReport:
    """Decide without a test."""
    finding = Finding(_check_name(rule), rule.metric, passed=passed, message=message)
    decision: Literal["promote", "reject"] = "promote" if passed else "reject"
    return GateReport(decision, rule.metric, 0.0, 0.0, 1.0, 0.0, len(label), (finding,))


def _difference(
    rule: Gate, label: Labels, *, challenger: Floats, champion: Floats, by: NDArray[np.int64] | None
) -> Estimate:
    """Estimate by how much the challenger is better, row paired with row."""
    if rule.metric == "log_loss":
        losses = row_log_loss(champion, label) - row_log_loss(challenger, label)
        return mean_estimate(losses, clusters=by)
    new, new_influence = auc_influence(challenger, label)
    old, old_influence = auc_influence(champion, label)
    return auc_estimate(new - old, new_influence - old_influence, label, clusters=by)


def _judged(rule: Gate, difference: Estimate, *, rows: int) -> GateReport:
    """Hold the difference against the bound of the rule."""
    bound = rule.margin if rule.mode == "superior" else -rule.margin
    excess, error, freedom = difference.value - bound, difference.error, difference.freedom
    reach = quantile(1.0 - rule.alpha, freedom) * error
    lower = difference.value - reach
    statistic = excess / error if error > 0.0 else math.copysign(math.inf, excess)
    p_value = upper_tail(statistic, freedom) if excess or error else 1.0
    detectable = bound + reach + quantile(POWER, freedom) * error
    passed = lower > bound
    message = (
        f"{rule.metric} better by {difference.value:+.5f}, surely by {lower:+.5f}"
        f" (needed: {bound:+.5f}); p = {p_value:.2g}, alpha = {rule.alpha:.2g};"
        f" a true difference of {detectable:+.5f} would pass in 4 of 5 tries on {rows} rows."
    )
    finding = Finding(
        _check_name(rule),
        rule.metric,
        passed=passed,
        observed=lower,
        limit=bound,
        message=message,
    )
    return GateReport(
        "promote" if passed else "reject",
        rule.metric,
        difference.value,
        lower,
        p_value,
        detectable,
        rows,
        (finding,),
    )


def _check_name(rule: Gate) -> str:
    """Name the check, such as ``roc_auc_superior``."""
    return f"{rule.metric}_{rule.mode}"


def _shortage(label: Labels, clusters: NDArray[np.int64] | None) -> str:
    """Say what there is too little of for a test, empty if there is enough."""
    rarer = int(min(label.sum(), (~label).sum()))
    if rarer < FEWEST_OF_A_CLASS:
        return f"{len(label)} test rows hold {rarer} of one class; {FEWEST_OF_A_CLASS} are needed."
    groups = len(np.unique(clusters)) if clusters is not None else FEWEST_CLUSTERS
    if groups < FEWEST_CLUSTERS:
        return f"The test rows span {groups} clusters; {FEWEST_CLUSTERS} are needed."
    return ""
