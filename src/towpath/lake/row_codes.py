"""A number for each row, equal where the values are equal and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Values = pa.ChunkedArray[Any]


def row_codes(columns: Sequence[Values], rows: int) -> Ints:
    """Number the values of each row, taken together, from 0 and with few gaps.

    Missing values are equal to each other and to numbers that are none.

    Args:
        columns: the columns, of any type of a contract.
        rows: how long each of them is.

    Example:
        >>> row_codes([pa.chunked_array([["a", "b", "a"]])], 3)
        array([0, 1, 0])
    """
    codes, size = np.zeros(rows, dtype=np.int64), 1
    for column in columns:
        more, width = _numbered(_comparable(column))
        codes, size = codes * width + more, size * width
        if size > rows:
            codes, size = _numbered(pa.chunked_array([codes]))
    return codes


def _numbered(values: Values) -> tuple[Ints, int]:
    """Number values by their first occurrence; return how many different ones there are."""
    encoded = values.dictionary_encode(null_encoding="encode")
    if not len(encoded):
        return np.zeros(0, dtype=np.int64), 1
    chunks: list[Any] = encoded.chunks
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in chunks])
    return codes.astype(np.int64), len(chunks[-1].dictionary)


def _comparable(values: Values) -> Values:
    """Bring values to a form in which equal ones have equal bytes."""
    if pa.types.is_list(values.type):
        return pa.chunked_array([_bytes(chunk) for chunk in values.chunks], pa.large_binary())
    if not pa.types.is_floating(values.type):
        return values
    zero: Any = pa.scalar(0.0, values.type)
    known = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    plain: Values = pc.add(known, zero)
    return plain


def _bytes(lists: Any) -> pa.Array[Any]:  # noqa: ANN401 - an array of lists
    """Look at lists of numbers as the bytes of their numbers."""
    items = lists.flatten().cast(pa.float64()).fill_null(np.nan).to_numpy() + 0.0
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy()
    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]) * items.itemsize
    buffers = [None, pa.py_buffer(ends.astype(np.int64)), pa.py_buffer(items)]
    values = pa.Array.from_buffers(pa.large_binary(), len(lists), buffers)
    known: pa.Array[Any] = pc.if_else(lists.is_valid(), values, pa.scalar(None, pa.large_binary()))
    return known
