"""All features of keys at one time, from their roots and the chunks that those need.

What does not change from one request to the next comes in one array, and so does what was read: a
call costs about as much for each argument as a feature.
"""

from __future__ import annotations

import numpy as np

from towpath.features.engines.kernel.block import (
    BODY,
    CHUNKS,
    EVENTS,
    FOUND,
    HEADER,
    NOT_FOUND,
    TIME,
    WORD_BYTES,
    how_found,
    kind_found,
    row_width,
)
from towpath.features.engines.kernel.compiled import brief, inner
from towpath.features.engines.kernel.edge import EARLIEST
from towpath.features.engines.kernel.form import (
    ALL_ROWS,
    COLUMN,
    FUNCTION,
    LATEST,
    SLOT,
    WINDOW,
    Ints,
    Mask,
    Whole,
)
from towpath.features.engines.kernel.tiled import (
    ABSENT,
    DIGEST,
    ENTRY,
    NEWEST,
    Chunks,
    Pieces,
    cut_chunks,
    pieces,
    window_span,
)
from towpath.features.engines.kernel.window import (
    SPEC_FACTS,
    count_events,
    latest,
    of_column,
    write,
)

# A recipe begins with how many features, windows and columns there are, the layout of the view and
# its ttl; then come the features, as ``window`` takes them and by window and column, the windows,
# and what tiles have of each column.
FEATURES, WINDOWS, COLUMNS, LAYOUT, TTL = range(5)
RECIPE_HEADER = 5
WINDOW_FACTS, COLUMN_FACTS = 2, 6
# Features, windows, what tiles have of each column.
Recipe = tuple[Ints, Ints, Ints]
# Values int64 [slots + 1, n], the last row being the time of the newest event; where there is one
# uint8 [slots + 1, n], the last row being how the key was found; and a key's place in them.
Target = tuple[Ints, Mask, Whole]


