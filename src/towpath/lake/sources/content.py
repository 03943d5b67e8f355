"""A hash of rows that does not depend on how they are cut into pieces."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from hashlib import _Hash as Digest

WORKERS = os.cpu_count() or 1
DAY_BITS = 32


class ContentHash:
    """SHA-256 of the columns of tables that come one after the other.

    What stands in memory under a missing value, and how rows are cut, makes no difference.

    Args:
        schema: the columns, of a contract's types.

    Example:
        >>> whole, cut = pa.table({"id": [1, 2]}), pa.table({"id": pa.chunked_array([[1], [2]])})
        >>> content_hash(whole) == content_hash(cut)
        True
    """

    def __init__(self, schema: pa.Schema) -> None:
        """Start with no rows."""
        self._schema = schema
        self._digests = [[hashlib.sha256() for _ in range(3)] for _ in schema]

    def add(self, table: pa.Table) -> None:
        """Add the rows of a table."""
        # Columns side by side: hashing lets go of the interpreter.
        with ThreadPoolExecutor(WORKERS) as pool:
            for _ in pool.map(_add, self._digests, table.columns):
                pass

    def hexdigest(self) -> str:
        """Return the hash of all rows added so far."""
        whole = hashlib.sha256()
        for field, digests in zip(self._schema, self._digests, strict=True):
            whole.update(f"{field.name} {field.type}\n".encode())
            for digest in digests:
                whole.update(digest.digest())
        return whole.hexdigest()


def _add(digests: Sequence[Digest], column: pa.ChunkedArray[Any]) -> None:
    """Work the values of a column into its hashes."""
    for values in column.chunks:
        for digest, data in zip(digests, _streams(values), strict=False):
            digest.update(data)


def content_hash(table: pa.Table) -> str:
    """Hash all rows of a table.

    Example:
        >>> content_hash(pa.table({"id": [1]})) == content_hash(pa.table({"id": [2]}))
        False
    """
    found = ContentHash(table.schema)
    found.add(table)
    return found.hexdigest()


def _streams(values: Any) -> Iterator[bytes | memoryview]:  # noqa: ANN401 - an array of any type
    """Give what is known, how long it is, and the values, each as bytes without gaps."""
    kind = values.type
    yield values.is_valid().cast(pa.uint8()).to_numpy().data
    if pa.types.is_list(kind):
        yield pc.list_value_length(values).fill_null(0).to_numpy().data
        yield values.flatten().fill_null(np.nan).to_numpy().data
    elif pa.types.is_string(kind) or pa.types.is_binary(kind):
        filled = values.cast(pa.binary()).fill_null(b"")
        _, offsets, data = filled.buffers()
        ends = np.frombuffer(offsets, np.int32)[filled.offset : filled.offset + len(filled) + 1]
        yield np.diff(ends).data
        yield memoryview(data)[int(ends[0]) : int(ends[-1])] if data is not None else b""
    elif pa.types.is_boolean(kind):
        yield values.fill_null(False).cast(pa.uint8()).to_numpy()  # noqa: FBT003 - a value
    elif pa.types.is_decimal(kind):
        filled = values.fill_null(pa.scalar(Decimal(0), kind))
        start, width = filled.offset, kind.byte_width
        yield memoryview(filled.buffers()[1])[start * width : (start + len(filled)) * width]
    elif pa.types.is_floating(kind):
        # Minus zero and zero are equal, but for their bits.
        yield (values.fill_null(0.0).to_numpy() + 0.0).data
    else:
        whole = pa.int32() if kind.bit_width == DAY_BITS else pa.int64()
        yield values.view(whole).fill_null(0).to_numpy().data
