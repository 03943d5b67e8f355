"""A 64-bit number for each row, equal where the values are equal and seldom elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Values = pa.ChunkedArray[Any]
    Words = NDArray[np.uint64]

WORD = 8
# An odd number near 2^64 divided by the golden ratio: it spreads neighbours apart.
SPREAD = np.uint64(0x9E3779B97F4A7C15)
HALF = np.uint64(32)
MISSING = np.uint64(0xA0761D6478BD642F)
# Keeps the first so many bytes of a word.
MASKS = np.array([(1 << (WORD * kept)) - 1 for kept in range(WORD + 1)], dtype=np.uint64)


def row_hashes(columns: Sequence[Values]) -> Words:
    """Hash the values of each row, taken together; missing values are equal.

    Args:
        columns: columns of one length, of any type but lists.

    Example:
        >>> hashes = row_hashes([pa.chunked_array([["a", "b", "a"]])])
        >>> bool(hashes[0] == hashes[2]), bool(hashes[0] == hashes[1])
        (True, False)
    """
    hashes = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        start = 0
        for piece in column.chunks:
            part = hashes[start : start + len(piece)]
            start += len(piece)
            given = part.copy() if piece.null_count else part
            for rows, words in _words(piece):
                _mix(part, rows, words)
            if piece.null_count:
                missing = piece.is_null().to_numpy(zero_copy_only=False)
                part[missing] = (given[missing] ^ MISSING) * SPREAD
    return hashes


def _mix(hashes: Words, rows: NDArray[np.int64] | None, words: Words) -> None:
    """Work a word into the hashes of some rows, or of all."""
    mixed = hashes if rows is None else hashes[rows]
    mixed ^= words
    mixed *= SPREAD
    mixed ^= mixed >> HALF
    if rows is not None:
        hashes[rows] = mixed


def _words(values: pa.Array[Any]) -> Iterator[tuple[NDArray[np.int64] | None, Words]]:
    """Cut values into words of 8 bytes: the rows that have such a word, None for all, and it."""
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        yield from _text_words(values)
    elif pa.types.is_decimal(kind):
        pairs = _view(values.buffers()[1], np.uint64).reshape(-1, 2)
        pairs = pairs[values.offset : values.offset + len(values)]
        yield None, pairs[:, 0]
        yield None, pairs[:, 1]
    elif pa.types.is_floating(kind):
        # Minus zero and zero are equal, but for their bits.
        yield None, (values.fill_null(0.0).to_numpy() + 0.0).view(np.uint64)
    else:
        narrow = values.cast(pa.int32()) if pa.types.is_date32(kind) else values
        yield None, narrow.cast(pa.int64()).fill_null(0).to_numpy().view(np.uint64)


def _text_words(values: pa.Array[Any]) -> Iterator[tuple[NDArray[np.int64] | None, Words]]:
    """Cut texts into words, the last one filled up with zeros."""
    _, ends, data = values.buffers()
    offsets = _view(ends, np.int32)[values.offset : values.offset + len(values) + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    text = np.zeros(last - first + WORD, dtype=np.uint8)
    if data is not None:
        text[:-WORD] = _view(data, np.uint8)[first:last]
    # A word may start at any byte.
    words = np.ndarray(len(text) - WORD + 1, dtype=np.uint64, buffer=text, strides=(1,))
    starts = offsets[:-1].astype(np.int64) - first
    lengths = np.diff(offsets)
    rows: NDArray[np.int64] | None = None
    for place in range(0, int(lengths.max(initial=0)), WORD):
        left = lengths - place
        if int(left.min()) <= 0:
            rows = np.flatnonzero(left > 0)
            left = left[rows]
        found = words[(starts if rows is None else starts[rows]) + place]
        if int(left.min()) < WORD:
            found &= MASKS[np.minimum(left, WORD)]
        yield rows, found


def _view(buffer: Any, kind: type[Any]) -> NDArray[Any]:  # noqa: ANN401 - any buffer of Arrow's
    """Look at a buffer as numbers."""
    return np.frombuffer(buffer, dtype=kind)
