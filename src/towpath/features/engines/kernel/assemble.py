"""Features of one key, put together from tiles and the events at the edges of windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.features.engines.kernel.block import TIME, marked, row_width
from towpath.features.engines.kernel.compiled import compiled
from towpath.features.engines.kernel.distinct import neighbours
from towpath.features.engines.kernel.edge import EARLIEST
from towpath.features.engines.kernel.extreme import ordinal
from towpath.features.engines.kernel.form import (
    ALL_ROWS,
    COLUMN,
    COUNT,
    DISTINCT,
    FIRST,
    FLOAT,
    FUNCTION,
    LAST,
    LATEST,
    MEAN,
    MIN,
    PARAMETER,
    SHARE,
    SLOT,
    STD,
    SUM,
    WINDOW,
    Ints,
    Mask,
    Whole,
)
from towpath.features.engines.kernel.tile import (
    FACTS,
    FIRST_VALUE,
    GREATEST,
    KNOWN,
    LAST_KNOWN,
    LAST_VALUE,
    LASTS,
    LASTS_AT,
    LEAST,
    NO_SET,
    SET,
    SQUARED,
    SQUARES,
    TOTAL,
    Tiling,
    count_equal,
    present_values,
)
from towpath.features.engines.kernel.tile_sum import (
    float_deviation,
    float_sum,
    whole_sum,
)
from towpath.features.engines.kernel.tiled import (
    NEWEST,
    SIZE,
    TILE,
    Chunks,
    Pieces,
    pieces,
    window_span,
)

if TYPE_CHECKING:
    from towpath.features.engines.kernel.sweep import Plan

# A row of the answer: values and where there is one [slots].
Slots = tuple[Ints, Mask]
# Present values of a column in the head and the tail of a window, and where its tiles begin.
Parts = tuple[Ints, Ints, Ints]


@compiled
def assemble(chunks: Chunks, tiling: Tiling, plan: Plan, at: int, slots: Slots) -> int:
    """Compute all features of one key at a time; return that of its newest event.

    Without an event up to that time it is the earliest there is.

    Args:
        chunks: those that ``needed_chunks`` names are loaded.
        tiling: what the tiles have.
        plan: features and windows.
        at: prediction time in microseconds.
        slots: receives the results; all zeros.

    Example:
        >>> none, (values, present) = np.empty(0, np.int64), np.zeros((2, 1), np.int64)
        >>> chunks = (np.empty((0, 5), np.int64), none, none, none)
        >>> tiling = (np.zeros((1, 6), np.int64), np.array([-1]), FACTS)
        >>> plan = np.array([[COUNT, ALL_ROWS, 0, 0, 1, 0]]), np.array([[5, 0]])
        >>> found = assemble(chunks, tiling, plan, 7, (values, present.astype(np.uint8)))
        >>> bool(found == EARLIEST), values.tolist()
        (True, [0])
    """
    specs, windows = plan
    columns = tiling[0].shape[0]
    width = row_width(columns)
    for feature in range(specs.shape[0]):
        spec = specs[feature]
        own = pieces(chunks, width, window_span(windows[spec[WINDOW]], at))
        if spec[COLUMN] == ALL_ROWS:
            slots[0][spec[SLOT]], slots[1][spec[SLOT]] = _events(chunks[0], own), 1
        elif spec[FUNCTION] == LATEST:
            _latest(
                chunks,
                own,
                (columns, spec[COLUMN]),
                (slots[0][spec[SLOT] :], slots[1][spec[SLOT] :]),
            )
        else:
            parts = _parts(chunks, own, columns, spec[COLUMN])
            _feature(chunks, parts, tiling, (spec, feature, own), slots)
    return _newest(chunks, width, at)


@compiled
def _newest(chunks: Chunks, width: int, at: int) -> int:
    """Return the time of the last event up to a time, the earliest if there is none."""
    head, stop, first, last, tail, end = pieces(chunks, width, (EARLIEST, at))
    if end > tail:
        return int(chunks[2][(end - 1) * width + TIME])
    if last > first:
        return int(chunks[0][last - 1, NEWEST])
    return int(chunks[2][(stop - 1) * width + TIME] if stop > head else EARLIEST)


@compiled
def _events(directory: Ints, own: Pieces) -> Whole:
    """Count the events of a window."""
    count = own[1] - own[0] + own[5] - own[4]
    for chunk in range(own[2], own[3]):
        count += directory[chunk, SIZE]
    return count


@compiled
def _latest(chunks: Chunks, own: Pieces, column: tuple[int, int], slots: Slots) -> None:
    """Take the value of a window's last event, be it missing."""
    directory, tiles, rows, _ = chunks
    width = row_width(column[0])
    last = own[5] - 1 if own[5] > own[4] else own[1] - 1
    if own[5] == own[4] and own[3] > own[2]:
        facts = directory[own[3] - 1, TILE] + column[1] * FACTS
        word, known = tiles[facts + LAST_VALUE], tiles[facts + LAST_KNOWN]
    elif own[5] > own[4] or own[1] > own[0]:
        event = rows[last * width : (last + 1) * width]
        word, known = event[width - column[0] + column[1]], marked(event, column[1])
    else:
        word, known = np.int64(0), np.int64(0)
    slots[0][0], slots[1][0] = word if known else 0, known


