"""Sums and means over sliding windows: differences of exact prefix sums of 128 bits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from towpath.features.engines.kernel.answer import write_reals
from towpath.features.engines.kernel.compiled import compiled, inner
from towpath.features.engines.kernel.exact_sum import (
    ADDED,
    DROPPED_BITS,
    FLOAT_UNIT,
    REMOVED,
    add,
    clear,
    exponents,
    leading_zeros,
    new_sum,
    parts,
    round_bits,
    rounded,
)
from towpath.features.engines.kernel.form import FLOAT, FUNCTION, MEAN, SLOT, WINDOW, Ints

if TYPE_CHECKING:
    from towpath.features.engines.kernel.answer import Answer

WORD = 64
MOST_BITS = 127
MAGNITUDE_BITS = 53
# Of very many values only some sums are kept.
MANY, SPARSE = 1 << 22, 6
EXACT = np.uint64(1 << MAGNITUDE_BITS)

Words = npt.NDArray[np.uint64]
# A number of two words.
Wide = tuple[np.int64, np.uint64]
# Upper and lower halves of the prefix sums; the exponent that they count from; they are those up to
# every 2**step-th value.
Prefix = tuple[Ints, Words, int, int]


@inner
def prefix_sums(values: Ints, real: bool) -> Prefix:  # noqa: FBT001 - compiled
    """Sum values, floats as their bits, from the start on; empty if 128 bits cannot hold that.

    Args:
        values: int64 [n], floats as their bits.
        real: whether they are floats.
    """
    lowest, highest, finite = exponents(values, real)
    bits = MAGNITUDE_BITS + highest - lowest + math.ceil(math.log2(values.size + 1)) + 1
    step = SPARSE if values.size > MANY else 0
    if not finite or bits > MOST_BITS:
        return np.empty(0, np.int64), np.empty(0, np.uint64), lowest, step
    upper = np.empty((values.size >> step) + 1, dtype=np.int64)
    lower = np.empty(upper.size, dtype=np.uint64)
    high, low = np.int64(0), np.uint64(0)
    upper[0], lower[0] = high, low
    for place in range(values.size):
        high, low = _plus((high, low), values[place], (real, lowest))
        after = place + 1
        if (after >> step) << step == after:
            upper[after >> step], lower[after >> step] = high, low
    return upper, lower, lowest, step


@inner
def _plus(total: Wide, bits: int, form: tuple[bool, int]) -> Wide:
    """Add a value to a sum that counts from the lowest exponent."""
    real, lowest = form
    magnitude, exponent, sign = parts(bits, real)
    # Zero has the exponent 0, which may be below the lowest.
    high, low = _widened(magnitude, max(exponent - lowest, np.int64(0)))
    if sign < 0:
        high, low = _negated(high, low)
    low += total[1]
    return total[0] + high + (1 if low < total[1] else 0), low


@inner
def _up_to(values: Ints, prefix: Prefix, place: int, real: bool) -> Wide:  # noqa: FBT001 - compiled
    """Return the sum of the values before a place."""
    upper, lower, lowest, step = prefix
    known = place >> step
    high, low = upper[known], lower[known]
    for rest in range(known << step, place):
        high, low = _plus((high, low), values[rest], (real, lowest))
    return high, low


@inner
def _widened(magnitude: np.uint64, shift: np.int64) -> Wide:
    """Shift a word to the left within two."""
    if shift == 0:
        return np.int64(0), magnitude
    if shift >= WORD:
        return np.int64(magnitude << np.uint64(shift - WORD)), np.uint64(0)
    over = np.int64(magnitude >> np.uint64(WORD - shift))
    return over, magnitude << np.uint64(shift)


@inner
def _negated(high: np.int64, low: np.uint64) -> Wide:
    """Return the negative of a number of two words."""
    low = ~low + np.uint64(1)
    return ~high + (1 if low == 0 else 0), low


@inner
def between(values: Ints, prefix: Prefix, span: tuple[int, int], real: bool) -> Wide:  # noqa: FBT001 - compiled
    """Return the sum of the values in a span, in two words."""
    before = _up_to(values, prefix, span[0], real)
    total = _up_to(values, prefix, span[1], real)
    borrow = 1 if total[1] < before[1] else 0
    return total[0] - before[0] - borrow, total[1] - before[1]


@inner
def to_float(high: np.int64, low: np.uint64, exponent: int) -> float:
    """Round a number of two words, in units of 2**exponent, to float64, ties to even."""
    sign = 1.0
    if high < 0:
        sign = -1.0
        high, low = _negated(high, low)
    if high == 0 and low <= EXACT:
        return sign * math.ldexp(float(low), exponent)
    power = exponent
    if high == 0:
        zeros = leading_zeros(low)
        upper, sticky = low << np.uint64(zeros), False
    else:
        word = np.uint64(high)
        zeros = leading_zeros(word)
        upper, sticky = word, low != 0
        if zeros:
            upper = (word << np.uint64(zeros)) | (low >> np.uint64(WORD - zeros))
            sticky = (low << np.uint64(zeros)) != 0
        power += WORD
    return sign * math.ldexp(round_bits(upper, sticky), power - zeros + DROPPED_BITS)


@compiled
def sums(values: Ints, edges: Ints, specs: Ints, answer: Answer) -> None:
    """Compute sums and means.

    Args:
        values: int64 [n], those that are present of a column, floats as their bits.
        edges: where windows start and stop, int64 [windows, 2, m]; none ever goes back.
        specs: the features.
        answer: where the results go.

    Example:
        >>> values, edges = np.array([1, 3, 5]), np.array([[[0, 1], [3, 3]]])
        >>> specs, rows = np.array([[1, 0, 0, 0, 0, 0]]), np.arange(2)
        >>> out, present = np.zeros((1, 2), np.int64), np.zeros((1, 2), np.uint8)
        >>> sums(values, edges, specs, (rows, out, out.view(np.float64), present))
        >>> out.tolist()
        [[9, 8]]
    """
    real = specs[0, FLOAT] != 0
    prefix = prefix_sums(values, real)
    for row in range(specs.shape[0]):
        own, mean = edges[specs[row, WINDOW]], specs[row, FUNCTION] == MEAN
        if not (mean or real):
            whole_sums(values, prefix, own, specs[row], answer)
            continue
        found = float_sums(values, prefix, own, real)
        for label in range(found.size if mean else 0):
            count = own[1, label] - own[0, label]
            found[label] = found[label] / count if count else np.nan
        write_reals(found, specs[row, SLOT], answer)


@inner
def whole_sums(values: Ints, prefix: Prefix, edges: Ints, spec: Ints, answer: Answer) -> None:
    """Write each window's sum of integers; one that 64 bits cannot hold is missing."""
    rows, out, _, present = answer
    slot, real = spec[SLOT], spec[FLOAT] != 0
    for label in range(rows.size):
        high, low = between(values, prefix, (edges[0, label], edges[1, label]), real)
        found = np.int64(low)
        fits = high == found >> 63
        out[slot, rows[label]] = found if fits else 0
        present[slot, rows[label]] = fits


