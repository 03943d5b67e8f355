"""Features of one key from tiles, and from the events where a window cuts a chunk in two.

A key's chunks are runs of its events, one after the other. Each window is made of three pieces: a
head of events, whole tiles, and a tail of events. What tiles and events add is exact, so that every
result has the bits that ``sweep`` computes from all of the events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.features.engines.kernel.block import first_from
from towpath.features.engines.kernel.compiled import compiled, inner
from towpath.features.engines.kernel.edge import EARLIEST
from towpath.features.engines.kernel.form import (
    COLUMN,
    DISTINCT,
    EXCLUSIVE,
    FUNCTION,
    NO_LIMIT,
    WIDTH,
    WINDOW,
    Ints,
    Mask,
    Whole,
)
from towpath.features.engines.kernel.tile import FACTS, NO_SET, SET, Span

if TYPE_CHECKING:
    from towpath.features.engines.kernel.sweep import Plan


# A chunk in the directory: its digest, first and last time, events, and where its tile begins.
DIGEST, OLDEST, NEWEST, SIZE, TILE = range(5)
ENTRY = 5
# Not loaded.
ABSENT = -1

# The directory int64 [chunks, 5], all tiles; blocks of events, in one line, and where in those each
# chunk's events begin, or ABSENT.
Chunks = tuple[Ints, Ints, Ints, Ints]
# Words of the blocks from, to; tiles from, to; words from, to.
Pieces = tuple[Whole, Whole, Whole, Whole, Whole, Whole]


@compiled
def window_span(window: Ints, at: int) -> Span:
    """Return the first and the last time that a window holds.

    Example:
        >>> [int(time) for time in window_span(np.array([10, 0]), 100)]
        [91, 100]
        >>> [int(time) for time in window_span(np.array([10, 1]), 100)]
        [90, 99]
    """
    width, exclusive = window[WIDTH], window[EXCLUSIVE]
    if width == NO_LIMIT or at < EARLIEST + width:
        return EARLIEST, at - exclusive
    return at - width + 1 - exclusive, at - exclusive


@inner
def chunk_span(directory: Ints, span: Span) -> Span:
    """Return the chunks, first and one after the last, that may have events in a span of time."""
    first, last = 0, directory.shape[0]
    while first < last:
        middle = (first + last) >> 1
        if directory[middle, NEWEST] < span[0]:
            first = middle + 1
        else:
            last = middle
    low, high = first, directory.shape[0]
    while low < high:
        middle = (low + high) >> 1
        if directory[middle, OLDEST] <= span[1]:
            low = middle + 1
        else:
            high = middle
    return first, low


@inner
def within(chunk: Ints, span: Span) -> bool:
    """Tell whether all events of a chunk are in a span of time."""
    return bool(span[0] <= chunk[OLDEST] and chunk[NEWEST] <= span[1])


@inner
def cut_chunks(directory: Ints, tiles: Ints, plan: Plan, at: int) -> Mask:
    """Mark the chunks whose events the features of a time need uint8 [chunks]."""
    specs, windows = plan
    needed = np.zeros(directory.shape[0], dtype=np.uint8)
    _mark_cut(directory, (EARLIEST, at), needed)
    for window in range(windows.shape[0]):
        _mark_cut(directory, window_span(windows[window], at), needed)
    for feature in range(specs.shape[0]):
        if specs[feature, FUNCTION] == DISTINCT:
            span = window_span(windows[specs[feature, WINDOW]], at)
            first, last = chunk_span(directory, span)
            for chunk in range(first, last):
                place = directory[chunk, TILE]
                if tiles[place + tiles[place + specs[feature, COLUMN] * FACTS + SET]] == NO_SET:
                    needed[chunk] = 1
    return needed


@inner
def _mark_cut(directory: Ints, span: Span, needed: Mask) -> None:
    """Mark the chunks that a span of time cuts in two."""
    first, last = chunk_span(directory, span)
    for chunk in (first, last - 1):
        if first <= chunk < last and not within(directory[chunk], span):
            needed[chunk] = 1


@inner
def pieces(chunks: Chunks, width: int, span: Span) -> Pieces:
    """Divide a span of time into events, tiles and events; without chunks all are events."""
    directory, _, words, starts = chunks
    if not directory.shape[0]:
        whole = words_within(words, (np.int64(0), words.size // width), width, span)
        return 0, 0, 0, 0, whole[0], whole[1]
    first, last = chunk_span(directory, span)
    head: Span = (0, 0)
    tail: Span = (0, 0)
    if first < last and not within(directory[first], span):
        head = words_within(words, (starts[first], directory[first, SIZE]), width, span)
        first += 1
    if first < last and not within(directory[last - 1], span):
        tail = words_within(words, (starts[last - 1], directory[last - 1, SIZE]), width, span)
        last -= 1
    return head[0], head[1], first, last, tail[0], tail[1]


@compiled
def words_within(words: Ints, events: Span, width: int, span: Span) -> Span:
    """Return the words of those events, given by where they begin and how many, of a time span.

    Example:
        >>> words = np.frombuffer(np.array([0, 3, 0, 5, 0, 9, 0]).tobytes(), np.int64)
        >>> [int(place) for place in words_within(words, (1, 3), 2, (4, 7))]
        [3, 5]
    """
    rows = words[events[0] :]
    first = first_from(rows, (0, events[1]), width, span[0])
    last = first_from(rows, (first, events[1]), width, span[1] + 1)
    return events[0] + first * width, events[0] + last * width
