"""Drafts a contract from a file, to be read and edited by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from towpath.core.errors import Contract, Invalid, NotFound
from towpath.lake.contract import is_text
from towpath.lake.dataset import Column, Dataset
from towpath.lake.source import CSV_SUFFIXES, NULLS, UNREADABLE, empty_text_to_null, read_header

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.lake.dataset import ColumnType


def infer(path: Path, name: str) -> Dataset:
    """Draft the contract of a CSV or Parquet file.

    A column is nullable if a value is missing. A CSV column is a timestamp only where every time
    has its zone; one without is left a string, for nobody but its owner knows the zone. A lone
    timestamp that is never missing becomes the event time.

    Args:
        path: the file; all of it is read.
        name: the dataset's name.

    Raises:
        NotFound: no such file.
        Contract: the file has no rows, or cannot be read.
        Invalid: another kind of file, an illegal column name, or a Parquet type without a place
            in contracts.
    """
    if not path.is_file():
        message = f"There is no file {path}."
        raise NotFound(message, hint="Check the path.")
    table = _read(path)
    if table.num_rows == 0:
        message = f"{path} has no rows."
        raise Contract(message, hint="Draft the contract from a file with data.", file=str(path))
    columns = tuple(_column(path, table, column) for column in table.column_names)
    times = [one.name for one in columns if one.dtype == "timestamp" and not one.nullable]
    event_time = times[0] if len(times) == 1 else ""
    return Dataset(name, columns, event_time=event_time, source=path.as_posix())


def _read(path: Path) -> pa.Table:
    """Read a file with the types it seems to have."""
    try:
        if path.name.endswith(CSV_SUFFIXES):
            read_header(path)
            return empty_text_to_null(
                arrow_csv.read_csv(
                    path,
                    parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
                    convert_options=arrow_csv.ConvertOptions(null_values=NULLS),
                )
            )
        if path.suffix == ".parquet":
            return pq.read_table(path, partitioning=None)
    except UNREADABLE as error:
        message = f"{path} cannot be read: {error}."
        raise Contract(message, hint="Mend the file.", file=str(path)) from error
    message = f"{path} is neither CSV nor Parquet."
    raise Invalid(message, hint="Name it .csv, .csv.gz or .parquet.", file=str(path))


def _column(path: Path, table: pa.Table, name: str) -> Column:
    """Draft one column."""
    values = table[name]
    dtype = _dtype(values.type, from_csv=path.suffix != ".parquet")
    if dtype is None:
        message = f"Column {name!r} of {path} is {values.type}, which no contract can name."
        raise Invalid(message, hint="Convert it; give times without a zone their zone.")
    return Column(name, dtype, nullable=values.null_count > 0)


def _dtype(given: pa.DataType, *, from_csv: bool) -> ColumnType | None:
    """Choose the contract's type for an Arrow type; in text anything can be a string."""
    kinds: tuple[tuple[ColumnType, bool], ...] = (
        ("bool", pa.types.is_boolean(given)),
        ("int64", pa.types.is_integer(given)),
        ("float64", pa.types.is_floating(given) or pa.types.is_decimal(given)),
        ("timestamp", pa.types.is_timestamp(given) and given.tz is not None),
        ("date", pa.types.is_date(given)),
        ("string", from_csv or pa.types.is_null(given) or is_text(given)),
    )
    return next((dtype for dtype, fits in kinds if fits), None)
