"""The one place where a feature's value is computed: offline over columns, online over a blob.

``sweep`` takes the events of one key sorted by (time, sequence) and prediction times in ascending
order. Training hands it all times of a key, serving a single one. Every result is independent of
the path taken there: counts, integer sums, extremes and exactly rounded float sums do not depend
on where a window started to slide. So both give the same bits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from towpath.features.engines.exact_sum import add, new_sum, rounded

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.uint8]
Events = tuple[Ints, Ints, Mask]

COUNT, SUM, MEAN, MIN, MAX, LATEST = range(6)
FUNCTION, COLUMN, WIDTH, EXCLUSIVE, FLOAT = range(5)
ALL_ROWS = -1
NO_LIMIT = -1


@njit(cache=True, nogil=True)
def sweep(events: Events, bounds: Ints, at: Ints, spec: Ints, results: tuple[Ints, Mask]) -> None:
    """Compute one feature of one key at ascending times.

    Args:
        events: times int64 [n]; values int64 [columns, n], a float64 as its bits; uint8
            [columns, n], where a value is present.
        bounds: int64 [2], where the key's events start and stop; their times ascend.
        at: int64 [m], prediction times, ascending.
        spec: int64 [5]: function, column, width in microseconds, exclusive, float.
        results: int64 [m], receives values, a float64 as its bits, a latest value as its event's
            index; uint8 [m], receives where there is a value.
    """
    all_times, bits, valid = events
    start, stop = bounds[0], bounds[1]
    times = all_times[start:stop]
    out, present = results
    if spec[FUNCTION] == LATEST:
        _latest(times, at, spec[WIDTH], results)
        out += start
        return
    windows = np.empty((2, at.size), dtype=np.int64)
    _bounds(times, at, spec, windows)
    if spec[COLUMN] == ALL_ROWS:
        out[:] = windows[1] - windows[0]
        present[:] = 1
        return
    values, known = bits[spec[COLUMN]][start:stop], valid[spec[COLUMN]][start:stop]
    if spec[FUNCTION] == COUNT:
        _count(known, windows, out)
        present[:] = 1
    elif spec[FLOAT]:
        _float((values, known), windows, spec[FUNCTION], results)
    else:
        _integer((values, known), windows, spec[FUNCTION], results)


@njit(cache=True, nogil=True)
def sweep_groups(
    events: Events, at: Ints, spec: Ints, results: tuple[Ints, Mask], groups: Ints
) -> None:
    """Run ``sweep`` for one feature over keys.

    Args:
        events: as for ``sweep``, of all keys.
        at: int64 [m], prediction times of all keys.
        spec: as for ``sweep``.
        results: as for ``sweep``, of all keys.
        groups: int64 [keys, 4]: bounds of each key's events, then of its labels.
    """
    out, present = results
    for row in range(groups.shape[0]):
        label, end = groups[row, 2], groups[row, 3]
        sweep(events, groups[row, :2], at[label:end], spec, (out[label:end], present[label:end]))


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _lower(times: Ints, limit: int, low: int) -> int:
    """Return the index, at least ``low``, of the first time that is not below the limit.

    Times before ``low`` are known to be below. It is looked for in growing steps: over ascending
    limits that costs little more than walking along.
    """
    step, high = 1, low
    while high < times.size and times[high] < limit:
        low = high + 1
        high += step
        step += step
    high = min(high, times.size)
    while low < high:
        middle = (low + high) >> 1
        if times[middle] < limit:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _latest(times: Ints, at: Ints, width: int, results: tuple[Ints, Mask]) -> None:
    """Find the last event at or before each time, not older than ``width``."""
    out, present = results
    index = -1
    for label in range(at.size):
        index = _lower(times, at[label] + 1, index + 1) - 1
        found = index >= 0 and (width == NO_LIMIT or times[index] >= at[label] - width)
        out[label] = index if found else 0
        present[label] = found


@njit(cache=True, nogil=True)
def _bounds(times: Ints, at: Ints, spec: Ints, windows: Ints) -> None:
    """Find each window's events [first, last): (t - w, t], or [t - w, t) when exclusive."""
    reach = 0 if spec[EXCLUSIVE] else 1
    start = stop = 0
    for label in range(at.size):
        start = _lower(times, at[label] - spec[WIDTH] + reach, start)
        stop = _lower(times, at[label] + reach, max(start, stop))
        windows[0, label], windows[1, label] = start, stop


@njit(cache=True, nogil=True)
def _count(known: Mask, windows: Ints, out: Ints) -> None:
    """Count present values by sliding."""
    start = stop = windows[0, 0]
    running = np.int64(0)
    for label in range(out.size):
        while stop < windows[1, label]:
            running += known[stop]
            stop += 1
        while start < windows[0, label]:
            running -= known[start]
            start += 1
        out[label] = running


