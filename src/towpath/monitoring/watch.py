"""One look at an endpoint: performance where labels are known, drift where they are not."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa

from towpath.core.finding import Finding
from towpath.core.instant import from_micros
from towpath.core.record import Record
from towpath.lake.system import PREDICTIONS
from towpath.monitoring.alerters import Alert
from towpath.monitoring.drift import LEAST_ROWS, DriftScore, drift
from towpath.monitoring.performance import WindowPerformance, latest, performance, windows_of
from towpath.monitoring.profile import (
    Bins,
    Profile,
    learn_bins,
    micros,
    places,
    profile,
    profiled,
    windows_between,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.core.interval import Interval
    from towpath.monitoring.monitor import Monitor
    from towpath.registry.model import Metric

PROBABILITY = "probability"
PROBABILITY_BINS = Bins(PROBABILITY, "numeric", tuple(part / 50 for part in range(1, 50)))


class MonitorReport(Record, frozen=True):
    """What a monitor saw.

    Args:
        monitor: the monitor's name.
        endpoint: whose predictions were watched.
        as_of: the last tick.
        scored: each scoring of each window, in the order of ticks.
        drift: each feature in each window, windows in order; the prediction comes first.
        outputs: the distribution of predicted probabilities by window.
        findings: what needs a look: drift alarms and lost performance.
    """

    monitor: str
    endpoint: str
    as_of: datetime
    scored: tuple[WindowPerformance, ...]
    drift: tuple[DriftScore, ...]
    outputs: tuple[Profile, ...]
    findings: tuple[Finding, ...]

    @property
    def windows(self) -> tuple[WindowPerformance, ...]:
        """The last scoring of each window."""
        return latest(self.scored)

    @property
    def alarms(self) -> tuple[DriftScore, ...]:
        """The drift scores that alarmed."""
        return tuple(one for one in self.drift if one.status == "alarm")

    @property
    def alert(self) -> Alert:
        """The findings as one alert, to be told if there are any."""
        return Alert(self.monitor, self.endpoint, self.as_of, self.findings)

    @property
    def coverage(self) -> float:
        """Share of all predictions in the windows whose label was known at the last tick."""
        total = sum(one.predictions for one in self.windows)
        return sum(one.labelled for one in self.windows) / total if total else 0.0


def watch(
    monitor: Monitor,
    predictions: pa.Table,
    *,
    labels: pa.Table,
    history: pa.Table,
    ticks: Sequence[datetime],
) -> MonitorReport:
    """Score an endpoint's predictions in windows that end at the ticks.

    Args:
        monitor: what to watch and how strictly.
        predictions: ``key``, ``at``, ``probability`` and the features, either as columns or as one
            JSON object a row in a column ``features``.
        labels: ``key``, ``known_at`` and ``label``.
        history: ``at`` and the features of the time before, such as the training set.
        ticks: ends of the windows, one monitor's span apart.

    Raises:
        Invalid: a column is missing, or the ticks are not one span apart.
    """
    windows = windows_of(ticks, span=monitor.span)
    unordered = (
        *_output_drift(monitor, predictions, windows),
        *_feature_drift(monitor, predictions, history, windows),
    )
    drifted = tuple(sorted(unordered, key=lambda one: one.window.start))
    bins = {PROBABILITY: PROBABILITY_BINS}
    return MonitorReport(
        monitor=monitor.name,
        endpoint=monitor.endpoint,
        as_of=ticks[-1],
        scored=performance(
            predictions, labels, ticks=ticks, span=monitor.span, coverage=monitor.coverage
        ),
        drift=drifted,
        outputs=profile(predictions, bins, at="at", windows=windows)[PROBABILITY],
        findings=tuple(_drift_finding(monitor, one) for one in drifted if one.status == "alarm"),
    )


def compare_with_holdout(report: MonitorReport, holdout: Mapping[str, Metric]) -> MonitorReport:
    """Add a finding for each window whose whole interval of ROC AUC lies below the holdout's.

    Args:
        report: what a monitor saw.
        holdout: the metrics with which the model was promoted, by name.
    """
    promised = holdout.get("roc_auc")
    found: list[Finding] = []
    for one in report.windows:
        now = one.metrics.get("roc_auc")
        if promised and now and now.upper < promised.lower:
            found.append(_performance_finding(report.endpoint, one.window, now, promised))
    return report.replace(findings=(*found, *report.findings))


def features_of(predictions: pa.Table, schema: pa.Schema) -> pa.Table:
    """Bring logged features, one JSON object a row, into columns typed as in ``schema``.

    Columns that are there already are kept; fields that no object has become nulls.

    Example:
        >>> log = pa.table({"key": ["a"], "features": ['{"hour": 7, "extra": 1}']})
        >>> features_of(log, pa.schema([("hour", pa.int64())])).column_names
        ['key', 'hour']
    """
    if "features" not in predictions.column_names:
        return predictions
    rows = msgspec.json.Decoder(dict[str, object])
    decoded = [rows.decode(str(text)) for text in predictions.column("features").to_pylist()]
    result = predictions.drop_columns(["features"])
    for field in schema:
        if field.name not in result.column_names:
            values = pa.array([row.get(field.name) for row in decoded], field.type)
            result = result.append_column(field.name, values)
    return result


def _feature_drift(
    monitor: Monitor, predictions: pa.Table, history: pa.Table, windows: Sequence[Interval]
) -> tuple[DriftScore, ...]:
    """Compare each feature's windows with the history and the windows before."""
    ignore = {*monitor.ignore, *PREDICTIONS.names}
    names = profiled(history, ignore=tuple(ignore))
    schema = pa.schema([history.schema.field(name) for name in names])
    now = features_of(predictions, schema)
    names = tuple(name for name in names if name in now.column_names)
    columns = ("at", *names)
    history = history.select(columns)
    if not names or not history.num_rows:
        return ()
    start = from_micros(int(micros(history.column("at")).min()))
    before = windows_between(start, windows[0].start, span=monitor.span)
    bins = learn_bins(history, names)
    early = profile(history, bins, at="at", windows=before)
    late = profile(now, bins, at="at", windows=windows)
    return drift(
        {name: (*early[name], *late[name]) for name in names},
        bins,
        first=len(before),
        history=monitor.history,
        false_discovery=monitor.false_discovery,
    )


