"""Parquet files of rows in order of arrival, hashed and synced as they are written."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from towpath.core.errors import Invalid
from towpath.lake.tables import SEQUENCE
from towpath.lake.tables.columns import fitted
from towpath.lake.tables.file_statistics import file_statistics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import Future

    import pyarrow.compute as pc

    from towpath.lake.tables import Rows
    from towpath.lake.tables.storage import Storage

FILE_ROWS = 1_000_000
WRITERS = min(4, os.cpu_count() or 1)
# Measured on 10 M rows of 8 columns: as fast as snappy, and a quarter smaller.
COMPRESSION: Final = "zstd"
LEVEL = 1
# The turn that wrote it, its first _seq, the one after its last, and a number of its own.
NAME = re.compile(r"(\d{10})-(\d{15})-(\d{15})-[0-9a-f]{16}\.parquet")


@dataclass(frozen=True)
class NewFile:
    """A data file that was written and waits for its commit.

    Args:
        name: within the folder of its table.
        rows: how many it holds.
        size: bytes.
        hash: SHA-256 in hexadecimal.
        statistics: bounds of its columns, as JSON for the log.
    """

    name: str
    rows: int
    size: int
    hash: str
    statistics: str


def write_files(
    storage: Storage, folder: str, chunks: Iterable[pa.Table], *, token: int
) -> list[NewFile]:
    """Write each chunk as a file, several at a time, and sync them and their folder.

    Args:
        storage: holds the files.
        folder: the table's.
        chunks: rows with their ``_seq``, ascending.
        token: the writer's turn.
    """
    waiting: list[Future[NewFile]] = []
    names: list[str] = []
    try:
        with ThreadPoolExecutor(WRITERS) as pool:
            for chunk in chunks:
                if len(waiting) > WRITERS:
                    waiting[-WRITERS - 1].result()
                names.append(_name(chunk, token))
                path = f"{folder}/{names[-1]}"
                waiting.append(pool.submit(_write, storage, path, chunk))
            written = [one.result() for one in waiting]
        storage.sync([folder])
    except BaseException:
        remove_files(storage, folder, names)
        raise
    return written


def remove_files(storage: Storage, folder: str, names: Iterable[str]) -> list[int]:
    """Remove those of the files that are there and return their sizes."""
    sizes = []
    for info in storage.filesystem.get_file_info([f"{folder}/{name}" for name in names]):
        if info.type == pafs.FileType.File:
            storage.filesystem.delete_file(info.path)
            sizes.append(info.size)
    return sizes


def list_files(storage: Storage, folder: str) -> list[str]:
    """Name the data files of a table, also those that no version needs."""
    found = storage.filesystem.get_file_info(pafs.FileSelector(folder, allow_not_found=True))
    return [info.base_name for info in found if info.base_name.endswith(".parquet")]


def written_before(name: str, token: int) -> bool:
    """Tell whether a file was written by a store, in a turn before this one."""
    match = NAME.fullmatch(name)
    return match is not None and int(match[1]) < token


def row_count(storage: Storage, path: str) -> int:
    """Return a file's rows, as its foot tells."""
    with storage.filesystem.open_input_file(path) as file:
        return int(pq.read_metadata(file).num_rows)


def sequence_range(storage: Storage, folder: str, name: str) -> tuple[int, int]:
    """Return a file's first ``_seq`` and the one after its last.

    Files of an earlier release do not tell by their name, but in their foot; those of another
    origin count as coming before all.
    """
    match = NAME.fullmatch(name)
    if match:
        return int(match[2]), int(match[3])
    with storage.filesystem.open_input_file(f"{folder}/{name}") as file:
        foot = pq.read_metadata(file)
    column = foot.schema.names.index(SEQUENCE) if SEQUENCE in foot.schema.names else -1
    if column < 0 or not foot.num_rows:
        return (0, 0)
    first: Any = foot.row_group(0).column(column).statistics
    last: Any = foot.row_group(foot.num_row_groups - 1).column(column).statistics
    return int(first.min), int(last.max) + 1


def data_set(storage: Storage, paths: Sequence[str], schema: pa.Schema | None) -> pads.Dataset:
    """Open files in the given order; each page is checked when it is read."""
    options = pads.ParquetFragmentScanOptions(page_checksum_verification=True)
    form = pads.ParquetFileFormat(default_fragment_scan_options=options)
    if not paths and schema is not None:
        return pads.dataset(schema.empty_table())
    return pads.dataset(list(paths), filesystem=storage.filesystem, format=form, schema=schema)


