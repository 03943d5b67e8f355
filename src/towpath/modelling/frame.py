"""From an Arrow table to the matrix that scikit-learn takes, without a data frame between."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
import pyarrow as pa

from towpath.core.errors import Contract, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from towpath.modelling.columns import FeatureColumns

    Values = pa.Array[pa.Scalar[pa.DataType]]
    Chunks = pa.ChunkedArray[pa.Scalar[pa.DataType]]
    Matrix = NDArray[np.float64] | NDArray[np.object_]

ValuesT = TypeVar("ValuesT", "Values", "Chunks")


def to_matrix(table: pa.Table, columns: FeatureColumns) -> Matrix:
    """Return the features as a matrix: float64, or of objects where there are texts.

    Raises:
        Contract: a feature is missing from the table.

    Example:
        >>> from towpath.modelling.columns import FeatureColumns
        >>> table = pa.table({"hour": [7, None], "carrier": ["UA", None]})
        >>> to_matrix(table, FeatureColumns({"hour": "int64", "carrier": "string"}))
        array([[7.0, 'UA'],
               [nan, nan]], dtype=object)
    """
    dtype = object if columns.categorical else np.float64
    matrix = np.empty((table.num_rows, len(columns.names)), dtype)
    texts = set(columns.categorical)
    for at, name in enumerate(columns.names):
        column = feature_column(table, name)
        matrix[:, at] = texts_of(column) if at in texts else numbers_of(column)
    return matrix


def to_row(values: Sequence[object], columns: FeatureColumns) -> NDArray[np.object_]:
    """Return one row of feature values, None for null, as the matrix that an estimator takes.

    Example:
        >>> from towpath.modelling.columns import FeatureColumns
        >>> to_row([True, None], FeatureColumns({"rain": "bool", "carrier": "string"}))
        array([[1.0, nan]], dtype=object)
    """
    texts = set(columns.categorical)
    row = np.empty((1, len(values)), object if texts else np.float64)
    for at, value in enumerate(values):
        if value is None:
            row[0, at] = np.nan
        else:
            row[0, at] = value if at in texts else float(cast("float", value))
    return row


def to_rows(table: pa.Table) -> list[list[object]]:
    """Turn a table into rows of plain values: null is None, a time its microseconds.

    Example:
        >>> to_rows(pa.table({"hour": [7, None], "carrier": ["UA", "AA"]}))
        [[7, 'UA'], [None, 'AA']]
    """
    plain = pa.table({name: _without_dates(table[name]) for name in table.column_names})
    return [list(row.values()) for row in plain.to_pylist()]


def spread(rows: int, wanted: int) -> NDArray[np.int64]:
    """Choose evenly spaced positions among rows, the same each time.

    Example:
        >>> spread(100, 3)
        array([ 0, 49, 99])
    """
    return np.linspace(0, max(rows - 1, 0), min(rows, wanted)).astype(np.int64)


def feature_column(table: pa.Table, name: str) -> Values:
    """Return a column of a table as one array.

    Raises:
        Contract: the table has no such column.
    """
    if name not in table.column_names:
        hint = did_you_mean(name, table.column_names)
        raise Contract(f"The table has no column {name!r}.", hint=hint, column=name)
    return table[name].combine_chunks()


def numbers_of(column: Values) -> NDArray[np.float64]:
    """Turn a column into float64: null is NaN, true 1, a time its microseconds, a date its days.

    Example:
        >>> numbers_of(pa.array([True, None]))
        array([ 1., nan])
    """
    column = _without_dates(column)
    # Beyond 2**53 an int64 is rounded to the nearest float64, here as in ``float(value)``.
    numbers = column.cast(pa.float64(), safe=False)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)


def texts_of(column: Values) -> NDArray[np.object_]:
    """Turn a column of texts into objects: null is NaN, and equal texts share one object."""
    # A dictionary names each text once, so that a million rows hold no million strings.
    coded = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
    texts = np.array([*coded.dictionary.to_pylist(), np.nan], np.object_)
    codes = coded.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False)
    found: NDArray[np.object_] = texts[codes]
    return found


def _without_dates(column: ValuesT) -> ValuesT:
    """Turn times into microseconds and dates into days; leave other columns as they are."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    return column.cast(pa.int32()) if pa.types.is_date32(column.type) else column
