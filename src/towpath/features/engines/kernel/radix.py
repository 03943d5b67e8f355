"""Sorting the rows of parts that fit a processor's cache, digit by digit and stably."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from towpath.features.engines.kernel.compiled import compiled, inner
from towpath.features.engines.kernel.form import Codes, Ints, Mask

DIGIT_BITS = 11
DIGITS = 1 << DIGIT_BITS

Words = npt.NDArray[np.uint64]
Columns = tuple[Ints, Mask]
# Where a part starts, and where it stops.
Span = tuple[int, int]


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
        if _ascends(codes, times, sequence, (start, stop)):
            continue
        order = _order(codes, times, sequence, (start, stop))
        room = np.empty(stop - start, dtype=np.int64)
        _permute(codes, start, order, room)
        _permute(times, start, order, room)
        for column in range(bits.shape[0]):
            _permute(bits[column], start, order, room)
        for column in range(marks.shape[0]):
            _permute(marks[column], start, order, room)


@inner
def _permute(values: Ints | Codes | Mask, start: int, order: Codes, room: Ints) -> None:
    """Put values from a start on into an order."""
    for place in range(order.size):
        room[place] = values[start + order[place]]
    for place in range(order.size):
        values[start + place] = room[place]


@inner
def _ascends(codes: Codes, times: Ints, sequence: Ints, span: Span) -> bool:
    """Tell whether rows are in order."""
    for row in range(span[0] + 1, span[1]):
        if codes[row] < codes[row - 1]:
            return False
        if codes[row] == codes[row - 1]:
            if times[row] < times[row - 1]:
                return False
            if sequence.size and times[row] == times[row - 1] and sequence[row] < sequence[row - 1]:
                return False
    return True


@inner
def _order(codes: Codes, times: Ints, sequence: Ints, span: Span) -> Codes:
    """Return the order of rows: the least significant part of the key first."""
    size = span[1] - span[0]
    order = np.empty(size, dtype=np.int32)
    words = np.empty(size, dtype=np.uint64)
    for place in range(size):
        order[place] = place
    if sequence.size:
        order = _by_digits(_offsets(sequence, span[0], order, words), order)
    # Events mostly come in the order of their times.
    if not _ordered(times, span[0], order):
        order = _by_digits(_offsets(times, span[0], order, words), order)
    least = greatest = codes[span[0]]
    for row in range(span[0], span[1]):
        least, greatest = min(least, codes[row]), max(greatest, codes[row])
    if least < greatest:
        for place in range(size):
            words[place] = np.uint64(codes[span[0] + order[place]] - least)
        order = _by_digits(words, order)
    return order


@inner
def _ordered(values: Ints, start: int, order: Codes) -> bool:
    """Tell whether values ascend in an order."""
    for place in range(1, order.size):
        if values[start + order[place]] < values[start + order[place - 1]]:
            return False
    return True


@inner
def _offsets(values: Ints, start: int, order: Codes, words: Words) -> Words:
    """Return how far each value is from the least, in order."""
    least = values[start]
    for row in range(start, start + order.size):
        least = min(least, values[row])
    for place in range(order.size):
        words[place] = np.uint64(values[start + order[place]]) - np.uint64(least)
    return words


@inner
def _by_digits(words: Words, order: Codes) -> Codes:
    """Sort an order by words, digit by digit from the lowest on."""
    source, target = words, np.empty(words.size, dtype=np.uint64)
    moved = np.empty(words.size, dtype=np.int32)
    places = np.empty(DIGITS, dtype=np.int64)
    low, highest = np.uint64(DIGITS - 1), np.uint64(0)
    for row in range(words.size):
        highest |= words[row]
    shift = np.uint64(0)
    while shift < np.uint64(64) and highest >> shift:
        for digit in range(DIGITS):
            places[digit] = 0
        for row in range(source.size):
            places[(source[row] >> shift) & low] += 1
        total = np.int64(0)
        for digit in range(DIGITS):
            count = places[digit]
            places[digit] = total
            total += count
        for row in range(source.size):
            place = (source[row] >> shift) & low
            target[places[place]], moved[places[place]] = source[row], order[row]
            places[place] += 1
        source, target, order, moved = target, source, moved, order
        shift += np.uint64(DIGIT_BITS)
    return order
