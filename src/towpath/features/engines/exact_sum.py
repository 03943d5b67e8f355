"""Sums of float64 that are exact and then rounded once, so that no order of adding can matter.

The accumulator is one long integer in units of 2**-1074, the smallest float64, held in signed
limbs of base 2**32. Adding and removing a value are exact, so a sliding window never drifts, and
the result equals Python's math.fsum bit for bit.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

LIMBS = 70
INFINITIES = 2
SIZE = LIMBS + INFINITIES
MASK = np.int64(0xFFFFFFFF)
FRACTION_BITS = 52
FRACTION_MASK = np.int64((1 << FRACTION_BITS) - 1)
EXPONENT_MASK = np.int64(0x7FF)
DROPPED_BITS = 11
HALF = 1 << (DROPPED_BITS - 1)
SMALLEST_EXPONENT = 1074

Total = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def new_sum() -> Total:
    """Return an empty accumulator: limbs, then counts of plus and minus infinity."""
    return np.zeros(SIZE, dtype=np.int64)


@njit(cache=True, nogil=True)
def add(total: Total, bits: int, sign: int) -> None:
    """Add a float64, given as its bits, to the accumulator; with ``sign`` -1 take it away again."""
    exponent = (bits >> FRACTION_BITS) & EXPONENT_MASK
    mantissa = bits & FRACTION_MASK
    if exponent == EXPONENT_MASK:
        total[LIMBS if bits > 0 else LIMBS + 1] += sign
        return
    if exponent > 0:
        mantissa |= FRACTION_MASK + 1
        exponent -= 1
    if bits < 0:
        sign = -sign
    limb, shift = exponent >> 5, exponent & 31
    low = (mantissa & MASK) << shift
    high = (mantissa >> 32) << shift
    total[limb] += sign * (low & MASK)
    total[limb + 1] += sign * ((low >> 32) + (high & MASK))
    total[limb + 2] += sign * (high >> 32)


@njit(cache=True, nogil=True)
def _digits(total: Total, sign: int) -> tuple[Total, bool]:
    """Carry through; return base 2**32 digits of sign * total and whether it was negative."""
    digits = np.empty(LIMBS, dtype=np.int64)
    carry = np.int64(0)
    for place in range(LIMBS):
        full = sign * total[place] + carry
        digits[place] = full & MASK
        carry = full >> 32
    return digits, bool(carry < 0)


@njit(cache=True, nogil=True)
def rounded(total: Total) -> float:
    """Return the accumulated sum, rounded once to the nearest float64, ties to even."""
    if total[LIMBS] > 0 or total[LIMBS + 1] > 0:
        above = np.inf if total[LIMBS] > 0 else 0.0
        return above - (np.inf if total[LIMBS + 1] > 0 else 0.0)
    sign = 1.0
    digits, negative = _digits(total, 1)
    if negative:
        sign = -1.0
        digits, negative = _digits(total, -1)
    top = LIMBS - 1
    while top >= 0 and digits[top] == 0:
        top -= 1
    if top < 0:
        return 0.0
    return sign * _nearest(digits, top)


@njit(cache=True, nogil=True)
def _nearest(digits: Total, top: int) -> float:
    """Round the digits, of which ``top`` is the highest that is not zero."""
    zeros = 0
    while digits[top] >> (31 - zeros) == 0:
        zeros += 1
    second = digits[top - 1] if top > 0 else np.int64(0)
    third = digits[top - 2] if top > 1 else np.int64(0)
    # 64 bits from the highest set one on, as 53 bits of mantissa and 11 that are rounded away.
    upper = ((digits[top] << zeros) | (second >> (32 - zeros))) & MASK
    lower = ((second << zeros) | (third >> (32 - zeros))) & MASK
    mantissa = (upper << (32 - DROPPED_BITS)) | (lower >> DROPPED_BITS)
    rest = lower & (2 * HALF - 1)
    sticky = ((third << zeros) & MASK) != 0
    for place in range(top - 2):
        sticky = sticky or digits[place] != 0
    if rest > HALF or (rest == HALF and (sticky or mantissa & 1)):
        mantissa += 1
    return math.ldexp(float(mantissa), 32 * top + 31 - zeros - 52 - SMALLEST_EXPONENT)
