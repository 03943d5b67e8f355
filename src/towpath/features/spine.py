"""The rows of a spine by their key: the last one known of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.core.errors import Invalid
from towpath.features.arrays import micros_of
from towpath.features.engines import SEQUENCE
from towpath.features.engines.order import event_order, key_codes

if TYPE_CHECKING:
    import pyarrow as pa

    from towpath.lake.dataset import Dataset


def spine_name(dataset: str) -> str:
    """Return the name under which the rows of a spine are kept online; no view can have it.

    Example:
        >>> spine_name("schedule")
        'spine.schedule'
    """
    return f"spine.{dataset}"


def spine_columns(dataset: Dataset) -> tuple[str, ...]:
    """Return the columns that a spine is found by or features are made of: no dates but in its key.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> sales = Dataset("sales", (Column("day", "date"), Column("due", "date")), key=("day",))
        >>> spine_columns(sales)
        ('day',)
    """
    return tuple(
        column.name
        for column in dataset.columns
        if column.dtype != "date" or column.name in dataset.key
    )


def require_key(dataset: Dataset) -> None:
    """Refuse a dataset whose rows nothing tells apart.

    Raises:
        Invalid: it has no key.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> require_key(Dataset("trips", (Column("id", "int64"),), key=("id",)))
    """
    if not dataset.key:
        message = f"Dataset {dataset.name!r} has no key, so its rows cannot be found by one."
        raise Invalid(message, hint="Name the key's columns in its contract.")


def latest_rows(rows: pa.Table, dataset: Dataset) -> pa.Table:
    """Keep the last row of each key, by event time where there is one, then by ingestion.

    Args:
        rows: the dataset's rows with ``_seq``.
        dataset: their contract.

    Raises:
        Invalid: the dataset has no key.

    Example:
        >>> import pyarrow as pa
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("id", "int64"), Column("km", "int64")), key=("id",))
        >>> rows = pa.table({"id": [1, 1], "km": [5, 6], "_seq": [0, 1]})
        >>> latest_rows(rows, trips)["km"].to_pylist()
        [6]
    """
    require_key(dataset)
    codes, _ = key_codes(rows, rows.slice(0, 0), dataset.key)
    times = np.zeros(rows.num_rows, dtype=np.int64)
    if dataset.event_time:
        times = micros_of(rows[dataset.event_time]).to_numpy()
    order = event_order(codes, times, rows[SEQUENCE].to_numpy())
    ordered = codes[order]
    last = np.flatnonzero(np.diff(ordered, append=ordered[-1:] + 1))
    return rows.take(np.sort(order[last[ordered[last] >= 0]]))
