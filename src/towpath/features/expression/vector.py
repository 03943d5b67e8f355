"""Columns as expressions compute with them: values, and where they are present."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from towpath.features.arrays import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
DAY = 86_400_000_000
MOST_DAYS = 2**63 // DAY


class Vector(NamedTuple):
    """A column.

    Args:
        values: bool, int64, float64 or object (of str); a time is int64 microseconds. What stands
            where none is present means nothing, but it is of the type, and False for a bool.
        present: where there is a value; a float that is present is not NaN.
    """

    values: Array
    present: Mask


def vector(values: Array, present: Mask) -> Vector:
    """Make a column; NaN is missing.

    Example:
        >>> vector(np.array([1.0, np.nan]), np.array([True, True])).present.tolist()
        [True, False]
    """
    if values.dtype.kind == "f":
        present = present & ~np.isnan(values)
    elif values.dtype.kind == "b":
        values = values & present
    return Vector(values, present)


def vector_of(column: pa.ChunkedArray[Any]) -> Vector:
    """Return a column of a table; decimals as floats, dates as the times they begin.

    Example:
        >>> vector_of(pa.chunked_array([[True, None]])).values.tolist()
        [True, False]
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    rows = len(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return vector_from(column.to_pylist(), "string")
    if pa.types.is_date(kind):
        days, marks = words_of(column.cast(pa.date32()).cast(pa.int32()))
        present = _mask(marks, rows) & (np.abs(days) <= MOST_DAYS)
        return Vector(np.where(present, days, 0) * DAY, present)
    words, marks = words_of(column)
    present = _mask(marks, rows)
    if pa.types.is_floating(kind):
        return vector(words.view(np.float64), present)
    if pa.types.is_decimal(kind):
        return Vector(words / np.float64(10**kind.scale), present)
    return vector(words.astype(np.bool_) if pa.types.is_boolean(kind) else words, present)


def vector_from(values: Sequence[object], dtype: str) -> Vector:
    """Return Python values as a column; decimals as floats.

    Example:
        >>> vector_from([2**53 + 1, None], "int64").values.tolist()
        [9007199254740993, 0]
    """
    present = np.array([value is not None for value in values], dtype=np.bool_)
    filler, kind = FILLERS.get(dtype, FILLERS["float64"])
    filled = [filler if value is None else value for value in values]
    return vector(np.array(filled, dtype=kind), present)


FILLERS: dict[str, tuple[object, type]] = {
    "bool": (False, np.bool_),
    "float64": (0.0, np.float64),
    "int64": (0, np.int64),
    "string": ("", np.object_),
    "timestamp": (0, np.int64),
}


def _mask(marks: npt.NDArray[np.uint8], rows: int) -> Mask:
    """Return where values are present."""
    return marks.astype(np.bool_) if marks.size else np.ones(rows, dtype=np.bool_)
