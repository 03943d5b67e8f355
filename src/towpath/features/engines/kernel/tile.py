"""Tiles: what a run of events adds to every window that holds all of it.

A tile is a run of int64. For each column it has ``FACTS``; then come the last present values,
newest first, and how many values equal those that shares look for; then sums, sums of squares and
sets of distinct values, at the places that the facts say. A sum is exact: where its lowest limb
stands as a power of two, how many limbs there are, how often plus and minus infinity were met, and
the limbs.
"""

from __future__ import annotations

import numpy as np

from towpath.features.engines.kernel.block import MARKS, MARKS_A_WORD, marked, row_width
from towpath.features.engines.kernel.compiled import compiled, inner
from towpath.features.engines.kernel.distinct import neighbours, plain
from towpath.features.engines.kernel.exact_sum import (
    ADDED,
    INFINITIES,
    LIMB_BITS,
    exponents,
    new_sum,
)
from towpath.features.engines.kernel.extreme import ordinal
from towpath.features.engines.kernel.form import COLUMN, FUNCTION, PARAMETER, SHARE, Ints, Whole
from towpath.features.engines.kernel.spread import include

Span = tuple[Whole, Whole]
# Of each column: how many values are present; the last event's value and whether it is present; the
# least, greatest and first present value; where its sum, sum of squares and set begin.
KNOWN, LAST_VALUE, LAST_KNOWN, LEAST, GREATEST, FIRST_VALUE, TOTAL, SQUARES, SET = range(9)
FACTS = 9
# A sum: where its lowest limb stands, how many limbs, how many infinities.
PLACE, LIMBS, PLUS, MINUS = range(4)
SUM_FACTS = 4
# A set of more values is not kept: it is read off the events.
MOST_DISTINCT = 64
NO_SET = -1
# What tiles of a view have of each column: whether it is of floats, whether sums, squares and sets
# are wanted, how many last values, and where those begin.
REAL, SUMMED, SQUARED, COUNTED, LASTS, LASTS_AT = range(6)

# Of each column int64 [columns, 6]; where each feature's share is, else -1; words before the sums.
Tiling = tuple[Ints, Ints, int]


@compiled
def make_tile(rows: Ints, specs: Ints, tiling: Tiling) -> Ints:
    """Make the tile of a run of events.

    Args:
        rows: int64 [n, width], at least one.
        specs: the features.
        tiling: what the tile has.
    """
    shape, share_at, fixed = tiling
    columns = shape.shape[0]
    # Sums of floats take up to 70 limbs, squares twice as many.
    tile = np.zeros(fixed + columns * (MOST_DISTINCT + 260), dtype=np.int64)
    end = fixed
    first = row_width(columns) - columns
    for column in range(columns):
        values = present_values(rows, column, first)
        facts = tile[column * FACTS : (column + 1) * FACTS]
        facts[KNOWN] = values.size
        facts[LAST_VALUE] = rows[-1, first + column]
        facts[LAST_KNOWN] = marked(rows[-1], column)
        if values.size:
            facts[FIRST_VALUE] = values[0]
            facts[LEAST], facts[GREATEST] = _bounds(values, shape[column, REAL] != 0)
        for number in range(min(shape[column, LASTS], values.size)):
            tile[shape[column, LASTS_AT] + number] = values[values.size - 1 - number]
        end = _add_sums(tile, end, facts, (values, shape[column]))
        if shape[column, COUNTED]:
            end = _add_set(tile, end, facts, (values, shape[column, REAL] != 0))
        for feature in range(specs.shape[0]):
            if specs[feature, FUNCTION] == SHARE and specs[feature, COLUMN] == column:
                wanted, real = specs[feature, PARAMETER], shape[column, REAL] != 0
                tile[share_at[feature]] = count_equal(values, wanted, real)
    return tile[:end].copy()


@inner
def present_values(rows: Ints, column: int, first: int) -> Ints:
    """Return the present values of a column of events, whose values begin at a word."""
    found = np.empty(rows.shape[0], dtype=np.int64)
    count = 0
    for row in range(rows.shape[0]):
        if marked(rows[row], column):
            found[count] = rows[row, first + column]
            count += 1
    return found[:count]


@inner
def present_words(words: Ints, span: Span, column: Span, found: Ints, count: Whole) -> Whole:
    """Write present values of events, in one line, behind others; return how many there are then.

    Args:
        words: blocks of events.
        span: the words of those events.
        column: how many columns there are, and which one it is.
        found: receives the values.
        count: how many are there.
    """
    width = row_width(column[0])
    mark, shift = MARKS + column[1] // MARKS_A_WORD, column[1] % MARKS_A_WORD
    value = width - column[0] + column[1]
    for event in range(span[0], span[1], width):
        if (words[event + mark] >> shift) & 1:
            found[count] = words[event + value]
            count += 1
    return count


@inner
def _bounds(values: Ints, real: bool) -> tuple[np.int64, np.int64]:  # noqa: FBT001 - compiled
    """Return the least and greatest of some values."""
    least = greatest = ordinal(values[0], real)
    for value in values:
        found = ordinal(value, real)
        least, greatest = min(least, found), max(greatest, found)
    return ordinal(least, real), ordinal(greatest, real)


@compiled
def count_equal(values: Ints, wanted: int, real: bool) -> int:  # noqa: FBT001 - compiled
    """Count the values that equal one; a float zero of either sign equals the other.

    Example:
        >>> count_equal(np.array([3, 4, 3]), 3, False)
        2
    """
    count = 0
    for value in values:
        count += value == wanted or (real and (value | wanted) << 1 == 0)
    return count


@inner
def _add_sums(tile: Ints, end: int, facts: Ints, column: tuple[Ints, Ints]) -> int:
    """Write the sum of a column's values and that of their squares, where they are wanted."""
    values, shape = column
    if not shape[SUMMED]:
        return end
    real = shape[REAL] != 0
    lowest, highest, _ = exponents(values, real)
    base = lowest & ~31
    sums, squares = new_sum(base, highest), new_sum(0, 2 * (highest - base) + 2 * LIMB_BITS)
    for value in values:
        include(value, (sums, squares), ADDED, (real, base))
    facts[TOTAL] = end
    end = _add_limbs(tile, end, sums, base)
    if shape[SQUARED]:
        facts[SQUARES] = end
        end = _add_limbs(tile, end, squares, 2 * base)
    return end


@inner
def _add_limbs(tile: Ints, end: int, total: Ints, base: int) -> int:
    """Write a sum without the zeros around its limbs."""
    size = total.size - INFINITIES
    low, high = 0, size
    while high > 0 and total[high - 1] == 0:
        high -= 1
    while low < high and total[low] == 0:
        low += 1
    tile[end + PLACE], tile[end + LIMBS] = base + LIMB_BITS * low, high - low
    tile[end + PLUS], tile[end + MINUS] = total[size], total[size + 1]
    for place in range(low, high):
        tile[end + SUM_FACTS + place - low] = total[place]
    return end + SUM_FACTS + high - low


@inner
def _add_set(tile: Ints, end: int, facts: Ints, column: tuple[Ints, bool]) -> int:
    """Write a column's distinct values, or that they are too many."""
    values, real = column
    before, _ = neighbours(values, real)
    facts[SET] = end
    count = 0
    for place in range(values.size):
        if before[place] < 0:
            if count < MOST_DISTINCT:
                tile[end + 1 + count] = plain(values[place], real)
            count += 1
    if count > MOST_DISTINCT:
        tile[end] = NO_SET
        return end + 1
    tile[end] = count
    return end + 1 + count
