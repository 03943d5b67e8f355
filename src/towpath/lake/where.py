"""The rows that a predicate in SQL is true of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.lake.predicate import checked_predicate, failing_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from towpath.lake.dataset import Dataset

PLATFORM = (("_ingested_at", "timestamp"), ("_seq", "int64"))
NAME = "where"


def predicate_columns(dataset: Dataset, predicate: str) -> tuple[str, ...]:
    """Return the columns that a predicate reads, if it is one that may run.

    Raises:
        Invalid: not one boolean expression over the columns of a row.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("id", "int64"), Column("fare", "float64")))
        >>> predicate_columns(trips, "fare > 10")
        ('fare',)
    """
    types = tuple((one.name, one.dtype) for one in dataset.columns)
    return checked_predicate(predicate, (*types, *PLATFORM), lasting=False)


def matching(table: pa.Table, predicate: str, columns: Sequence[str]) -> pa.Table:
    """Return the rows that a predicate is true of, in their order.

    Args:
        table: the rows.
        predicate: a checked predicate.
        columns: those that it reads.

    Raises:
        Contract: the predicate cannot be computed for a value.

    Example:
        >>> import pyarrow as pa
        >>> trips = pa.table({"id": [1, 2, 3], "fare": [5.0, 20.0, None]})
        >>> matching(trips, "fare > 10", ["fare"])["id"].to_pylist()
        [2]
    """
    keep = np.ones(table.num_rows, dtype=np.bool_)
    keep[failing_rows(table.select(list(columns)), {NAME: predicate})[NAME]] = False
    return table.filter(keep)
