"""The one place where training computes a feature's value: over columns of events.

``sweep`` takes events sorted by key, time and sequence, and windows over them whose edges never go
back. Every result is independent of the path taken there: counts, exactly rounded sums, extremes
and neighbours do not depend on where a window started to slide. So serving, which puts windows
together of tiles, has the same bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.features.engines.kernel.compiled import compiled
from towpath.features.engines.kernel.distinct import distincts
from towpath.features.engines.kernel.edge import find_edges
from towpath.features.engines.kernel.extreme import extremes
from towpath.features.engines.kernel.form import (
    ALL_ROWS,
    COLUMN,
    COMPLETE,
    COUNT,
    DISTINCT,
    EXCLUSIVE,
    FIRST,
    FUNCTION,
    LAST,
    LATEST,
    MAX,
    MEAN,
    MIN,
    PARAMETER,
    SHARE,
    SLOT,
    STD,
    SUM,
    WINDOW,
    Codes,
    Ints,
    Mask,
    Target,
)
from towpath.features.engines.kernel.share import shares
from towpath.features.engines.kernel.spread import deviations
from towpath.features.engines.kernel.total import sums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from towpath.features.engines.kernel.answer import Answer

# Values int64 [columns, n], a float64 as its bits; where they are present uint8 [masks, n]; the
# row of each column in those, or COMPLETE.
Values = tuple[Ints, Mask, Ints]
# Times, where each key starts [keys + 1], and values.
Events = tuple[Ints, Ints, Values]
# Features int64 [features, facts] and windows int64 [windows, 2].
Plan = tuple[Ints, Ints]


def sweep(events: Events, labels: tuple[Codes, Ints], plan: Plan, target: Target) -> None:
    """Compute all features of labels.

    Args:
        events: sorted by key, time and sequence.
        labels: keys int32 [m] and times int64 [m], sorted by both; at least one.
        plan: the features and windows.
        target: where the results go, for just these labels; what is never written must be zero.

    Example:
        >>> values = np.array([[3, 4]]), np.empty((0, 2), np.uint8), np.array([COMPLETE])
        >>> events = np.array([1, 2]), np.array([0, 2]), values
        >>> labels = np.zeros(1, dtype=np.int32), np.array([2])
        >>> plan = np.array([[SUM, 0, 0, 0, 1, 0]]), np.array([[5, 0]])
        >>> out, present = np.zeros((1, 1), np.int64), np.zeros((1, 1), np.uint8)
        >>> sweep(events, labels, plan, (np.zeros(1, np.int64), out, present))
        >>> out.tolist(), present.tolist()
        ([[7]], [[1]])
    """
    values, (rows, out, present) = events[2], target
    answer = (rows, out, out.view(np.float64), present)
    edges = find_edges(events[0], events[1], labels, plan[1])
    start, stop = int(edges[:, 0, 0].min()), int(edges[:, 1, -1].max())
    edges -= start
    for column in np.unique(plan[0][:, COLUMN]).tolist():
        own, moved = _present(values, (start, stop), edges, column)
        for function, specs in _alike(plan, column):
            if function == LATEST:
                latest(values, start, edges, specs, answer)
            elif function == COUNT:
                counts(moved, specs, answer)
            else:
                COMPUTED_BY[function](own, moved, specs, answer)


def _alike(plan: Plan, column: int) -> Iterator[tuple[int, Ints]]:
    """Take the features of a column apart by function, and by how their windows end."""
    specs, windows = plan
    ends = 2 * specs[:, FUNCTION] + windows[specs[:, WINDOW], EXCLUSIVE]
    ends[specs[:, COLUMN] != column] = -1
    for end in np.unique(ends[ends >= 0]).tolist():
        yield end >> 1, specs[ends == end]


def _present(values: Values, span: tuple[int, int], edges: Ints, column: int) -> tuple[Ints, Ints]:
    """Return the present values of a column within a span, and the edges among just those."""
    bits, valid, masks = values
    if column == ALL_ROWS:
        return bits.reshape(-1)[:0], edges
    own = bits[column, span[0] : span[1]]
    if masks[column] == COMPLETE:
        return own, edges
    return known(own, valid[masks[column], span[0] : span[1]], edges)


@compiled
def known(values: Ints, valid: Mask, edges: Ints) -> tuple[Ints, Ints]:
    """Return the values that are present, and the edges among just those.

    Example:
        >>> marks, edges = np.array([1, 0, 1], np.uint8), np.array([[[0, 1], [2, 3]]])
        >>> [found.tolist() for found in known(np.array([7, 0, 9]), marks, edges)]
        [[7, 9], [[[0, 1], [1, 2]]]]
    """
    rank = np.empty(values.size + 1, dtype=np.int64)
    kept = np.empty(values.size, dtype=np.int64)
    count = 0
    for place in range(values.size):
        rank[place] = count
        if valid[place]:
            kept[count] = values[place]
            count += 1
    rank[values.size] = count
    moved = np.empty(edges.shape, dtype=np.int64)
    for window in range(edges.shape[0]):
        for label in range(edges.shape[2]):
            moved[window, 0, label] = rank[edges[window, 0, label]]
            moved[window, 1, label] = rank[edges[window, 1, label]]
    return kept[:count], moved


@compiled
def counts(edges: Ints, specs: Ints, answer: Answer) -> None:
    """Count values between edges."""
    rows, out, _, present = answer
    for row in range(specs.shape[0]):
        slot, window = specs[row, SLOT], specs[row, WINDOW]
        for label in range(rows.size):
            out[slot, rows[label]] = edges[window, 1, label] - edges[window, 0, label]
            present[slot, rows[label]] = 1


@compiled
def ends(values: Ints, edges: Ints, specs: Ints, answer: Answer) -> None:
    """Take the first value, or the last ones, newest first; as for ``sums``."""
    rows, out, _, present = answer
    for row in range(specs.shape[0]):
        slot, window, earliest = specs[row, SLOT], specs[row, WINDOW], specs[row, FUNCTION] == FIRST
        for label in range(rows.size):
            first, last = edges[window, 0, label], edges[window, 1, label]
            for place in range(min(specs[row, PARAMETER], last - first)):
                out[slot + place, rows[label]] = values[first if earliest else last - 1 - place]
                present[slot + place, rows[label]] = 1


@compiled
def latest(values: Values, start: int, edges: Ints, specs: Ints, answer: Answer) -> None:
    """Take the values of last events, be they missing; edges count from a start on."""
    bits, valid, masks = values
    rows, out, _, present = answer
    for row in range(specs.shape[0]):
        slot, window, column = specs[row, SLOT], specs[row, WINDOW], specs[row, COLUMN]
        for label in range(rows.size):
            last = start + edges[window, 1, label] - 1
            some = edges[window, 1, label] > edges[window, 0, label]
            if some and (masks[column] == COMPLETE or valid[masks[column], last]):
                out[slot, rows[label]] = bits[column, last]
                present[slot, rows[label]] = 1


# Each is compiled when a feature first needs it.
COMPUTED_BY: dict[int, Callable[[Ints, Ints, Ints, Answer], None]] = {
    SUM: sums,
    MEAN: sums,
    MIN: extremes,
    MAX: extremes,
    STD: deviations,
    FIRST: ends,
    LAST: ends,
    DISTINCT: distincts,
    SHARE: shares,
}