@compiled
def _parts(chunks: Chunks, own: Pieces, columns: int, column: int) -> Parts:
    """Return a column's present values in head and tail, and where its tiles' facts begin."""
    directory, _, rows, _ = chunks
    width = row_width(columns)
    table = rows.reshape((rows.size // width, width))
    head = present_values(table[own[0] : own[1]], column, width - columns)
    tail = present_values(table[own[4] : own[5]], column, width - columns)
    return head, tail, directory[own[2] : own[3], TILE].copy()


@compiled
def _feature(
    chunks: Chunks, parts: Parts, tiling: Tiling, asked: tuple[Ints, int, Pieces], slots: Slots
) -> None:
    """Compute one feature of a column."""
    tiles, (spec, feature, own) = chunks[1], asked
    function, slot = spec[FUNCTION], spec[SLOT]
    if function in (SUM, MEAN, STD):
        _total(tiles, parts, (spec, tiling[0][spec[COLUMN], SQUARED] != 0), slots)
    elif function in (FIRST, LAST):
        _ends(tiles, parts, (spec, tiling[0][spec[COLUMN]]), slots)
    elif function == COUNT:
        slots[0][slot], slots[1][slot] = _known(tiles, parts, spec[COLUMN]), 1
    elif function == DISTINCT:
        found = _distinct(chunks, parts, (spec, own, tiling[0].shape[0]))
        slots[0][slot], slots[1][slot] = found, 1
    elif function == SHARE:
        _share(tiles, parts, (spec, tiling[1][feature]), slots)
    else:
        _extreme(tiles, parts, spec, slots)


@compiled
def _known(tiles: Ints, parts: Parts, column: int) -> int:
    """Count present values."""
    count = parts[0].size + parts[1].size
    for place in parts[2]:
        count += tiles[place + column * FACTS + KNOWN]
    return count


@compiled
def _write(slots: Slots, slot: int, value: float) -> None:
    """Write a float; what is not a number is missing, and a negative zero is zero."""
    here = not np.isnan(value)
    slots[0].view(np.float64)[slot] = value + 0.0 if here else 0.0
    slots[1][slot] = here


@compiled
def _total(tiles: Ints, parts: Parts, asked: tuple[Ints, bool], slots: Slots) -> None:
    """Compute a sum, mean or deviation."""
    spec, squared = asked
    function, slot, real = spec[FUNCTION], spec[SLOT], spec[FLOAT] != 0
    facts = parts[2] + spec[COLUMN] * FACTS
    sums = parts[2] + tiles[facts + TOTAL]
    squares = parts[2] + tiles[facts + SQUARES] if squared and function == STD else sums[:0]
    addends = (np.concatenate((parts[0], parts[1])), tiles, sums, squares)
    if function == SUM and not real:
        total, fits = whole_sum(addends, real)
        slots[0][slot], slots[1][slot] = total, fits
        return
    count = _known(tiles, parts, spec[COLUMN])
    if function == STD:
        _write(slots, slot, float_deviation(addends, count, real))
    elif function == SUM:
        _write(slots, slot, float_sum(addends, real))
    else:
        _write(slots, slot, float_sum(addends, real) / count if count else np.nan)


@compiled
def _extreme(tiles: Ints, parts: Parts, spec: Ints, slots: Slots) -> None:
    """Find the least or greatest value."""
    least, real = spec[FUNCTION] == MIN, spec[FLOAT] != 0
    best, some = np.int64(0), False
    for values in parts[:2]:
        for value in values:
            found = ordinal(value, real)
            if not some or (found < best if least else found > best):
                best, some = found, True
    for place in parts[2]:
        facts = place + spec[COLUMN] * FACTS
        if tiles[facts + KNOWN]:
            found = ordinal(tiles[facts + (LEAST if least else GREATEST)], real)
            if not some or (found < best if least else found > best):
                best, some = found, True
    word = ordinal(best, real)
    zero = not some or (real and word << 1 == 0)
    slots[0][spec[SLOT]], slots[1][spec[SLOT]] = 0 if zero else word, some


@compiled
def _ends(tiles: Ints, parts: Parts, asked: tuple[Ints, Ints], slots: Slots) -> None:
    """Take the first value, or the last ones, newest first, into a slot each."""
    spec, shape = asked
    head, tail, places = parts
    base, wanted, count = spec[COLUMN] * FACTS, spec[PARAMETER], 0
    if spec[FUNCTION] == FIRST:
        for place in places:
            if not head.size and tiles[place + base + KNOWN]:
                head = tiles[place + base + FIRST_VALUE : place + base + FIRST_VALUE + 1]
        found = head if head.size else tail
        if found.size:
            slots[0][spec[SLOT]], slots[1][spec[SLOT]] = found[0], 1
        return
    for value in tail[::-1]:
        count = _take(value, (count, wanted), spec[SLOT], slots)
    for place in places[::-1]:
        for number in range(min(shape[LASTS], tiles[place + base + KNOWN])):
            value = tiles[place + shape[LASTS_AT] + number]
            count = _take(value, (count, wanted), spec[SLOT], slots)
        if count >= wanted:
            return
    for value in head[::-1]:
        count = _take(value, (count, wanted), spec[SLOT], slots)


@compiled
def _take(value: int, counted: tuple[int, int], slot: int, slots: Slots) -> int:
    """Write a value into the next slot, unless there are as many as wanted."""
    count, wanted = counted
    if count < wanted:
        slots[0][slot + count], slots[1][slot + count] = value, 1
    return count + 1


@compiled
def _distinct(chunks: Chunks, parts: Parts, asked: tuple[Ints, Pieces, int]) -> int:
    """Count different values: those of events, and those of tiles or of their events."""
    _, tiles, rows, starts = chunks
    spec, own, columns = asked
    directory, column = chunks[0], spec[COLUMN]
    size = parts[0].size + parts[1].size
    for chunk in range(own[2], own[3]):
        size += directory[chunk, SIZE]
    found = np.empty(size, dtype=np.int64)
    found[: parts[0].size] = parts[0]
    count = parts[0].size + parts[1].size
    found[parts[0].size : count] = parts[1]
    width = row_width(columns)
    table = rows.reshape((rows.size // width, width))
    for chunk in range(own[2], own[3]):
        place = directory[chunk, TILE]
        at = place + tiles[place + column * FACTS + SET]
        if tiles[at] == NO_SET:
            events = table[starts[chunk] : starts[chunk] + directory[chunk, SIZE]]
            values = present_values(events, column, width - columns)
        else:
            values = tiles[at + 1 : at + 1 + tiles[at]]
        found[count : count + values.size] = values
        count += values.size
    before, _ = neighbours(found[:count], spec[FLOAT] != 0)
    return int((before < 0).sum())


@compiled
def _share(tiles: Ints, parts: Parts, asked: tuple[Ints, int], slots: Slots) -> None:
    """Divide how many values equal the wanted one by how many there are."""
    spec, place_of = asked
    wanted, real = spec[PARAMETER], spec[FLOAT] != 0
    alike = count_equal(parts[0], wanted, real) + count_equal(parts[1], wanted, real)
    for place in parts[2]:
        alike += tiles[place + place_of]
    count = _known(tiles, parts, spec[COLUMN])
    _write(slots, spec[SLOT], alike / count if count else np.nan)
