"""Frames of Arrow, Polars, pandas and DuckDB as a source of rows: all of it is one part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import pyarrow as pa

from towpath.core.errors import Invalid
from towpath.lake.contract import arrow_schema, conform
from towpath.lake.sources.content import content_hash
from towpath.lake.sources.part import Part
from towpath.lake.sources.pieces import PIECE_ROWS, in_pieces
from towpath.lake.sources.spool import Spool
from towpath.lake.sources.watermark import later

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.lake.dataset import Dataset
    from towpath.lake.sources.watermark import Watermark

ORIGIN = "The given table"


@runtime_checkable
class ArrowStream(Protocol):
    """What gives its rows to Arrow by the interface that all such libraries share."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the rows as a stream."""
        ...


class FrameSource:
    """Rows that are in memory, or come as they are asked for.

    A table of Arrow is read where it is. Other rows are taken in once and set aside on disk, for
    some can be read only once.

    Args:
        dataset: the contract.
        rows: a table, a frame of Polars or pandas, a relation of DuckDB, a reader of record
            batches, or anything that gives tables or record batches one after the other.
        mark: which rows to read; None for all.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> source = FrameSource(Dataset("trips", (Column("id", "int64"),)), pa.table({"id": [7]}))
        >>> [piece["id"].to_pylist() for part in source.parts() for piece in source.read(part)]
        [[7]]
    """

    def __init__(self, dataset: Dataset, rows: object, *, mark: Watermark | None = None) -> None:
        """Look at the rows' types; a table's rows are brought to the contract's."""
        self._dataset = dataset
        self._mark = mark
        self._rows = rows
        self._kept: pa.Table | Spool | None = None

    def parts(self) -> Iterator[Part]:
        """Name the one part, after all rows were seen."""
        kept = self._taken()
        if isinstance(kept, Spool):
            yield Part(kept.key, ORIGIN, kept.size)
        else:
            yield Part(content_hash(kept), ORIGIN, kept.nbytes)

    def read(self, part: Part) -> Iterator[pa.Table]:  # noqa: ARG002 - there is one part only
        """Give the rows."""
        kept = self._taken()
        return in_pieces([kept]) if isinstance(kept, pa.Table) else kept.read()

    def _taken(self) -> pa.Table | Spool:
        """Return the rows in the contract's types."""
        if self._kept is None:
            tables = later(
                (conform(self._dataset, one, origin=ORIGIN) for one in _tables(self._rows)),
                self._mark,
            )
            schema = arrow_schema(self._dataset)
            if isinstance(self._rows, pa.Table):
                self._kept = pa.concat_tables([schema.empty_table(), *tables])
            else:
                self._kept = Spool(tables, schema)
        return self._kept


def _tables(rows: object) -> Iterator[pa.Table]:
    """Give rows of any kind as tables."""
    if isinstance(rows, pa.Table):
        yield rows
    elif isinstance(rows, ArrowStream):
        reader = pa.RecordBatchReader.from_stream(rows)
        # An empty frame has columns too, and they are to be the contract's.
        yield reader.schema.empty_table()
        yield from in_pieces((pa.Table.from_batches([one]) for one in reader), rows=PIECE_ROWS)
    elif isinstance(rows, Iterable):
        for one in rows:
            yield _table(one)
    else:
        raise _not_rows(rows)


def _table(rows: object) -> pa.Table:
    """Return one of many batches as a table."""
    if isinstance(rows, pa.Table):
        return rows
    if isinstance(rows, ArrowStream):
        return pa.RecordBatchReader.from_stream(rows).read_all()
    if isinstance(rows, pa.RecordBatch):
        return pa.Table.from_batches([rows])
    raise _not_rows(rows)


def _not_rows(rows: object) -> Invalid:
    """Say that an object has no rows."""
    message = f"A {type(rows).__name__} gives no rows."
    hint = "Give a path, a table of Arrow, a frame of Polars or pandas, or record batches."
    return Invalid(message, hint=hint)
