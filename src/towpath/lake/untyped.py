"""Rows of files and databases in the types that their values suggest, before any contract."""

from __future__ import annotations

import os
import re
from typing import IO, TYPE_CHECKING, Any, cast
from uuid import UUID

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from towpath.core.errors import Contract, Invalid
from towpath.lake.sources.csv import CSV_SUFFIXES, check_quotes, empty_text_to_null
from towpath.lake.sources.csv_fault import NULLS, ragged
from towpath.lake.sources.csv_form import csv_form, read_header
from towpath.lake.sources.location import KINDS, find_files
from towpath.lake.sources.packed import unpacked
from towpath.lake.sources.quotes import Quotes
from towpath.lake.sources.text import CheckedText

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from towpath.lake.source_spec import SourceSpec
    from towpath.lake.sources.location import StoredFile

PARQUET = ".parquet"
MOMENT, DAY = pa.timestamp("us", "UTC"), pa.date32()
FETCHED_ROWS = 200_000
DIGITS = 18
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
MISFITS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError)


def read_untyped(spec: SourceSpec, root: Path) -> pa.Table:
    r"""Read rows of any source; of a database at most 200,000.

    Args:
        spec: files or a database.
        root: folder from which paths start.

    Raises:
        NotFound: nothing is there.
        Contract: it cannot be read; file and line are named where there are such.
        Invalid: another kind of file.
        Denied: it may not be read.
        Unavailable: the bucket or database does not answer.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.lake.source_spec import SourceSpec
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "trips.jsonl").write_text('{"id": 7, "day": "2024-01-01"}\n')
        ...     read_untyped(SourceSpec(path="trips.jsonl"), Path(folder)).schema.field("day").type
        DataType(date32[day])
    """
    if spec.kind == "database":
        return _database(spec, root)
    tables = []
    for file in find_files(spec.path, root.absolute()):
        if not file.path.lower().endswith(KINDS):
            message = f"{file.origin} is neither CSV, JSON Lines nor Parquet."
            hint = "Name it .csv, .tsv or .jsonl, with .gz or .zip if packed, or .parquet."
            raise Invalid(message, hint=hint, file=file.origin)
        tables.append(_file(file, spec))
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        message = f"The files of {spec.path} have columns of several types: {error}."
        hint = "Draft the contract from one of them."
        raise Contract(message, hint=hint, file=spec.path) from error


def _file(file: StoredFile, spec: SourceSpec) -> pa.Table:
    """Read one file."""
    name = file.path.lower()
    if name.endswith(CSV_SUFFIXES):
        return _csv(file, spec)
    if not name.endswith(PARQUET):
        return _json_lines(file, spec)
    try:
        return pq.read_table(file.path, filesystem=file.filesystem, partitioning=None)
    except (OSError, pa.ArrowInvalid) as error:
        message = f"{file.origin} cannot be read: {error}."
        raise Contract(message, hint="Mend the file.", file=file.origin) from error


def _csv(file: StoredFile, spec: SourceSpec) -> pa.Table:
    """Read a CSV, packed or not."""
    form = csv_form(file, spec)
    read_header(file, form)
    quotes = Quotes(form.delimiter)
    with unpacked(file) as raw:
        text = CheckedText(raw, file.origin, encoding=form.encoding, watch=quotes.see)
        try:
            table = arrow_csv.read_csv(
                cast("IO[Any]", text),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=form.delimiter, newlines_in_values=True
                ),
                convert_options=arrow_csv.ConvertOptions(
                    null_values=NULLS, decimal_point=form.decimal_point
                ),
            )
        except pa.ArrowInvalid as error:
            check_quotes(file, form, quotes)
            raise ragged(file, form, str(error)) from error
    check_quotes(file, form, quotes)
    return empty_text_to_null(table)


def _json_lines(file: StoredFile, spec: SourceSpec) -> pa.Table:
    """Read JSON Lines, packed or not."""
    rows = []
    with unpacked(file) as raw:
        text = CheckedText(raw, file.origin, encoding=spec.encoding).read()
    for number, line in enumerate(text.split(b"\n"), start=1):
        if line and not line.isspace():
            rows.append(_object(line, f"{file.origin}:{number}"))
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: _typed([row.get(name) for row in rows], name, file.origin) for name in names}
    return pa.table(columns)


def _object(line: bytes, where: str) -> dict[str, object]:
    """Read one line."""
    try:
        return msgspec.json.decode(line, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError) as error:
        message = f"The line is no JSON object: {error}."
        raise Contract(message, where=where, hint="Mend the line.") from error


def _database(spec: SourceSpec, root: Path) -> pa.Table:
    """Fetch the first rows of a table or query."""
    # Its library costs half a second to load, which only databases need.
    from towpath.lake.sources.sql import Selection, SqlDatabase

    database = SqlDatabase(spec.url, root, os.environ)
    query = spec.query or f"SELECT * FROM {_quoted(spec.table)}"  # noqa: S608 - checked names
    names: list[str] = []
    rows: list[Sequence[object]] = []
    fetching = database.fetch(Selection("", query, (), (), None))
    for found, some in fetching:
        names = found
        rows += some
        if len(rows) >= FETCHED_ROWS:
            break
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    arrays = [
        _typed(values, name, database.name) for name, values in zip(names, columns, strict=True)
    ]
    return pa.Table.from_arrays(arrays, names=names)


def _quoted(table: str) -> str:
    """Write a table's name, with its schema if there is one, as SQL."""
    parts = table.split(".")
    for part in parts:
        if not NAME.fullmatch(part):
            message = f"{table!r} is no plain name of a table."
            raise Invalid(message, hint="Give a query that reads it: --query 'SELECT ...'")
    return ".".join(f'"{part}"' for part in parts)


def _typed(values: Sequence[object], name: str, origin: str) -> pa.Array[Any]:
    """Make an array; texts that all are times with a zone, or days, are taken for such."""
    plain = [str(one) if isinstance(one, UUID) else one for one in values]
    try:
        found: pa.Array[Any] = pa.array(plain)
    except MISFITS as error:
        message = f"Column {name!r} of {origin} holds values of several types: {error}."
        raise Contract(message, hint="Mend the data.", column=name) from error
    if pa.types.is_decimal(found.type):
        # Room for larger amounts than those seen.
        return found.cast(pa.decimal128(max(found.type.precision, DIGITS), found.type.scale))
    if not pa.types.is_string(found.type):
        return found
    for kind in (MOMENT, DAY):
        try:
            return found.cast(kind)
        except pa.ArrowInvalid:
            continue
    return found