@njit(cache=True, nogil=True)
def _integer(
    column: tuple[Ints, Mask], windows: Ints, function: int, results: tuple[Ints, Mask]
) -> None:
    """Sum, mean, least or greatest of integers."""
    out, present = results
    counts = np.empty(out.size, dtype=np.int64)
    _count(column[1], windows, counts)
    if function in (MIN, MAX):
        _extreme(column, windows, function == MIN, out)
    else:
        _total(column, windows, out)
    means = out.view(np.float64)
    for label in range(out.size):
        present[label] = counts[label] > 0 or function == SUM
        if function == MEAN:
            total = float(out[label])
            means[label] = total / counts[label] if counts[label] else 0.0


@njit(cache=True, nogil=True)
def _total(column: tuple[Ints, Mask], windows: Ints, out: Ints) -> None:
    """Sum integers by sliding; exact within 64 bits."""
    values, known = column
    start = stop = windows[0, 0]
    running = np.int64(0)
    for label in range(out.size):
        while stop < windows[1, label]:
            running += values[stop] if known[stop] else 0
            stop += 1
        while start < windows[0, label]:
            running -= values[start] if known[start] else 0
            start += 1
        out[label] = running


@njit(cache=True, nogil=True)
def _float(
    column: tuple[Ints, Mask], windows: Ints, function: int, results: tuple[Ints, Mask]
) -> None:
    """Sum, mean, least or greatest of floats; a result that is not a number is missing."""
    out, present = results
    counts = np.empty(out.size, dtype=np.int64)
    _count(column[1], windows, counts)
    values, real = out.view(np.float64), (column[0].view(np.float64), column[1])
    if function in (MIN, MAX):
        _extreme(real, windows, function == MIN, values)
    elif not _plain_total(real, windows, values):
        _exact_total(column, windows, values)
    for label in range(out.size):
        if function == MEAN:
            values[label] = values[label] / counts[label] if counts[label] else 0.0
        # Adding zero turns a negative zero into zero: which one was met first must not show.
        values[label] += 0.0
        some = counts[label] > 0 or function == SUM
        present[label] = some and not np.isnan(values[label])


@njit(cache=True, nogil=True)
def _rounds(total: float, value: float) -> bool:
    """Tell whether adding the two loses anything (Knuth's TwoSum)."""
    both = total + value
    added = both - total
    error = (total - (both - added)) + (value - added)
    return error != 0.0


@njit(cache=True, nogil=True)
def _plain_total(column: tuple[Floats, Mask], windows: Ints, out: Floats) -> bool:
    """Sum floats by sliding; give up, returning False, at the first addition that rounds."""
    values, known = column
    start = stop = windows[0, 0]
    running = 0.0
    for label in range(out.size):
        while stop < windows[1, label]:
            value = values[stop] if known[stop] else 0.0
            if _rounds(running, value):
                return False
            running += value
            stop += 1
        while start < windows[0, label]:
            value = values[start] if known[start] else 0.0
            if _rounds(running, -value):
                return False
            running -= value
            start += 1
        out[label] = running
    return True


@njit(cache=True, nogil=True)
def _exact_total(column: tuple[Ints, Mask], windows: Ints, out: Floats) -> None:
    """Sum floats by sliding an exact accumulator, rounding once for each result."""
    bits, known = column
    start = stop = windows[0, 0]
    running = new_sum()
    for label in range(out.size):
        while stop < windows[1, label]:
            if known[stop]:
                add(running, bits[stop], 1)
            stop += 1
        while start < windows[0, label]:
            if known[start]:
                add(running, bits[start], -1)
            start += 1
        out[label] = rounded(running)


@njit(cache=True, nogil=True)
def _extreme(
    column: tuple[npt.NDArray[np.generic], Mask],
    windows: Ints,
    least: bool,  # noqa: FBT001 - compiled functions take positions
    out: npt.NDArray[np.generic],
) -> None:
    """Find the least or greatest value by sliding a queue of candidates, best in front."""
    values, known = column
    stop = windows[0, 0]
    queue = np.empty(windows[1, -1] - stop, dtype=np.int64)
    front = back = 0
    for label in range(out.size):
        while stop < windows[1, label]:
            while known[stop] and back > front and _beats(values, stop, queue[back - 1], least):
                back -= 1
            if known[stop]:
                queue[back] = stop
                back += 1
            stop += 1
        while front < back and queue[front] < windows[0, label]:
            front += 1
        out[label] = values[queue[front]] if front < back else 0


@njit(cache=True, nogil=True)
def _beats(
    values: npt.NDArray[np.generic],
    new: int,
    old: int,
    least: bool,  # noqa: FBT001 - compiled functions take positions
) -> bool:
    """Tell whether the newer value makes the older one useless from now on."""
    if least:
        return bool(values[new] <= values[old])
    return bool(values[new] >= values[old])
