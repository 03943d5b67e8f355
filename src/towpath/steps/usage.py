"""Who used features, models, endpoints and pipelines, and what nobody used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.catalog.search import MOST_HITS, search
from towpath.catalog.usage import unused, used
from towpath.core.instant import parse_span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from towpath.catalog.search import Query
    from towpath.catalog.usage import Unused
    from towpath.features.feature_set import FeatureSet
    from towpath.serving.pointer import Deployment
    from towpath.workspace import Workspace


def note_served(workspace: Workspace, deployment: Deployment, feature_set: FeatureSet) -> None:
    """Count that an endpoint began to answer: its models were loaded, its features are read."""
    _note(workspace, "endpoint.served", [f"endpoint/{deployment.endpoint}"])
    models = [f"model/{one.model}/{one.version}" for one in deployment.arms]
    _note(workspace, "model.loaded", dict.fromkeys(models))
    _note(workspace, "feature.served", _features(feature_set))


def note_trained(workspace: Workspace, model: str) -> None:
    """Count that a model learnt from its features."""
    name = workspace.project.models[model].features
    _note(workspace, "feature.trained", _features(workspace.project.feature_sets[name]))


def note_run(workspace: Workspace, pipeline: str) -> None:
    """Count that a pipeline ran."""
    _note(workspace, "pipeline.run", [f"pipeline/{pipeline}"])


def unused_assets(workspace: Workspace, query: Query, span: str) -> tuple[Unused, ...]:
    """Return what nobody used for a span such as ``30d``, of what a query finds.

    Raises:
        Invalid: the span is none.
    """
    idle = unused(workspace.catalog, since=workspace.clock.now() - parse_span(span))
    if not (query.text or query.kind or query.owner or query.tag):
        return idle
    wanted = set(_every_hit(workspace, query))
    return tuple(one for one in idle if (one.kind, one.name) in wanted)


def _every_hit(workspace: Workspace, query: Query) -> Iterator[tuple[str, str]]:
    """Yield kind and name of all that a query finds, page by page."""
    offset = 0
    while True:
        page = query.replace(limit=MOST_HITS, offset=offset)
        hits = search(workspace.catalog, page).hits
        yield from ((one.kind, one.name) for one in hits)
        offset += len(hits)
        if len(hits) < MOST_HITS:
            return


def _features(feature_set: FeatureSet) -> list[str]:
    """Name a feature set and its views, as events do."""
    views = dict.fromkeys(f"feature_view/{ref.view}" for ref in feature_set.refs)
    return [f"feature_set/{feature_set.name}", *views]


def _note(workspace: Workspace, action: str, subjects: Iterable[str]) -> None:
    """Count one use of each subject, by who works here."""
    at = workspace.clock.now()
    for subject in subjects:
        used(workspace.catalog, subject, actor=workspace.actor, action=action, at=at)
