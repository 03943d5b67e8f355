"""Point-in-time training sets: every feature of every row as of the row's prediction time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.errors import Contract, did_you_mean
from towpath.features.arrays import micros_of, to_arrow, to_input
from towpath.features.derived import Array, as_input, evaluate
from towpath.features.engines import SEQUENCE, TIME
from towpath.features.feature_set import nullable_inputs, spine_keys, validate

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
    spine: pa.Table,
    engine: Engine,
) -> pa.Table:
    """Add every feature to the rows of a spine, each as of the row's prediction time.

    Rows and their order stay; columns of views and derived features come after the spine's own.
    Select a model's input with ``feature_schema``.

    Raises:
        Invalid: the definition does not fit the views and datasets.
        Contract: the rows lack a column, or a prediction time.
    """
    validate(feature_set, views, lake.datasets)
    at = _prediction_times(spine, feature_set)
    table = spine
    events: dict[str, pa.Table] = {}
    for ref in feature_set.refs:
        view = views[ref.view]
        if view.name not in events:
            events[view.name] = read_events(lake, view, until=pc.max(at).as_py())
        keys = zip(view.keys, spine_keys(ref, view), strict=True)
        labels = pa.table({**{key: _given(spine, name) for key, name in keys}, TIME: at})
        found = engine.compute(view, events[view.name], labels)
        for name in found.column_names:
            table = table.append_column(f"{ref.name}__{name}", found[name])
    for name in feature_set.columns:
        _given(spine, name)
    return _with_derived(table, feature_set, nullable_inputs(feature_set, views, lake.datasets))


def read_events(
    lake: Lake, view: FeatureView, *, until: int | None, version: int | None = None
) -> pa.Table:
    """Read what an engine needs of a view's source: keys, values, ``_t`` and ``_seq``.

    Args:
        lake: where the source is.
        view: the view.
        until: last event time, in microseconds; None for no limit.
        version: of the source; by default the latest.
    """
    source = lake[view.source]
    time = source.dataset.event_time
    values = tuple(one.column for one in view.features if one.column)
    columns = list(dict.fromkeys((*view.keys, *values, time, SEQUENCE)))
    limit = None if until is None else pa.scalar(until).cast(pa.timestamp("us", "UTC"))
    where = None if limit is None else pc.field(time) <= limit
    rows = source.scan(columns, where, version=version)
    return rows.append_column(TIME, micros_of(rows[time]))


def _prediction_times(spine: pa.Table, feature_set: FeatureSet) -> pa.ChunkedArray[pa.Int64Scalar]:
    """Return each row's prediction time in microseconds."""
    at = micros_of(_given(spine, feature_set.at))
    if at.null_count:
        message = f"{at.null_count} rows of the spine have no prediction time {feature_set.at!r}."
        raise Contract(message, hint="Leave them out, or give them a time.")
    return at


def _given(spine: pa.Table, name: str) -> pa.ChunkedArray[pa.Scalar[pa.DataType]]:
    """Return a column that the rows must have."""
    if name not in spine.column_names:
        message = f"The rows of the spine have no column {name!r}."
        raise Contract(message, hint=did_you_mean(name, spine.column_names))
    return spine[name]


def _with_derived(
    table: pa.Table, feature_set: FeatureSet, nullable: Mapping[str, bool]
) -> pa.Table:
    """Append derived features in order; each sees those before it."""
    arrays: dict[str, Array] = {}
    for feature in feature_set.derived:
        for name in feature.inputs:
            if name not in arrays:
                arrays[name] = to_input(_given(table, name), nullable=nullable[name])
        values, present = evaluate(feature, arrays, rows=table.num_rows)
        arrays[feature.name] = as_input(values, present)
        table = table.append_column(feature.name, to_arrow(values, present, feature.dtype))
    return table
