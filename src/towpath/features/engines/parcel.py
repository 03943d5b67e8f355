"""Parcels: tables as binary values, which other engines carry from process to process.

An engine that carries rows takes them apart and puts them together again at each step; a parcel
costs it as much as one row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pyarrow as pa

from towpath.core import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

EVENTS, LABELS, FEATURES, COUNTS, FAILURE = range(5)
TYPES: dict[str, pa.DataType] = {"task": pa.int32(), "kind": pa.int32(), "content": pa.binary()}
SCHEMA = pa.schema(TYPES)
# The same, as Spark writes it.
COLUMNS = "task int, kind int, content binary"
MOST_BYTES = 16 << 20


class Parcel(NamedTuple):
    """A table on its way.

    Args:
        task: the number of the task that it goes to, or comes from.
        kind: what is in it.
        content: the table.
    """

    task: int
    kind: int
    content: pa.Table


def pack(parcels: Iterable[Parcel]) -> Iterator[pa.RecordBatch]:
    """Write each parcel as a batch of one row, a large one as several.

    Example:
        >>> sent = Parcel(3, EVENTS, pa.table({"a": [1, 2]}))
        >>> [one] = unpack(pack([sent]))
        >>> one.task, one.content["a"].to_pylist()
        (3, [1, 2])
    """
    for task, kind, content in parcels:
        count = max(content.nbytes // MOST_BYTES + 1, 1)
        step = max(-(-content.num_rows // count), 1)
        for start in range(0, max(content.num_rows, 1), step):
            yield _batch(task, kind, to_bytes(content.slice(start, step)))


def unpack(batches: Iterable[pa.RecordBatch]) -> Iterator[Parcel]:
    """Read parcels.

    Raises:
        TowpathError: what failed where a parcel was to come from, as it was raised there.
    """
    for batch in batches:
        columns = [batch.column(place) for place in range(len(SCHEMA))]
        for task, kind, content in zip(*columns, strict=True):
            if kind.as_py() == FAILURE:
                raise _failure(content.as_py())
            yield Parcel(task.as_py(), kind.as_py(), from_bytes(content.as_buffer()))


def guarded(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Let a failure that a caller can act on arrive as such, instead of as a trace.

    Example:
        >>> from towpath.core.errors import Contract
        >>> def work():
        ...     raise Contract("The file is damaged.")
        ...     yield
        >>> list(unpack(guarded(work())))
        Traceback (most recent call last):
            ...
        towpath.core.errors.Contract: The file is damaged.
    """
    try:
        yield from batches
    except errors.TowpathError as error:
        told = (type(error).__name__, error.message, error.where, error.hint)
        yield _batch(0, FAILURE, msgspec.json.encode(told))


def to_bytes(table: pa.Table) -> bytes:
    """Write a table, with only the entries of dictionaries that it needs."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return sink.getvalue().to_pybytes()


def from_bytes(content: pa.Buffer | bytes) -> pa.Table:
    """Read a table without copying it.

    Example:
        >>> from_bytes(to_bytes(pa.table({"a": [1]})))["a"].to_pylist()
        [1]
    """
    with pa.ipc.open_stream(content) as reader:
        return reader.read_all()


def _batch(task: int, kind: int, content: bytes) -> pa.RecordBatch:
    """Write one row."""
    values = zip(SCHEMA.types, (task, kind, content), strict=True)
    columns = [pa.array([value], kind) for kind, value in values]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _failure(content: bytes) -> errors.TowpathError:
    """Return what was raised elsewhere."""
    name, message, where, hint = msgspec.json.decode(content, type=tuple[str, str, str, str])
    kind: type[errors.TowpathError] = getattr(errors, name)
    return kind(message, where=where, hint=hint)
