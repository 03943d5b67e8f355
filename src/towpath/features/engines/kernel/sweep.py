"""The one place where a feature's value is computed: offline over columns, online over a blob.

``sweep`` takes events sorted by key, time and sequence, and windows over them whose edges never go
back. Training hands it the windows of many labels, serving those of a single one. Every result is
independent of the path taken there: counts, exactly rounded sums, extremes and neighbours do not
depend on where a window started to slide. So both give the same bits.
"""

from __future__ import annotations

import numpy as np

from towpath.features.engines.kernel.compiled import compiled
from towpath.features.engines.kernel.distinct import count_distinct, neighbours
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
    FLOAT,
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
    Floats,
    Ints,
    Mask,
    Target,
)
from towpath.features.engines.kernel.spread import deviations
from towpath.features.engines.kernel.total import Prefix, between, float_sums, prefix_sums

# Values int64 [columns, n], a float64 as its bits; where they are present uint8 [masks, n]; the
# row of each column in those, or COMPLETE.
Values = tuple[Ints, Mask, Ints]
# Times, where each key starts [keys + 1], and values.
Events = tuple[Ints, Ints, Values]
# Features int64 [features, facts] and windows int64 [windows, 2].
Plan = tuple[Ints, Ints]
# What features of a column share: sums up to each value; where each value was and is again.
Shared = tuple[Prefix, tuple[Ints, Ints]]


@compiled
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
    times, bounds, values = events
    specs = plan[0]
    edges = find_edges(times, bounds, labels, plan[1])
    span = (edges[:, 0, 0].min(), edges[:, 1, -1].max())
    edges -= span[0]
    for column in range(ALL_ROWS, values[2].size):
        own, moved = _present(values, span, edges, column)
        shared = _share(own, specs, column)
        for row in range(specs.shape[0]):
            if specs[row, COLUMN] != column:
                continue
            window = specs[row, WINDOW]
            if specs[row, FUNCTION] == LATEST:
                _latest(values, edges[window] + span[0], specs[row], target)
            else:
                _feature(own, shared, moved[window], specs[row], target)
        _extremes(own, moved, (plan, column), target)


@compiled
def _present(values: Values, span: tuple[int, int], edges: Ints, column: int) -> tuple[Ints, Ints]:
    """Return the present values of a column within a span, and the edges among just those."""
    bits, valid, masks = values
    if column == ALL_ROWS:
        return np.empty(0, dtype=np.int64), edges
    if masks[column] == COMPLETE:
        return bits[column][span[0] : span[1]], edges
    known, own = valid[masks[column]][span[0] : span[1]], bits[column][span[0] : span[1]]
    rank = np.empty(own.size + 1, dtype=np.int64)
    kept = np.empty(own.size, dtype=np.int64)
    count = 0
    for place in range(own.size):
        rank[place] = count
        if known[place]:
            kept[count] = own[place]
            count += 1
    rank[own.size] = count
    moved = np.empty_like(edges)
    for window in range(edges.shape[0]):
        for edge in range(2):
            for label in range(edges.shape[2]):
                moved[window, edge, label] = rank[edges[window, edge, label]]
    return kept[:count], moved


@compiled
def _share(values: Ints, specs: Ints, column: int) -> Shared:
    """Compute what some features of a column share, as far as one asks for it."""
    # Not written as False, for which the functions below would be compiled once more.
    real = total = differs = column < ALL_ROWS
    for row in range(specs.shape[0]):
        if specs[row, COLUMN] == column:
            function = specs[row, FUNCTION]
            real = real or specs[row, FLOAT] != 0
            total = total or function in (SUM, MEAN)
            differs = differs or function == DISTINCT
    summed, counted = values if total else values[:0], values if differs else values[:0]
    return prefix_sums(summed, real), neighbours(counted, real)


@compiled
def _feature(values: Ints, shared: Shared, edges: Ints, spec: Ints, target: Target) -> None:
    """Compute one feature, unless it is an extreme or the latest value."""
    function, slot, real = spec[FUNCTION], spec[SLOT], spec[FLOAT] != 0
    if function == COUNT:
        _write_counts(edges[1] - edges[0], slot, target)
    elif function in (SUM, MEAN):
        _totals(values, shared[0], edges, spec, target)
    elif function == STD:
        _write_floats(deviations(values, edges, real), slot, target)
    elif function == DISTINCT:
        _write_counts(count_distinct(shared[1], edges), slot, target)
    elif function in (FIRST, LAST):
        _ends(values, edges, spec, target)
    elif function == SHARE:
        _shares(values, edges, spec, target)


@compiled
def _write_counts(counts: Ints, slot: int, target: Target) -> None:
    """Write numbers that are never missing."""
    rows, out, present = target
    for label in range(rows.size):
        out[slot, rows[label]] = counts[label]
        present[slot, rows[label]] = 1


