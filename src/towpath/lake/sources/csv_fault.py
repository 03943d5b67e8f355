"""Says which line and cell of a CSV an error is about."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from towpath.core.errors import Contract, Invalid, TowpathError
from towpath.lake.column_types import bound_value
from towpath.lake.sources.csv_form import csv_rows
from towpath.lake.sources.misfit import misfit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from towpath.lake.dataset import Column, Dataset
    from towpath.lake.sources.csv_form import CsvForm, CsvRow
    from towpath.lake.sources.location import StoredFile

NULLS = ["", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None"]
PLACE = re.compile(r"In CSV column #(\d+): ")
VALUE = re.compile(
    r"(?:invalid value|offset in|Error converting|The string) '(.*?)'(?:\. If| to | is not|$)",
    re.DOTALL,
)
WIDTHS = re.compile(r"Expected (\d+) columns, got (\d+)")
RESCALING = "data loss"
TOO_LONG = "straddl"
NO_LISTS = "to list<"
DECIMAL_COMMA = re.compile(r"\s*[+-]?[\d.]*,\d+\s*")


class CsvFile(NamedTuple):
    """A CSV of a dataset.

    Args:
        dataset: its contract.
        file: where it is.
        form: how it is written.
    """

    dataset: Dataset
    file: StoredFile
    form: CsvForm

    def column(self, cells: Sequence[str], place: int) -> Column:
        """Return the contract's column of a cell."""
        return self.dataset.column(cells[place])


def located(reason: str, csv: CsvFile) -> TowpathError:
    """Find the line and cell that an error of Arrow's is about; the file is read again for it."""
    if WIDTHS.search(reason):
        return ragged(csv.file, csv.form, reason)
    place = PLACE.search(reason)
    if NO_LISTS in reason:
        message = f"{csv.file.origin} is a CSV, and a CSV has no lists of numbers."
        return Invalid(message, hint="Use Parquet or JSON Lines.", file=csv.file.origin)
    if place is not None:
        found = _cell_at_fault(csv, int(place[1]), reason)
        if found is not None:
            return found
    if TOO_LONG in reason:
        message = f"{csv.file.origin} has a line of more than 16 MiB."
        return Contract(message, hint="Check where its lines end.", file=csv.file.origin)
    message = f"{csv.file.origin} cannot be read as CSV: {reason}."
    return Contract(message, hint="Mend the file.", file=csv.file.origin)


def repeated_header(csv: CsvFile) -> TowpathError | None:
    """Find a line that is the header again."""
    rows = csv_rows(csv.file, csv.form)
    header = next(rows)
    row = next((one for one in rows if one.cells == header.cells), None)
    return None if row is None else _header_again(csv, row)


def overflow(csv: CsvFile) -> TowpathError | None:
    """Find a number that is too large for a float64, and would become infinite."""
    rows = csv_rows(csv.file, csv.form)
    header = next(rows).cells
    real = [one.name for one in csv.dataset.columns if one.dtype == "float64"]
    places = [header.index(name) for name in real]
    for row in rows:
        for place in places:
            text = row.cells[place].replace(csv.form.decimal_point, ".").strip()
            if text[-1:].isdigit() and math.isinf(float(text)):
                return _cell(csv, row, header, place)
    return None


def ragged(file: StoredFile, form: CsvForm, reason: str) -> TowpathError:
    r"""Find a line with more or fewer cells than the header.

    Args:
        file: the file, which is read again.
        form: how it is written.
        reason: what the reader said, for when no such line is found.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.lake.source_spec import SourceSpec
        >>> from towpath.lake.sources.csv_form import csv_form
        >>> from towpath.lake.sources.location import find_files
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "trips.csv"
        ...     _ = path.write_text("id,fare\n7,1.5\n8\n")
        ...     file = find_files(path.name, path.parent)[0]
        ...     ragged(file, csv_form(file, SourceSpec(path=path.name)), "").message
        'The line has 1 cells, the header 2.'
    """
    rows = csv_rows(file, form)
    header = next(rows).cells
    row = next((one for one in rows if len(one.cells) != len(header)), None)
    if row is None:
        message = f"{file.origin} cannot be read as CSV: {reason}."
        return Contract(message, hint="Mend the file.", file=file.origin)
    message = f"The line has {len(row.cells)} cells, the header {len(header)}."
    hint = "Mend the line; a cell that holds the delimiter or a line end stands in quotes."
    return Contract(message, where=f"{file.origin}:{row.line}", hint=hint, line=row.line)


def _cell_at_fault(csv: CsvFile, place: int, reason: str) -> TowpathError | None:
    """Find the first cell of a column that cannot be converted."""
    rows = csv_rows(csv.file, csv.form)
    header = next(rows).cells
    at_fault = _test(csv.column(header, place), reason, csv.form)
    for row in rows:
        if len(row.cells) > place and at_fault(row.cells[place]):
            return _cell(csv, row, header, place)
    return None


def _test(column: Column, reason: str, form: CsvForm) -> Callable[[str], bool]:
    """Return what tells the cell that an error is about from the others."""
    value = VALUE.search(reason)
    if value is not None:
        text = value[1]
        return lambda cell: cell == text
    if RESCALING not in reason:
        return lambda _: False

    def too_precise(cell: str) -> bool:
        try:
            bound_value(column.dtype, cell.replace(form.decimal_point, ".").strip())
        except Invalid:
            return cell not in NULLS
        return False

    return too_precise


def _cell(csv: CsvFile, row: CsvRow, header: list[str], place: int) -> TowpathError:
    """Say what is wrong with a cell."""
    if row.cells == header:
        return _header_again(csv, row)
    column, text = csv.column(header, place), row.cells[place]
    number = column.dtype == "float64" or column.dtype.startswith("decimal")
    comma = number and csv.form.decimal_point == "." and DECIMAL_COMMA.fullmatch(text)
    hint = "It looks like a decimal comma: tell the source decimal_point: ','." if comma else ""
    return misfit(column, text, where=f"{csv.file.origin}:{row.line}", line=row.line, hint=hint)


def _header_again(csv: CsvFile, row: CsvRow) -> TowpathError:
    """Say that a line is the header once more."""
    message = "The line is the header again."
    where = f"{csv.file.origin}:{row.line}"
    hint = "Remove it; files that are joined keep one header only."
    return Contract(message, where=where, hint=hint, line=row.line)
