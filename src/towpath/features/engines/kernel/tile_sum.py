"""Exact sums of values and of tiles, rounded once: totals, means and deviations."""

from __future__ import annotations

import numpy as np

from towpath.features.engines.kernel.compiled import compiled
from towpath.features.engines.kernel.exact_sum import (
    FLOAT_UNIT,
    LIMB_BITS,
    digits,
    exponents,
    new_sum,
    rounded,
)
from towpath.features.engines.kernel.form import Ints
from towpath.features.engines.kernel.spread import FEWEST, deviation, include
from towpath.features.engines.kernel.tile import LIMBS, MINUS, PLACE, PLUS, SUM_FACTS

# Values of events; all tiles; where in those each tile's sum and sum of squares begin [n].
Addends = tuple[Ints, Ints, Ints, Ints]


@compiled
def add_up(addends: Addends, real: bool) -> tuple[Ints, Ints, int]:  # noqa: FBT001 - compiled
    """Return the sum, the sum of squares and the exponent of the first one's lowest limb.

    The squares are those of the values alone where the tiles have none.
    """
    values, tiles, sums_at, squares_at = addends
    lowest, highest = _exponents(addends, real)
    base = lowest & ~31
    top = 2 * (highest - base) + 2 * LIMB_BITS
    for place in squares_at:
        top = max(top, tiles[place + PLACE] + LIMB_BITS * tiles[place + LIMBS] - 2 * base)
    sums, squares = new_sum(base, highest), new_sum(0, top)
    for value in values:
        include(value, (sums, squares), 1, (real, base))
    for place in sums_at:
        _deposit(sums, tiles, place, base)
    for place in squares_at:
        _deposit(squares, tiles, place, 2 * base)
    return sums, squares, base


@compiled
def _exponents(addends: Addends, real: bool) -> tuple[int, int]:  # noqa: FBT001 - compiled
    """Return the least and greatest exponent of all that is added."""
    values, tiles, sums_at, squares_at = addends
    if not real:
        highest = 0
        for place in sums_at:
            highest = max(highest, tiles[place + PLACE] + LIMB_BITS * tiles[place + LIMBS])
        return 0, highest
    lowest, highest = 1 << 20, 0
    if values.size:
        lowest, highest, _ = exponents(values, real)
    for place in sums_at:
        if tiles[place + LIMBS]:
            lowest = min(lowest, tiles[place + PLACE])
            highest = max(highest, tiles[place + PLACE] + LIMB_BITS * tiles[place + LIMBS])
    for place in squares_at:
        if tiles[place + LIMBS]:
            lowest = min(lowest, tiles[place + PLACE] >> 1)
    return min(lowest, highest), highest


@compiled
def _deposit(total: Ints, tiles: Ints, place: int, base: int) -> None:
    """Add a tile's sum."""
    limb = (tiles[place + PLACE] - base) >> 5
    for number in range(tiles[place + LIMBS]):
        total[limb + number] += tiles[place + SUM_FACTS + number]
    total[-2] += tiles[place + PLUS]
    total[-1] += tiles[place + MINUS]


@compiled
def whole_sum(addends: Addends, real: bool) -> tuple[int, int]:  # noqa: FBT001 - compiled
    """Return the sum of integers, and whether 64 bits hold it."""
    sums, _, _ = add_up(addends, real)
    found, sign = digits(sums)
    for place in range(2, found.size):
        if found[place]:
            return 0, 0
    total = sign * ((found[1] << LIMB_BITS) + found[0])
    fits = total == 0 or (total < 0) == (sign < 0)
    return (total, 1) if fits else (0, 0)


@compiled
def float_sum(addends: Addends, real: bool) -> float:  # noqa: FBT001 - compiled
    """Return the sum, rounded once.

    Example:
        >>> values, none = np.array([1e300, 0.1, -1e300]).view(np.int64), np.empty(0, np.int64)
        >>> float_sum((values, none, none, none), True)
        0.1
    """
    sums, _, base = add_up(addends, real)
    return rounded(sums, base + (FLOAT_UNIT if real else 0))


@compiled
def float_deviation(addends: Addends, count: int, real: bool) -> float:  # noqa: FBT001 - compiled
    """Return the standard deviation; not a number below two values or with infinity."""
    sums, squares, base = add_up(addends, real)
    if count < FEWEST or sums[-2] > 0 or sums[-1] > 0:
        return np.nan
    return deviation(sums, squares, count, 2 * (base + (FLOAT_UNIT if real else 0)))
