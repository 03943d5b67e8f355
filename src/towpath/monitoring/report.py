"""The monitoring report: one HTML page that needs nothing else, not even a script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from towpath.core.instant import format_instant
from towpath.monitoring.chart import Cell, Point, Series, fan_chart, heat_map, line_chart
from towpath.monitoring.style import STYLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from towpath.monitoring.drift import DriftScore
    from towpath.monitoring.performance import WindowPerformance
    from towpath.monitoring.profile import Profile
    from towpath.monitoring.watch import MonitorReport

SHOWN_FEATURES = 40
SHOWN_WINDOWS = 26
SHOWN_ALARMS = 60
FULL_HEAT = 8.0
ABSENT = "&ndash;"
PERCENTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def render(report: MonitorReport) -> str:
    """Write a report as a page of HTML, well under 300 KB.

    Example:
        >>> from towpath.core.instant import EPOCH
        >>> from towpath.monitoring.watch import MonitorReport
        >>> render(MonitorReport("delay", "delay", EPOCH, (), (), (), ()))[:15]
        '<!doctype html>'
    """
    windows = report.windows[-SHOWN_WINDOWS:]
    title = f"{report.monitor}: {report.endpoint} as of {report.as_of:%Y-%m-%d}"
    body = "".join(
        (
            f"<header><p>Towpath monitor</p><h1>{escape(report.monitor)}</h1>"
            f"<p>Endpoint <b>{escape(report.endpoint)}</b>, "
            f"as of {format_instant(report.as_of)}</p></header>",
            _tiles(report),
            _performance(windows),
            _calibration(windows),
            _outputs(report.outputs[-SHOWN_WINDOWS:]),
            _drift(report.drift),
            _alarms(report),
            _table(windows),
        )
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def _tiles(report: MonitorReport) -> str:
    """Sum the report up in four numbers."""
    windows = report.windows
    scored = [one for one in windows if "roc_auc" in one.metrics]
    auc = scored[-1].metrics["roc_auc"] if scored else None
    tiles = (
        (f"{sum(one.predictions for one in windows):,}", "predictions watched"),
        (f"{100 * report.coverage:.1f} %", "of their labels known"),
        (f"{auc.value:.3f}" if auc else ABSENT, "ROC AUC, last scored"),
        (str(len(report.alarms)), f"drift alarms in {len(windows)} windows"),
    )
    cells = "".join(f"<li><b>{value}</b><span>{name}</span></li>" for value, name in tiles)
    return f'<ul class="tiles">{cells}</ul>'


def _performance(windows: Sequence[WindowPerformance]) -> str:
    """Draw ROC AUC with intervals over the share of known labels."""
    points = tuple(_point(one, "roc_auc", "ROC AUC") for one in windows)
    chart = line_chart(
        (Series("ROC AUC", "first", points),),
        _labels(windows),
        title="ROC AUC with 95 % interval for each window, and the share of known labels",
        bars=[one.coverage for one in windows],
    )
    open_windows = sum(not one.mature for one in windows)
    waits = ""
    if open_windows:
        waits = f" Not scored for want of labels: {open_windows} of {len(windows)} windows."
    text = f"Bars are 95 % intervals; the strip below shows the share of labels known.{waits}"
    return _section("Performance", text, chart)


def _calibration(windows: Sequence[WindowPerformance]) -> str:
    """Draw what was predicted on average beside what happened."""
    predicted = tuple(
        Point(one.mean_probability, tip=f"{_label(one)}: predicted {one.mean_probability or 0:.3f}")
        for one in windows
    )
    happened = tuple(_point(one, "base_rate", "happened") for one in windows)
    chart = line_chart(
        (Series("predicted", "first", predicted), Series("happened", "second", happened)),
        _labels(windows),
        title="Mean predicted probability and share of true labels for each window",
    )
    legend = (
        'Mean <span class="key first">predicted</span> probability beside the share that '
        '<span class="key second">happened</span>.'
    )
    return _section("Calibration in the large", legend, chart)


def _outputs(outputs: Sequence[Profile]) -> str:
    """Draw the distribution of predicted probabilities."""
    chart = fan_chart(
        [_percentiles(one) for one in outputs],
        [f"{one.window.start:%d %b}" for one in outputs],
        title="Distribution of predicted probabilities for each window",
    )
    return _section("Predictions", "Median, middle half and middle four fifths.", chart)


def _drift(scores: Sequence[DriftScore]) -> str:
    """Draw how far each feature moved from its history, window by window."""
    starts = sorted({one.window.start for one in scores})[-SHOWN_WINDOWS:]
    by_column: dict[str, dict[object, DriftScore]] = {}
    for one in scores:
        by_column.setdefault(one.column, {})[one.window.start] = one
    ranked = sorted(by_column, key=lambda name: (_rank(by_column[name].values()), name))
    shown = ranked[:SHOWN_FEATURES]
    rows = [(name, [_cell(by_column[name].get(start)) for start in starts]) for name in shown]
    labels = [f"{start:%d %b}" for start in starts]
    chart = heat_map(rows, labels, title="Drift of each feature in each window")
    kept = (
        f" The {len(shown)} that moved most of {len(ranked)}." if len(ranked) > len(shown) else ""
    )
    text = (
        "Each window against the windows before it. Darker moved farther; "
        f'<span class="key dot">a dot</span> marks an alarm; '
        f"an empty square had too little history.{kept}"
    )
    return _section("Drift", text, chart)


def _alarms(report: MonitorReport) -> str:
    """List what needs a look, the last windows first."""
    lost = "".join(
        f"<li>{escape(one.message)}</li>"
        for one in report.findings
        if one.check == "performance" and not one.passed
    )
    lost = f"<ul>{lost}</ul>" if lost else ""
    episodes = _episodes(report.alarms)
    if not episodes:
        return _section("Alarms", "No feature moved beyond what its history explains.", lost)
    rows = "".join(
        f"<tr><td><code>{escape(one[-1].column)}</code></td>"
        f"<td>{one[0].window.start:%Y-%m-%d}</td><td>{one[-1].window.end:%Y-%m-%d}</td>"
        f"<td>{len(one)}</td><td>{escape(max(one, key=_distance).message)}</td></tr>"
        for one in episodes[:SHOWN_ALARMS]
    )
    more = len(episodes) - SHOWN_ALARMS
    rest = f" {more} older ones are not listed." if more > 0 else ""
    text = f"Newest first; windows of a feature that follow one another are one row.{rest}"
    head = "".join(f"<th>{name}</th>" for name in ("feature", "from", "to", "windows", "at most"))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return _section("Alarms", text, lost + table)


def _episodes(alarms: Sequence[DriftScore]) -> list[list[DriftScore]]:
    """Group alarms of a feature in windows that follow one another; newest first."""
    episodes: list[list[DriftScore]] = []
    for one in sorted(alarms, key=lambda alarm: (alarm.column, alarm.window.start)):
        last = episodes[-1][-1] if episodes else None
        if last and last.column == one.column and last.window.end == one.window.start:
            episodes[-1].append(one)
        else:
            episodes.append([one])
    return sorted(episodes, key=lambda some: (some[-1].window.end, len(some)), reverse=True)


def _distance(one: DriftScore) -> float:
    """Say how far an alarm is out."""
    return one.z


def _table(windows: Sequence[WindowPerformance]) -> str:
    """Give the numbers behind the charts."""
    rows = "".join(
        f"<tr><td>{one.window.start:%Y-%m-%d}</td><td>{one.predictions:,}</td>"
        f"<td>{100 * one.coverage:.1f} %</td>"
        + "".join(f"<td>{_value(one, name)}</td>" for name in ("roc_auc", "log_loss", "brier"))
        + f"<td>{format_instant(one.as_of)[:10]}</td></tr>"
        for one in windows
    )
    head = "".join(
        f"<th>{name}</th>"
        for name in (
            "window from", "predictions", "labels", "ROC AUC", "log loss", "Brier", "scored at"
        )
    )  # fmt: skip
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f"<section><details><summary>All numbers</summary>{table}</details></section>"


def _section(title: str, text: str, content: str) -> str:
    """Put a heading and a line of explanation above some content."""
    return f"<section><h2>{title}</h2><p>{text}</p>{content}</section>"


def _point(one: WindowPerformance, metric: str, name: str) -> Point:
    """Turn a window's metric into a point with its tool tip."""
    found = one.metrics.get(metric)
    if found is None:
        return Point(None)
    tip = f"{_label(one)}: {name} {found.value:.3f} ({found.lower:.3f} to {found.upper:.3f})"
    return Point(found.value, found.lower, found.upper, tip)


