"""Parquet files as Arrow tables in a contract's types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from towpath.core.errors import Contract
from towpath.lake.contract import check_names, conform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.lake.dataset import Dataset
    from towpath.lake.sources.location import StoredFile

BATCH_ROWS = 1 << 16
BUFFER_BYTES = 4 << 20
ENCRYPTED = re.compile(r"(?i)[ed][ne]crypt")


def read_parquet(dataset: Dataset, file: StoredFile) -> Iterator[pa.Table]:
    """Read a Parquet file in the contract's types, some rows at a time.

    Raises:
        Contract: the file is broken or encrypted, or does not fit the contract.
        Invalid: a time without a zone.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.lake.dataset import Column, Dataset
        >>> from towpath.lake.sources.location import find_files
        >>> trips = Dataset("trips", (Column("id", "int64"),))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "trips.parquet"
        ...     pq.write_table(pa.table({"id": pa.array([7], "int32")}), path)
        ...     tables = read_parquet(trips, find_files(path.name, path.parent)[0])
        ...     [str(table.schema.field("id").type) for table in tables]
        ['int64']
    """
    try:
        with (
            file.filesystem.open_input_file(file.path) as stream,
            pq.ParquetFile(
                stream,
                pre_buffer=False,
                buffer_size=BUFFER_BYTES,
                page_checksum_verification=True,
            ) as parquet,
        ):
            schema = parquet.schema_arrow
            check_names(dataset, schema.names, origin=file.origin)
            # Types are told before a row is read.
            conform(dataset, schema.empty_table(), origin=file.origin)
            for batch in parquet.iter_batches(BATCH_ROWS):
                yield conform(dataset, pa.Table.from_batches([batch]), origin=file.origin)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise _unreadable(file, str(error)) from error
    except OSError as error:
        if ENCRYPTED.search(str(error)) or "orrupt" in str(error):
            raise _unreadable(file, str(error)) from error
        raise


def _unreadable(file: StoredFile, reason: str) -> Contract:
    """Say why a file is no Parquet that can be read."""
    if ENCRYPTED.search(reason):
        message = f"{file.origin} is encrypted."
        return Contract(message, hint="Write it without encryption.", file=file.origin)
    message = f"{file.origin} is broken, or no Parquet: {reason}."
    return Contract(message, hint="Write the file again.", file=file.origin)
