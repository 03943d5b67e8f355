"""Point-in-time training sets: every feature of every row as of the row's prediction time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.features.arrays import Array, micros_of, to_arrow, to_input
from towpath.features.as_read import Reads, compute_as_read, visible_events
from towpath.features.derived import as_input, bind_sql, evaluate, evaluate_sql
from towpath.features.engines import TIME
from towpath.features.event_files import event_files
from towpath.features.expression.vector import vector_of
from towpath.features.feature_set import (
    feature_schema,
    nullable_inputs,
    spine_keys,
    validate,
)
from towpath.features.labels import checked_labels, computed_names
from towpath.features.served import compute_as_served
from towpath.features.snapshot import Snapshot, read_events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.features.engines import Engine
    from towpath.features.feature_set import FeatureSet
    from towpath.features.view import FeatureView, ViewRef
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
    nullable = nullable_inputs(feature_set, views, datasets)
    types = {column.name: column.dtype for column in datasets[feature_set.spine].columns}
    types |= feature_schema(feature_set, views, datasets)
    table = _with_derived(table, feature_set, nullable, types)
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
    """Append the features of views; those of one view are computed together, for all its uses."""
    uses: dict[str, list[ViewRef]] = {}
    for ref in feature_set.refs:
        uses.setdefault(ref.view, []).append(ref)
    at = micros_of(table[feature_set.at])
    found: dict[str, pa.Table] = {}
    for name, refs in uses.items():
        view = views[name]
        asked = []
        for ref in refs:
            keys = zip(view.keys, spine_keys(ref, view), strict=True)
            asked.append(pa.table({**{key: table[column] for key, column in keys}, TIME: at}))
        features = _compute(snapshot, view, pa.concat_tables(asked), engine)
        for number, ref in enumerate(refs):
            found[ref.name] = features.slice(number * table.num_rows, table.num_rows)
    for ref in feature_set.refs:
        for name in found[ref.name].column_names:
            table = table.append_column(f"{ref.name}__{name}", found[ref.name][name])
    return table


def _compute(snapshot: Snapshot, view: FeatureView, labels: pa.Table, engine: Engine) -> pa.Table:
    """Compute a view, from all events or from those that had come."""
    last = pc.max(labels[TIME]).as_py()
    if snapshot.reads is not None:
        return _compute_as_read(snapshot, view, labels, reads=snapshot.reads, engine=engine)
    if snapshot.visible_after is None:
        # Only files are found here: an engine reads them where it computes.
        return engine.compute(view, event_files(snapshot, view, until=last), labels)
    return compute_as_served(
        engine,
        view,
        read_events(snapshot, view, until=last),
        labels=labels,
        visible_after=snapshot.visible_after,
    )


def _compute_as_read(
    snapshot: Snapshot, view: FeatureView, labels: pa.Table, *, reads: Reads, engine: Engine
) -> pa.Table:
    """Compute a view from what could be read online; the labels are those of all its uses."""
    last = pc.max(labels[TIME]).as_py()
    events = read_events(snapshot, view, until=last, identified=True)
    visible = visible_events(snapshot.lake, view, events, early=reads.early)
    uses = labels.num_rows // max(reads.at.size, 1)
    every = Reads(np.tile(reads.at, uses), early=reads.early)
    return compute_as_read(engine, view, visible, labels=labels, reads=every)


def _with_derived(
    table: pa.Table,
    feature_set: FeatureSet,
    nullable: Mapping[str, bool],
    types: Mapping[str, str],
) -> pa.Table:
    """Append derived features in order; each sees those before it."""
    arrays: dict[str, Array] = {}
    for feature in feature_set.derived:
        if feature.sql:
            columns = {name: vector_of(table[name]) for name in feature.inputs}
            bound = bind_sql(feature, {name: types[name] for name in feature.inputs})
            values, present = evaluate_sql(bound, columns, rows=table.num_rows)
        else:
            for name in feature.inputs:
                if name not in arrays:
                    arrays[name] = to_input(table[name], nullable=nullable[name])
            values, present = evaluate(feature, arrays, rows=table.num_rows)
        arrays[feature.name] = as_input(values, present)
        table = table.append_column(feature.name, to_arrow(values, present, types[feature.name]))
    return table
