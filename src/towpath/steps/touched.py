"""Which versions a step read and wrote, found out in the process that did its work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from towpath.catalog.lineage import Node
from towpath.core.record import Record
from towpath.features.generation import read_generation, read_meta
from towpath.features.online.plan import plan_of
from towpath.features.spine import spine_name
from towpath.project.lineage import source_node
from towpath.serving.pointer import read_pointer
from towpath.steps.candidate import read_candidate
from towpath.steps.training_set import kept_training_set

if TYPE_CHECKING:
    from towpath.workspace import Workspace

Given = Mapping[str, object]


class Touched(Record, frozen=True):
    """What a step read and wrote.

    Args:
        reads: datasets, training sets and models, each with its version where it has one.
        writes: likewise.
    """

    reads: tuple[Node, ...] = ()
    writes: tuple[Node, ...] = ()


Find = Callable[["Workspace", Given], Touched]


def touched(workspace: Workspace, uses: str, params: Given, *, result: Given) -> Touched:
    """Find out what a step read and wrote, right after it.

    Args:
        workspace: the project.
        uses: the step's name in pipelines, such as ``model.train``.
        params: what it was given.
        result: what it returned.
    """
    find = FINDERS.get(uses)
    return find(workspace, {**params, **result}) if find else Touched()


def _ingest(workspace: Workspace, told: Given) -> Touched:
    """Name the sources and the versions that were made of them."""
    versions = msgspec.convert(told["versions"], dict[str, int])
    same = msgspec.convert(told["unchanged"], tuple[str, ...])
    datasets = [workspace.project.datasets[name] for name in versions if name not in same]
    given = told.get("source")
    sources = [node for one in datasets if (node := source_node(one)) is not None]
    if given is not None:
        sources = [Node("source", str(given))]
    return Touched(tuple(sources), _datasets({one.name: versions[one.name] for one in datasets}))


def _materialize(workspace: Workspace, told: Given) -> Touched:
    """Name the versions of the sources that the online store holds now, and the views."""
    events = msgspec.convert(told["events"], dict[str, int])
    project = workspace.project
    sources = {name: one.source for name, one in project.views.items()}
    sources |= {spine_name(name): name for name in project.datasets}
    areas = {
        name: plan_of(one, project.datasets[one.source]).area
        for name, one in project.views.items()
        if name in events
    }
    metas = {name: read_meta(workspace.online, areas.get(name, name)) for name in events}
    held = {name: read_generation(meta) for name, meta in metas.items()}
    found = {name: one for name, one in held.items() if one is not None}
    reads = {
        Node("dataset", sources[name], version=str(one.source_version))
        for name, one in found.items()
        if one.materialized
    }
    views = [name for name in found if name in project.views]
    writes = [Node("feature_view", name, version=found[name].version) for name in views]
    return Touched(tuple(sorted(reads)), tuple(writes))


def _training_set(workspace: Workspace, told: Given) -> Touched:
    """Name the versions of the datasets that a training set was made from."""
    model = workspace.project.models[str(told["model"])]
    kept = kept_training_set(workspace, model)
    return Touched(_datasets(kept.data_versions), (_training_node(model.name, kept.table),))


def _trained(workspace: Workspace, told: Given) -> Touched:
    """Name the training set and the labels that a candidate learnt from."""
    model, estimator = str(told["model"]), str(told["estimator"])
    candidate = read_candidate(workspace, model, estimator)
    label = workspace.project.models[model].label.dataset
    labels = {label: candidate.version.data_versions[label]}
    return Touched((_training_node(model, candidate.training_set), *_datasets(labels)))


def _promote(workspace: Workspace, told: Given) -> Touched:
    """Name all that a registered version was trained from."""
    model, estimator = str(told["model"]), str(told["estimator"])
    candidate = read_candidate(workspace, model, estimator)
    reads = (
        *_datasets(candidate.version.data_versions),
        _training_node(model, candidate.training_set),
    )
    return Touched(reads, (Node("model", model, version=str(told["version"])),))


def _replay(workspace: Workspace, told: Given) -> Touched:
    """Name the model versions that predicted, and the predictions."""
    endpoint = workspace.project.endpoints[str(told["endpoint"])]
    arms = read_pointer(workspace.state, endpoint.name).arms
    reads = tuple(Node("model", one.model, version=str(one.version)) for one in arms)
    version = workspace.lake["predictions"].version()
    return Touched(reads, _datasets({"predictions": version} if version is not None else {}))


def _datasets(versions: Mapping[str, int]) -> tuple[Node, ...]:
    """Name versions of datasets."""
    return tuple(Node("dataset", name, version=str(one)) for name, one in versions.items())


def _training_node(model: str, version: int) -> Node:
    """Name a version of a model's training set."""
    return Node("training_set", model, version=str(version))


FINDERS: dict[str, Find] = {
    "data.ingest": _ingest,
    "feature.materialize": _materialize,
    "feature.training_set": _training_set,
    "model.train": _trained,
    "model.evaluate": _trained,
    "model.gate": _trained,
    "model.promote": _promote,
    "endpoint.replay": _replay,
}
