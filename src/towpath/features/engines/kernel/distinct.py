"""How many different values a sliding window holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.features.engines.kernel.compiled import compiled, inner
from towpath.features.engines.kernel.form import FLOAT, SLOT, WINDOW, Ints

if TYPE_CHECKING:
    from towpath.features.engines.kernel.answer import Answer

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
NEGATIVE_ZERO = np.int64(-(2**63))


@inner
def neighbours(values: Ints, real: bool) -> tuple[Ints, Ints]:  # noqa: FBT001 - compiled
    """Return where each value was before, else -1, and where it is next, else past the end."""
    bits = 1
    while 1 << bits < 2 * values.size + 1:
        bits += 1
    shift, mask = np.uint64(64 - bits), (1 << bits) - 1
    latest = np.full(1 << bits, -1, dtype=np.int64)
    before = np.empty(values.size, dtype=np.int64)
    after = np.full(values.size, values.size, dtype=np.int64)
    for place in range(values.size):
        value = plain(values[place], real)
        slot = np.int64((np.uint64(value) * MULTIPLIER) >> shift)
        while latest[slot] >= 0 and plain(values[latest[slot]], real) != value:
            slot = (slot + 1) & mask
        before[place] = latest[slot]
        if latest[slot] >= 0:
            after[latest[slot]] = place
        latest[slot] = place
    return before, after


@inner
def plain(bits: np.int64, real: bool) -> np.int64:  # noqa: FBT001 - compiled
    """Return the bits of a value, those of zero for a negative zero."""
    return np.int64(0) if real and bits == NEGATIVE_ZERO else np.int64(bits)


@compiled
def distincts(values: Ints, edges: Ints, specs: Ints, answer: Answer) -> None:
    """Count different values; as for ``sums``.

    Example:
        >>> values, edges = np.array([7, 8, 7]), np.array([[[0, 1], [3, 3]]])
        >>> specs, rows = np.array([[0, 0, 0, 0, 0, 0]]), np.arange(2)
        >>> out, present = np.zeros((1, 2), np.int64), np.zeros((1, 2), np.uint8)
        >>> distincts(values, edges, specs, (rows, out, out.view(np.float64), present))
        >>> out.tolist()
        [[2, 2]]
    """
    before, after = neighbours(values, specs[0, FLOAT] != 0)
    for row in range(specs.shape[0]):
        _count(before, after, edges[specs[row, WINDOW]], specs[row, SLOT], answer)


@inner
def _count(before: Ints, after: Ints, edges: Ints, slot: int, answer: Answer) -> None:
    """Count each window's values that were not in it before."""
    rows, out, _, present = answer
    start = stop = edges[0, 0]
    running = np.int64(0)
    for label in range(rows.size):
        first, last = edges[0, label], edges[1, label]
        if first >= stop:
            running, start, stop = np.int64(0), first, first
        while stop < last:
            running += before[stop] < start
            stop += 1
        while start < first:
            running -= after[start] >= stop
            start += 1
        out[slot, rows[label]] = running
        present[slot, rows[label]] = 1
