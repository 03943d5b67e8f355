"""Pushed rows on their way into the lake: durable in a log at once, in their dataset soon after."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.drain import drain
from towpath.core.errors import Unavailable
from towpath.core.segment import Segments, framed, read_frames, segments
from towpath.features.online.group_commit import GroupCommit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from towpath.core.drain import Piece
    from towpath.lake.lake import Lake

FORMAT = 1
ROW = "_row"


class Header(msgspec.Struct, frozen=True, array_like=True):
    """What a segment begins with.

    Args:
        written: version of the format.
    """

    written: int


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """Rows that were pushed together.

    Args:
        dataset: what they are rows of.
        arrived: when, in microseconds.
        online: whether they belong in the online store too.
        rows: an Arrow stream of them.
    """

    dataset: str
    arrived: int
    online: bool
    rows: bytes

    @property
    def table(self) -> pa.Table:
        """The rows."""
        return pa.ipc.open_stream(self.rows).read_all()


def entry_of(dataset: str, rows: pa.Table, *, arrived: int, online: bool) -> Entry:
    """Make an entry of rows.

    Example:
        >>> rows = pa.table({"car": ["a"]})
        >>> entry_of("trips", rows, arrived=0, online=True).table == rows
        True
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return Entry(dataset, arrived, online, sink.getvalue().to_pybytes())


class PushLog:
    """The open log; any thread may write, and those that write at one time share a sync.

    Args:
        folder: where the segments are kept.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as name:
        ...     folder = Path(name)
        ...     with PushLog(folder) as log:
        ...         log.append(Entry("trips", 0, True, b""))
        ...     [one.dataset for one in entries(folder)]
        ['trips']
    """

    def __init__(self, folder: Path) -> None:
        """Start a segment of its own, so that no two processes write to one file."""
        self._segments = Segments(folder, msgspec.msgpack.encode(Header(FORMAT)))
        self._commits = GroupCommit(self._commit)

    def append(self, entry: Entry) -> None:
        """Keep an entry; what returned survives a loss of power.

        Raises:
            Unavailable: the disk does not take it.
        """
        self._commits.run(framed(msgspec.msgpack.encode(entry)))

    def close(self) -> None:
        """Close the segment."""
        self._segments.close()

    def __enter__(self) -> Self:
        """Use the log in a ``with`` statement."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the log."""
        self.close()

    def _commit(self, frames: Sequence[bytes]) -> None:
        """Write some threads' entries and sync them together."""
        try:
            self._segments.write(b"".join(frames))
            os.fdatasync(self._segments.handle)
        except OSError as error:
            message = f"The log of pushed rows cannot be written: {error.strerror or error}."
            hint = "Free space on the disk of the state folder."
            raise Unavailable(message, hint=hint) from error


def entries(folder: Path) -> Iterator[Entry]:
    """Yield what is in a log, oldest segment first.

    Raises:
        Contract: a segment is damaged.
    """
    decode = msgspec.msgpack.Decoder(Entry).decode
    for path in segments(folder):
        yield from map(decode, read_frames(path))


def flush(folder: Path, lake: Lake) -> int:
    """Bring the rows of a log into their datasets, each once however often it is tried.

    It may run beside servers that write the log. Rows of a key that a dataset has are replaced; of
    rows of one key in the log, the first stays.

    Returns:
        how many rows were taken from the log.

    Raises:
        Conflict: another process does so already.
        Contract: a segment is damaged, or rows no longer keep their contract.
    """

    def store(pieces: Sequence[Piece]) -> int:
        tables: dict[str, list[pa.Table]] = {}
        decode = msgspec.msgpack.Decoder(Entry).decode
        for piece in pieces:
            for frame in read_frames(piece.path, start=piece.start, end=piece.end):
                entry = decode(frame)
                tables.setdefault(entry.dataset, []).append(entry.table)
        batch = " ".join(piece.name for piece in pieces)
        for name, parts in tables.items():
            rows = first_rows(pa.concat_tables(parts), lake.datasets[name].key)
            lake.ingest(name, rows, mode="merge", batch=f"push {batch}")
        return sum(part.num_rows for parts in tables.values() for part in parts)

    busy = "Another process brings pushed rows into the lake."
    return drain(folder, store, busy=busy)


def first_rows(rows: pa.Table, key: Sequence[str]) -> pa.Table:
    """Keep the first row of each key.

    Example:
        >>> first_rows(pa.table({"id": [1, 2, 1], "km": [5, 6, 7]}), ("id",))["km"].to_pylist()
        [5, 6]
    """
    numbered = rows.append_column(ROW, pa.array(range(rows.num_rows)))
    firsts = numbered.group_by(list(key)).aggregate([(ROW, "min")])[f"{ROW}_min"]
    return rows.take(firsts.take(pc.sort_indices(firsts)))
