"""Values that came before, found again by their marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from towpath.lake.checks.hash import row_hashes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values = pa.ChunkedArray[Any]
    Ints = NDArray[np.int64]

NONE = np.array([], dtype=np.int64)


class Run(NamedTuple):
    """Marks in rising order, and the places of their values."""

    marks: Ints
    places: Ints


class Seen:
    """Values of one column, or of several taken together, that came before.

    Marks are kept in sorted runs, each more than twice as long as the next, so that taking some
    more rows in costs little however many are there.

    Args:
        columns: the values of rows that are there already.

    Example:
        >>> seen = Seen([pa.chunked_array([["a", "b"]])])
        >>> places = seen.places(marks([pa.chunked_array([["b", "c"]])]))
        >>> seen.take(places)[0].to_pylist()
        ['b']
    """

    def __init__(self, columns: Sequence[Values]) -> None:
        """Start with some rows, or with none."""
        self._runs: list[Run] = []
        self._chunks: list[list[pa.Array[Any]]] = [[] for _ in columns]
        self._types = [column.type for column in columns]
        self._count = 0
        self.add(columns)

    def add(self, columns: Sequence[Values]) -> None:
        """Take the values of some more rows in."""
        found = marks(columns)
        if not len(found):
            return
        order = np.arange(len(found)) if is_rising(found) else np.argsort(found)
        self._runs.append(Run(found[order], order + self._count))
        self._count += len(found)
        for kept, column in zip(self._chunks, columns, strict=True):
            kept.extend(column.chunks)
        while len(self._runs) > 1 and len(self._runs[-2].marks) <= 2 * len(self._runs[-1].marks):
            self._runs[-2:] = [_merged(*self._runs[-2:])]

    def places(self, wanted: Ints) -> Ints:
        """Return the places whose mark is one of those."""
        return np.concatenate([NONE, *(_places(run, wanted) for run in self._runs)])

    def take(self, places: Ints) -> list[Values]:
        """Return the values at some places, column by column."""
        return [
            pa.chunked_array(kept, kind).take(places)
            for kept, kind in zip(self._chunks, self._types, strict=True)
        ]


def marks(columns: Sequence[Values]) -> Ints:
    """Return a number for each row: equal where the values are equal, and seldom elsewhere.

    Of one column of whole numbers or times, it is the value; a missing one has that of zero.
    """
    kind = columns[0].type
    zero: Any = pa.scalar(0, pa.int64())
    if len(columns) == 1 and (pa.types.is_integer(kind) or pa.types.is_timestamp(kind)):
        whole: Ints = columns[0].cast(pa.int64()).fill_null(zero).to_numpy()
        return whole
    return row_hashes(columns).view(np.int64)


def is_rising(numbers: Ints) -> bool:
    """Tell whether each number is above the one before."""
    return bool(np.all(numbers[1:] > numbers[:-1]))


def _places(run: Run, wanted: Ints) -> Ints:
    """Return the places of a run whose mark is one of those."""
    if not len(wanted) or wanted.min() > run.marks[-1] or wanted.max() < run.marks[0]:
        return NONE
    found = np.searchsorted(run.marks, wanted)
    found[found == len(run.marks)] = 0
    there = np.unique(wanted[run.marks[found] == wanted])
    starts = np.searchsorted(run.marks, there)
    ends = np.searchsorted(run.marks, there, side="right")
    # Each start, and as many steps on as its mark has places.
    counts = ends - starts
    steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    places: Ints = run.places[np.repeat(starts, counts) + steps]
    return places


def _merged(first: Run, second: Run) -> Run:
    """Make one run of two."""
    found = np.concatenate([first.marks, second.marks])
    places = np.concatenate([first.places, second.places])
    if first.marks[-1] < second.marks[0]:
        return Run(found, places)
    # A stable sort finds what is in order already.
    order = np.argsort(found, kind="stable")
    return Run(found[order], places[order])
