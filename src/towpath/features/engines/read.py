"""Events as the arrays that are arranged and swept, piece by piece."""

from __future__ import annotations

import sys
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.errors import Invalid
from towpath.features.arrays import dtype_of, one_array, words_of
from towpath.features.engines import SEQUENCE, TIME
from towpath.features.engines.arrange import Piece
from towpath.features.engines.kernel.code import FOREIGN
from towpath.features.engines.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future, ThreadPoolExecutor
    from typing import Any

    from towpath.features.engines.kernel.form import Ints, Mask
    from towpath.features.engines.keys import LabelKeys

    Texts = pa.Array[pa.Scalar[pa.DataType]]

ROWS = 1 << 20
# Pieces of fewer rows, unless there are not many, cost more than copying them together.
FEW_ROWS = 1 << 16
MORE_PIECES = 16
FEWEST_PIECES = 4
AHEAD = 4


class Events(NamedTuple):
    """All events in pieces.

    Args:
        pieces: the rows, in order of ingestion where their sequence is empty.
        dtypes: the types of the value columns.
        texts: for each value column what its numbers stand for; empty unless it is a string.
    """

    pieces: list[Piece]
    dtypes: dict[str, str]
    texts: list[Texts]


class _Read(NamedTuple):
    """A piece with the strings of its own, and the bounds of its sequence."""

    piece: Piece
    texts: list[Texts]
    ascends: bool
    ends: tuple[int, int]


def read_events(
    events: pa.Table | Iterable[pa.Table],
    keys: LabelKeys,
    columns: Sequence[str],
    pool: ThreadPoolExecutor,
    *,
    in_memory: int,
) -> Events:
    """Read events, a table or pieces of one, without those that no label asks for.

    Args:
        events: the rows.
        keys: what labels ask for.
        columns: value columns to read.
        pool: threads to do it.
        in_memory: rows of pieces that memory has room for; more are set aside in a file.

    Raises:
        Invalid: there is no piece, so that nothing tells the types.
        Unavailable: the disk of temporary files is full.

    Example:
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> from towpath.features.engines.keys import LabelKeys
        >>> events = pa.table({"k": ["a", "b"], "_t": [1, 2], "_seq": [0, 1]})
        >>> with ThreadPoolExecutor() as pool:
        ...     keys = LabelKeys(pa.table({"k": ["b"]}), ["k"])
        ...     read_events(events, keys, [], pool, in_memory=9).pieces[0].codes.tolist()
        [-1, 0]
    """
    needed = [*dict.fromkeys((*keys.names, *columns, TIME, SEQUENCE))]
    tables = _pieces(events, needed)
    first = next(tables, None)
    if first is None:
        raise Invalid("There is no piece of events.", hint="Give at least one, if without rows.")
    dtypes = {name: dtype_of(first[name].type) for name in columns}
    # A table is in memory anyway.
    with Spool(sys.maxsize if isinstance(events, pa.Table) else in_memory) as spool:
        waiting = _ahead(pool, lambda table: _read(table, keys, dtypes), chain([first], tables))
        del first
        read = [one._replace(piece=spool.keep(one.piece)) for one in waiting]
        return _together(read, dtypes, spool)


def _together(read: Sequence[_Read], dtypes: dict[str, str], spool: Spool) -> Events:
    """Put pieces together: in order without a sequence if they are, with one number a string."""
    ordered = all(one.ascends for one in read)
    ends = [end for one in read if one.piece.codes.size for end in one.ends]
    if ordered and ends == sorted(ends):
        none = np.empty(0, dtype=np.int64)
        pieces = [one.piece._replace(sequence=none) for one in read]
    else:
        pieces = [one.piece for one in read]
    texts = [_merged([one.texts[place] for one in read]) for place in range(len(dtypes))]
    for place, every in enumerate(texts):
        if len(every):
            pieces = [
                _renumbered((piece, place), one.texts[place], every, spool)
                for piece, one in zip(pieces, read, strict=True)
            ]
    return Events(pieces, dtypes, texts)


def _ahead(
    pool: ThreadPoolExecutor, read: Callable[[pa.Table], _Read], tables: Iterable[pa.Table]
) -> Iterator[_Read]:
    """Read on threads, with no more pieces held whole than are read at the moment."""
    waiting: deque[Future[_Read]] = deque()
    for table in tables:
        waiting.append(pool.submit(read, table))
        if len(waiting) > AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def piece_size(rows: int) -> int:
    """Return how many rows a piece of a table has, so that there is work for several threads.

    Example:
        >>> piece_size(0), piece_size(1 << 19), piece_size(1 << 30)
        (65536, 131072, 1048576)
    """
    return min(max(-(-rows // FEWEST_PIECES), FEW_ROWS), ROWS)


def _pieces(events: pa.Table | Iterable[pa.Table], columns: Sequence[str]) -> Iterator[pa.Table]:
    """Cut a table into pieces; those that are given stay as they are."""
    if not isinstance(events, pa.Table):
        yield from (piece.select(columns) for piece in events)
        return
    table = events.select(columns)
    size = piece_size(table.num_rows)
    batches = table.to_batches(max_chunksize=size)
    if 0 < len(batches) <= MORE_PIECES + table.num_rows // FEW_ROWS:
        # At the chunks' own bounds, nothing has to be copied.
        yield from (pa.Table.from_batches([batch]) for batch in batches)
    else:
        for start in range(0, max(table.num_rows, 1), size):
            yield table.slice(start, size)


def _read(table: pa.Table, keys: LabelKeys, dtypes: dict[str, str]) -> _Read:
    """Read one piece."""
    times, timed = words_of(table[TIME])
    sequence, _ = words_of(table[SEQUENCE])
    codes = keys.find(table)
    if timed.size:
        codes[timed == 0] = FOREIGN
    texts: list[Texts] = []
    words: list[Ints] = []
    marks: list[Mask] = []
    for name, dtype in dtypes.items():
        column = table[name]
        known: Texts = pa.array([], pa.string())
        if dtype == "string":
            coded: pa.DictionaryArray[Any, Any] = one_array(
                column.cast(pa.string())
            ).dictionary_encode()
            known, column = coded.dictionary, pa.chunked_array([coded.indices])
        values, present = words_of(column)
        texts.append(known)
        words.append(values)
        marks.append(present)
    ascends = bool(np.all(sequence[1:] >= sequence[:-1]))
    ends = (int(sequence[0]), int(sequence[-1])) if sequence.size else (0, 0)
    return _Read(Piece(codes, times, sequence, words, marks), texts, ascends, ends)


def _merged(texts: Sequence[Texts]) -> Texts:
    """Return the strings of all pieces, each once."""
    return pc.unique(pa.concat_arrays(texts))


def _renumbered(column: tuple[Piece, int], own: Texts, every: Texts, spool: Spool) -> Piece:
    """Let the numbers of a string column count the strings of all pieces."""
    piece, place = column
    if own.equals(every):
        return piece
    words = list(piece.words)
    numbers = pc.index_in(own, value_set=every).to_numpy().astype(np.int64)
    words[place] = numbers[words[place]] if numbers.size else words[place]
    words[place].flags.writeable = False
    found = piece._replace(words=words)
    return spool.write(found) if piece.mapped else found
