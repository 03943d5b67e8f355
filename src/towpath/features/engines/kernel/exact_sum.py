"""Sums that are exact and then rounded once, so that no order of adding can matter.

A number is a magnitude of up to 64 bits, an exponent and a sign: its value is magnitude times
2**(exponent + unit), where the unit is -1074 for float64 (the smallest one is 2**-1074) and 0 for
integers. An accumulator is one long integer in signed limbs of base 2**32. Its lowest limb stands
for 2**base, where base divides by 32. Adding and removing a value are exact, so a sliding window
never drifts, and a sum of floats equals Python's math.fsum bit for bit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from towpath.features.engines.kernel.compiled import inner

if TYPE_CHECKING:
    from towpath.features.engines.kernel.form import Whole

LIMB_BITS = 32
MASK = np.uint64(0xFFFFFFFF)
FRACTION_BITS = 52
FRACTION_MASK = np.int64((1 << FRACTION_BITS) - 1)
EXPONENT_MASK = np.int64(0x7FF)
FLOAT_UNIT = -1074
DROPPED_BITS = 11
HALF = np.uint64(1 << (DROPPED_BITS - 1))
# A value reaches over three limbs; one more holds carries and the sign.
SPARE_LIMBS = 4
# Two places after the limbs count plus and minus infinity.
INFINITIES = 2
# Signs; for plain numbers all that takes them would be compiled once for each.
ADDED, REMOVED = np.int64(1), np.int64(-1)

Total = npt.NDArray[np.int64]
Number = tuple[np.uint64, np.int64, int]


@inner
def new_sum(lowest: int, highest: int) -> Total:
    """Return an empty accumulator for exponents from ``lowest``, a multiple of 32, to another."""
    limbs = ((highest - lowest) >> 5) + SPARE_LIMBS
    return np.zeros(limbs + INFINITIES, dtype=np.int64)


@inner
def infinite(bits: int) -> bool:
    """Tell whether the bits are those of a float64 that is not finite."""
    return bool((bits >> FRACTION_BITS) & EXPONENT_MASK == EXPONENT_MASK)


@inner
def clear(total: Total) -> None:
    """Empty an accumulator."""
    for place in range(total.size):
        total[place] = 0


@inner
def parts(bits: int, real: bool) -> Number:  # noqa: FBT001 - compiled functions take positions
    """Return magnitude, exponent and sign of an int64, or of a finite float64 by its bits."""
    sign = -1 if bits < 0 else 1
    if not real:
        # The least integer has no positive: its bits are right all the same, read as unsigned.
        return np.uint64(-bits if bits < 0 else bits), np.int64(0), sign
    exponent = (bits >> FRACTION_BITS) & EXPONENT_MASK
    magnitude = bits & FRACTION_MASK
    if exponent > 0:
        magnitude |= FRACTION_MASK + 1
        exponent -= 1
    return np.uint64(magnitude), exponent, sign


@inner
def deposit(total: Total, magnitude: np.uint64, place: np.int64, sign: Whole) -> None:
    """Add sign * magnitude * 2**place, counted from the lowest limb."""
    limb, shift = place >> 5, np.uint64(place & 31)
    low = (magnitude & MASK) << shift
    high = (magnitude >> np.uint64(LIMB_BITS)) << shift
    total[limb] += sign * np.int64(low & MASK)
    total[limb + 1] += sign * (np.int64(low >> np.uint64(LIMB_BITS)) + np.int64(high & MASK))
    total[limb + 2] += sign * np.int64(high >> np.uint64(LIMB_BITS))


@inner
def add(total: Total, bits: int, sign: Whole, form: tuple[bool, int]) -> None:
    """Add a value, or take it away again.

    Args:
        total: the accumulator.
        bits: the value.
        sign: ``ADDED`` or ``REMOVED``.
        form: whether it is a float, and the exponent of the lowest limb.
    """
    real, base = form
    if real and infinite(bits):
        total[-2 if bits > 0 else -1] += sign
        return
    magnitude, exponent, own = parts(bits, real)
    if magnitude == 0:
        return
    deposit(total, magnitude, exponent - base, own * sign)


@inner
def add_square(total: Total, bits: int, sign: Whole, form: tuple[bool, int]) -> None:
    """Add the square of a value, if it is finite, in units of the square of the lowest limb's."""
    real, base = form
    if real and infinite(bits):
        return
    magnitude, exponent, _ = parts(bits, real)
    if magnitude == 0:
        return
    place = 2 * (exponent - base)
    upper, lower = magnitude >> np.uint64(LIMB_BITS), magnitude & MASK
    deposit(total, lower * lower, place, sign)
    deposit(total, upper * lower, place + LIMB_BITS + 1, sign)
    deposit(total, upper * upper, place + 2 * LIMB_BITS, sign)


