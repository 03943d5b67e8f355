"""Pieces of bounded size, from batches of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PIECE_BYTES = 64 << 20
PIECE_ROWS = 500_000


def in_pieces(
    tables: Iterable[pa.Table], *, rows: int = PIECE_ROWS, size: int = PIECE_BYTES
) -> Iterator[pa.Table]:
    """Join small tables and cut large ones, so that each piece is of about the same size.

    Args:
        tables: tables of one schema.
        rows: most rows of a piece.
        size: most bytes of a piece, unless a single row has more.

    Example:
        >>> tables = [pa.table({"id": [1]}), pa.table({"id": [2, 3, 4]})]
        >>> [piece["id"].to_pylist() for piece in in_pieces(tables, rows=3)]
        [[1], [2, 3, 4]]
    """
    waiting: list[pa.Table] = []
    count = held = 0
    for part in _cut(tables, rows=rows, size=size):
        if waiting and (count + part.num_rows > rows or held + part.nbytes > size):
            yield pa.concat_tables(waiting)
            waiting, count, held = [], 0, 0
        waiting.append(part)
        count += part.num_rows
        held += part.nbytes
    if waiting:
        yield pa.concat_tables(waiting)


def _cut(tables: Iterable[pa.Table], *, rows: int, size: int) -> Iterator[pa.Table]:
    """Cut tables that are too long, or whose rows are so wide that they are too large."""
    for table in tables:
        step = max(1, min(rows, table.num_rows * size // max(table.nbytes, 1)))
        for start in range(0, table.num_rows, step):
            yield table.slice(start, step)
