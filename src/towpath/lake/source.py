"""Reads the files that a dataset is ingested from: CSV, CSV.GZ and Parquet."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from towpath.core.errors import Contract, Invalid, NotFound
from towpath.lake.contract import arrow_schema, check_names, conform

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TextIO

    from towpath.lake.dataset import Dataset

CSV_SUFFIXES = (".csv", ".csv.gz")
NULLS = ["", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None"]
CELL_ERROR = re.compile(
    r"In CSV column #(\d+): .*?(?:invalid value|offset in) '(.*?)'(?:\. If|$)", re.DOTALL
)
UNREADABLE = (OSError, EOFError, zlib.error, csv.Error, pa.ArrowInvalid)
WIDTH_ERROR = re.compile(r"Expected (\d+) columns, got (\d+)")
ENCODING_ERROR = "invalid UTF8 data"


def find_files(dataset: Dataset, source: Path | None, root: Path) -> list[Path]:
    """List the files to ingest, by name.

    Args:
        dataset: its own source counts where none is given.
        source: a file, or a glob; relative to the project's folder.
        root: the project's folder.

    Raises:
        Invalid: neither a source is given nor does the dataset name one.
        NotFound: no file is there.
    """
    pattern = str(source) if source is not None else dataset.source
    if not pattern:
        message = f"Dataset {dataset.name!r} names no source."
        raise Invalid(message, hint="Add source: PATH to its definition, or give a file.")
    full = root / pattern
    if full.is_file():
        return [full]
    found = sorted(path for path in full.parent.glob(full.name) if path.is_file())
    if not found:
        message = f"There is no file {full} to ingest into dataset {dataset.name!r}."
        raise NotFound(message, hint="Check the path; it starts from the project's folder.")
    return found


def read_file(dataset: Dataset, path: Path) -> pa.Table:
    """Read one file in the contract's types.

    In a CSV an empty cell is missing; in columns other than strings so are NA, NaN, null and
    None.

    Raises:
        Contract: the file does not fit the contract; file, line, column and value are named.
        Invalid: another kind of file, or a time without a zone.
    """
    try:
        if path.name.endswith(CSV_SUFFIXES):
            return _read_csv(dataset, path)
        if path.suffix == ".parquet":
            return conform(dataset, pq.read_table(path, partitioning=None), origin=str(path))
    except UNREADABLE as error:
        message = f"{path} cannot be read: {error}."
        raise Contract(message, hint="Write the file again.", file=str(path)) from error
    message = f"{path} is neither CSV nor Parquet."
    raise Invalid(message, hint="Name it .csv, .csv.gz or .parquet.", file=str(path))


def read_header(path: Path) -> list[str]:
    """Return the names in the first line of a CSV.

    Raises:
        Contract: the file is empty.
    """
    with _open_text(path) as file:
        header = next(csv.reader(file), [])
    if not header:
        message = f"{path} is empty."
        raise Contract(message, hint="A CSV starts with a line of column names.", file=str(path))
    return header


def _read_csv(dataset: Dataset, path: Path) -> pa.Table:
    """Read a CSV; its text is read again only to find the line of an error."""
    header = read_header(path)
    check_names(dataset, header, origin=str(path))
    convert = arrow_csv.ConvertOptions(
        column_types=arrow_schema(dataset),
        include_columns=list(dataset.names),
        null_values=NULLS,
    )
    try:
        table = arrow_csv.read_csv(
            path,
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=convert,
        )
    except pa.ArrowInvalid as error:
        raise _located(str(error), path, header) from error
    return conform(dataset, empty_text_to_null(table), origin=str(path))


def empty_text_to_null(table: pa.Table) -> pa.Table:
    """Turn empty strings into missing values.

    Example:
        >>> empty_text_to_null(pa.table({"a": ["x", ""]}))["a"].to_pylist()
        ['x', None]
    """
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            values = table[field.name]
            empty = pc.equal(values, pa.scalar(""))
            filled = pc.if_else(empty, pa.scalar(None, pa.string()), values)
            table = table.set_column(place, field, filled)
    return table


def _located(reason: str, path: Path, header: list[str]) -> Contract | Invalid:
    """Find the line that a reader's error is about."""
    cell, width = CELL_ERROR.search(reason), WIDTH_ERROR.search(reason)
    if cell is not None:
        place, value = int(cell[1]), cell[2]
        line = _line(path, lambda row: len(row) > place and row[place] == value)
        where = f"{path}:{line}"
        if "zone offset" in reason:
            message = f"Column {header[place]!r} holds the time {value!r}, which has no time zone."
            return Invalid(
                message, where=where, hint="Write it as 2013-10-01T08:30:00Z.", line=line
            )
        dtype = reason.partition("conversion error to ")[2].partition(":")[0]
        message = f"Column {header[place]!r} holds {value!r}, which is not {dtype}."
        hint = "Mend the cell or the contract."
        return Contract(message, where=where, hint=hint, line=line, column=header[place])
    if width is not None:
        line = _line(path, lambda row: bool(row) and len(row) != len(header))
        message = f"The line has {width[2]} cells, the header {width[1]}."
        return Contract(message, where=f"{path}:{line}", hint="Mend the line.", line=line)
    if ENCODING_ERROR in reason:
        line = _line(path, lambda row: any(not _is_utf8(cell) for cell in row))
        message = "The text is not UTF-8."
        return Contract(message, where=f"{path}:{line}", hint="Save it as UTF-8.", line=line)
    message = f"{path} cannot be read as CSV: {reason}."
    return Contract(message, hint="Mend the file.", file=str(path))


def _line(path: Path, at_fault: Callable[[list[str]], bool]) -> int:
    """Return the number of the first line at fault, 0 where none is found."""
    with _open_text(path) as file:
        reader = csv.reader(file)
        return next((reader.line_num for row in reader if at_fault(row)), 0)


def _is_utf8(cell: str) -> bool:
    """Tell whether a cell was decoded without replacement."""
    return not any("\udc80" <= letter <= "\udcff" for letter in cell)


def _open_text(path: Path) -> TextIO:
    """Open a CSV, packed or not; bytes that are not UTF-8 stay recognisable."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="")
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