@inner
def digits(total: Total) -> tuple[Total, int]:
    """Carry through; return the base 2**32 digits of the absolute value, and the sign."""
    found = np.empty(total.size - INFINITIES, dtype=np.int64)
    for sign in range(1, -2, -2):
        carry = np.int64(0)
        for place in range(found.size):
            full = sign * total[place] + carry
            found[place] = full & np.int64(0xFFFFFFFF)
            carry = full >> LIMB_BITS
        if carry >= 0:
            return found, sign
    return found, 1


@inner
def rounded(total: Total, exponent: int) -> float:
    """Return the sum, in units of 2**exponent, rounded once to float64, ties to even."""
    if total[-2] > 0 or total[-1] > 0:
        above = np.inf if total[-2] > 0 else 0.0
        return above - (np.inf if total[-1] > 0 else 0.0)
    found, sign = digits(total)
    mantissa, power = nearest(found)
    return sign * math.ldexp(mantissa, power + exponent)


@inner
def nearest(found: Total) -> tuple[float, int]:
    """Round digits to 53 bits, ties to even; return them as a whole number and its power of 2."""
    top = found.size - 1
    while top >= 0 and found[top] == 0:
        top -= 1
    if top < 0:
        return 0.0, 0
    first = np.uint64(found[top])
    second = np.uint64(found[top - 1]) if top > 0 else np.uint64(0)
    third = np.uint64(found[top - 2]) if top > 1 else np.uint64(0)
    zeros = leading_zeros((first << np.uint64(LIMB_BITS)) | second)
    shift, back = np.uint64(zeros), np.uint64(LIMB_BITS - zeros)
    upper = (((first << np.uint64(LIMB_BITS)) | second) << shift) | (third >> back)
    sticky = ((third << shift) & MASK) != 0
    for place in range(top - 2):
        sticky = sticky or found[place] != 0
    return round_bits(upper, sticky), LIMB_BITS * (top - 1) - zeros + DROPPED_BITS


@inner
def leading_zeros(word: np.uint64) -> int:
    """Count the zeros above the highest set bit of a word that is not zero."""
    zeros, step = 0, 32
    while step:
        if word >> np.uint64(64 - step) == 0:
            zeros += step
            word <<= np.uint64(step)
        step >>= 1
    return zeros


@inner
def round_bits(upper: np.uint64, sticky: bool) -> float:  # noqa: FBT001 - compiled
    """Round 64 bits, the highest one set, to 53; ``sticky`` tells of set bits further below."""
    mantissa = upper >> np.uint64(DROPPED_BITS)
    rest = upper & np.uint64(2 * HALF - 1)
    if rest > HALF or (rest == HALF and (sticky or mantissa & np.uint64(1))):
        mantissa += np.uint64(1)
    return float(mantissa)


@inner
def exponents(values: Total, real: bool) -> tuple[int, int, bool]:  # noqa: FBT001 - compiled
    """Return the least and greatest exponent of the values, and whether all are finite."""
    lowest, highest, finite = 2047, 0, True
    if not real:
        return 0, 0, finite
    for place in range(values.size):
        bits = values[place]
        exponent = (bits >> FRACTION_BITS) & EXPONENT_MASK
        if exponent == EXPONENT_MASK:
            finite = False
        elif bits & np.int64(0x7FFFFFFFFFFFFFFF) != 0:
            exponent = max(exponent - 1, 0)
            lowest, highest = min(lowest, exponent), max(highest, exponent)
    return min(lowest, highest), highest, finite
