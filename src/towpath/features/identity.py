"""What tells events of one time apart, so that one that comes again is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from towpath.features.engines import SEQUENCE
from towpath.lake.checks.hash import row_hashes

if TYPE_CHECKING:
    from towpath.features.arrays import Column
    from towpath.lake.dataset import Dataset

# The column of it.
IDENTITY = "_id"


def identities(rows: pa.Table, dataset: Dataset) -> Column:
    """Return a number for each row, the same for the same key; without a key, its ``_seq``.

    Args:
        rows: with the dataset's key, or with ``_seq`` where it has none.
        dataset: the contract.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("id", "int64"),), key=("id",))
        >>> one, two, again = identities(pa.table({"id": [7, 8, 7]}), trips).to_pylist()
        >>> one == again, one == two
        (True, False)
    """
    if not dataset.key:
        return rows[SEQUENCE]
    hashes = row_hashes([rows[name] for name in dataset.key])
    return pa.chunked_array([pa.array(hashes.view(np.int64))])
