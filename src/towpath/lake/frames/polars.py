"""Rows as a frame of Polars."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

import polars as pl

if TYPE_CHECKING:
    import pyarrow as pa

PolarsFrame: TypeAlias = pl.DataFrame


def to_polars(table: pa.Table) -> PolarsFrame:
    """Return the rows; most columns share their memory.

    Example:
        >>> import pyarrow as pa
        >>> to_polars(pa.table({"fare": [1.5, None]}))["fare"].null_count()
        1
    """
    return cast("pl.DataFrame", pl.from_arrow(table))
