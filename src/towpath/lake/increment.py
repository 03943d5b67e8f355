"""Rows that came since the last time: those above the highest watermark, and new ones at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.lake.row_codes import row_codes
from towpath.lake.source_spec import SourceSpec
from towpath.lake.sources.watermark import watermark_column
from towpath.lake.stored import stored_column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.lake.aside import Aside
    from towpath.lake.dataset import Dataset
    from towpath.lake.tables import TableStore


class Increment:
    """Knows what was taken in up to the highest watermark.

    A source is read from that watermark on, since rows that came later may share it. Those that
    are stored or were set aside already, exactly so, are left out, each as often as it was taken.

    Args:
        dataset: the contract.
        store: the tables.
        source: where rows come from, which may name the watermark's column.

    Attributes:
        since: the highest value that was taken in, None where there is no row.

    Raises:
        Invalid: no column tells which rows are new.
    """

    def __init__(self, dataset: Dataset, store: TableStore, source: object) -> None:
        """Look for the highest value."""
        named = source.watermark if isinstance(source, SourceSpec) else ""
        self._dataset = dataset
        self._store = store
        self._column = watermark_column(dataset, named).name
        self._taken: pa.Table | None = None
        values = stored_column(store, dataset.name, self._column)
        self.since: object = None if values is None else pc.max(values).as_py()

    def start(self, aside: Aside, batches: list[str]) -> None:
        """Read what is there from the watermark on, stored or set aside by those batches."""
        if self.since is None:
            return
        names = list(self._dataset.names)
        schema = self._store.schema(self._dataset.name)
        since = pa.scalar(self.since, schema.field(self._column).type)
        column = pc.field(self._column)
        held = [self._store.scan(self._dataset.name, columns=names, where=column == since)]
        rejected = aside.scan(batches, (column >= since) | column.is_null())
        held += [rejected.select(names)] if rejected is not None else []
        self._taken = pa.concat_tables(held)

    def news(self, pieces: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """Leave out the rows that were taken in already."""
        for piece in pieces:
            fresh = self._fresh(piece)
            if fresh.num_rows:
                yield fresh

    def _fresh(self, piece: pa.Table) -> pa.Table:
        """Leave rows out of one piece, and remember which of the taken ones are left."""
        taken = self._taken
        if taken is None or not taken.num_rows:
            return piece
        columns = [_joined(taken[name], piece[name]) for name in self._dataset.names]
        codes = row_codes(columns, taken.num_rows + piece.num_rows)
        old, new = codes[: taken.num_rows], codes[taken.num_rows :]
        known = np.bincount(old, minlength=int(codes.max()) + 1)
        seen = np.bincount(new, minlength=len(known))
        self._taken = taken.filter(pa.array(_rank(old) >= seen[old]))
        return piece.filter(pa.array(_rank(new) >= known[new]))


def _joined(first: pa.ChunkedArray[Any], second: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """Put the values of a column behind others of the same type."""
    return pa.chunked_array([*first.cast(second.type).chunks, *second.chunks], second.type)


def _rank(codes: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Number the rows of one code: 0 for the first, 1 for the second and so on."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    lengths = np.diff(np.concatenate([starts, [len(codes)]]))
    ranks = np.empty(len(codes), dtype=np.int64)
    ranks[order] = np.arange(len(codes)) - np.repeat(starts, lengths)
    return ranks
