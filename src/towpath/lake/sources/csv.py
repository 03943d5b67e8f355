"""CSV, packed or not, as Arrow tables in a contract's types."""

from __future__ import annotations

from functools import reduce
from typing import IO, TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from towpath.core.errors import Contract
from towpath.lake.contract import arrow_schema, check_names
from towpath.lake.source_spec import DELIMITERS
from towpath.lake.sources.csv_fault import NULLS, CsvFile, located, overflow, repeated_header
from towpath.lake.sources.csv_form import csv_form, csv_rows, read_header
from towpath.lake.sources.packed import unpacked
from towpath.lake.sources.quotes import Quotes
from towpath.lake.sources.text import CheckedText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.lake.dataset import Dataset
    from towpath.lake.source_spec import SourceSpec
    from towpath.lake.sources.csv_form import CsvForm
    from towpath.lake.sources.location import StoredFile

CSV_SUFFIXES = tuple(
    f"{kind}{packing}" for kind in (".csv", ".tsv") for packing in ("", ".gz", ".zip")
)
# No line may be longer.
BLOCK_BYTES = 16 << 20
NO_ROWS = "Empty CSV file"


def read_csv(dataset: Dataset, file: StoredFile, spec: SourceSpec) -> Iterator[pa.Table]:
    """Read a CSV in the contract's types, block by block.

    An empty cell is missing; in columns other than strings so are NA, NaN, null and None.

    Raises:
        Contract: the file does not fit the contract; file, line, column and value are named.
        Invalid: a time without a zone, or a column of lists.
    """
    csv = CsvFile(dataset, file, csv_form(file, spec))
    _check_header(csv, read_header(file, csv.form))
    quotes = Quotes(csv.form.delimiter)
    settled = False
    with unpacked(file) as raw:
        stream = CheckedText(raw, file.origin, encoding=csv.form.encoding, watch=quotes.see)
        try:
            for batch in _batches(stream, csv):
                table = empty_text_to_null(pa.Table.from_batches([batch]))
                _check_repetition(csv, table)
                settled = settled or _check_overflow(csv, table)
                yield table
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            check_quotes(file, csv.form, quotes)
            if NO_ROWS not in str(error):
                raise located(str(error), csv) from error
    check_quotes(file, csv.form, quotes)


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


def check_quotes(file: StoredFile, form: CsvForm, quotes: Quotes) -> None:
    """Refuse quotes out of place; each line is looked at where there may be one.

    Raises:
        Contract: a quote is never closed, or closed in the middle of a cell.
    """
    if quotes.doubtful:
        for _ in csv_rows(file, form, strict=True):
            pass


def _batches(stream: CheckedText, csv: CsvFile) -> Iterator[pa.RecordBatch]:
    """Let Arrow read the text."""
    return iter(
        arrow_csv.open_csv(
            cast("IO[Any]", stream),
            read_options=arrow_csv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=arrow_csv.ParseOptions(
                delimiter=csv.form.delimiter, newlines_in_values=True
            ),
            convert_options=arrow_csv.ConvertOptions(
                check_utf8=False,
                column_types=arrow_schema(csv.dataset),
                include_columns=list(csv.dataset.names),
                null_values=NULLS,
                decimal_point=csv.form.decimal_point,
            ),
        )
    )


def _check_header(csv: CsvFile, header: list[str]) -> None:
    """Refuse other columns than the contract's, and say if only the delimiter is another."""
    known = set(csv.dataset.names)
    for delimiter in DELIMITERS:
        other = set(read_header(csv.file, csv.form.replace(delimiter=delimiter)))
        if not known & set(header) and known & other:
            message = f"The cells of {csv.file.origin} look as if {delimiter!r} stood between them."
            hint = f"Tell the source so: delimiter: {delimiter!r}."
            where = f"{csv.file.origin}:1"
            raise Contract(message, where=where, hint=hint, delimiter=delimiter)
    check_names(csv.dataset, header, origin=csv.file.origin)


def _check_repetition(csv: CsvFile, table: pa.Table) -> None:
    """Refuse a row that is the header again; where a column is not text, Arrow does."""
    texts = all(pa.types.is_string(field.type) for field in table.schema)
    if not texts or table.num_columns == 1:
        return
    masks = (pc.equal(table[name], pa.scalar(name)) for name in table.column_names)
    if pc.any(reduce(pc.and_, masks)).as_py():
        found = repeated_header(csv)
        if found is not None:
            raise found


def _check_overflow(csv: CsvFile, table: pa.Table) -> bool:
    """Refuse numbers that became infinite; return whether the whole file was searched for them."""
    infinite = [
        field.name
        for field in table.schema
        if pa.types.is_floating(field.type) and pc.any(pc.is_inf(table[field.name])).as_py()
    ]
    if not infinite:
        return False
    found = overflow(csv)
    if found is not None:
        raise found
    return True