@compiled
def _write_floats(found: Floats, slot: int, target: Target) -> None:
    """Write floats; what is not a number is missing."""
    rows, out, present = target
    reals = out[slot].view(np.float64)
    for label in range(rows.size):
        here = not np.isnan(found[label])
        # Adding zero turns a negative zero into zero: which one was met first must not show.
        reals[rows[label]] = found[label] + 0.0 if here else 0.0
        present[slot, rows[label]] = here


@compiled
def _totals(values: Ints, prefix: Prefix, edges: Ints, spec: Ints, target: Target) -> None:
    """Sum or average; an integer's sum that 64 bits cannot hold is missing."""
    rows, out, present = target
    slot, real = spec[SLOT], spec[FLOAT] != 0
    if not real and spec[FUNCTION] == SUM:
        for label in range(rows.size):
            span = (edges[0, label], edges[1, label])
            high, low = between(values, prefix, span, real)
            found = np.int64(low)
            fits = high == found >> 63
            out[slot, rows[label]] = found if fits else 0
            present[slot, rows[label]] = fits
        return
    sums = float_sums(values, prefix, edges, real)
    if spec[FUNCTION] == MEAN:
        for label in range(sums.size):
            count = edges[1, label] - edges[0, label]
            sums[label] = sums[label] / count if count else np.nan
    _write_floats(sums, slot, target)


@compiled
def _ends(values: Ints, edges: Ints, spec: Ints, target: Target) -> None:
    """Take the first value, or the last ones, newest first, into a slot each."""
    rows, out, present = target
    for label in range(rows.size):
        first, last = edges[0, label], edges[1, label]
        for place in range(min(spec[PARAMETER], last - first)):
            value = values[first if spec[FUNCTION] == FIRST else last - 1 - place]
            out[spec[SLOT] + place, rows[label]] = value
            present[spec[SLOT] + place, rows[label]] = 1


@compiled
def _latest(values: Values, edges: Ints, spec: Ints, target: Target) -> None:
    """Take the value of the last event, be it missing."""
    bits, valid, masks = values
    rows, out, present = target
    column, slot = spec[COLUMN], spec[SLOT]
    for label in range(rows.size):
        last = edges[1, label] - 1
        some = last >= edges[0, label]
        if some and (masks[column] == COMPLETE or valid[masks[column], last]):
            out[slot, rows[label]] = bits[column, last]
            present[slot, rows[label]] = 1


@compiled
def _shares(values: Ints, edges: Ints, spec: Ints, target: Target) -> None:
    """Divide how many values equal the wanted one by how many there are."""
    wanted, real = spec[PARAMETER], spec[FLOAT] != 0
    before = np.empty(values.size + 1, dtype=np.int64)
    before[0] = 0
    for place in range(values.size):
        # A float zero of either sign equals the other.
        alike = values[place] == wanted or (real and (values[place] | wanted) << 1 == 0)
        before[place + 1] = before[place] + alike
    shares = np.empty(edges.shape[1], dtype=np.float64)
    for label in range(shares.size):
        first, last = edges[0, label], edges[1, label]
        shares[label] = (before[last] - before[first]) / (last - first) if last > first else np.nan
    _write_floats(shares, spec[SLOT], target)


@compiled
def _extremes(values: Ints, edges: Ints, asked: tuple[Plan, int], target: Target) -> None:
    """Find least and greatest values, each over all windows that end alike."""
    (specs, windows), column = asked
    chosen = np.empty(specs.shape[0], dtype=np.int64)
    for exclusive, function in ((0, MIN), (0, MAX), (1, MIN), (1, MAX)):
        count = 0
        for row in range(specs.shape[0]):
            alike = windows[specs[row, WINDOW], EXCLUSIVE] == exclusive
            if alike and specs[row, COLUMN] == column and specs[row, FUNCTION] == function:
                chosen[count] = row
                count += 1
        if count:
            _extreme(values, edges, specs[chosen[:count]], target)


@compiled
def _extreme(values: Ints, edges: Ints, specs: Ints, target: Target) -> None:
    """Find the least or greatest values of windows that end alike."""
    rows, out, present = target
    real, least = specs[0, FLOAT] != 0, specs[0, FUNCTION] == MIN
    firsts = np.empty((specs.shape[0], rows.size), dtype=np.int64)
    for number in range(specs.shape[0]):
        firsts[number] = edges[specs[number, WINDOW], 0]
    last = edges[specs[0, WINDOW], 1]
    found = extremes(values, (firsts, last), least, real)
    for number in range(specs.shape[0]):
        slot = specs[number, SLOT]
        best = found[number]
        for label in range(rows.size):
            some = firsts[number, label] < last[label]
            # A negative zero is written as zero.
            here = some and not (real and best[label] << 1 == 0)
            out[slot, rows[label]] = best[label] if here else 0
            present[slot, rows[label]] = some
