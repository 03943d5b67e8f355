"""Parquet files that carry their version and their hash in their name."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from towpath.core.durable import file_hash, sync_file
from towpath.lake.tables import SEQUENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow.compute as pc

ASIDE = ".aside-"
NAME = re.compile(r"(\d{8})-([0-9a-f]{64})\.parquet")


def write_data_file(folder: Path, table: pa.Table, *, version: int) -> str:
    """Write a table as a synced Parquet file of a version and return the file's name."""
    _remove_leftovers(folder, version)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=ASIDE, delete=False) as file:
        pq.write_table(table, file, compression="zstd", write_page_checksum=True)
    aside = Path(file.name)
    sync_file(aside)
    name = f"{version:08d}-{file_hash(aside)}.parquet"
    aside.chmod(0o644)
    aside.rename(folder / name)
    sync_file(folder)
    return name


def read_data_files(
    paths: Sequence[Path], *, columns: Sequence[str] | None, where: pc.Expression | None
) -> pa.Table:
    """Read files in the given order, checking each page.

    Raises:
        OSError: a page is damaged.
    """
    options = pads.ParquetFragmentScanOptions(page_checksum_verification=True)
    rows = pads.dataset(
        [str(path) for path in paths],
        format=pads.ParquetFileFormat(default_fragment_scan_options=options),
    )
    return rows.to_table(columns=None if columns is None else list(columns), filter=where)


def read_columns(path: Path) -> dict[str, pa.DataType]:
    """Return the names and types of a file's columns."""
    return {field.name: field.type for field in pq.read_schema(path)}


def data_file_hash(path: Path) -> str:
    """Return the hash that a file was written with; one of other origin is hashed as it is."""
    match = NAME.fullmatch(path.name)
    return match[2] if match else file_hash(path)


def numbered(table: pa.Table, *, start: int) -> pa.Table:
    """Add each row's place in the order of arrival.

    Example:
        >>> numbered(pa.table({"a": ["x", "y"]}), start=5)["_seq"].to_pylist()
        [5, 6]
    """
    sequence = pa.array(np.arange(start, start + table.num_rows, dtype=np.int64))
    return table.append_column(SEQUENCE, sequence)


def _remove_leftovers(folder: Path, version: int) -> None:
    """Remove files of a writer that died before it committed this version."""
    for path in [*folder.glob(f"{ASIDE}*"), *folder.glob(f"{version:08d}-*.parquet")]:
        path.unlink()
