"""Least and greatest values over sliding windows, for all windows that end alike at once.

A stack keeps the places of values that no later one beats, so they get better from top to bottom.
The best value of any window that ends now is the lowest on the stack that the window holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.features.engines.kernel.compiled import compiled, inner
from towpath.features.engines.kernel.form import FLOAT, FUNCTION, MIN, SLOT, WINDOW, Ints, Whole

if TYPE_CHECKING:
    from towpath.features.engines.kernel.answer import Answer

MAGNITUDE = np.int64(2**63 - 1)


@inner
def ordinal(bits: np.int64, real: bool) -> np.int64:  # noqa: FBT001 - compiled
    """Return an int64 in the order of the floats whose bits are given, or those bits back."""
    return bits ^ ((bits >> 63) & MAGNITUDE) if real else bits


@compiled
def extremes(values: Ints, edges: Ints, specs: Ints, answer: Answer) -> None:
    """Find the least or the greatest values of windows that stop alike; as for ``sums``.

    Example:
        >>> values, edges = np.array([7, 8, 6]), np.array([[[0, 1], [2, 3]]])
        >>> specs, rows = np.array([[MIN, 0, 0, 0, 0, 0]]), np.arange(2)
        >>> out, present = np.zeros((1, 2), np.int64), np.zeros((1, 2), np.uint8)
        >>> extremes(values, edges, specs, (rows, out, out.view(np.float64), present))
        >>> out.tolist()
        [[7, 6]]
    """
    rows = answer[0]
    stops = edges[specs[0, WINDOW], 1]
    real = specs[0, FLOAT] != 0
    # Read from the other end, the least is the greatest.
    turned = np.int64(-1 if specs[0, FUNCTION] == MIN else 0)
    places = np.empty(values.size, dtype=np.int64)
    stack = np.empty(values.size, dtype=np.int64)
    seen = np.zeros(specs.shape[0], dtype=np.int64)
    top: int = 0
    stop: Whole = np.int64(0)
    for label in range(rows.size):
        start, lowest = _start(edges, specs, label), top
        if start >= stop:
            top, lowest, stop = 0, 0, start
        while stop < stops[label]:
            value = ordinal(values[stop], real) ^ turned
            while top > 0 and stack[top - 1] <= value:
                top -= 1
            lowest = min(lowest, top)
            places[top], stack[top] = stop, value
            top += 1
            stop += 1
        for row in range(seen.size):
            first = edges[specs[row, WINDOW], 0, label]
            # What is on the stack from the lowest top on is new.
            low = min(seen[row], lowest)
            while low < top and places[low] < first:
                low += 1
            seen[row] = low
            best = ordinal(stack[low] ^ turned, real) if low < top else 0
            _write(best, (first < stops[label], real), (specs[row, SLOT], rows[label]), answer)


@inner
def _start(edges: Ints, specs: Ints, label: int) -> Whole:
    """Return where the longest window of a label starts."""
    start: Whole = edges[specs[0, WINDOW], 0, label]
    for row in range(1, specs.shape[0]):
        start = min(start, edges[specs[row, WINDOW], 0, label])
    return start


@inner
def _write(best: Whole, known: tuple[bool, bool], place: tuple[int, int], answer: Answer) -> None:
    """Write a value, unless there is none; a negative zero as zero."""
    some, real = known
    _, out, _, present = answer
    out[place] = 0 if not some or (real and best << 1 == 0) else best
    present[place] = some
