"""Sorting the rows of parts that fit a processor's cache, digit by digit and stably."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from towpath.features.engines.kernel.compiled import compiled
from towpath.features.engines.kernel.form import Codes, Ints, Mask

DIGIT_BITS = 11
DIGITS = 1 << DIGIT_BITS

Words = npt.NDArray[np.uint64]
Columns = tuple[Ints, Mask]


@compiled
def sort_parts(parts: Ints, rows: tuple[Codes, Ints, Ints], columns: Columns) -> None:
    """Sort the rows of each part by key, time and sequence, in place.

    Args:
        parts: int64 [parts + 1], where parts start.
        rows: keys int32 [n]; times int64 [n]; sequence int64 [n], or empty where rows of a part
            stand in its order.
        columns: values int64 [columns, n] and marks uint8 [masks, n], which move along.

    Example:
        >>> codes, times = np.array([1, 0, 1], dtype=np.int32), np.array([5, 9, 4])
        >>> words, none = np.array([[10, 20, 30]]), np.empty(0, dtype=np.int64)
        >>> sort_parts(np.array([0, 3]), (codes, times, none), (words, np.empty((0, 3), np.uint8)))
        >>> words.tolist()
        [[20, 30, 10]]
    """
    codes, times, sequence = rows
    bits, marks = columns
    for part in range(parts.size - 1):
        start, stop = parts[part], parts[part + 1]
        own = (codes[start:stop], times[start:stop], sequence[start:stop])
        if _ascends(own):
            continue
        order = _order(own)
        codes[start:stop] = own[0][order]
        times[start:stop] = own[1][order]
        for column in range(bits.shape[0]):
            bits[column, start:stop] = bits[column][start:stop][order]
        for column in range(marks.shape[0]):
            marks[column, start:stop] = marks[column][start:stop][order]


@compiled
def _ascends(rows: tuple[Codes, Ints, Ints]) -> bool:
    """Tell whether rows are in order."""
    codes, times, sequence = rows
    for row in range(1, codes.size):
        if codes[row] < codes[row - 1]:
            return False
        if codes[row] == codes[row - 1]:
            if times[row] < times[row - 1]:
                return False
            if sequence.size and times[row] == times[row - 1] and sequence[row] < sequence[row - 1]:
                return False
    return True


@compiled
def _order(rows: tuple[Codes, Ints, Ints]) -> Codes:
    """Return the order of rows: the least significant part of the key first."""
    codes, times, sequence = rows
    order = np.arange(codes.size).astype(np.int32)
    words = np.empty(codes.size, dtype=np.uint64)
    if sequence.size:
        order = _by_digits(_offsets(sequence, order, words), order)
    order = _by_digits(_offsets(times, order, words), order)
    least, greatest = codes.min(), codes.max()
    if least < greatest:
        for place in range(order.size):
            words[place] = np.uint64(codes[order[place]] - least)
        order = _by_digits(words, order)
    return order


@compiled
def _offsets(values: Ints, order: Codes, words: Words) -> Words:
    """Return how far each value is from the least, in order."""
    least = values.min()
    for place in range(order.size):
        words[place] = np.uint64(values[order[place]]) - np.uint64(least)
    return words


@compiled
def _by_digits(words: Words, order: Codes) -> Codes:
    """Sort an order by words, digit by digit from the lowest on."""
    highest = words.max()
    target, moved = np.empty_like(words), np.empty_like(order)
    places = np.empty(DIGITS, dtype=np.int64)
    low = np.uint64(DIGITS - 1)
    shift = np.uint64(0)
    source = words
    while shift < np.uint64(64) and highest >> shift:
        places[:] = 0
        for word in source:
            places[(word >> shift) & low] += 1
        total = np.int64(0)
        for digit in range(DIGITS):
            count = places[digit]
            places[digit] = total
            total += count
        for row in range(source.size):
            digit = (source[row] >> shift) & low
            target[places[digit]], moved[places[digit]] = source[row], order[row]
            places[digit] += 1
        source, target, order, moved = target, source, moved, order
        shift += np.uint64(DIGIT_BITS)
    return order