def _value(one: WindowPerformance, metric: str) -> str:
    """Write a metric with its interval, or a dash while it is not scored."""
    found = one.metrics.get(metric)
    if found is None:
        return ABSENT
    return f"{found.value:.3f} <small>{found.lower:.3f} to {found.upper:.3f}</small>"


def _percentiles(one: Profile) -> list[float]:
    """Read percentiles from counts on fifty equal bins from 0 to 1."""
    counts = np.array(one.counts, dtype=np.float64)
    if not counts.sum():
        return []
    reached = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
    return [float(np.interp(p, reached, np.linspace(0, 1, len(reached)))) for p in PERCENTILES]


def _rank(scores: Iterable[DriftScore]) -> tuple[int, float]:
    """Order features by their alarms, then by how far they moved."""
    known = tuple(scores)
    alarms = sum(one.status == "alarm" for one in known)
    return -alarms, -max((one.z for one in known), default=0.0)


def _cell(one: DriftScore | None) -> Cell:
    """Turn a score into a square."""
    if one is None or one.status == "learning":
        return Cell(0.0)
    heat = min(one.z / FULL_HEAT, 1.0)
    if one.status == "alarm":
        tip = f"{one.column}, {one.window.start:%d %b}: {one.message}"
        return Cell(0.45 + 0.55 * heat, alarm=True, tip=tip)
    return Cell(0.08 + 0.6 * heat)


def _labels(windows: Sequence[WindowPerformance]) -> list[str]:
    """Name each window on the axis."""
    return [_label(one) for one in windows]


def _label(one: WindowPerformance) -> str:
    """Name a window by the day it starts."""
    return f"{one.window.start:%d %b}"
