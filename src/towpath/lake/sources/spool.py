"""Rows set aside on disk while they come, so that they have a fingerprint before they are used."""

from __future__ import annotations

import tempfile
import weakref
from typing import TYPE_CHECKING

import pyarrow as pa

from towpath.lake.sources.content import ContentHash
from towpath.lake.sources.pieces import in_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BATCH_ROWS = 1 << 16


class Spool:
    """Rows in a file of their own, gone when the last reader is.

    Args:
        tables: the rows, of one schema; read once, and never more than a few of them in memory.
        schema: their columns.

    Example:
        >>> one, two = pa.table({"id": [1]}), pa.table({"id": [2]})
        >>> spool = Spool([one, two], one.schema)
        >>> [piece["id"].to_pylist() for piece in spool.read()]
        [[1, 2]]
    """

    def __init__(self, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
        """Take all rows in."""
        content = ContentHash(schema)
        self._file = tempfile.TemporaryFile(prefix="towpath-")  # noqa: SIM115 - kept open
        weakref.finalize(self, self._file.close)
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.ipc.new_stream(self._file, schema, options=options) as writer:
            for table in tables:
                content.add(table)
                writer.write_table(table, max_chunksize=BATCH_ROWS)
        self.key = content.hexdigest()
        self.size = self._file.tell()

    def read(self) -> Iterator[pa.Table]:
        """Give the rows back in pieces, once more for each call; one reader at a time."""
        self._file.seek(0)
        with pa.ipc.open_stream(self._file) as reader:
            yield from in_pieces(pa.Table.from_batches([batch]) for batch in reader)
