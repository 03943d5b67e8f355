"""Least and greatest values over sliding windows, for all windows that end alike at once.

A stack keeps the places of values that no later one beats, so they get better from top to bottom.
The best value of any window that ends now is the lowest on the stack that the window holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.features.engines.kernel.compiled import compiled

if TYPE_CHECKING:
    from towpath.features.engines.kernel.form import Ints


MAGNITUDE = np.int64(2**63 - 1)


@compiled
def ordinal(bits: np.int64, real: bool) -> np.int64:  # noqa: FBT001 - compiled
    """Return an int64 in the order of the floats whose bits are given, or those bits back."""
    return bits ^ ((bits >> 63) & MAGNITUDE) if real else bits


@compiled
def extremes(values: Ints, edges: tuple[Ints, Ints], least: bool, real: bool) -> Ints:  # noqa: FBT001 - compiled
    """Return the best value of each window; where it is empty, whatever.

    Args:
        values: int64 [n], floats as their bits.
        edges: where windows start, int64 [windows, m], and where they all stop, int64 [m].
        least: whether the least is the best, else the greatest.
        real: whether values are floats.

    Example:
        >>> edges = np.array([[0, 1]]), np.array([2, 3])
        >>> extremes(np.array([1, 3, 2]), edges, True, False).tolist()
        [[1, 2]]
    """
    firsts, last = edges
    found = np.empty(firsts.shape, dtype=np.int64)
    places = np.empty(values.size, dtype=np.int64)
    stack = np.empty(values.size, dtype=np.int64)
    seen = np.zeros(firsts.shape[0], dtype=np.int64)
    top, stop = 0, np.int64(0)
    for label in range(last.size):
        start, lowest = firsts[:, label].min(), top
        if start >= stop:
            top, lowest, stop = 0, 0, start
        while stop < last[label]:
            value = ordinal(values[stop], real)
            while top > 0 and (stack[top - 1] >= value if least else stack[top - 1] <= value):
                top -= 1
            lowest = min(lowest, top)
            places[top], stack[top] = stop, value
            top += 1
            stop += 1
        for window in range(seen.size):
            # What is on the stack from the lowest top on is new.
            low, first = min(seen[window], lowest), firsts[window, label]
            while low < top and places[low] < first:
                low += 1
            seen[window] = low
            found[window, label] = ordinal(stack[low], real) if low < top else 0
    return found