def read_files(
    found: pads.Dataset, *, columns: Sequence[str] | None, where: pc.Expression | None
) -> pa.Table:
    """Read rows in order.

    Raises:
        OSError: a page is damaged.
    """
    return found.to_table(columns=None if columns is None else list(columns), filter=where)


def pieces(dataset: str, rows: Rows) -> tuple[pa.Schema, Iterator[pa.Table]]:
    """Return the columns of the rows and go through them piece by piece.

    Raises:
        Invalid: there is not even one piece, so that the columns are not known.
    """
    if isinstance(rows, pa.Table):
        return rows.schema, iter([rows])
    given = iter(rows)
    first = next(given, None)
    if first is None:
        message = f"There are no rows for dataset {dataset!r}, not even an empty table."
        raise Invalid(message, hint="Give at least one table.", dataset=dataset)
    return first.schema, _chained(first, given)


def numbered(
    dataset: str, given: Iterable[pa.Table], schema: pa.Schema, *, start: int
) -> Iterator[pa.Table]:
    """Cut pieces into chunks of a file each and add each row's place in the order of arrival.

    There is at least one chunk, if only an empty one.

    Example:
        >>> rows = pa.table({"a": ["x", "y"]})
        >>> [one["_seq"].to_pylist() for one in numbered("trips", [rows], rows.schema, start=5)]
        [[5, 6]]
    """
    for chunk in _cut(fitted(dataset, piece, schema) for piece in given):
        sequence = pa.array(np.arange(start, start + chunk.num_rows, dtype=np.int64))
        yield chunk.append_column(SEQUENCE, sequence)
        start += chunk.num_rows


def _cut(given: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Join and cut tables into chunks of at most ``FILE_ROWS`` rows, one chunk at least."""
    held: list[pa.Table] = []
    count = 0
    cut = False
    for piece in given:
        held.append(piece)
        count += piece.num_rows
        while count >= FILE_ROWS:
            joined = pa.concat_tables(held)
            yield joined.slice(0, FILE_ROWS)
            held, count, cut = [joined.slice(FILE_ROWS)], count - FILE_ROWS, True
    if count or not cut:
        yield pa.concat_tables(held)


def _chained(first: pa.Table, rest: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Put the first piece back before the others, without holding on to it."""
    yield first
    del first
    yield from rest


def _name(chunk: pa.Table, token: int) -> str:
    """Name a file so that no other ever has its name."""
    order = chunk[SEQUENCE]
    first, end = (order[0].as_py(), order[-1].as_py() + 1) if chunk.num_rows else (0, 0)
    return f"{token:010d}-{first:015d}-{end:015d}-{secrets.token_hex(8)}.parquet"


def _write(storage: Storage, path: str, chunk: pa.Table) -> NewFile:
    """Write one file."""
    notes: list[pq.FileMetaData] = []
    with storage.filesystem.open_output_stream(path) as stream:
        sink = HashingFile(stream)
        _write_parquet(chunk, sink, notes)
    storage.sync([path])
    return NewFile(
        name=path.rpartition("/")[2],
        rows=chunk.num_rows,
        size=sink.size,
        hash=sink.digest.hexdigest(),
        statistics=file_statistics(chunk, notes[0]),
    )


def _write_parquet(chunk: pa.Table, sink: HashingFile, notes: list[pq.FileMetaData]) -> None:
    """Write rows with a checksum for each page, and note what the writer knows of them."""
    try:
        pq.write_table(
            chunk,
            cast("IO[bytes]", sink),
            compression=COMPRESSION,
            compression_level=LEVEL,
            write_page_checksum=True,
            metadata_collector=notes,
        )
    except RuntimeError as error:
        # pyarrow hides the error of a full disk behind one of its own.
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


class HashingFile:
    """A file that hashes what is written to it; it is closed by whoever opened it.

    Args:
        file: takes the bytes.

    Example:
        >>> import io
        >>> sink = HashingFile(io.BytesIO())
        >>> sink.write(b"abc")
        3
        >>> sink.digest.hexdigest()[:8]
        'ba7816bf'
    """

    closed = False

    def __init__(self, file: IO[bytes] | pa.NativeFile) -> None:
        """Nothing is written yet."""
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Hash bytes and pass them on."""
        self.digest.update(data)
        self._file.write(data)
        self.size += len(data)
        return len(data)

    def tell(self) -> int:
        """Return how much was written."""
        return self.size

    def flush(self) -> None:
        """Pass everything on, as each write does."""

    def close(self) -> None:
        """Leave the file open."""
