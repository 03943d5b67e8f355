"""Features of one window of a key, from the events at its edges and the tiles between them."""

from __future__ import annotations

import numpy as np

from towpath.features.engines.kernel.block import MARKS, MARKS_A_WORD, row_width
from towpath.features.engines.kernel.compiled import inner
from towpath.features.engines.kernel.distinct import neighbours
from towpath.features.engines.kernel.exact_sum import FLOAT_UNIT, exponents
from towpath.features.engines.kernel.extreme import ordinal
from towpath.features.engines.kernel.form import (
    COLUMN,
    COUNT,
    DISTINCT,
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
    count_equal,
    present_words,
)
from towpath.features.engines.kernel.tile_sum import (
    FEW,
    NEAR,
    add_near,
    add_up,
    float_deviation,
    float_sum,
    near_deviation,
    whole_sum,
)
from towpath.features.engines.kernel.tiled import SIZE, TILE, Chunks, Pieces
from towpath.features.engines.kernel.total import to_float

# A feature has one fact more: where in tiles its share is.
SHARE_AT = 6
SPEC_FACTS = 7
# Where the answer for one key goes: values, where there is one, and its row.
Target = tuple[Ints, Mask, Whole]
# All features, the number of one, and how many columns there are.
Group = tuple[Ints, Whole, Whole]
# Of a window and a column: present values of head and tail, how many are the head's, and how many
# there are together with those of the tiles between.
Parts = tuple[Ints, Whole, Whole]


@inner
def count_events(directory: Ints, own: Pieces, width: int) -> Whole:
    """Count the events of a window."""
    count = (own[1] - own[0] + own[5] - own[4]) // width
    for chunk in range(own[2], own[3]):
        count += directory[chunk, SIZE]
    return count


