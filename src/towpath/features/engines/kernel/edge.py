"""Which events a window holds, found by looking forward through ascending times."""

from __future__ import annotations

import numpy as np

from towpath.features.engines.kernel.compiled import compiled, inner
from towpath.features.engines.kernel.form import EXCLUSIVE, NO_LIMIT, WIDTH, Codes, Ints

Place = np.int64

EARLIEST = np.int64(-(2**63))


@compiled
def find_edges(times: Ints, bounds: Ints, labels: tuple[Codes, Ints], windows: Ints) -> Ints:
    """Find the events [first, last) of each window of each label.

    Args:
        times: int64 [n], of the events by key and time.
        bounds: int64 [keys + 1], where each key's events start.
        labels: keys int32 [m] and times int64 [m], sorted by both.
        windows: int64 [windows, 2], those that exclude their end apart from the others.

    Returns:
        int64 [windows, 2, m]; neither edge ever goes back.

    Example:
        >>> times, bounds = np.array([1, 5, 9]), np.array([0, 3])
        >>> labels = np.zeros(2, dtype=np.int32), np.array([5, 9])
        >>> find_edges(times, bounds, labels, np.array([[5, 0]])).tolist()
        [[[0, 1], [2, 3]]]
    """
    edges = np.empty((windows.shape[0], 2, labels[1].size), dtype=np.int64)
    for window in range(windows.shape[0]):
        alike = window > 0 and windows[window, EXCLUSIVE] == windows[window - 1, EXCLUSIVE]
        if alike:
            for label in range(edges.shape[2]):
                edges[window, 1, label] = edges[window - 1, 1, label]
        else:
            _last((times, bounds), labels, windows[window, EXCLUSIVE], edges[window, 1])
        _first((times, bounds), labels, windows[window], edges[window])
    return edges


@inner
def _last(
    events: tuple[Ints, Ints], labels: tuple[Codes, Ints], exclusive: int, found: Ints
) -> None:
    """Find where windows stop: after the events up to t, or before those at t."""
    times, bounds = events
    keys, at = labels
    low, key = np.int64(0), np.int64(-1)
    for label in range(at.size):
        if keys[label] != key:
            key = np.int64(keys[label])
            low = bounds[key]
        low = seek(times, at[label], (low, bounds[key + 1]), exclusive == 0)
        found[label] = low


@inner
def _first(
    events: tuple[Ints, Ints], labels: tuple[Codes, Ints], window: Ints, found: Ints
) -> None:
    """Find where windows start: after t - width, or at it where t is excluded."""
    times, bounds = events
    keys, at = labels
    width, after = window[WIDTH], window[EXCLUSIVE] == 0
    low, key = np.int64(0), np.int64(-1)
    for label in range(at.size):
        if keys[label] != key:
            key = np.int64(keys[label])
            low = bounds[key]
        # Before the beginning of time there is nothing to leave out.
        if width != NO_LIMIT and at[label] >= EARLIEST + width:
            low = seek(times, at[label] - width, (low, found[1, label]), after)
        found[0, label] = low


@inner
def seek(times: Ints, limit: int, span: tuple[Place, Place], after: bool) -> Place:  # noqa: FBT001 - compiled
    """Return the first place of a span whose time is at the limit or later, or ``after`` it.

    It is looked for in growing steps: over ascending limits that costs little more than walking
    along.
    """
    low, end = span
    step, high = 1, low
    while high < end and (times[high] < limit or (after and times[high] == limit)):
        low = high + 1
        high += step
        step += step
    high = min(high, end)
    while low < high:
        middle = (low + high) >> 1
        if times[middle] < limit or (after and times[middle] == limit):
            low = middle + 1
        else:
            high = middle
    return low
