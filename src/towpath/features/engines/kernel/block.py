"""Events of one key as rows of numbers in a block of bytes: uniting them, and gathering many keys'.

A block begins with a header of eight int64: version, kind, how many events, how many words its body
has, how many texts, the layout of its view, from when on it is complete, and how many chunks. In a
block of events the body is one row an event: time, id, sequence, one bit for each column where a
value is present (63 to a word), and the values, a float as its bits, a string as its number.
"""

from __future__ import annotations

import numpy as np

from towpath.features.engines.kernel.compiled import compiled
from towpath.features.engines.kernel.edge import EARLIEST
from towpath.features.engines.kernel.form import NO_LIMIT, Ints, Mask, Whole
from towpath.features.engines.kernel.sweep import Events

HEADER = 8
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

# What a view's blocks have: layout, columns, reach, ttl, whether a latest value of any age counts.
Shape = tuple[int, int, int, int, bool]
TTL = 3
# The newest event's time int64 and how the key was found uint8 [n].
Found = tuple[Ints, Mask]
# The keys whose events are gathered, those events as ``sweep`` takes them, and the worst way in
# which a key was found.
Gathered = tuple[Ints, Events, int]


@compiled
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
    new = np.ones(given.shape[0], dtype=np.int64)
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


@compiled
def _prevails(sequence: int, other: int) -> int:
    """Tell whether an event takes the place of another one of the same time and id."""
    if (sequence & PUSHED) != (other & PUSHED):
        return 1 if other & PUSHED else 0
    if sequence & PUSHED:
        return 1 if sequence < other else 0
    return 1 if sequence > other else 0


@compiled
def _merged(held: Ints, gone: Mask, given: Ints, new: Ints) -> Ints:
    """Merge the rows that stay."""
    size = held.shape[0] - gone.sum() + new.sum()
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
        if take:
            found[place] = held[left]
            left += 1
        else:
            found[place] = given[right]
            right += 1
    return found


@compiled
def _precedes(one: Ints, two: Ints) -> bool:
    """Tell whether an event comes before another; by id where two were pushed at once."""
    for fact in (TIME, SEQUENCE):
        if one[fact] != two[fact]:
            return bool(one[fact] < two[fact])
    return bool(one[ID] < two[ID])


@compiled
def gather(words: Ints, starts: Ints, shape: Shape, at: int, found: Found) -> Gathered:
    """Gather from the blocks of many keys the events that features may reach at a time.

    Args:
        words: of all blocks, one after the other.
        starts: where each starts int64 [n + 1]; a key without events has an empty one.
        shape: what the blocks must be like.
        at: prediction time in microseconds.
        found: receives for each key the time of its newest event, where it has one, and how it was
            found; all zeros.
    """
    spans = _spans(words, starts, shape, at, found)
    own = np.empty(spans.shape[0], dtype=np.int64)
    bounds = np.zeros(spans.shape[0] + 1, dtype=np.int64)
    count, worst = 0, 0
    for row in range(spans.shape[0]):
        worst = max(worst, found[1][row])
        if found[1][row] < IN_TILES:
            own[count] = row
            bounds[count + 1] = bounds[count] + spans[row, 1] - spans[row, 0]
            count += 1
    own, bounds = own[:count], bounds[: count + 1]
    times, bits, valid = _copied(words, (own, starts, spans), bounds, shape[1])
    return own, (times, bounds, (bits, valid, np.arange(shape[1]))), worst


@compiled
def _spans(words: Ints, starts: Ints, shape: Shape, at: int, found: Found) -> Ints:
    """Find the events of each block that some feature may reach; note how each key was found."""
    layout, columns, reach, ttl, unlimited = shape
    width = row_width(columns)
    spans = np.zeros((starts.size - 1, 2), dtype=np.int64)
    for row in range(spans.shape[0]):
        start = starts[row]
        found[1][row] = NOT_FOUND
        if starts[row + 1] == start:
            continue
        if (
            starts[row + 1] - start < HEADER
            or words[start + VERSION] != PRESENT_VERSION
            or words[start + LAYOUT] != layout
        ):
            found[1][row] = FOREIGN
        elif words[start + CUT] > at:
            found[1][row] = TOO_EARLY
        elif words[start + KIND] == TILED:
            found[1][row] = IN_TILES
        else:
            rows = words[start + HEADER : start + HEADER + words[start + BODY]]
            last = first_from(rows, (0, words[start + EVENTS]), width, at + 1)
            first: Whole = 0
            if reach != NO_LIMIT and at >= EARLIEST + reach:
                first = first_from(rows, (0, last), width, at - reach)
            if unlimited:
                first = min(first, max(last - 1, 0))
            spans[row, 0], spans[row, 1] = first, last
            if last:
                found[0][row] = rows[(last - 1) * width]
                found[1][row] = how_found(found[0][row], ttl, at)
    return spans


@compiled
def how_found(newest: int, ttl: int, at: int) -> int:
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


@compiled
def _copied(
    words: Ints, blocks: tuple[Ints, Ints, Ints], bounds: Ints, columns: int
) -> tuple[Ints, Ints, Mask]:
    """Copy the events in spans of blocks to times, values and marks by column."""
    rows, starts, spans = blocks
    width, first = row_width(columns), row_width(columns) - columns
    times = np.empty(bounds[-1], dtype=np.int64)
    bits = np.empty((columns, bounds[-1]), dtype=np.int64)
    valid = np.empty((columns, bounds[-1]), dtype=np.uint8)
    place = 0
    for row in rows:
        begin = starts[row] + HEADER
        for number in range(spans[row, 0], spans[row, 1]):
            event = words[begin + number * width : begin + (number + 1) * width]
            times[place] = event[TIME]
            for column in range(columns):
                bits[column, place] = event[first + column]
                valid[column, place] = marked(event, column)
            place += 1
    return times, bits, valid


@compiled
def marked(event: Ints, column: Whole) -> Whole:
    """Tell whether a column's value is present in a row of an event."""
    found: np.int64 = (event[MARKS + column // MARKS_A_WORD] >> (column % MARKS_A_WORD)) & 1
    return found


@compiled
def row_width(columns: int) -> int:
    """Return how many words a row of an event has.

    Example:
        >>> row_width(0), row_width(1), row_width(64)
        (3, 5, 69)
    """
    return MARKS + (columns + MARKS_A_WORD - 1) // MARKS_A_WORD + columns
