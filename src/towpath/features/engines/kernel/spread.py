"""Standard deviations over sliding windows, from exact sums of values and of their squares.

With n values, their sum s and the sum of their squares q, the sample variance is
(n * q - s * s) / (n * (n - 1)). The numerator is exact and rounded once, so nothing cancels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from towpath.features.engines.kernel.answer import write_reals
from towpath.features.engines.kernel.compiled import compiled, inner
from towpath.features.engines.kernel.exact_sum import (
    ADDED,
    FLOAT_UNIT,
    LIMB_BITS,
    MASK,
    REMOVED,
    Total,
    add,
    add_square,
    clear,
    digits,
    exponents,
    nearest,
    new_sum,
)
from towpath.features.engines.kernel.form import FLOAT, SLOT, WINDOW, Floats, Ints, Whole

if TYPE_CHECKING:
    from towpath.features.engines.kernel.answer import Answer

FEWEST = 2


@compiled
def deviations(values: Ints, edges: Ints, specs: Ints, answer: Answer) -> None:
    """Compute standard deviations; as for ``sums``.

    Example:
        >>> values, edges = np.array([1, 3, 5]), np.array([[[0, 1], [3, 3]]])
        >>> specs, rows = np.array([[0, 0, 0, 0, 0, 0]]), np.arange(2)
        >>> out, present = np.zeros((1, 2), np.int64), np.zeros((1, 2), np.uint8)
        >>> deviations(values, edges, specs, (rows, out, out.view(np.float64), present))
        >>> out.view(np.float64).round(2).tolist()
        [[2.0, 1.41]]
    """
    for row in range(specs.shape[0]):
        found = _deviations(values, edges[specs[row, WINDOW]], specs[row, FLOAT] != 0)
        write_reals(found, specs[row, SLOT], answer)


@inner
def _deviations(values: Ints, edges: Ints, real: bool) -> Floats:  # noqa: FBT001 - compiled
    """Return each window's deviation; not a number below two values or with infinity."""
    found = np.empty(edges.shape[1], dtype=np.float64)
    lowest, highest, _ = exponents(values, real)
    base = lowest & ~31
    sums, squares = new_sum(base, highest), new_sum(0, 2 * (highest - base) + 2 * LIMB_BITS)
    unit = 2 * (base + (FLOAT_UNIT if real else 0))
    start = stop = edges[0, 0]
    for label in range(found.size):
        first, last = edges[0, label], edges[1, label]
        if first >= stop:
            clear(sums)
            clear(squares)
            start = stop = first
        while stop < last:
            include(values[stop], (sums, squares), ADDED, (real, base))
            stop += 1
        while start < first:
            include(values[start], (sums, squares), REMOVED, (real, base))
            start += 1
        unknown = last - first < FEWEST or sums[-2] > 0 or sums[-1] > 0
        found[label] = np.nan if unknown else deviation(sums, squares, last - first, unit)
    return found


@inner
def include(bits: int, sums: tuple[Total, Total], sign: Whole, form: tuple[bool, int]) -> None:
    """Add a value and its square, or take them away."""
    add(sums[0], bits, sign, form)
    add_square(sums[1], bits, sign, form)


@inner
def deviation(sums: Total, squares: Total, count: int, unit: int) -> float:
    """Return the deviation of values whose squares count in units of 2**unit."""
    numerator = _numerator(digits(sums)[0], digits(squares)[0], count)
    mantissa, power = nearest(numerator)
    power += unit
    if power & 1:
        mantissa, power = 2 * mantissa, power - 1
    return math.ldexp(math.sqrt(mantissa / float(count * (count - 1))), power >> 1)


@inner
def _used(found: Total) -> int:
    """Count the digits below the zeros on top."""
    size = found.size
    while size > 0 and found[size - 1] == 0:
        size -= 1
    return size


@inner
def _numerator(sums: Total, squares: Total, count: int) -> Total:
    """Return count * squares - sums * sums, digit by digit; it is never negative."""
    digits_used, squares_used = _used(sums), _used(squares)
    size = max(2 * digits_used, squares_used + 1)
    product = np.zeros(size, dtype=np.uint64)
    for left in range(digits_used):
        carry, factor = np.uint64(0), np.uint64(sums[left])
        for right in range(digits_used):
            full = product[left + right] + factor * np.uint64(sums[right]) + carry
            product[left + right] = full & MASK
            carry = full >> np.uint64(LIMB_BITS)
        product[left + digits_used] = carry
    found = np.empty(size, dtype=np.int64)
    carry, borrow = np.uint64(0), np.int64(0)
    for place in range(size):
        if place < squares_used:
            carry += np.uint64(count) * np.uint64(squares[place])
        rest = np.int64(carry & MASK) - np.int64(product[place]) - borrow
        carry >>= np.uint64(LIMB_BITS)
        borrow = np.int64(1) if rest < 0 else np.int64(0)
        found[place] = rest + (borrow << LIMB_BITS)
    return found