@brief
def read_roots(words: Ints, recipe: Ints, at: int, values: Ints, marks: Mask) -> int:
    """Compute all features of the keys in small form; return the worst way of finding a key.

    Args:
        words: the byte where each root begins and the last ends [n + 1], and the roots, one after
            the other; one that ends where it begins is not there.
        recipe: what is computed.
        at: prediction time in microseconds.
        values: receives the results, as ``Target`` says; all zeros.
        marks: likewise.

    Example:
        >>> words = np.array([16, 104, 2, 0, 1, 3, 0, 255, 0, 0, 5, 1, 0])
        >>> recipe = np.array([1, 1, 0, 255, -1, 0, ALL_ROWS, 0, 0, 1, 0, -1, 5, 0])
        >>> values, marks = np.zeros((2, 1), np.int64), np.zeros((2, 1), np.uint8)
        >>> int(read_roots(words, recipe, 7, values, marks)) == FOUND
        True
        >>> values.tolist(), marks.tolist()
        ([[1], [5]], [[1], [0]])
    """
    made, width, worst = _taken_apart(recipe), row_width(recipe[COLUMNS]), 0
    scratch = np.empty(words.size // width, dtype=np.int64)
    none = words[:0].reshape((0, ENTRY))
    for row in range(values.shape[1]):
        kind = kind_found(words, (words[row], words[row + 1]), recipe[LAYOUT], at)
        if kind in (FOUND, NOT_FOUND):
            start = words[row] // WORD_BYTES + HEADER
            count = words[start - HEADER + EVENTS] if kind == FOUND else np.int64(0)
            # Without chunks, all events are those of the root.
            chunks = none, scratch, words[start : start + count * width], scratch
            newest = _answer(chunks, made, (at, scratch), (values, marks, row))
            kind = _note(newest, (recipe[TTL], at), values, row)
        marks[-1, row] = kind
        worst = max(worst, kind)
    return worst


@brief
def needed_chunks(words: Ints, start: int, recipe: Ints, at: int) -> Ints:
    """Return number and digest of the chunks that the features of a key in tiled form need.

    Args:
        words: what was read.
        start: where the key's root begins.
        recipe: what is computed.
        at: prediction time in microseconds.
    """
    specs, windows, _ = _taken_apart(recipe)
    directory, tiles = _root(words, start)
    places = np.flatnonzero(cut_chunks(directory, tiles, (specs, windows), at))
    needed = np.empty((2, places.size), dtype=np.int64)
    for number in range(places.size):
        needed[0, number] = places[number]
        needed[1, number] = directory[places[number], DIGEST]
    return needed


@brief
def assemble(root: tuple[Ints, int], loaded: Ints, recipe: Ints, at: int, target: Target) -> None:
    """Compute all features of one key in tiled form.

    Args:
        root: what was read, and where in it the key's root begins.
        loaded: how many chunks there are; the number of each, and the byte where it begins; and
            those, one after the other.
        recipe: what is computed.
        at: prediction time in microseconds.
        target: values, marks, and the key's row in them.
    """
    directory, tiles = _root(root[0], root[1])
    starts = np.full(directory.shape[0], ABSENT, dtype=np.int64)
    for number in range(loaded[0]):
        first = loaded[1 + loaded[0] + number] // WORD_BYTES
        starts[loaded[1 + number]] = first + HEADER
    scratch = np.empty(loaded.size // row_width(recipe[COLUMNS]), dtype=np.int64)
    chunks = directory, tiles, loaded, starts
    newest = _answer(chunks, _taken_apart(recipe), (at, scratch), target)
    target[1][-1, target[2]] = _note(newest, (recipe[TTL], at), target[0], target[2])


@inner
def _taken_apart(recipe: Ints) -> Recipe:
    """Return features, windows and what tiles have of each column."""
    features, windows, columns = recipe[FEATURES], recipe[WINDOWS], recipe[COLUMNS]
    first = RECIPE_HEADER + features * SPEC_FACTS
    second = first + windows * WINDOW_FACTS
    return (
        recipe[RECIPE_HEADER:first].reshape((features, SPEC_FACTS)),
        recipe[first:second].reshape((windows, WINDOW_FACTS)),
        recipe[second:].reshape((columns, COLUMN_FACTS)),
    )


@inner
def _root(words: Ints, start: int) -> tuple[Ints, Ints]:
    """Return the directory and all tiles of a root."""
    first, chunks = start + HEADER, words[start + CHUNKS]
    end = first + chunks * ENTRY
    return words[first:end].reshape((chunks, ENTRY)), words[end : first + words[start + BODY]]


@inner
def _answer(chunks: Chunks, recipe: Recipe, asked: tuple[int, Ints], target: Target) -> int:
    """Compute all features of one key; return the time of its newest event."""
    (specs, windows, shape), (at, scratch) = recipe, asked
    columns = shape.shape[0]
    width = row_width(columns)
    own = pieces(chunks, width, (EARLIEST, at))
    newest = _newest(chunks, own, width)
    # Not written as 0, for which the functions below would be compiled once more.
    number: Whole = np.int64(0)
    window = np.int64(-1)
    while number < specs.shape[0]:
        if specs[number, WINDOW] != window:
            window = specs[number, WINDOW]
            own = pieces(chunks, width, window_span(windows[window], at))
        group = specs, number, columns
        if specs[number, FUNCTION] == LATEST:
            number = latest(chunks, own, group, target)
        elif specs[number, COLUMN] == ALL_ROWS:
            write(count_events(chunks[0], own, width), 1, specs[number, SLOT], target)
            number += 1
        else:
            number = of_column(chunks, own, group, (shape, scratch), target)
    return newest


@inner
def _newest(chunks: Chunks, own: Pieces, width: int) -> int:
    """Return the time of the last event of a span, the earliest if there is none."""
    if own[5] > own[4]:
        return int(chunks[2][own[5] - width + TIME])
    if own[3] > own[2]:
        return int(chunks[0][own[3] - 1, NEWEST])
    return int(chunks[2][own[1] - width + TIME] if own[1] > own[0] else EARLIEST)


@inner
def _note(newest: int, asked: tuple[Whole, int], values: Ints, row: Whole) -> int:
    """Note the time of a key's newest event; return how the key was found."""
    if newest == EARLIEST:
        return NOT_FOUND
    values[-1, row] = newest
    return how_found(newest, asked[0], asked[1])
