"""Rows as a frame of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

PandasFrame: TypeAlias = pd.DataFrame
# What numpy has no missing value for; as float64, large numbers would no longer be exact.
NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


def to_pandas(table: pa.Table, *, nullable: AbstractSet[str] = frozenset()) -> PandasFrame:
    """Return the rows.

    Args:
        table: the rows.
        nullable: columns that get the same type whether or not a value is missing: whole numbers
            are ``Int64`` and flags ``boolean``, as they are in other columns if a value is missing.

    Example:
        >>> import pyarrow as pa
        >>> to_pandas(pa.table({"seats": [2**62 + 1, None]}))["seats"].tolist()[0] == 2**62 + 1
        True
    """
    columns = {}
    for name in table.column_names:
        missing = name in nullable or table[name].null_count > 0
        columns[name] = table[name].to_pandas(types_mapper=NULLABLE.get if missing else None)
    return pd.DataFrame(columns, copy=False)
