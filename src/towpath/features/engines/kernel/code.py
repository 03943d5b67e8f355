"""Keys as numbers: an open-addressing table from int64 to the order of first appearance."""

from __future__ import annotations

import numpy as np

from towpath.features.engines.kernel.compiled import compiled, inner
from towpath.features.engines.kernel.form import Codes, Ints, Mask

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
FOREIGN = -1

# A direct table has a slot for each value of a range that is not much larger than they are many.
DIRECT = 8
SMALL = 1 << 16

# Slots hold a number, or FOREIGN; the distinct values by their numbers; the least value of a direct
# table [1], or nothing.
Table = tuple[Codes, Ints, Ints]


@compiled
def number(values: Ints, known: Mask) -> tuple[Codes, Table]:
    """Number distinct values in order of appearance; a missing one is FOREIGN.

    Args:
        values: int64 [n].
        known: uint8 [n], or empty if all are present.

    Example:
        >>> codes, table = number(np.array([30, 10, 30]), np.empty(0, np.uint8))
        >>> codes.tolist(), find(table, np.array([10, 20]), np.empty(0, np.uint8)).tolist()
        ([0, 1, 0], [1, -1])
    """
    slots, least = _slots(values, known)
    distinct = np.empty(values.size, dtype=np.int64)
    codes = np.empty(values.size, dtype=np.int32)
    count, direct, low = 0, least.size > 0, least[0] if least.size else np.int64(0)
    for row in range(values.size):
        if known.size and not known[row]:
            codes[row] = FOREIGN
            continue
        slot = values[row] - low
        if not direct:
            slot = _slot(slots, distinct, values[row])
        if slots[slot] == FOREIGN:
            slots[slot], distinct[count] = count, values[row]
            count += 1
        codes[row] = slots[slot]
    return codes, (slots, distinct[:count].copy(), least)


@inner
def _slots(values: Ints, known: Mask) -> tuple[Codes, Ints]:
    """Make empty slots: one for each value between least and greatest, if those are few."""
    low, high = np.int64(2**63 - 1), np.int64(-(2**63))
    for row in range(values.size):
        if known.size == 0 or known[row]:
            low, high = min(low, values[row]), max(high, values[row])
    least = np.empty(0, dtype=np.int64)
    size = np.int64(16)
    span = np.uint64(high) - np.uint64(low)
    if low <= high and span < np.uint64(max(SMALL, DIRECT * values.size)):
        least, size = np.full(1, low, dtype=np.int64), np.int64(span) + 1
    else:
        while size < 2 * values.size:
            size *= 2
    return np.full(size, FOREIGN, dtype=np.int32), least


@compiled
def find(table: Table, values: Ints, known: Mask) -> Codes:
    """Return the numbers of values, FOREIGN for one that is missing or not in the table."""
    slots, distinct, least = table
    codes = np.empty(values.size, dtype=np.int32)
    if least.size:
        size = np.uint64(slots.size)
        for row in range(values.size):
            place = np.uint64(values[row]) - np.uint64(least[0])
            codes[row] = slots[place] if place < size else FOREIGN
    else:
        for row in range(values.size):
            codes[row] = slots[_slot(slots, distinct, values[row])]
    for row in range(known.size):
        if not known[row]:
            codes[row] = FOREIGN
    return codes


@inner
def _slot(slots: Codes, distinct: Ints, value: np.int64) -> np.int64:
    """Return the slot that holds a value, or in which it would be put."""
    mask = slots.size - 1
    # The upper half of the product is the better mixed one.
    slot = np.int64((np.uint64(value) * MULTIPLIER) >> np.uint64(32)) & mask
    while slots[slot] != FOREIGN and distinct[slots[slot]] != value:
        slot = (slot + 1) & mask
    return slot
