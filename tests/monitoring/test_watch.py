from __future__ import annotations

import json
import logging
import re
from datetime import timedelta
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pytest

from towpath.core.errors import Invalid, Unavailable
from towpath.core.instant import parse_instant, to_micros
from towpath.core.plugins import load_plugin
from towpath.core.record import from_json, to_json
from towpath.monitoring.alerters import Alert, tell
from towpath.monitoring.alerters.log import LogAlerter
from towpath.monitoring.monitor import Monitor
from towpath.monitoring.report import render
from towpath.monitoring.watch import MonitorReport, compare_with_holdout, features_of, watch
from towpath.registry.model import Metric

START = parse_instant("2013-10-01")
WEEK = timedelta(days=7)
TICKS = [START + number * WEEK for number in range(1, 8)]
BROKEN_FROM = START + 5 * WEEK
UTC_MICROS = pa.timestamp("us", "UTC")


def rows(seed: int, start: object, weeks: int, *, per_week: int = 400) -> pa.Table:
    rng = np.random.default_rng(seed)
    count = weeks * per_week
    begin = to_micros(start)  # type: ignore[arg-type]  # a datetime
    at = begin + np.sort(rng.integers(0, weeks * 7 * 86_400_000_000, count))
    return pa.table(
        {
            "at": pa.array(at, UTC_MICROS),
            "temp": rng.normal(10, 4, count),
            "carrier": rng.choice(["UA", "B6", "AA"], count),
            "month": at // (30 * 86_400_000_000),
        }
    )


def watched(*, as_json: bool = False, holdout: float | None = None) -> MonitorReport:
    history, now = rows(1, START - 20 * WEEK, 20), rows(2, START, 7)
    at = np.asarray(now.column("at").cast(pa.int64()))
    temp = np.asarray(now.column("temp")) + 4.0 * (at >= to_micros(BROKEN_FROM))
    now = now.set_column(1, "temp", pa.array(temp))
    rng = np.random.default_rng(3)
    probability = rng.random(len(at))
    keys = pa.array([f"k{number}" for number in range(len(at))])
    labels = pa.table(
        {
            "key": keys,
            "known_at": pa.array(at + 86_400_000_000, UTC_MICROS),
            "label": rng.random(len(at)) < probability,
        }
    )
    log = now.append_column("key", keys).append_column("probability", pa.array(probability))
    if as_json:
        names = ("temp", "carrier", "month")
        texts = [json.dumps(row) for row in now.select(names).to_pylist()]
        log = log.drop_columns(list(names)).append_column("features", pa.array(texts))
    monitor = Monitor("delay", "late", ignore=("month",))
    report = watch(monitor, log, labels=labels, history=history, ticks=TICKS)
    if holdout is None:
        return report
    promised = Metric(holdout, holdout - 0.01, holdout + 0.01)
    return compare_with_holdout(report, {"roc_auc": promised})


def test_a_shifted_feature_alarms_from_its_first_window_and_nothing_else_does() -> None:
    report = watched()
    assert [(one.column, one.window.start) for one in report.alarms] == [
        ("temp", BROKEN_FROM),
        ("temp", BROKEN_FROM + WEEK),
    ]
    assert "late.temp" in [finding.subject for finding in report.findings]
    assert "month" not in {one.column for one in report.drift}


def test_predictions_are_compared_with_those_of_the_weeks_before() -> None:
    statuses = [one.status for one in watched().drift if one.column == "probability"]
    assert statuses == ["learning"] * 4 + ["quiet"] * 3


def test_drift_of_predictions_is_seen_though_the_first_window_is_empty() -> None:
    """The bins come from the first window that has enough rows."""
    late = [START + number * WEEK for number in range(1, 10)]
    now = rows(2, START + WEEK, 8)
    at = np.asarray(now.column("at").cast(pa.int64()))
    rng = np.random.default_rng(3)
    high = at >= to_micros(START + 8 * WEEK)
    probability = np.where(high, rng.uniform(0.8, 1.0, len(at)), rng.uniform(0.0, 0.5, len(at)))
    log = now.append_column("key", pa.array([f"k{number}" for number in range(len(at))]))
    log = log.append_column("probability", pa.array(probability))
    labels = pa.table({"key": log["key"], "known_at": log["at"], "label": probability > 2})
    monitor = Monitor("delay", "late", ignore=("month",))
    report = watch(monitor, log, labels=labels, history=rows(1, START, 0), ticks=late)
    alarms = [one.window.start for one in report.alarms if one.column == "probability"]
    assert alarms == [START + 8 * WEEK]


