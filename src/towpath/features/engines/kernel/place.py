"""Moving rows to the part of the keys and times that they belong to, their order kept."""

from __future__ import annotations

import numpy as np

from towpath.features.engines.kernel.compiled import compiled, inner
from towpath.features.engines.kernel.form import Codes, Ints, Mask

# The part of each key's earliest rows [keys + 1]; times at which further parts of it start, for
# all keys, and where each key's are in those [keys + 1].
Division = tuple[Ints, Ints, Ints]


@compiled
def count_keys(codes: Codes, keys: int) -> Ints:
    """Count the rows of each key; a negative one has none.

    Example:
        >>> count_keys(np.array([1, -1, 1], dtype=np.int32), 2).tolist()
        [0, 2]
    """
    counts = np.zeros(keys, dtype=np.int64)
    for code in codes:
        if code >= 0:
            counts[code] += 1
    return counts


@compiled
def count_parts(codes: Codes, times: Ints, keys: tuple[int, int], division: Division) -> Ints:
    """Count the rows of each part, of keys in a range."""
    first, whole = division[0], division[1].size == 0
    counts = np.zeros(first[-1], dtype=np.int64)
    for row in range(codes.size):
        if keys[0] <= codes[row] < keys[1]:
            part = first[codes[row]] if whole else _part(codes[row], times[row], division)
            counts[part] += 1
    return counts


@compiled
def find_places(
    rows: tuple[Codes, Ints], keys: tuple[int, int], division: Division, starts: Ints
) -> tuple[Ints, Codes]:
    """Return the rows of keys in a range, and where each goes; ``starts`` advance by parts."""
    codes, times = rows
    first, whole = division[0], division[1].size == 0
    places = np.empty(codes.size, dtype=np.int64)
    kept = np.empty(codes.size, dtype=np.int32)
    count = 0
    for row in range(codes.size):
        if keys[0] <= codes[row] < keys[1]:
            part = first[codes[row]] if whole else _part(codes[row], times[row], division)
            places[count], kept[count] = starts[part], row
            starts[part] += 1
            count += 1
    return places[:count], kept[:count]


@inner
def _part(code: int, time: int, division: Division) -> int:
    """Return the part of a row."""
    first, splits, begins = division
    low, high = begins[code], begins[code + 1]
    start = low
    while low < high:
        middle = (low + high) >> 1
        if splits[middle] <= time:
            low = middle + 1
        else:
            high = middle
    return int(first[code] + low - start)


@compiled
def move_codes(codes: Codes, places: Ints, kept: Codes, target: Codes) -> None:
    """Move keys to their places."""
    for row in range(kept.size):
        target[places[row]] = codes[kept[row]]


@compiled
def move_words(words: Ints, places: Ints, kept: Codes, target: Ints) -> None:
    """Move times or values to their places."""
    for row in range(kept.size):
        target[places[row]] = words[kept[row]]


@compiled
def move_marks(marks: Mask, places: Ints, kept: Codes, target: Mask) -> None:
    """Move marks of presence to their places; of no marks all are present."""
    for row in range(kept.size):
        target[places[row]] = marks[kept[row]] if marks.size else 1


@compiled
def take_times(rows: tuple[Codes, Ints], large: Mask, step: int) -> tuple[Codes, Ints]:
    """Return keys and times of every ``step``-th row whose key is large."""
    codes, times = rows
    count = 0
    sampled = np.empty(codes.size // step + 1, dtype=np.int32)
    moments = np.empty(sampled.size, dtype=np.int64)
    for row in range(0, codes.size, step):
        if codes[row] >= 0 and large[codes[row]]:
            sampled[count], moments[count] = codes[row], times[row]
            count += 1
    return sampled[:count], moments[:count]


@compiled
def order_by_key(codes: Ints, rows: Ints, keys: int) -> Ints:
    """Return the rows, whose order among each other is kept, by their codes from 0 to ``keys``."""
    places = np.zeros(keys + 1, dtype=np.int64)
    for row in rows:
        places[codes[row] + 1] += 1
    for code in range(keys):
        places[code + 1] += places[code]
    order = np.empty(rows.size, dtype=np.int64)
    for row in rows:
        order[places[codes[row]]] = row
        places[codes[row]] += 1
    return order
