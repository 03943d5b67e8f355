"""Where the rows of a training set come from: a dataset, a frame, a file, a query, or the keys."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.errors import Invalid
from towpath.core.instant import to_micros
from towpath.features.labels import as_table, needed_columns
from towpath.features.manifest import DatasetLabels, GivenLabels, KeysAt, LabelSource, rows_hash
from towpath.features.spine import latest_rows
from towpath.lake.dataset import Dataset
from towpath.lake.infer import infer
from towpath.lake.query import queried, select
from towpath.lake.sources import open_source
from towpath.lake.tables import SEQUENCE
from towpath.project.load import pick

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.features.feature_set import FeatureSet
    from towpath.workspace import Workspace

GIVEN = "labels"


def label_datasets(workspace: Workspace, feature_set: FeatureSet, labels: object) -> set[str]:
    """Name the datasets that labels are read from.

    Raises:
        Invalid: a text that is neither a dataset's name nor a SELECT.
        NotFound: a query reads an unknown dataset.
    """
    if labels is None or isinstance(labels, datetime | KeysAt):
        return {feature_set.spine}
    if isinstance(labels, DatasetLabels):
        return {labels.dataset}
    if isinstance(labels, str):
        known = workspace.lake.datasets
        return {labels} if labels in known else set(queried(workspace.lake, labels))
    return set()


def read_labels(
    workspace: Workspace, feature_set: FeatureSet, labels: object, versions: Mapping[str, int]
) -> tuple[pa.Table, LabelSource]:
    """Return the rows to compute features for, and where they come from.

    Args:
        workspace: the project.
        feature_set: what is asked for.
        labels: None for the spine's rows; a dataset's name or a SELECT; a path of a CSV or Parquet
            file; a time, or ``KeysAt``, for all keys known then; anything else is a frame.
        versions: version of each dataset.

    Raises:
        Invalid: rows that cannot be read, or not in this way.
        NotFound: no such dataset or file.
    """
    given = DatasetLabels(feature_set.spine) if labels is None else labels
    if isinstance(given, str) and given in workspace.lake.datasets:
        given = DatasetLabels(given)
    if isinstance(given, datetime):
        given = KeysAt(given)
    if isinstance(given, DatasetLabels):
        table = workspace.lake[given.dataset]
        columns = given.columns or table.dataset.names
        return table.scan(columns, version=versions.get(given.dataset)), given
    if isinstance(given, KeysAt):
        return _known_rows(workspace, feature_set, given, versions), given
    if isinstance(given, str):
        rows = as_table(select(workspace.lake, given, versions=versions))
        return rows, GivenLabels(rows_hash(rows), given)
    rows = _read_file(workspace, feature_set, given) if isinstance(given, Path) else as_table(given)
    return rows, GivenLabels(rows_hash(rows))


def model_labels(workspace: Workspace, feature_set: FeatureSet) -> DatasetLabels:
    """Return the spine's rows with no more than a model needs: key, time and what features read."""
    key = workspace.project.datasets[feature_set.spine].key
    needed = needed_columns(feature_set, workspace.project.views)
    return DatasetLabels(feature_set.spine, tuple(dict.fromkeys((*key, *needed))))


def _known_rows(
    workspace: Workspace, feature_set: FeatureSet, known: KeysAt, versions: Mapping[str, int]
) -> pa.Table:
    """Return the last row of each key of the spine that was known at a time, as of that time."""
    table = workspace.lake[feature_set.spine]
    time, at = table.dataset.event_time, to_micros(known.at)
    where = pc.field(time) <= known.at if time else None
    columns = [*table.dataset.names, SEQUENCE]
    rows = table.scan(columns, where, version=versions.get(feature_set.spine))
    rows = latest_rows(rows, table.dataset).drop_columns([SEQUENCE])
    if known.since is not None:
        to_micros(known.since)
        if not time:
            message = f"The rows of {feature_set.spine!r} have no event_time to begin from."
            raise Invalid(message, hint="Leave the start out, or declare the event_time.")
        rows = rows.filter(pc.field(time) >= known.since)
    moments = pa.array([at] * rows.num_rows, pa.int64()).cast(pa.timestamp("us", "UTC"))
    return rows.set_column(rows.column_names.index(feature_set.at), feature_set.at, moments)


def _read_file(workspace: Workspace, feature_set: FeatureSet, path: Path) -> pa.Table:
    """Read a file: columns that the spine has in its types, others in those they seem to have."""
    drafted = infer(path, GIVEN)
    spine = pick(workspace.project.datasets, feature_set.spine, "dataset")
    types = {column.name: column.dtype for column in spine.columns}
    columns = tuple(
        one.replace(dtype=types.get(one.name, one.dtype), nullable=True) for one in drafted.columns
    )
    source = open_source(Dataset(GIVEN, columns), path.resolve(), root=workspace.root)
    return pa.concat_tables(piece for part in source.parts() for piece in source.read(part))