def test_features_may_come_as_columns_or_as_logged_json() -> None:
    assert watched(as_json=True) == watched()


def test_a_field_that_no_row_logged_becomes_nulls() -> None:
    fields: dict[str, pa.DataType] = {"a": pa.float64(), "b": pa.string()}
    schema = pa.schema(fields)
    log = pa.table({"features": ['{"a": 1}', '{"a": null}']})
    wide = features_of(log, schema)
    assert wide.to_pylist() == [{"a": 1.0, "b": None}, {"a": None, "b": None}]


def test_coverage_counts_the_labels_known_at_the_last_tick() -> None:
    report = watched()
    assert 0.95 < report.coverage < 1.0
    assert [one.mature for one in report.windows] == [True] * 6 + [False]


def test_performance_below_the_holdout_is_a_finding() -> None:
    found = [one for one in watched(holdout=0.99).findings if one.check == "performance"]
    assert len(found) == 6
    assert "below the holdout's 0.990" in found[0].message
    assert not [one for one in watched(holdout=0.5).findings if one.check == "performance"]


def test_ticks_must_be_as_far_apart_as_the_monitor_says() -> None:
    history = rows(1, START, 2)
    with pytest.raises(Invalid, match="not 1d apart"):
        watch(Monitor("m", "e", every="1d"), history, labels=history, history=history, ticks=TICKS)


def test_a_report_survives_json() -> None:
    report = watched()
    assert from_json(to_json(report), MonitorReport) == report


def test_the_page_is_small_valid_and_self_contained() -> None:
    page = render(watched())
    assert len(page.encode()) < 300_000
    assert not re.search(r"<script|https?:|src=|@import|url\(", page)
    for image in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        root = ET.fromstring(image)  # noqa: S314 - our own text
        assert root.get("role") == "img"
        assert root.get("aria-label")
    assert "prefers-color-scheme:dark" in page


def test_the_page_shows_the_alarms_and_waits_for_labels() -> None:
    page = render(watched(holdout=0.99))
    assert "<code>temp</code>" in page
    assert "Not scored for want of labels: 1 of 7 windows" in page
    assert "below the holdout&#x27;s" in page


def test_names_are_escaped_on_the_page() -> None:
    report = watched().replace(endpoint="<b>&")
    assert "&lt;b&gt;&amp;" in render(report)


def test_a_wide_report_stays_under_the_size_limit() -> None:
    report = watched()
    many = tuple(
        one.replace(column=f"{one.column}_{number}", status="alarm")
        for number in range(100)
        for one in report.drift
    )
    assert len(render(report.replace(drift=many)).encode()) < 300_000


@pytest.mark.parametrize(
    "fields", [{"every": "x"}, {"coverage": 2.0}, {"history": 3}, {"name": "No Name"}]
)
def test_a_monitor_that_cannot_watch_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        Monitor(**{"name": "m", "endpoint": "e", **fields})  # type: ignore[arg-type]  # on purpose


def test_the_log_alerter_writes_each_finding(caplog: pytest.LogCaptureFixture) -> None:
    alerter = load_plugin("alerters", "log")()
    assert isinstance(alerter, LogAlerter)
    with caplog.at_level(logging.WARNING):
        assert tell(watched().alert, {"log": alerter}) == ()
    assert "temp" in caplog.text


class Down:
    def send(self, alert: Alert) -> None:
        raise Unavailable(f"no way to tell {alert.title}")


class Kept:
    def __init__(self) -> None:
        self.alerts: list[Alert] = []

    def send(self, alert: Alert) -> None:
        self.alerts.append(alert)


def test_one_alerter_that_fails_does_not_silence_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept, alert = Kept(), watched().alert
    assert tell(alert, {"down": Down(), "kept": kept}) == ("down",)
    assert kept.alerts == [alert]
    assert "alerter failed" in caplog.text
