"""Performance in windows, as the labels become known."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.errors import Invalid, did_you_mean
from towpath.core.instant import format_span, to_micros
from towpath.core.interval import Interval
from towpath.core.record import Record
from towpath.modelling.evaluate import day_clusters, evaluate
from towpath.monitoring.profile import Ints, micros, places
from towpath.registry.model import Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

UNKNOWN = -1
LEAST_LABELS = 30

Labels = npt.NDArray[np.int8]


class WindowPerformance(Record, frozen=True):
    """How good the predictions of one window were, as far as was known at one time.

    Args:
        window: the times of the predictions.
        as_of: the tick; only labels known by then count.
        predictions: predictions in the window.
        labelled: how many of them had a label.
        mature: whether enough labels were known to score the window.
        metrics: roc_auc, log_loss, brier and base_rate with 95 % intervals, clustered by day;
            empty while not mature, without roc_auc where only one class was seen.
        mean_probability: mean of all predicted probabilities in the window.
    """

    window: Interval
    as_of: datetime
    predictions: int
    labelled: int
    mature: bool
    metrics: dict[str, Metric] = msgspec.field(default_factory=dict)
    mean_probability: float | None = None

    @property
    def coverage(self) -> float:
        """Share of the window's predictions whose label was known."""
        return self.labelled / self.predictions if self.predictions else 0.0


def performance(
    predictions: pa.Table,
    labels: pa.Table,
    *,
    ticks: Sequence[datetime],
    span: timedelta,
    coverage: float,
) -> tuple[WindowPerformance, ...]:
    """Score each window at the tick that ends it, and again when labels came or changed.

    Args:
        predictions: columns ``key`` (string), ``at`` (timestamp), ``probability``.
        labels: columns ``key``, ``known_at`` (timestamp), ``label`` (boolean or 0 and 1). Of
            several labels of a key the last one known by a tick counts.
        ticks: ends of consecutive windows.
        span: length of a window.
        coverage: share of labels below which a window is not scored.

    Returns:
        Every scoring in the order of ticks; use ``latest`` for one a window.

    Raises:
        Invalid: a column is missing, or the ticks are not one span apart.
    """
    windows = windows_of(ticks, span=span)
    _require(predictions, ("key", "at", "probability"))
    _require(labels, ("key", "known_at", "label"))
    rows = _Rows(predictions, windows)
    join = _Join(predictions, labels)
    scored: list[WindowPerformance] = []
    seen: dict[int, bytes] = {}
    for number, tick in enumerate(ticks):
        truth = join.at(tick)
        for index in range(number + 1):
            content = truth[rows.of(index)].tobytes()
            if seen.get(index) != content:
                seen[index] = content
                scored.append(rows.score(index, truth, tick=tick, coverage=coverage))
    return tuple(scored)


def latest(scored: Sequence[WindowPerformance]) -> tuple[WindowPerformance, ...]:
    """Keep the last scoring of each window, in the order of windows.

    Example:
        >>> latest(())
        ()
    """
    last = {one.window.start: one for one in scored}
    return tuple(last[start] for start in sorted(last))


def windows_of(ticks: Sequence[datetime], *, span: timedelta) -> tuple[Interval, ...]:
    """Give the windows that end at the ticks.

    Raises:
        Invalid: no ticks, or ticks that are not one span apart.

    Example:
        >>> from datetime import timedelta
        >>> from towpath.core.instant import parse_instant
        >>> windows_of([parse_instant("2013-10-08")], span=timedelta(days=7))[0].start.day
        1
    """
    if not ticks:
        message = "There are no ticks to monitor at."
        raise Invalid(message, hint="Give the ends of one window or more.")
    if any(later - earlier != span for earlier, later in pairwise(ticks)):
        message = f"The ticks to monitor at are not {format_span(span)} apart."
        raise Invalid(message, hint="Give the ends of consecutive windows.")
    return tuple(Interval(tick - span, tick) for tick in ticks)


class _Rows:
    """Predictions by window."""

    def __init__(self, predictions: pa.Table, windows: Sequence[Interval]) -> None:
        """Find each prediction's window once."""
        times = predictions.column("at")
        self._windows = windows
        self._place = places(times, windows)
        self._times = micros(times)
        self._probability = predictions.column("probability").to_numpy()

    def of(self, index: int) -> Ints:
        """Number the predictions of a window."""
        return np.flatnonzero(self._place == index)

    def score(
        self, index: int, truth: Labels, *, tick: datetime, coverage: float
    ) -> WindowPerformance:
        """Score a window from the labels known at one tick."""
        rows = self.of(index)
        known = rows[truth[rows] != UNKNOWN]
        one = WindowPerformance(self._windows[index], tick, len(rows), len(known), mature=False)
        if len(rows):
            one = one.replace(mean_probability=float(self._probability[rows].mean()))
        if len(known) < max(LEAST_LABELS, coverage * len(rows)):
            return one
        clusters = day_clusters(self._times[known])
        found = evaluate(self._probability[known], truth[known] == 1, clusters=clusters)
        return one.replace(mature=True, metrics=found.metrics)


class _Join:
    """Labels beside predictions, as they were known at any time."""

    def __init__(self, predictions: pa.Table, labels: pa.Table) -> None:
        """Match keys once; labels of keys that were never predicted are left out."""
        keys = predictions.column("key")
        distinct = keys.unique()
        matched = pc.index_in(labels.column("key"), distinct)
        usable = pc.and_(matched.is_valid(), labels.column("label").is_valid())
        order = np.argsort(micros(labels.column("known_at").filter(usable)), kind="stable")
        self._of_prediction = np.asarray(pc.index_in(keys, distinct).to_numpy(), dtype=np.int64)
        self._size = len(distinct)
        self._target = matched.filter(usable).to_numpy()[order]
        self._known = micros(labels.column("known_at").filter(usable))[order]
        self._label = labels.column("label").filter(usable).cast(pa.int8()).to_numpy()[order]

    def at(self, tick: datetime) -> Labels:
        """Give each prediction its label as known at the tick, or ``UNKNOWN``."""
        count = int(np.searchsorted(self._known, to_micros(tick), side="right"))
        truth = np.full(self._size, UNKNOWN, dtype=np.int8)
        truth[self._target[:count]] = self._label[:count]
        found: Labels = truth[self._of_prediction]
        return found


def _require(table: pa.Table, columns: Sequence[str]) -> None:
    """Refuse a table that lacks a column."""
    for name in columns:
        if name not in table.column_names:
            message = f"The column {name!r} is missing."
            raise Invalid(message, hint=did_you_mean(name, table.column_names))
