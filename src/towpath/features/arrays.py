"""Arrow columns as the arrays that the kernel and derived features read, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from towpath.features.derived import Array

    Column = pa.ChunkedArray[Any]

Int64Array = npt.NDArray[np.int64]
MaskArray = npt.NDArray[np.uint8]

ARROW_TYPES: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us", "UTC"),
}


def dtype_of(kind: pa.DataType) -> str:
    """Name an Arrow type as contracts do.

    Raises:
        Invalid: no feature can be of that type.

    Example:
        >>> dtype_of(pa.int32())
        'int64'
    """
    tests: dict[str, Callable[[pa.DataType], bool]] = {
        "bool": pa.types.is_boolean,
        "int64": pa.types.is_integer,
        "float64": pa.types.is_floating,
        "timestamp": pa.types.is_timestamp,
    }
    for name, test in tests.items():
        if test(kind):
            return name
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        return "string"
    raise Invalid(f"A column of Arrow type {kind} cannot be a feature.", hint="Cast it first.")


def to_bits(column: Column, dtype: str) -> tuple[Int64Array, MaskArray, list[str]]:
    """Return values as int64, where they are present, and the strings that codes stand for.

    A float is held as its bits, a boolean as 0 or 1, a time as microseconds, a string as its code
    in order of first appearance. NaN counts as missing.

    Example:
        >>> to_bits(pa.chunked_array([["a", None, "a"]]), "string")[0].tolist()
        [0, 0, 0]
    """
    strings: list[str] = []
    if dtype == "string":
        codes, strings = to_codes(column.cast(pa.string()))
        column = pa.chunked_array([codes])
    elif dtype == "float64":
        column = without_nan(column)
    else:
        column = micros_of(column) if dtype == "timestamp" else column.cast(pa.int64())
    present = column.is_valid().to_numpy().astype(np.uint8)
    values = np.ascontiguousarray(column.fill_null(pa.scalar(0, column.type)).to_numpy())
    return values.view(np.int64), present, strings


def to_codes(column: Column) -> tuple[pa.Array[Any], list[str]]:
    """Number the distinct values in order of first appearance; null stays null.

    Example:
        >>> to_codes(pa.chunked_array([["b", "a", "b"]]))[1]
        ['b', 'a']
    """
    coded: pa.DictionaryArray[Any, Any] = column.combine_chunks().dictionary_encode()
    return coded.indices.cast(pa.int64()), [str(one) for one in coded.dictionary.to_pylist()]


def without_nan(column: Column) -> Column:
    """Return floats as float64 with null in place of NaN.

    Example:
        >>> without_nan(pa.chunked_array([[1.0, float("nan")]])).to_pylist()
        [1.0, None]
    """
    column = column.cast(pa.float64())
    cleaned: Column = pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
    return cleaned


def to_input(column: Column, *, nullable: bool) -> Array:
    """Return a column in the form in which derived functions receive it.

    Example:
        >>> to_input(pa.chunked_array([[1, None]]), nullable=True).tolist()
        [1.0, nan]
    """
    dtype = dtype_of(column.type)
    if dtype == "string":
        return np.array(column.cast(pa.string()).to_pylist(), dtype=object)
    if dtype == "timestamp":
        column = micros_of(column)
    if dtype == "float64" or nullable:
        return np.array(
            column.cast(pa.float64(), safe=False).fill_null(pa.scalar(np.nan)).to_numpy()
        )
    if column.null_count:
        message = "A column that its contract says is never missing holds a null."
        raise Invalid(message, hint="Ingest the rows through their contract.")
    return np.array(column.cast(ARROW_TYPES[dtype] if dtype == "bool" else pa.int64()).to_numpy())


def to_values(column: Column) -> list[object]:
    """Return a column as Python values, times as microseconds.

    Example:
        >>> to_values(pa.chunked_array([pa.array([1], pa.timestamp("s", "UTC"))]))
        [1000000]
    """
    plain: list[object] = (
        micros_of(column) if pa.types.is_timestamp(column.type) else column
    ).to_pylist()
    return plain


def to_arrow(values: Array, present: Array, dtype: str) -> pa.Array[Any]:
    """Return values of a feature as an Arrow array, null where not present.

    Example:
        >>> to_arrow(np.array([1, 2]), np.array([True, False]), "int64").to_pylist()
        [1, None]
    """
    absent = ~present.astype(bool)
    kind = ARROW_TYPES[dtype]
    if dtype == "string":
        return pa.array(
            [None if gone else one for one, gone in zip(values, absent, strict=True)], kind
        )
    if dtype == "timestamp":
        return pa.array(values.astype(np.int64), pa.int64(), mask=absent).cast(kind)
    return pa.array(values, kind, mask=absent)


def micros_of(column: Column) -> Column:
    """Return a timestamp column as int64 microseconds since 1970 UTC.

    Example:
        >>> micros_of(pa.chunked_array([pa.array([1], pa.timestamp("s", "UTC"))])).to_pylist()
        [1000000]
    """
    return column.cast(ARROW_TYPES["timestamp"]).cast(pa.int64())
