"""Writes rows to a file that other programs read."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from towpath.core.durable import sync_file, written_out
from towpath.core.errors import Conflict, Invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    Writer = Callable[[pa.Table, Path], None]

BATCH_ROWS = 50_000


def export(table: pa.Table, path: Path, *, replace: bool = False) -> None:
    r"""Write rows to a file as its ending says: ``.parquet``, ``.csv`` or ``.jsonl``.

    The file appears whole or not at all. In JSON Lines, decimals are text, bytes text in base64,
    and numbers that are none, or infinite, are missing.

    Args:
        table: the rows.
        path: the file.
        replace: whether a file that is there may be replaced.

    Raises:
        Invalid: another ending, or a column that a CSV has no form for.
        Conflict: the file is there already.
        Denied: no file may be written there.
        Unavailable: the disk is full or fails.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "trips.jsonl"
        ...     export(pa.table({"id": [7], "fare": [None]}), path)
        ...     path.read_text()
        '{"id":7,"fare":null}\n'
    """
    write = WRITERS.get(path.suffix.lower())
    if write is None:
        message = f"Rows cannot be written to {path.name}."
        raise Invalid(message, hint=f"End its name with {', '.join(WRITERS)}.", file=str(path))
    with written_out(path):
        if path.exists() and not replace:
            message = f"The file {path} is there already."
            hint = "Name another, or replace it with --force."
            raise Conflict(message, hint=hint, file=str(path))
        if not path.absolute().parent.is_dir():
            message = f"There is no folder {path.absolute().parent}."
            raise Invalid(message, hint="Make it first.", file=str(path))
        with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=".export") as aside:
            written = Path(aside) / path.name
            write(table, written)
            sync_file(written)
            written.replace(path)


def _parquet(table: pa.Table, path: Path) -> None:
    """Write Parquet."""
    pq.write_table(table, path)


def _csv(table: pa.Table, path: Path) -> None:
    """Write CSV; a missing value is an empty cell, an empty text a quoted one."""
    for field in table.schema:
        if pa.types.is_list(field.type) or pa.types.is_binary(field.type):
            message = f"Column {field.name!r} is {field.type}, which a CSV has no form for."
            hint = "Leave it out with --columns, or write .parquet or .jsonl."
            raise Invalid(message, hint=hint, column=field.name)
    arrow_csv.write_csv(table, path)


def _json_lines(table: pa.Table, path: Path) -> None:
    """Write JSON Lines."""
    encoder = msgspec.json.Encoder(decimal_format="string")
    with path.open("wb") as file:
        for batch in table.to_batches(max_chunksize=BATCH_ROWS):
            file.write(encoder.encode_lines(batch.to_pylist()))


WRITERS: dict[str, Writer] = {".parquet": _parquet, ".csv": _csv, ".jsonl": _json_lines}
