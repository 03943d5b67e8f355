"""What is known of a view or feature set: features, freshness, statistics, lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.catalog.definitions import active
from towpath.catalog.events import read
from towpath.core.errors import NotFound, did_you_mean
from towpath.core.instant import format_instant
from towpath.core.record import Record, from_json
from towpath.features.as_read import MATERIALIZED
from towpath.features.describe import described
from towpath.features.feature_set import FeatureSet, feature_schema, feature_type
from towpath.features.statistics import FeatureStatistics
from towpath.features.view import FeatureView
from towpath.project.check import dependents
from towpath.project.lineage import edges
from towpath.steps.training_set import MEASURED

if TYPE_CHECKING:
    from towpath.workspace import Workspace


class FeatureSummary(Record, frozen=True):
    """One feature.

    Args:
        name: its name.
        dtype: its type.
        computed: how, in words.
        statistics: what it held in the last training set that was kept; None if there is none.
    """

    name: str
    dtype: str
    computed: str
    statistics: FeatureStatistics | None = None


class Freshness(Record, frozen=True):
    """How fresh a view is online.

    Args:
        view: the view.
        since: earliest time at which it can be read.
        until: events up to here were seen.
        newest: time of the latest event that is there; empty if there is none.
        keys: how many keys there are.
        at: when it was materialised.
    """

    view: str
    since: str
    until: str
    newest: str
    keys: int
    at: str


class Summary(Record, frozen=True):
    """What is known of a view or feature set.

    Args:
        kind: ``feature_view`` or ``feature_set``.
        name: its name.
        source: the dataset of its rows.
        keys: a view's keys, a set's prediction time.
        description: what it is for.
        owner: who answers for it.
        version: the registered content; empty if it is not registered.
        features: its features, in order.
        freshness: of the views, as far as they were materialised.
        measured_at: when the statistics were taken; empty if never.
        upstream: columns and features that it is made of.
        downstream: definitions that depend on it.
    """

    kind: str
    name: str
    source: str
    keys: tuple[str, ...]
    description: str
    owner: str
    version: str
    features: tuple[FeatureSummary, ...]
    freshness: tuple[Freshness, ...]
    measured_at: str
    upstream: tuple[str, ...]
    downstream: tuple[str, ...]


def summarize(workspace: Workspace, name: str) -> Summary:
    """Tell what is known of a view or a feature set.

    Raises:
        NotFound: there is neither; a close name is suggested.
    """
    one = _named(workspace, name)
    views: tuple[str, ...] = (name,)
    if isinstance(one, FeatureView):
        kind, source, keys = "feature_view", one.source, one.keys
    else:
        kind, source, keys = "feature_set", one.spine, (one.at,)
        views = tuple(dict.fromkeys(ref.view for ref in one.refs))
    statistics, measured_at = _statistics(workspace, one)
    versions = {each.name: each.version for each in active(workspace.catalog, kind)}
    fresh = [freshness(workspace, view) for view in views]
    return Summary(
        kind=kind,
        name=name,
        source=source,
        keys=keys,
        description=one.description,
        owner=one.owner,
        version=versions.get(name, ""),
        features=tuple(
            FeatureSummary(feature, dtype, computed, statistics.get(feature))
            for feature, dtype, computed in _features(workspace, one)
        ),
        freshness=tuple(each for each in fresh if each is not None),
        measured_at=measured_at,
        upstream=tuple(sorted({str(edge.upstream) for edge in edges(workspace.project, one)})),
        downstream=dependents(workspace.project, kind, name),
    )


def _named(workspace: Workspace, name: str) -> FeatureView | FeatureSet:
    """Return the view or feature set of a name."""
    project = workspace.project
    if name in project.views:
        return project.views[name]
    if name in project.feature_sets:
        return project.feature_sets[name]
    message = f"There is no view and no feature set {name!r}."
    raise NotFound(message, hint=did_you_mean(name, {*project.views, *project.feature_sets}))


def freshness(workspace: Workspace, view: str) -> Freshness | None:
    """Tell how fresh a view is online, None if it was never materialised."""
    found = read(workspace.catalog, subject=f"feature_view/{view}", action=MATERIALIZED, limit=1)
    if not found:
        return None
    data = found[0].data
    return Freshness(
        view=view,
        since=str(data["since"]),
        until=str(data["until"]),
        newest=str(data["newest"] or ""),
        keys=int(str(data["keys"])),
        at=format_instant(found[0].at),
    )


def _features(workspace: Workspace, one: FeatureView | FeatureSet) -> list[tuple[str, str, str]]:
    """Return name, type and computation of each feature."""
    project = workspace.project
    if isinstance(one, FeatureView):
        source = project.datasets[one.source]
        return [
            (feature.name, feature_type(feature, one, source), described(feature, one))
            for feature in one.features
        ]
    words = dict.fromkeys(one.columns, f"column of {one.spine}")
    words |= {derived.name: f"derived from {', '.join(derived.inputs)}" for derived in one.derived}
    for ref in one.refs:
        view = project.views[ref.view]
        words |= {f"{ref.name}__{each.name}": described(each, view) for each in view.features}
    schema = feature_schema(one, project.views, project.datasets)
    return [(name, dtype, words[name]) for name, dtype in schema.items()]


def _statistics(
    workspace: Workspace, one: FeatureView | FeatureSet
) -> tuple[dict[str, FeatureStatistics], str]:
    """Return what the features last held, by name, and when that was."""
    if isinstance(one, FeatureSet):
        return _measured(workspace, one.name)
    for user in workspace.project.feature_sets.values():
        for ref in user.refs:
            found, at = _measured(workspace, user.name) if ref.view == one.name else ({}, "")
            mine = {each.name: found.get(f"{ref.name}__{each.name}") for each in one.features}
            if at:
                return {name: each for name, each in mine.items() if each is not None}, at
    return {}, ""


def _measured(workspace: Workspace, feature_set: str) -> tuple[dict[str, FeatureStatistics], str]:
    """Return the statistics of a feature set's last training set."""
    subject = f"feature_set/{feature_set}"
    found = read(workspace.catalog, subject=subject, action=MEASURED, limit=1)
    if not found:
        return {}, ""
    kept = from_json(str(found[0].data["statistics"]), tuple[FeatureStatistics, ...])
    return {one.name: one for one in kept}, format_instant(found[0].at)
