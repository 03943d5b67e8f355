"""What each definition of a project is made of, down to columns and features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.catalog.lineage import Edge, Node
from towpath.core.url import shown_url
from towpath.features.condition import condition_columns
from towpath.features.feature_set import FeatureSet, feature_schema, spine_keys
from towpath.features.view import FeatureView
from towpath.lake.dataset import Dataset
from towpath.modelling.model import Model
from towpath.monitoring.monitor import Monitor
from towpath.serving.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.core.record import Record
    from towpath.project.load import Project


def edges(project: Project, record: Record) -> Iterator[Edge]:
    """Yield the edges that end at one definition.

    Keys and times count as read by every feature of their view: they decide which rows it sees.

    Example:
        >>> from pathlib import Path
        >>> from towpath.lake.dataset import Column
        >>> from towpath.project.load import Project
        >>> legs = Dataset("legs", (Column("plane", "string", references="planes.tail"),))
        >>> [f"{one.upstream} > {one.downstream}" for one in edges(Project(Path()), legs)]
        ['dataset/planes.tail > dataset/legs.plane']
    """
    if isinstance(record, Dataset):
        yield from _of_dataset(record)
    elif isinstance(record, FeatureView):
        yield from _of_view(project, record)
    elif isinstance(record, FeatureSet):
        yield from _of_feature_set(project, record)
    elif isinstance(record, Model):
        yield from _of_model(project, record)
    elif isinstance(record, Endpoint):
        yield Edge(Node("model", record.model), Node("endpoint", record.name))
    elif isinstance(record, Monitor):
        yield Edge(Node("endpoint", record.endpoint), Node("monitor", record.name))


def source_node(dataset: Dataset) -> Node | None:
    """Name where a dataset's rows come from, without the password of a database; None if unsaid.

    Example:
        >>> from towpath.lake.dataset import Column
        >>> from towpath.lake.source_spec import SourceSpec
        >>> orders = SourceSpec(url="postgresql://me:${SECRET}@shop/sales", table="orders")
        >>> trips = Dataset("trips", (Column("id", "string"),), source=orders)
        >>> source_node(trips).name
        'postgresql://shop/sales#orders'
    """
    source = dataset.source
    if isinstance(source, str):
        return Node("source", source) if source else None
    if source.path:
        return Node("source", source.path)
    return Node("source", f"{shown_url(source.url)}#{source.table or 'query'}")


def _of_dataset(dataset: Dataset) -> Iterator[Edge]:
    """Yield where a dataset's columns come from: its source, and what they refer to."""
    source = source_node(dataset)
    if source is not None:
        yield Edge(source, Node("dataset", dataset.name))
    for column in dataset.columns:
        if column.references:
            other, its_column = column.reference()
            yield Edge(
                Node("dataset", other, its_column), Node("dataset", dataset.name, column.name)
            )


def _of_view(project: Project, view: FeatureView) -> Iterator[Edge]:
    """Yield which columns of its source each feature of a view reads."""
    source = project.datasets[view.source]
    chosen = condition_columns(view, source)
    for feature in view.features:
        named = (feature.column, *view.keys)
        read = [view.source_column(one) for one in named if one]
        for column in dict.fromkeys((*read, *chosen, *filter(None, (source.event_time,)))):
            yield Edge(
                Node("dataset", view.source, column),
                Node("feature_view", view.name, feature.name),
            )


def _of_feature_set(project: Project, feature_set: FeatureSet) -> Iterator[Edge]:
    """Yield where each feature of a set comes from: a view, the spine, or other features."""

    def node(name: str) -> Node:
        return Node("feature_set", feature_set.name, name)

    schema = feature_schema(feature_set, project.views, project.datasets)
    for ref in feature_set.refs:
        view = project.views[ref.view]
        for feature in view.features:
            name = f"{ref.name}__{feature.name}"
            yield Edge(Node("feature_view", view.name, feature.name), node(name))
            for column in (*spine_keys(ref, view), feature_set.at):
                yield Edge(Node("dataset", feature_set.spine, column), node(name))
    for column in feature_set.columns:
        yield Edge(Node("dataset", feature_set.spine, column), node(column))
    for derived in feature_set.derived:
        for name in derived.inputs:
            source = node(name) if name in schema else Node("dataset", feature_set.spine, name)
            yield Edge(source, node(derived.name))


def _of_model(project: Project, model: Model) -> Iterator[Edge]:
    """Yield what a model learns from: each feature of its set, and its label."""
    feature_set = project.feature_sets[model.features]
    for name in feature_schema(feature_set, project.views, project.datasets):
        yield Edge(Node("feature_set", feature_set.name, name), Node("model", model.name))
    yield Edge(Node("dataset", model.label.dataset, model.label.column), Node("model", model.name))
