"""Features: to the online store, to a training set, and the proof that both are equal."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from towpath.catalog.events import emit
from towpath.core.errors import NotFound
from towpath.core.event import Event
from towpath.core.instant import format_instant, parse_instant, parse_span
from towpath.core.interval import Interval
from towpath.core.record import to_builtins
from towpath.features.as_read import MATERIALIZED
from towpath.features.backfill import backfill as backfill_view
from towpath.features.materialize import materialize as materialize_view
from towpath.features.materialize import materialize_spine
from towpath.features.verify import verify as verify_predictions
from towpath.project.load import pick
from towpath.steps.endpoint import feature_set_of, logged_predictions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.features.materialize import MaterializeReport
    from towpath.features.view import FeatureView
    from towpath.pipelines.runners import Report
    from towpath.workspace import Workspace


def materialize(
    workspace: Workspace,
    report: Report,
    *,
    feature_sets: Sequence[str] = (),
    until: str = "",
    history: str = "1d",
) -> Mapping[str, object]:
    """Bring what serving needs of the feature sets into the online store.

    Args:
        workspace: the project.
        report: hears of the progress.
        feature_sets: names; unless given, all of them, and the views that are in none.
        until: event times up to here, now unless given.
        history: predictions can be asked for as of times from ``until - history`` on.

    Returns:
        ``keys`` and ``events`` by view.

    Raises:
        NotFound: the source of a view that a feature set names has no data yet.
    """
    known = workspace.project.feature_sets
    chosen = [pick(known, name, "feature set") for name in feature_sets] or list(known.values())
    end = parse_instant(until) if until else workspace.clock.now()
    views = {ref.view: workspace.project.views[ref.view] for one in chosen for ref in one.refs}
    if not feature_sets:
        views |= _unnamed(workspace, views)
    spines = list(dict.fromkeys(one.spine for one in chosen))
    span, reports = parse_span(history), []
    for done, view in enumerate(views.values()):
        report(done / (len(views) + len(spines)), view.name)
        reports.append(
            materialize_view(workspace.lake, workspace.online, view, until=end, history=span)
        )
        _log(workspace, reports[-1])
    for done, spine in enumerate(spines, start=len(views)):
        report(done / (len(views) + len(spines)), spine)
        reports.append(materialize_spine(workspace.lake, workspace.online, spine, until=end))
    return {
        "views": len(reports),
        "keys": {one.view: one.keys for one in reports},
        "events": {one.view: one.events for one in reports},
        "unchanged": [one.view for one in reports if one.unchanged],
    }


def _unnamed(workspace: Workspace, named: Mapping[str, FeatureView]) -> dict[str, FeatureView]:
    """Return the views that no feature set names, as far as their sources have rows.

    They are read by their own keys. One without rows may yet have some that are pushed.
    """
    return {
        name: view
        for name, view in workspace.project.views.items()
        if name not in named and workspace.lake[view.source].version() is not None
    }


def backfill(
    workspace: Workspace, report: Report, *, view: str, interval: str, step: str = ""
) -> Mapping[str, object]:
    """Make a view readable online at any time of a past range; what is there stays.

    Args:
        workspace: the project.
        report: hears of the progress.
        view: the view.
        interval: first and last time, as ``2013-10-01/2013-10-08``; until now without the last.
        step: do it in pieces of this length; each is kept when it is done.

    Returns:
        ``keys`` and ``events`` that the store holds, and ``since`` and ``until`` when it is
        readable; ``unchanged`` if all of it was there.

    Raises:
        NotFound: no such view, or its source has no data yet.
        Invalid: an empty range.
    """
    chosen = pick(workspace.project.views, view, "view")
    start, _, end = interval.partition("/")
    wanted = Interval(parse_instant(start), parse_instant(end) if end else workspace.clock.now())
    report(0.0, view)
    span, unchanged = parse_span(step) if step else None, True
    for found in backfill_view(workspace.lake, workspace.online, chosen, wanted, step=span):
        _log(workspace, found)
        unchanged &= found.unchanged
        left = max(found.since - wanted.start, timedelta())
        report(1 - left / (wanted.end - wanted.start), f"{view} from {found.since:%Y-%m-%d}")
    return {
        "view": view,
        "keys": found.keys,
        "events": found.events,
        "since": format_instant(found.since),
        "until": format_instant(found.until),
        "unchanged": unchanged,
    }


def _log(workspace: Workspace, found: MaterializeReport) -> None:
    """Tell the log how fresh a view is online, unless nothing changed."""
    if found.unchanged:
        return
    event = Event(
        at=workspace.clock.now(),
        actor=workspace.actor,
        action=MATERIALIZED,
        subject=f"feature_view/{found.view}",
        data={
            "keys": found.keys,
            "events": found.events,
            "since": format_instant(found.since),
            "until": format_instant(found.until),
            "newest": format_instant(found.newest) if found.newest else None,
            "seconds": round(found.seconds, 3),
        },
    )
    emit(workspace.catalog, event)


def verify(workspace: Workspace, report: Report, *, endpoint: str) -> Mapping[str, object]:
    """Recompute the features of every logged prediction from the lake, and compare.

    Returns:
        ``checked``, ``mismatches``, mismatches ``by_feature`` and the ``first`` of them;
        ``stale``, how many were asked for a time after what was materialised and may have read
        what the lake does not know; and ``skipped``, how many more were not compared, by reason.

    Raises:
        NotFound: the endpoint has made no predictions yet.
    """
    chosen = pick(workspace.project.endpoints, endpoint, "endpoint")
    report(0.1, "the prediction log")
    predictions = logged_predictions(workspace, endpoint)
    report(0.3, f"features of {predictions.num_rows:,} predictions")
    found = verify_predictions(
        workspace.lake,
        feature_set_of(workspace, chosen),
        workspace.project.views,
        workspace.engine,
        predictions=_with_definitions(workspace, predictions),
    )
    return {
        "checked": found.checked,
        "mismatches": found.mismatches,
        "stale": found.stale,
        "skipped": found.skipped,
        "by_feature": found.by_feature,
        "first": to_builtins(found.first),
    }


def _with_definitions(workspace: Workspace, predictions: pa.Table) -> pa.Table:
    """Add which definition of the features each prediction's version was trained on."""
    names, versions = predictions["model"].to_pylist(), predictions["version"].to_pylist()
    pairs = list(zip(map(str, names), map(str, versions), strict=True))
    known = {pair: _trained_on(workspace, *pair) for pair in set(pairs)}
    definitions = pa.array([known[pair] for pair in pairs], pa.string())
    return predictions.append_column("definition", definitions)


def _trained_on(workspace: Workspace, model: str, version: str) -> str:
    """Return the version of the definition that a model was trained on, empty if it is gone."""
    try:
        return workspace.models.get(model, int(version)).feature_set_version
    except NotFound:
        return ""
