"""Arrow columns as the arrays that the kernel and derived features read, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from towpath.core.errors import Invalid
from towpath.lake import column_types

if TYPE_CHECKING:
    from typing import Any

    Column = pa.ChunkedArray[Any]

Array = npt.NDArray[np.generic]
Int64Array = npt.NDArray[np.int64]
MaskArray = npt.NDArray[np.uint8]
Words = tuple[Int64Array, MaskArray]
Word = TypeVar("Word", bound=np.generic)

ARROW_TYPES: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us", "UTC"),
}


def arrow_type(dtype: str) -> pa.DataType:
    """Return the Arrow type of a feature's type.

    Example:
        >>> arrow_type("list<decimal(9,2)>")
        ListType(list<item: decimal128(9, 2)>)
    """
    if dtype.startswith("list<"):
        return pa.list_(arrow_type(dtype[len("list<") : -1]))
    return ARROW_TYPES.get(dtype) or column_types.arrow_type(dtype)


def dtype_of(kind: pa.DataType) -> str:
    """Name an Arrow type as contracts do.

    Raises:
        Invalid: no feature can be of that type.

    Example:
        >>> dtype_of(pa.int32())
        'int64'
    """
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    found = column_types.dtype_of(kind)
    if found in ARROW_TYPES or (found or "").startswith("decimal"):
        return str(found)
    raise Invalid(f"A column of Arrow type {kind} cannot be a feature.", hint="Cast it first.")


def words_of(column: Column) -> Words:
    """Return values as int64, and where they are present; an empty mask for everywhere.

    A float is held as its bits, a boolean as 0 or 1, a time as microseconds, a decimal as a whole
    number of its smallest unit. NaN counts as missing. Nothing is copied where that can be. None
    of the arrays can be written to.

    Example:
        >>> words, present = words_of(pa.chunked_array([[1, None]]))
        >>> words.tolist(), present.tolist()
        ([1, 0], [1, 0])
    """
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = micros_of(column)
    elif pa.types.is_floating(kind):
        column = column.cast(pa.float64())
    elif not pa.types.is_decimal(kind):
        column = column.cast(pa.int64())
    array = one_array(column)
    present = marks_of(array)
    if pa.types.is_decimal(kind):
        words = _units(array)
    else:
        filled = array.fill_null(0) if present.size else array
        words = filled.to_numpy(zero_copy_only=True).view(np.int64)
    if pa.types.is_floating(kind):
        number = ~np.isnan(words.view(np.float64))
        if not number.all():
            known = present if present.size else np.ones(words.size, dtype=np.uint8)
            present = known & number
            words = np.where(number, words, 0)
    return _sealed(words), _sealed(present)


def marks_of(array: pa.Array[Any]) -> MaskArray:
    """Return where values are present, or nothing if all are.

    Example:
        >>> marks_of(pa.array([1, None])).tolist(), marks_of(pa.array([1])).tolist()
        ([1, 0], [])
    """
    if not array.null_count:
        return np.empty(0, dtype=np.uint8)
    return array.is_valid().cast(pa.uint8()).to_numpy()


def one_array(column: Column | pa.Array[Any]) -> pa.Array[Any]:
    """Return a column as one array, copied only if it comes in several.

    Example:
        >>> one_array(pa.chunked_array([[1], [2]])).to_pylist()
        [1, 2]
    """
    if isinstance(column, pa.Array):
        return column
    chunks: list[pa.Array[Any]] = column.chunks or [pa.array([], column.type)]
    joined: pa.Array[Any] = chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)
    return joined


def _units(array: pa.Array[Any]) -> Int64Array:
    """Return decimals of at most 18 digits as whole numbers of their smallest unit."""
    kind = array.type
    wide = array.cast(pa.decimal128(kind.precision, kind.scale))
    halves = np.frombuffer(memoryview(wide.buffers()[1] or b""), dtype=np.int64).reshape(-1, 2)
    return np.ascontiguousarray(halves[wide.offset : wide.offset + len(wide), 0])


def _sealed(array: npt.NDArray[Word]) -> npt.NDArray[Word]:
    """Return a view that cannot be written to, as memory of Arrow's cannot."""
    view = array.view()
    view.flags.writeable = False
    return view


def to_bits(column: Column, dtype: str) -> tuple[Int64Array, MaskArray, list[str]]:
    """Return values as int64, where they are present, and the strings that codes stand for.

    A string is held as its code in order of first appearance, anything else as by ``words_of``.

    Example:
        >>> to_bits(pa.chunked_array([["a", None, "a"]]), "string")[0].tolist()
        [0, 0, 0]
    """
    strings: list[str] = []
    if dtype == "string":
        codes, strings = to_codes(column.cast(pa.string()))
        column = pa.chunked_array([codes])
    words, present = words_of(column)
    if not present.size:
        present = np.ones(words.size, dtype=np.uint8)
    return words, present, strings


def to_codes(column: Column) -> tuple[pa.Array[Any], list[str]]:
    """Number the distinct values in order of first appearance; null stays null.

    Example:
        >>> to_codes(pa.chunked_array([["b", "a", "b"]]))[1]
        ['b', 'a']
    """
    coded: pa.DictionaryArray[Any, Any] = column.combine_chunks().dictionary_encode()
    return coded.indices.cast(pa.int64()), [str(one) for one in coded.dictionary.to_pylist()]


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
    if dtype == "float64" or dtype.startswith("decimal") or nullable:
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
    kind = arrow_type(dtype)
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
