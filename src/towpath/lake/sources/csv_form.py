"""How the text of a CSV stands for cells, and its rows one by one."""

from __future__ import annotations

import csv
import io
import sys
from typing import TYPE_CHECKING, NamedTuple

from towpath.core.errors import Contract
from towpath.core.record import Record
from towpath.lake.sources.packed import unpacked
from towpath.lake.sources.text import CHUNK_BYTES, CheckedText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.lake.source_spec import SourceSpec
    from towpath.lake.sources.location import StoredFile

BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"


class CsvForm(Record, frozen=True):
    """How cells are written.

    Args:
        delimiter: what stands between two.
        decimal_point: what stands before the decimals.
        encoding: how the text is written in bytes.
    """

    delimiter: str = ","
    decimal_point: str = "."
    encoding: str = "utf-8"


class CsvRow(NamedTuple):
    """A row of text.

    Args:
        line: number of its first line, from 1.
        cells: what it holds.
    """

    line: int
    cells: list[str]


def csv_form(file: StoredFile, spec: SourceSpec) -> CsvForm:
    r"""Say how a file is written, by its name where its source does not say.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.lake.source_spec import SourceSpec
        >>> from towpath.lake.sources.location import find_files
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "trips.tsv"
        ...     _ = path.write_text("id")
        ...     file = find_files(path.name, path.parent)[0]
        ...     csv_form(file, SourceSpec(path=path.name)).delimiter
        '\t'
    """
    usual = "\t" if ".tsv" in file.path.lower().rpartition("/")[2] else ","
    return CsvForm(spec.delimiter or usual, spec.decimal_point, spec.encoding)


def read_header(file: StoredFile, form: CsvForm) -> list[str]:
    """Return the names in the first line of a CSV.

    Raises:
        Contract: the file is empty, or its start is no text of the encoding.
    """
    with unpacked(file) as stream:
        start = CheckedText(stream, file.origin, encoding=form.encoding).read(CHUNK_BYTES)
    text = start.decode("utf-8", errors="ignore")
    header = next(csv.reader(io.StringIO(text, newline=""), delimiter=form.delimiter), [])
    if not header:
        message = f"{file.origin} is empty."
        hint = "A CSV starts with a line of column names."
        raise Contract(message, hint=hint, file=file.origin)
    return header


def csv_rows(file: StoredFile, form: CsvForm, *, strict: bool = False) -> Iterator[CsvRow]:
    """Read a CSV row by row, the header too; empty lines are left out.

    This takes ten times as long as Arrow and is for finding the line of an error.

    Args:
        file: the file.
        form: how it is written.
        strict: whether quotes out of place are an error.

    Raises:
        Contract: a quote is never closed, or closed in the middle of a cell.
    """
    # A limit for all of the process, so it is put back.
    limit = csv.field_size_limit(sys.maxsize)
    try:
        with unpacked(file) as stream:
            text = io.TextIOWrapper(stream, encoding=form.encoding, errors="replace", newline="")
            yield from _numbered(text, form, file.origin, strict=strict)
    finally:
        csv.field_size_limit(limit)


def _numbered(
    text: io.TextIOWrapper, form: CsvForm, origin: str, *, strict: bool
) -> Iterator[CsvRow]:
    """Give each row the number of its first line."""
    reader = csv.reader(text, delimiter=form.delimiter, strict=strict)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            open_ = "unexpected end" in str(error)
            what = "is never closed" if open_ else "is closed in the middle of a cell"
            message = f"A quote that is opened in this line {what}."
            hint = 'Write a quote inside of quotes twice: "".'
            raise Contract(message, where=f"{origin}:{line}", hint=hint, line=line) from error
        if line == 1:
            cells[:1] = [one.removeprefix(BYTE_ORDER_MARK) for one in cells[:1]]
        if cells:
            yield CsvRow(line, cells)
