"""Exact sums of values and of tiles, rounded once: totals, means and deviations."""

from __future__ import annotations

import numpy as np

from towpath.features.engines.kernel.compiled import compiled, inner
from towpath.features.engines.kernel.exact_sum import (
    ADDED,
    EXPONENT_MASK,
    FLOAT_UNIT,
    FRACTION_BITS,
    FRACTION_MASK,
    LIMB_BITS,
    MASK,
    add,
    add_square,
    digits,
    exponents,
    new_sum,
    rounded,
)
from towpath.features.engines.kernel.form import Ints, Whole
from towpath.features.engines.kernel.spread import FEWEST, deviation
from towpath.features.engines.kernel.tile import (
    LIMBS,
    MINUS,
    PLACE,
    PLUS,
    SQUARES,
    SUM_FACTS,
    TOTAL,
)

# Values of events; all tiles, where each begins int64 [n], and where in each its column's are.
Addends = tuple[Ints, Ints, Ints, int]
# A sum, that of the squares, and the exponent that the first one's lowest limb stands for.
Sums = tuple[Ints, Ints, int]
WORD_BITS = 64
# A million floats whose exponents differ by at most this have a sum of two words.
NEAR, FEW = 53, 1 << 20
FAR = 1 << 20


@compiled
def add_up(addends: Addends, real: bool, squared: bool) -> Sums:  # noqa: FBT001 - compiled
    """Return exact sums of values and tiles; that of the squares is empty if it is not asked for.

    Example:
        >>> none = np.empty(0, np.int64)
        >>> values = np.array([1e300, 0.1, -1e300]).view(np.int64)
        >>> float_sum(add_up((values, none, none, 0), True, False), True)
        0.1
    """
    values, tiles, places, facts = addends
    lowest, highest, near = _exponents(addends, real, squared)
    base = lowest & ~31
    sums = new_sum(base, highest)
    if near <= base + NEAR and values.size <= FEW:
        _add_words(sums, add_near(values, (real, base)))
    else:
        for value in values:
            add(sums, value, ADDED, (real, base))
    for place in places:
        _deposit(sums, tiles, place + tiles[place + facts + TOTAL], base)
    top = 2 * (highest - base) + 2 * LIMB_BITS if squared else 0
    for place in places:
        if squared:
            at = place + tiles[place + facts + SQUARES]
            top = max(top, tiles[at + PLACE] + LIMB_BITS * tiles[at + LIMBS] - 2 * base)
    squares = new_sum(0, top)
    if squared:
        for value in values:
            add_square(squares, value, ADDED, (real, base))
        for place in places:
            _deposit(squares, tiles, place + tiles[place + facts + SQUARES], 2 * base)
    return sums, squares, base


@inner
def _add_words(sums: Ints, words: tuple[np.int64, np.uint64]) -> None:
    """Add a number of two words that counts from the lowest limb."""
    high, low = words
    sums[0] += np.int64(low & MASK)
    sums[1] += np.int64(low >> np.uint64(LIMB_BITS))
    sums[2] += high & np.int64(MASK)
    sums[3] += high >> LIMB_BITS


@compiled
def add_near(values: Ints, form: tuple[bool, int]) -> tuple[np.int64, np.uint64]:
    """Add finite values, whose exponents are near a least one, by two words.

    Example:
        >>> add_near(np.array([3, -5]), (False, 0))
        (-1, 18446744073709551614)
    """
    real, base = form
    high, low = np.int64(0), np.uint64(0)
    for bits in values:
        number, shift = bits, np.int64(0)
        if real:
            exponent = (bits >> FRACTION_BITS) & EXPONENT_MASK
            number = bits & FRACTION_MASK
            if exponent > 0:
                number |= FRACTION_MASK + 1
                exponent -= 1
            number = -number if bits < 0 else number
            # Zero has the exponent 0, which may be below the least.
            shift = max(exponent - base, np.int64(0))
        below = np.uint64(number) << np.uint64(shift)
        low += below
        high += ((number >> 1) >> (WORD_BITS - 1 - shift)) + (1 if low < below else 0)
    return high, low


@inner
def _exponents(addends: Addends, real: bool, squared: bool) -> tuple[int, int, int]:  # noqa: FBT001 - compiled
    """Return the least and greatest exponent of all that is added, and the values' greatest."""
    values, tiles, places, facts = addends
    lowest, near, finite = exponents(values, real)
    highest = near
    if real and not values.size:
        lowest = 1 << 20
    for place in places:
        at = place + tiles[place + facts + TOTAL]
        if tiles[at + LIMBS]:
            lowest = min(lowest, tiles[at + PLACE])
            highest = max(highest, tiles[at + PLACE] + LIMB_BITS * tiles[at + LIMBS])
        if real and squared:
            at = place + tiles[place + facts + SQUARES]
            if tiles[at + LIMBS]:
                lowest = min(lowest, tiles[at + PLACE] >> 1)
    return min(lowest, highest) if real else 0, highest, near if finite else FAR


@inner
def _deposit(total: Ints, tiles: Ints, place: int, base: int) -> None:
    """Add a tile's sum."""
    limb = (tiles[place + PLACE] - base) >> 5
    for number in range(tiles[place + LIMBS]):
        total[limb + number] += tiles[place + SUM_FACTS + number]
    total[-2] += tiles[place + PLUS]
    total[-1] += tiles[place + MINUS]


@inner
def whole_sum(sums: Sums) -> tuple[int, bool]:
    """Return the sum of integers, and whether 64 bits hold it."""
    found, sign = digits(sums[0])
    for place in range(2, found.size):
        if found[place]:
            return 0, False
    total = sign * ((found[1] << LIMB_BITS) + found[0])
    fits = total == 0 or (total < 0) == (sign < 0)
    return (total, True) if fits else (0, False)


@compiled
def float_sum(sums: Sums, real: bool) -> float:  # noqa: FBT001 - compiled
    """Return the sum, rounded once."""
    return rounded(sums[0], sums[2] + (FLOAT_UNIT if real else 0))


@inner
def float_deviation(sums: Sums, count: Whole, real: bool) -> float:  # noqa: FBT001 - compiled
    """Return the standard deviation; not a number below two values or with infinity."""
    if count < FEWEST or sums[0][-2] > 0 or sums[0][-1] > 0:
        return np.nan
    return deviation(sums[0], sums[1], int(count), 2 * (sums[2] + (FLOAT_UNIT if real else 0)))


@compiled
def near_deviation(
    total: tuple[np.int64, np.uint64], values: Ints, form: tuple[bool, int, int], count: Whole
) -> float:
    """Return the deviation of values whose sum is that of ``add_near``.

    Args:
        total: their sum.
        values: floats as their bits, or integers.
        form: whether they are floats; their least and greatest exponent.
        count: how many there are.

    Example:
        >>> values = np.array([1, 3, 5])
        >>> near_deviation(add_near(values, (False, 0)), values, (False, 0, 0), 3)
        2.0
    """
    real, lowest, highest = form
    if count < FEWEST:
        return np.nan
    sums, squares = new_sum(0, 0), new_sum(0, 2 * (highest - lowest) + 2 * LIMB_BITS)
    _add_words(sums, total)
    for value in values:
        add_square(squares, value, ADDED, (real, lowest))
    return deviation(sums, squares, int(count), 2 * (lowest + (FLOAT_UNIT if real else 0)))
