"""Point-in-time training sets: every feature of every row as of the row's prediction time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.features.arrays import micros_of, to_arrow, to_input
from towpath.features.derived import Array, as_input, evaluate
from towpath.features.engines import TIME
from towpath.features.feature_set import nullable_inputs, spine_keys, validate
from towpath.features.labels import checked_labels, computed_names
from towpath.features.served import compute_as_served
from towpath.features.snapshot import Snapshot, read_events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.features.engines import Engine
    from towpath.features.feature_set import FeatureSet
    from towpath.features.view import FeatureView
    from towpath.lake.lake import Lake


def training_set(
    lake: Lake,
    feature_set: FeatureSet,
    views: Mapping[str, FeatureView],
    *,
    spine: object,
    engine: Engine,
) -> pa.Table:
    """Add every feature to rows, each as of the row's prediction time, from the latest data.

    See ``add_features``, which also reads earlier data.

    Raises:
        Invalid: the definition does not fit the views and datasets.
        Contract: the rows lack a column, or it is of a type that does not fit.
    """
    return add_features(Snapshot(lake), feature_set, views, labels=spine, engine=engine)


def add_features(
    snapshot: Snapshot,
    feature_set: FeatureSet,
    views: Mapping[str, FeatureView],
    *,
    labels: object,
    engine: Engine,
) -> pa.Table:
    """Add every feature to the label rows, each as of the row's prediction time.

    Rows, their order and their columns stay; features of views and derived features come after
    them. Select a model's input with ``feature_schema``. A row without a prediction time keeps
    its place, and its features are null.

    Args:
        snapshot: what of the lake is read.
        feature_set: what to compute.
        views: the views it names.
        labels: the rows: a table of Arrow, or a frame of Polars, pandas or DuckDB.
        engine: computes the features of views.

    Raises:
        Invalid: the definition does not fit the views and datasets, or a column is named as a
            feature.
        Contract: the rows lack a column, or it is of a type that does not fit.
    """
    datasets = snapshot.lake.datasets
    validate(feature_set, views, datasets)
    rows = checked_labels(labels, feature_set, views, datasets[feature_set.spine])
    timed = np.flatnonzero(rows[feature_set.at].is_valid().to_numpy())
    every = timed.size == rows.num_rows
    table = rows if every else rows.take(timed)
    table = _with_views(snapshot, feature_set, views, table=table, engine=engine)
    table = _with_derived(table, feature_set, nullable_inputs(feature_set, views, datasets))
    if every:
        return table
    places = np.full(rows.num_rows, -1, dtype=np.int64)
    places[timed] = np.arange(timed.size)
    found = table.select(list(computed_names(feature_set, views)))
    spread = found.take(pa.array(places, pa.int64(), mask=places < 0))
    for name in spread.column_names:
        rows = rows.append_column(name, spread[name])
    return rows


def _with_views(
    snapshot: Snapshot,
    feature_set: FeatureSet,
    views: Mapping[str, FeatureView],
    *,
    table: pa.Table,
    engine: Engine,
) -> pa.Table:
    """Append the features of views; each view's events are read once."""
    at = micros_of(table[feature_set.at])
    last = pc.max(at).as_py()
    events: dict[str, pa.Table] = {}
    labelled = table
    for ref in feature_set.refs:
        view = views[ref.view]
        if view.name not in events:
            events[view.name] = read_events(snapshot, view, until=last)
        keys = zip(view.keys, spine_keys(ref, view), strict=True)
        labels = pa.table({**{key: labelled[name] for key, name in keys}, TIME: at})
        found = _compute(snapshot, view, events[view.name], labels, engine)
        for name in found.column_names:
            table = table.append_column(f"{ref.name}__{name}", found[name])
    return table


def _compute(
    snapshot: Snapshot, view: FeatureView, events: pa.Table, labels: pa.Table, engine: Engine
) -> pa.Table:
    """Compute a view, from all events or from those that had come."""
    if snapshot.visible_after is None:
        return engine.compute(view, events, labels)
    return compute_as_served(
        engine, view, events, labels=labels, visible_after=snapshot.visible_after
    )


def _with_derived(
    table: pa.Table, feature_set: FeatureSet, nullable: Mapping[str, bool]
) -> pa.Table:
    """Append derived features in order; each sees those before it."""
    arrays: dict[str, Array] = {}
    for feature in feature_set.derived:
        for name in feature.inputs:
            if name not in arrays:
                arrays[name] = to_input(table[name], nullable=nullable[name])
        values, present = evaluate(feature, arrays, rows=table.num_rows)
        arrays[feature.name] = as_input(values, present)
        table = table.append_column(feature.name, to_arrow(values, present, feature.dtype))
    return table
