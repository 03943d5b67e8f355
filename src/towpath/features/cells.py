"""Columns of values from Python's, and back; and as derived features receive them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from towpath.features.columns import NOT_FOUND, Columns, Known, Values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from towpath.features.arrays import Array

NUMPY_TYPES: dict[str, type[np.generic]] = {
    "bool": np.bool_,
    "int64": np.int64,
    "float64": np.float64,
    "timestamp": np.int64,
}


def values_of(cells: Sequence[object], dtype: str) -> Values:
    """Make a column of Python values, None for a missing one.

    Example:
        >>> values_of([1, None], "int64").present.tolist()
        [True, False]
    """
    if None not in cells:
        return Values(cells)
    return Values(
        [0 if cell is None else cell for cell in cells] if dtype in NUMPY_TYPES else cells,
        with_gaps([cell is not None for cell in cells]),
    )


def with_gaps(present: Sequence[bool] | Array) -> NDArray[np.bool_] | None:
    """Return where values are present, None for everywhere."""
    marks = np.array(present, dtype=np.bool_)
    return None if marks.all() else marks


def cells_of(column: Values) -> list[object]:
    """Return a column as Python values, None for a missing one; not to be changed.

    Example:
        >>> cells_of(Values(np.array([1, 0]), np.array([True, False])))
        [1, None]
    """
    values = column.values
    cells = values if isinstance(values, list) else list(np.asarray(values).tolist())
    if column.present is None:
        return cells
    known = zip(cells, column.present.tolist(), strict=True)
    return [cell if here else None for cell, here in known]


def as_array(column: Values, dtype: str, *, nullable: bool) -> Array:
    """Return a column in the form in which derived functions receive it.

    Example:
        >>> as_array(Values(np.array([1, 0]), np.array([True, False])), "int64", nullable=True)
        array([ 1., nan])
    """
    if NUMPY_TYPES.get(dtype) is None and not dtype.startswith("decimal"):
        return np.array(cells_of(column), dtype=object)
    values = column.values
    if not isinstance(values, np.ndarray):
        values = np.array(values, dtype=NUMPY_TYPES.get(dtype))
    if not nullable and dtype != "float64" and not dtype.startswith("decimal"):
        return values
    if column.present is None:
        return values.astype(np.float64)
    if values.dtype == object:
        values = np.where(column.present, values, np.nan)
    return np.where(column.present, values.astype(np.float64), np.nan)


def spread(columns: Columns, places: NDArray[np.int64], missing: tuple[int, ...]) -> Columns:
    """Make room for rows of which nothing is known.

    Args:
        columns: what was found.
        places: the row of each that was found.
        missing: the other rows.
    """
    rows = len(places) + len(missing)
    source = np.zeros(rows, dtype=np.int64)
    source[places] = np.arange(len(places))
    here = np.zeros(rows, dtype=np.bool_)
    here[places] = True
    return Columns(
        rows=rows,
        features=tuple(_spread(one, source, here) for one in columns.features),
        views=tuple(_spread_known(one, source, here) for one in columns.views),
        missing=missing,
    )


def _spread(column: Values, source: NDArray[np.int64], here: NDArray[np.bool_]) -> Values:
    """Make room in a column."""
    values, present = column.values, column.present
    known = here.copy()
    if present is not None and len(present):
        known &= present[source]
    if isinstance(values, np.ndarray):
        return Values(values[source] if len(values) else np.zeros(len(here), values.dtype), known)
    taken = [values[place] for place in source.tolist()] if len(values) else [0] * len(here)
    return Values(cast("list[object]", taken), known)


def _spread_known(known: Known, source: NDArray[np.int64], here: NDArray[np.bool_]) -> Known:
    """Make room in what is known of rows."""
    if not len(known.newest):
        none = np.full(len(here), NOT_FOUND, dtype=np.uint8)
        return Known(np.zeros(len(here), dtype=np.int64), none)
    status = np.zeros(len(here), np.uint8) if known.status is None else known.status[source]
    return Known(
        np.where(here, known.newest[source], 0),
        np.where(here, status, NOT_FOUND).astype(np.uint8),
    )