def _output_drift(
    monitor: Monitor, predictions: pa.Table, windows: Sequence[Interval]
) -> tuple[DriftScore, ...]:
    """Compare the predicted probabilities of each window with those of the windows before.

    The first window with enough rows to be judged by fixes the bins; if none has, any row does.
    """
    place = places(predictions.column("at"), windows)
    rows = np.bincount(place[place >= 0], minlength=len(windows))
    enough = np.flatnonzero(rows >= LEAST_ROWS)
    chosen = place == enough[0] if enough.size else place >= 0
    bins = learn_bins(predictions.filter(pa.array(chosen)), [PROBABILITY])
    return drift(
        profile(predictions, bins, at="at", windows=windows),
        bins,
        first=0,
        history=monitor.history,
        false_discovery=monitor.false_discovery,
    )


def _drift_finding(monitor: Monitor, one: DriftScore) -> Finding:
    """Put a drift alarm into the shape of a finding."""
    return Finding(
        "drift",
        f"{monitor.endpoint}.{one.column}",
        passed=False,
        observed=round(one.z, 1),
        severity="warn",
        message=f"{one.column} {one.message} in {_days(one.window)}.",
    )


def _performance_finding(endpoint: str, window: Interval, now: Metric, promised: Metric) -> Finding:
    """Put lost performance into the shape of a finding."""
    message = (
        f"ROC AUC {now.value:.3f} in {_days(window)}, below the holdout's {promised.value:.3f}."
    )
    return Finding(
        "performance",
        f"{endpoint}.roc_auc",
        passed=False,
        observed=now.value,
        limit=promised.lower,
        severity="warn",
        message=message,
    )


def _days(window: Interval) -> str:
    """Name a window by the day it starts."""
    return f"the window from {window.start:%Y-%m-%d}"
