"""Rows by key, time and sequence: moved to small parts at once, which are then sorted."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from towpath.features.engines.kernel.form import COMPLETE, Codes, Ints, Mask
from towpath.features.engines.kernel.place import (
    Division,
    count_keys,
    count_parts,
    find_places,
    move_codes,
    move_marks,
    move_words,
    take_times,
)
from towpath.features.engines.kernel.radix import sort_parts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import ThreadPoolExecutor

# Rows of a part: few enough for a processor's cache, and not too many parts.
PART = 1 << 15
MOST_PARTS = 1 << 11
SAMPLE = 1 << 18
SORTS = 64


class Piece(NamedTuple):
    """Some rows.

    Args:
        codes: keys int32 [n]; a negative one is left out.
        times: int64 [n].
        sequence: int64 [n], or empty where rows and pieces stand in its order.
        words: int64 [n] for each value column.
        marks: uint8 [n] for each value column, where it is present; empty for everywhere.
        mapped: the files that hold all this, if it is not in memory.
    """

    codes: Codes
    times: Ints
    sequence: Ints
    words: Sequence[Ints]
    marks: Sequence[Mask]
    mapped: Sequence[mmap.mmap] = ()

    def let_go(self) -> None:
        """Make room: what is in a file is read from there when it is looked at again."""
        for one in self.mapped:
            one.madvise(mmap.MADV_DONTNEED)


class Arranged(NamedTuple):
    """Rows in order.

    Args:
        codes: int32 [n].
        times: int64 [n].
        words: int64 [columns, n].
        marks: uint8 [masks, n], of the columns that some value is missing of.
        masks: int64 [columns], the row of each column in those, or COMPLETE.
        starts: int64 [keys + 1], where each key's rows start.
    """

    codes: Codes
    times: Ints
    words: Ints
    marks: Mask
    masks: Ints
    starts: Ints


def count_rows(pieces: Sequence[Piece], keys: int, pool: ThreadPoolExecutor) -> Ints:
    """Count the rows of each key from 0 to ``keys``."""

    def count(piece: Piece) -> Ints:
        found = count_keys(piece.codes, keys)
        piece.let_go()
        return found

    total = np.zeros(keys, dtype=np.int64)
    for counts in pool.map(count, pieces):
        total += counts
    return total


def arrange(
    pieces: Sequence[Piece], counts: Ints, span: tuple[int, int], pool: ThreadPoolExecutor
) -> Arranged:
    """Sort the rows of keys in a range by key, time and sequence.

    Args:
        pieces: the rows; at least one, if without rows.
        counts: how many each key has.
        span: first key, and the one after the last.
        pool: threads to do it.

    Example:
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> codes, none = np.array([1, 0], dtype=np.int32), np.empty(0, dtype=np.int64)
        >>> piece = Piece(codes, np.array([5, 6]), none, [], [])
        >>> with ThreadPoolExecutor() as pool:
        ...     arrange([piece], count_rows([piece], 2, pool), (0, 2), pool).times.tolist()
        [6, 5]
    """
    own = np.zeros_like(counts)
    own[span[0] : span[1]] = counts[span[0] : span[1]]
    division = _divide(pieces, own)

    def tally(piece: Piece) -> Ints:
        found = count_parts(piece.codes, piece.times, span, division)
        piece.let_go()
        return found

    tallies = np.array(list(pool.map(tally, pieces)))
    # Within a part, the rows of one piece follow those of the piece before.
    ends = np.cumsum(tallies.T).reshape(tallies.T.shape).T
    found, sequence = _room(pieces, own)

    def move(piece: Piece, starts: Ints) -> None:
        places, kept = find_places((piece.codes, piece.times), span, division, starts)
        _move(piece, (places, kept), found, sequence)
        piece.let_go()

    list(pool.map(move, pieces, ends - tallies))
    parts = np.concatenate(([0], ends[-1]))
    cuts = np.unique(np.searchsorted(parts, np.linspace(0, parts[-1], SORTS + 1)))

    def sort(first: int, last: int) -> None:
        rows = (found.codes, found.times, sequence)
        sort_parts(parts[first : last + 1], rows, (found.words, found.marks))

    list(pool.map(sort, cuts[:-1], cuts[1:]))
    return found


def _divide(pieces: Sequence[Piece], counts: Ints) -> Division:
    """Choose parts of about equal size; a key with many rows is divided at sampled times."""
    size = max(PART, int(counts.sum()) // MOST_PARTS)
    large = counts > 2 * size
    splits: list[Ints] = [np.empty(0, dtype=np.int64)]
    extra = np.zeros(counts.size + 1, dtype=np.int64)
    if large.any():
        step = max(1, sum(piece.codes.size for piece in pieces) // SAMPLE)
        marks = large.astype(np.uint8)
        taken = [take_times((one.codes, one.times), marks, step) for one in pieces]
        codes, times = (np.concatenate(part) for part in zip(*taken, strict=True))
        for key in np.flatnonzero(large):
            own = np.sort(times[codes == key])
            wanted = np.linspace(0, own.size, counts[key] // size + 1)[1:-1].astype(np.int64)
            splits.append(np.unique(own[wanted]) if own.size else own)
            extra[key + 1] = splits[-1].size
    begins = np.cumsum(extra)
    first = np.concatenate(([0], np.cumsum(counts))) // size + begins
    first[-1] += 1
    return first, np.concatenate(splits), begins


def _room(pieces: Sequence[Piece], counts: Ints) -> tuple[Arranged, Ints]:
    """Make room for rows, and for their sequence if it is needed."""
    rows = int(counts.sum())
    columns = len(pieces[0].words)
    gaps = [any(one.marks[column].size for one in pieces) for column in range(columns)]
    masks = np.where(gaps, np.cumsum(gaps) - 1, COMPLETE).astype(np.int64)
    found = Arranged(
        codes=np.empty(rows, dtype=np.int32),
        times=np.empty(rows, dtype=np.int64),
        words=np.empty((columns, rows), dtype=np.int64),
        marks=np.empty((sum(gaps), rows), dtype=np.uint8),
        masks=masks,
        starts=np.concatenate(([0], np.cumsum(counts))),
    )
    sequenced = any(piece.sequence.size for piece in pieces)
    return found, np.empty(rows if sequenced else 0, dtype=np.int64)


def _move(piece: Piece, moves: tuple[Ints, Codes], found: Arranged, sequence: Ints) -> None:
    """Move the rows of a piece to their places."""
    move_codes(piece.codes, *moves, found.codes)
    move_words(piece.times, *moves, found.times)
    if sequence.size:
        move_words(piece.sequence, *moves, sequence)
    for column, words in enumerate(piece.words):
        move_words(words, *moves, found.words[column])
        if found.masks[column] != COMPLETE:
            move_marks(piece.marks[column], *moves, found.marks[found.masks[column]])
