"""Events of one key as rows of numbers in a block of bytes: uniting and finding them.

A block begins with a header of eight int64: version, kind, how many events, how many words its body
has, how many texts, the layout of its view, from when on it is complete, and how many chunks. In a
block of events the body is one row an event: time, id, sequence, one bit for each column where a
value is present (63 to a word), and the values, a float as its bits, a string as its number.
"""

from __future__ import annotations

import numpy as np

from towpath.features.engines.kernel.compiled import brief, compiled, inner
from towpath.features.engines.kernel.edge import EARLIEST
from towpath.features.engines.kernel.form import NO_LIMIT, Ints, Mask, Whole

HEADER = 8
WORD_BYTES = 8
VERSION, KIND, EVENTS, BODY, TEXTS, LAYOUT, CUT, CHUNKS = range(HEADER)
# The version that is written and read.
PRESENT_VERSION = 2
SMALL, TILED = range(2)
# A row of an event.
TIME, ID, SEQUENCE, MARKS = range(4)
MARKS_A_WORD = 63
# The sequence of an event that was pushed has this bit, so that it follows those of the lake.
PUSHED = 1 << 62
# How a key was found; the first three are what ``features.columns`` says of a row.
FOUND, NOT_FOUND, OUTSIDE_MAX_AGE, IN_TILES, FOREIGN, TOO_EARLY = range(6)


@brief
def unite(held: Ints, given: Ints) -> tuple[Ints, Ints]:
    """Unite two sets of events, each sorted by time and sequence; return it, and what was new.

    Events of one time and id are one event. The lake's takes the place of a pushed one, and a later
    one of the lake's that of an earlier; of pushed ones the first stays.

    Args:
        held: int64 [n, width], rows of events.
        given: int64 [m, width], likewise.

    Returns:
        the rows, and for each given one whether it changed anything.

    Example:
        >>> held = np.array([[5, 1, 0, 7]])
        >>> rows, new = unite(held, np.array([[4, 9, 1, 8], [5, 1, 0, 7]]))
        >>> rows.tolist(), new.tolist()
        ([[4, 9, 1, 8], [5, 1, 0, 7]], [1, 0])
    """
    gone = np.zeros(held.shape[0], dtype=np.uint8)
    new = np.full(given.shape[0], 1, dtype=np.int64)
    low = 0
    for row in range(given.shape[0]):
        time, sequence = given[row, TIME], given[row, SEQUENCE]
        while low < held.shape[0] and held[low, TIME] < time:
            low += 1
        place = low
        while place < held.shape[0] and held[place, TIME] == time:
            if held[place, ID] == given[row, ID] and not gone[place]:
                new[row] = _prevails(sequence, held[place, SEQUENCE])
                gone[place] = new[row]
            place += 1
        before = row - 1
        while new[row] and before >= 0 and given[before, TIME] == time:
            if given[before, ID] == given[row, ID] and new[before]:
                new[row] = _prevails(sequence, given[before, SEQUENCE])
                new[before] = 1 - new[row]
            before -= 1
    return _merged(held, gone, given, new), new


@inner
def _prevails(sequence: int, other: int) -> int:
    """Tell whether an event takes the place of another one of the same time and id."""
    if (sequence & PUSHED) != (other & PUSHED):
        return 1 if other & PUSHED else 0
    if sequence & PUSHED:
        return 1 if sequence < other else 0
    return 1 if sequence > other else 0


@inner
def _merged(held: Ints, gone: Mask, given: Ints, new: Ints) -> Ints:
    """Merge the rows that stay."""
    size = held.shape[0]
    for place in range(held.shape[0]):
        size -= gone[place]
    for place in range(given.shape[0]):
        size += new[place]
    found = np.empty((size, held.shape[1]), dtype=np.int64)
    left, right = 0, 0
    for place in range(size):
        while left < held.shape[0] and gone[left]:
            left += 1
        while right < given.shape[0] and not new[right]:
            right += 1
        take = right >= given.shape[0]
        if not take and left < held.shape[0]:
            take = _precedes(held[left], given[right])
        source, row = (held, left) if take else (given, right)
        for word in range(held.shape[1]):
            found[place, word] = source[row, word]
        if take:
            left += 1
        else:
            right += 1
    return found


@inner
def _precedes(one: Ints, two: Ints) -> bool:
    """Tell whether an event comes before another; by id where two were pushed at once."""
    for fact in (TIME, SEQUENCE):
        if one[fact] != two[fact]:
            return bool(one[fact] < two[fact])
    return bool(one[ID] < two[ID])


@inner
def kind_found(words: Ints, block: tuple[Whole, Whole], layout: Whole, at: int) -> int:
    """Tell how a key is found whose root is in some bytes, of a layout and at a time."""
    start, size = block[0] // WORD_BYTES, block[1] - block[0]
    if not size:
        return NOT_FOUND
    if (
        size < HEADER * WORD_BYTES
        or size % WORD_BYTES
        or words[start + VERSION] != PRESENT_VERSION
        or words[start + LAYOUT] != layout
    ):
        return FOREIGN
    if words[start + CUT] > at:
        return TOO_EARLY
    return IN_TILES if words[start + KIND] == TILED else FOUND


@inner
def how_found(newest: int, ttl: Whole, at: int) -> int:
    """Tell whether a key's newest event, which is not after a time, is older than a ttl then."""
    old = ttl != NO_LIMIT and at >= EARLIEST + ttl and newest < at - ttl
    return OUTSIDE_MAX_AGE if old else FOUND


@compiled
def first_from(rows: Ints, span: tuple[Whole, Whole], width: Whole, time: Whole) -> Whole:
    """Return the first of some rows, in one line, whose time is not before another.

    Example:
        >>> int(first_from(np.array([3, 0, 5, 0, 5, 0]), (0, 3), 2, 5))
        1
    """
    low, high = span
    while low < high:
        middle = (low + high) >> 1
        if rows[middle * width] < time:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def marked(event: Ints, column: Whole) -> Whole:
    """Tell whether a column's value is present in a row of an event."""
    found: np.int64 = (event[MARKS + column // MARKS_A_WORD] >> (column % MARKS_A_WORD)) & 1
    return found


@compiled
def row_width(columns: Whole) -> int:
    """Return how many words a row of an event has.

    Example:
        >>> row_width(0), row_width(1), row_width(64)
        (3, 5, 69)
    """
    return int(MARKS + (columns + MARKS_A_WORD - 1) // MARKS_A_WORD + columns)