@inner
def latest(chunks: Chunks, own: Pieces, group: Group, target: Target) -> Whole:
    """Take values of a window's last event, be they missing; return the feature after those."""
    (directory, tiles, words, _), (specs, first, columns) = chunks, group
    event, tile = own[5] if own[5] > own[4] else own[1], np.int64(-1)
    if own[5] == own[4] and own[3] > own[2]:
        tile = directory[own[3] - 1, TILE]
    some = own[5] > own[4] or own[1] > own[0]
    number = first
    while (
        number < specs.shape[0]
        and specs[number, WINDOW] == specs[first, WINDOW]
        and specs[number, FUNCTION] == LATEST
    ):
        column, word, known = specs[number, COLUMN], np.int64(0), False
        if tile >= 0:
            facts = tile + column * FACTS
            word, known = tiles[facts + LAST_VALUE], tiles[facts + LAST_KNOWN] != 0
        elif some:
            word = words[event - columns + column]
            marks = words[event - row_width(columns) + MARKS + column // MARKS_A_WORD]
            known = (marks >> (column % MARKS_A_WORD)) & 1 != 0
        write(word, known, specs[number, SLOT], target)
        number += 1
    return number


@inner
def of_column(
    chunks: Chunks, own: Pieces, group: Group, scratch: tuple[Ints, Ints], target: Target
) -> Whole:
    """Compute the features of a window and a column; return the feature after them.

    Args:
        chunks: those that are needed are loaded.
        own: the window.
        group: the first of the features.
        scratch: what tiles have of each column, and room for the values of all loaded events.
        target: receives the results.
    """
    specs, first, columns = group
    column, last = specs[first, COLUMN], first
    summed = squared = False
    while (
        last < specs.shape[0]
        and specs[last, WINDOW] == specs[first, WINDOW]
        and specs[last, COLUMN] == column
    ):
        function = specs[last, FUNCTION]
        summed = summed or function in (SUM, MEAN, STD)
        squared = squared or function == STD
        last += 1
    parts = _parts(chunks, own, (columns, column), scratch[1])
    if summed:
        _totals(chunks, own, parts, (specs, first, last, squared), target)
    for number in range(first, last):
        _other(chunks, own, parts, (specs, number, scratch[0]), target)
    return last


@inner
def _parts(chunks: Chunks, own: Pieces, column: tuple[Whole, Whole], scratch: Ints) -> Parts:
    """Return what there is of a window and one of so many columns."""
    head: Whole = np.int64(0)
    if own[1] > own[0]:
        head = present_words(chunks[2], (own[0], own[1]), column, scratch, head)
    size = present_words(chunks[2], (own[4], own[5]), column, scratch, head)
    known = size
    for chunk in range(own[2], own[3]):
        known += chunks[1][chunks[0][chunk, TILE] + column[1] * FACTS + KNOWN]
    return scratch[:size], head, known


@inner
def _other(
    chunks: Chunks, own: Pieces, parts: Parts, feature: tuple[Ints, Whole, Ints], target: Target
) -> None:
    """Compute a feature, unless it is made of sums."""
    specs, number, shape = feature
    function, slot = specs[number, FUNCTION], specs[number, SLOT]
    if function in (FIRST, LAST):
        _ends(chunks, own, parts, feature, target)
    elif function == DISTINCT:
        write(_distinct(chunks, own, parts, (specs, number, shape.shape[0])), 1, slot, target)
    elif function == COUNT:
        write(parts[2], 1, slot, target)
    elif function == SHARE:
        _share(chunks, own, parts, (specs, number), target)
    elif function in (MIN, MAX):
        _extreme(chunks, own, parts, (specs, number), target)


@inner
def write(word: Whole, known: Whole, slot: Whole, target: Target) -> None:
    """Write a value; what is missing is zero."""
    values, marks, row = target
    values[slot, row] = word if known else 0
    marks[slot, row] = known


@inner
def _write_float(value: float, slot: Whole, target: Target) -> None:
    """Write a float; what is not a number is missing, and a negative zero is zero."""
    values, marks, row = target
    here = not np.isnan(value)
    values.view(np.float64)[slot, row] = value + 0.0 if here else 0.0
    marks[slot, row] = here


@inner
def _totals(
    chunks: Chunks,
    own: Pieces,
    parts: Parts,
    asked: tuple[Ints, Whole, Whole, bool],
    target: Target,
) -> None:
    """Write the sums, means and deviations of a window and a column."""
    values, (specs, first, last, squared) = parts[0], asked
    real = specs[first, FLOAT] != 0
    lowest, highest, finite = exponents(values, real)
    near = finite and highest - lowest <= NEAR and values.size <= FEW
    if near and own[2] == own[3]:
        # Two words hold it, as they do in ``sweep``.
        high, low = add_near(values, (real, lowest))
        total = to_float(high, low, lowest + (FLOAT_UNIT if real else 0))
        low_word = np.int64(low)
        form = real, lowest, highest
        spread = near_deviation((high, low), values, form, parts[2]) if squared else np.nan
        for number in range(first, last):
            feature = specs, number, parts[2]
            _write_total((total, low_word, high == low_word >> 63), feature, spread, target)
        return
    places = chunks[0][own[2] : own[3], TILE].copy()
    addends = values, chunks[1], places, specs[first, COLUMN] * FACTS
    sums = add_up(addends, real, squared)
    word: Whole = np.int64(0)
    total, some = np.nan, False
    for number in range(first, last):
        function = specs[number, FUNCTION]
        if function == SUM and not real:
            word, some = whole_sum(sums)
        elif function in (SUM, MEAN):
            total = float_sum(sums, real)
    spread = float_deviation(sums, parts[2], real) if squared else np.nan
    for number in range(first, last):
        _write_total((total, word, some), (specs, number, parts[2]), spread, target)


@inner
def _write_total(
    sums: tuple[float, Whole, bool], group: Group, spread: float, target: Target
) -> None:
    """Write a sum, which is a float or a whole number that fits or not; or what is made of it."""
    specs, number, count = group
    function, slot = specs[number, FUNCTION], specs[number, SLOT]
    if function == SUM and specs[number, FLOAT] == 0:
        write(sums[1], sums[2], slot, target)
    elif function == SUM:
        _write_float(sums[0], slot, target)
    elif function == MEAN:
        _write_float(sums[0] / count if count else np.nan, slot, target)
    elif function == STD:
        _write_float(spread, slot, target)


@inner
def _extreme(
    chunks: Chunks, own: Pieces, parts: Parts, feature: tuple[Ints, Whole], target: Target
) -> None:
    """Find the least or greatest value."""
    (directory, tiles, _, _), (specs, number) = chunks, feature
    least, real = specs[number, FUNCTION] == MIN, specs[number, FLOAT] != 0
    best, some = np.int64(0), False
    for value in parts[0]:
        found = ordinal(value, real)
        if not some or (found < best if least else found > best):
            best, some = found, True
    for chunk in range(own[2], own[3]):
        facts = directory[chunk, TILE] + specs[number, COLUMN] * FACTS
        if tiles[facts + KNOWN]:
            found = ordinal(tiles[facts + (LEAST if least else GREATEST)], real)
            if not some or (found < best if least else found > best):
                best, some = found, True
    word = ordinal(best, real)
    write(0 if real and word << 1 == 0 else word, some, specs[number, SLOT], target)


@inner
def _ends(
    chunks: Chunks, own: Pieces, parts: Parts, feature: tuple[Ints, Whole, Ints], target: Target
) -> None:
    """Take the first value, or the last ones, newest first, into a slot each."""
    (directory, tiles, _, _), (values, head, _) = chunks, parts
    specs, number, shape = feature
    column, slot = specs[number, COLUMN], specs[number, SLOT]
    base, wanted = column * FACTS, specs[number, PARAMETER]
    count: Whole = np.int64(0)
    if specs[number, FUNCTION] == FIRST:
        some, word = head > 0, values[0] if values.size else np.int64(0)
        for chunk in range(own[2], own[3]):
            facts = directory[chunk, TILE] + base
            if not some and tiles[facts + KNOWN]:
                some, word = True, tiles[facts + FIRST_VALUE]
        write(word, 1 if some or values.size else 0, slot, target)
        return
    for event in range(values.size - 1, head - 1, -1):
        count = _take(values[event], (count, wanted), slot, target)
    for chunk in range(own[3] - 1, own[2] - 1, -1):
        tile = directory[chunk, TILE]
        for event in range(min(shape[column, LASTS], tiles[tile + base + KNOWN])):
            value = tiles[tile + shape[column, LASTS_AT] + event]
            count = _take(value, (count, wanted), slot, target)
        if count >= wanted:
            return
    for event in range(head - 1, -1, -1):
        count = _take(values[event], (count, wanted), slot, target)


@inner
def _take(value: Whole, counted: tuple[Whole, Whole], slot: Whole, target: Target) -> Whole:
    """Write a value into the next slot, unless there are as many as wanted."""
    count, wanted = counted
    if count < wanted:
        write(value, 1, slot + count, target)
    return count + 1


@inner
def _distinct(chunks: Chunks, own: Pieces, parts: Parts, group: Group) -> int:
    """Count different values: those of events, and those of tiles or of their events."""
    directory, tiles, words, starts = chunks
    specs, number, columns = group
    column = specs[number, COLUMN]
    count: Whole = np.int64(parts[0].size)
    found = np.empty(parts[2], dtype=np.int64)
    found[:count] = parts[0]
    for chunk in range(own[2], own[3]):
        at = directory[chunk, TILE] + tiles[directory[chunk, TILE] + column * FACTS + SET]
        if tiles[at] == NO_SET:
            span = starts[chunk], starts[chunk] + directory[chunk, SIZE] * row_width(columns)
            count = present_words(words, span, (columns, column), found, count)
        else:
            found[count : count + tiles[at]] = tiles[at + 1 : at + 1 + tiles[at]]
            count += tiles[at]
    before, _ = neighbours(found[:count], specs[number, FLOAT] != 0)
    return int((before < 0).sum())


@inner
def _share(
    chunks: Chunks, own: Pieces, parts: Parts, feature: tuple[Ints, Whole], target: Target
) -> None:
    """Divide how many values equal the wanted one by how many there are."""
    specs, number = feature
    alike = count_equal(parts[0], specs[number, PARAMETER], specs[number, FLOAT] != 0)
    for chunk in range(own[2], own[3]):
        alike += chunks[1][chunks[0][chunk, TILE] + specs[number, SHARE_AT]]
    _write_float(alike / parts[2] if parts[2] else np.nan, specs[number, SLOT], target)
