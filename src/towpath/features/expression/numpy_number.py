"""Functions of numbers with NumPy: whole ones without overflow, others as IEEE 754 has them."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from towpath.features.expression.vector import Array, Mask

    Checked = tuple[Array, Mask]

LEAST = np.int64(-(2**63))
# A float64 of that size or more is a whole number, and one below fits 64 bits.
WHOLE = 2.0**52
HALF = 0.5
LIMIT = 2.0**63
# Products that floats show to be well within 64 bits.
SURE = 2.0**62


def _add(one: Array, other: Array) -> Checked:
    """Add whole numbers; the sign tells an overflow."""
    found = one + other
    return found, ((one ^ found) & (other ^ found)) >= 0


def _subtract(one: Array, other: Array) -> Checked:
    """Subtract whole numbers; the sign tells an overflow."""
    found = one - other
    return found, ((one ^ other) & (one ^ found)) >= 0


def _multiply(one: Array, other: Array) -> Checked:
    """Multiply whole numbers; the few that may overflow are multiplied exactly."""
    fits = np.abs(one.astype(np.float64) * other.astype(np.float64)) < SURE
    for place in np.flatnonzero(~fits):
        fits[place] = -(2**63) <= int(one[place]) * int(other[place]) < 2**63
    return one * other, fits


def _modulo(one: Array, other: Array) -> Checked:
    """Return the rest of a division of whole numbers."""
    # By -1 it is 0, but the least number would overflow.
    divisor = np.where((other == 0) | (other == -1), 1, other)
    return np.fmod(one, divisor), other != 0


def _modulo_float(one: Array, other: Array) -> Array:
    """Return the rest of a division; NaN where the divisor is 0."""
    return np.fmod(one, other)


def _divide(one: Array, other: Array) -> Checked:
    """Divide."""
    return one / other, other != 0


def _negate(one: Array) -> Checked:
    """Turn the sign of whole numbers."""
    return -one, one != LEAST


def _absolute(one: Array) -> Checked:
    """Drop the sign of whole numbers."""
    return np.abs(one), one != LEAST


def _above(function: Callable[[Array], Array]) -> Callable[[Array], Checked]:
    """Make a function that is defined above 0."""
    return lambda one: (function(np.ascontiguousarray(one)), one > 0)


def _finite(function: Callable[[Array], Array]) -> Callable[[Array], Checked]:
    """Make a function that is defined for finite numbers."""
    return lambda one: (function(np.ascontiguousarray(one)), np.isfinite(one))


def _power(one: Array, other: Array) -> Checked:
    """Raise to a power that is finite; engines differ in powers of 1 beyond."""
    found = np.power(np.ascontiguousarray(one), np.ascontiguousarray(other))
    return found, np.isfinite(other)


def _same(one: Array) -> Array:
    """Return whole numbers as they are."""
    return one


def _rounded(one: Array) -> Array:
    """Round halves away from 0; to add a half first would lift 0.49999999999999994."""
    whole = np.trunc(one)
    return whole + np.where(np.abs(one - whole) >= HALF, np.copysign(1.0, one), 0.0)


def _round(one: Array, scale: Array | float = 1.0) -> Array:
    """Round what is scaled; what has no places stays."""
    return np.where(np.abs(one) < WHOLE, _rounded(one * scale) / scale, one)


def _to_whole(one: Array) -> Checked:
    """Cut what stands after the point."""
    fits = (one >= -LIMIT) & (one < LIMIT)
    return np.where(fits, one, 0.0).astype(np.int64), fits


def _floated(one: Array) -> Array:
    """Return numbers as floats."""
    return one.astype(np.float64)


def _sign(one: Array) -> Array:
    """Return -1, 0 or 1; what is missing may be NaN."""
    return (one > 0).astype(np.int64) - (one < 0)


FUNCTIONS: dict[str, Callable[..., Array | Checked]] = {
    "+ int64": _add,
    "- int64": _subtract,
    "* int64": _multiply,
    "% int64": _modulo,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _modulo_float,
    "negate": operator.neg,
    "negate int64": _negate,
    "abs": np.abs,
    "abs int64": _absolute,
    "sign": _sign,
    "sqrt": np.sqrt,
    "exp": lambda one: np.exp(np.ascontiguousarray(one)),
    "ln": _above(np.log),
    "log2": _above(np.log2),
    "log10": _above(np.log10),
    "sin": _finite(np.sin),
    "cos": _finite(np.cos),
    "power": _power,
    "floor": np.floor,
    "floor int64": _same,
    "ceil": np.ceil,
    "ceil int64": _same,
    "trunc": np.trunc,
    "trunc int64": _same,
    "round": _round,
    "round int64": _same,
    "cast int64 float64": _floated,
    "cast bool float64": _floated,
    "cast bool int64": lambda one: one.astype(np.int64),
    "cast float64 int64": _to_whole,
}