@inner
def float_sums(values: Ints, prefix: Prefix, edges: Ints, real: bool) -> npt.NDArray[np.float64]:  # noqa: FBT001 - compiled
    """Return each window's sum of floats, or of integers, rounded once."""
    if prefix[0].size == 0:
        return _slid(values, edges, real)
    found = np.empty(edges.shape[1], dtype=np.float64)
    exponent = prefix[2] + (FLOAT_UNIT if real else 0)
    for label in range(found.size):
        span = (edges[0, label], edges[1, label])
        high, low = between(values, prefix, span, real)
        found[label] = to_float(high, low, exponent)
    return found


@inner
def _slid(values: Ints, edges: Ints, real: bool) -> npt.NDArray[np.float64]:  # noqa: FBT001 - compiled
    """Slide a long accumulator over values that 128 bits cannot sum."""
    found = np.empty(edges.shape[1], dtype=np.float64)
    lowest, highest, _ = exponents(values, real)
    base = lowest & ~31
    running = new_sum(base, highest)
    start = stop = edges[0, 0]
    for label in range(found.size):
        first, last = edges[0, label], edges[1, label]
        if first >= stop:
            clear(running)
            start = stop = first
        while stop < last:
            add(running, values[stop], ADDED, (real, base))
            stop += 1
        while start < first:
            add(running, values[start], REMOVED, (real, base))
            start += 1
        found[label] = rounded(running, base + FLOAT_UNIT)
    return found
