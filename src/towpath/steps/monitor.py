"""Watching endpoints: weekly performance as labels become known, and drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from towpath.catalog.events import emit
from towpath.core.durable import write_durably
from towpath.core.errors import NotFound
from towpath.core.event import Event
from towpath.core.instant import parse_instant
from towpath.core.interval import Interval
from towpath.core.plugins import load_plugin
from towpath.core.record import to_builtins
from towpath.features.engines import SEQUENCE
from towpath.features.feature_set import feature_schema
from towpath.monitoring.alerters import tell
from towpath.monitoring.report import render
from towpath.monitoring.watch import compare_with_holdout
from towpath.monitoring.watch import watch as look
from towpath.project.load import pick
from towpath.serving.pointer import read_pointer
from towpath.steps.endpoint import feature_set_of, logged_predictions
from towpath.steps.training_set import kept_training_set, read_training_set

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from towpath.lake.dataset import Dataset
    from towpath.modelling.model import Label
    from towpath.monitoring.monitor import Monitor
    from towpath.monitoring.watch import MonitorReport
    from towpath.pipelines.runners import Report
    from towpath.workspace import Workspace


def watch(
    workspace: Workspace, report: Report, *, monitor: str, start: str, until: str
) -> Mapping[str, object]:
    """Score an endpoint's predictions of a past interval, window by window.

    A clock is simulated that ticks at the end of each window: at each tick only the labels
    known by then count, and earlier windows are scored again as theirs become known.

    Args:
        workspace: the project.
        report: hears of the progress.
        monitor: its name.
        start: start of the first window.
        until: end of the last window at the latest.

    Returns:
        ``windows`` with their metrics, ``alarms``, ``coverage``, ``findings`` and the path of
        the ``report``.

    Raises:
        NotFound: no such monitor, or no predictions in the interval.
    """
    chosen = pick(workspace.project.monitors, monitor, "monitor")
    interval = Interval(parse_instant(start), parse_instant(until))
    report(0.1, "predictions")
    predictions = _predictions(workspace, chosen.endpoint, interval)
    endpoint = workspace.project.endpoints[chosen.endpoint]
    model = workspace.project.models[endpoint.model]
    spine = workspace.project.datasets[feature_set_of(workspace, endpoint).spine]
    report(0.3, "labels")
    labels = _labels(workspace, model.label, spine, since=interval)
    report(0.5, "windows")
    found = look(
        chosen,
        predictions,
        labels=labels,
        history=_history(workspace, endpoint.model, before=interval),
        ticks=[piece.end for piece in interval.split(chosen.span) if _whole(piece, chosen)],
    )
    arm = max(read_pointer(workspace.state, chosen.endpoint).arms, key=lambda one: one.share)
    promised = workspace.models.get(arm.model, arm.version).metrics
    found = compare_with_holdout(found, promised)
    report(0.9, "report")
    return _told(workspace, chosen, found)


def _told(workspace: Workspace, monitor: Monitor, found: MonitorReport) -> Mapping[str, object]:
    """Keep the report, log that it was made, tell the alerters, and sum it up."""
    path = report_path(workspace, monitor.name)
    write_durably(path, render(found).encode())
    alarms = [one for one in found.findings if one.check == "drift"]
    event = Event(
        at=workspace.clock.now(),
        actor=workspace.actor,
        action="monitor.watched",
        subject=f"monitor/{monitor.name}",
        data={"as_of": found.as_of.isoformat(), "findings": len(found.findings)},
    )
    emit(workspace.catalog, event)
    failed: tuple[str, ...] = ()
    if found.findings:
        failed = tell(found.alert, {name: load_plugin("alerters", name)() for name in monitor.to})
    return {
        "windows": to_builtins(found.windows),
        "alarms": len(alarms),
        "coverage": round(found.coverage, 4),
        "findings": to_builtins(found.findings),
        "untold": list(failed),
        "report": str(path),
    }


def report_path(workspace: Workspace, monitor: str) -> Path:
    """Return where the page of a monitor is written."""
    return workspace.state / "reports" / f"{monitor}.html"


def _predictions(workspace: Workspace, endpoint: str, interval: Interval) -> pa.Table:
    """Return the endpoint's predictions of the interval, one for each key and time."""
    rows = logged_predictions(workspace, endpoint)
    moment = pc.field("at")
    rows = rows.filter((moment >= interval.start) & (moment < interval.end))
    if not rows.num_rows:
        message = f"Endpoint {endpoint!r} made no predictions in {interval}."
        raise NotFound(message, hint=f"Make them: towpath monitor replay {endpoint}")
    return one_each(rows)


def one_each(predictions: pa.Table) -> pa.Table:
    """Keep one prediction for each key and time: an answer before a replay, the last of several.

    Example:
        >>> columns = {"key": ["a"] * 3, "at": [7] * 3, "_seq": [0, 1, 2]}
        >>> rows = pa.table({**columns, "origin": ["live", "live", "replay"]})
        >>> one_each(rows)["_seq"].to_pylist()
        [1]
    """
    ranked = predictions.sort_by([("origin", "ascending"), (SEQUENCE, "descending")])
    found = ranked.group_by(["key", "at"], use_threads=False).aggregate([(SEQUENCE, "first")])
    chosen = found[f"{SEQUENCE}_first"].combine_chunks()
    return predictions.filter(pc.is_in(predictions[SEQUENCE], value_set=chosen))


def _labels(workspace: Workspace, label: Label, spine: Dataset, *, since: Interval) -> pa.Table:
    """Return the labels that became known since the interval began, by the log's form of keys."""
    dataset = workspace.project.datasets[label.dataset]
    columns = list(dict.fromkeys((*spine.key, dataset.event_time, label.column)))
    where = pc.field(dataset.event_time) >= since.start
    rows = workspace.lake[dataset.name].scan(columns, where)
    keys = [msgspec.json.encode(one).decode() for one in rows.select(list(spine.key)).to_pylist()]
    return pa.table(
        {
            "key": pa.array(keys, pa.string()),
            "known_at": rows[dataset.event_time],
            "label": rows[label.column],
        }
    )


def _history(workspace: Workspace, model: str, *, before: Interval) -> pa.Table:
    """Return the features of the time before the interval."""
    project = workspace.project
    feature_set = project.feature_sets[project.models[model].features]
    schema = feature_schema(feature_set, project.views, project.datasets)
    kept = kept_training_set(workspace, project.models[model])
    rows = read_training_set(workspace, model, kept.table)
    rows = rows.filter(pc.field(feature_set.at) < before.start)
    return pa.table({"at": rows[feature_set.at], **{name: rows[name] for name in schema}})


def _whole(piece: Interval, monitor: Monitor) -> bool:
    """Tell whether a piece of the interval is a whole window."""
    return piece.end - piece.start == monitor.span
