"""JSON Lines, packed or not, as Arrow tables in a contract's types."""

from __future__ import annotations

from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from towpath.lake.contract import arrow_schema
from towpath.lake.sources.json_fault import (
    MISFITS,
    JsonLine,
    converted,
    line_fault,
    long_line,
    value_fault,
)
from towpath.lake.sources.packed import unpacked
from towpath.lake.sources.text import CHUNK_BYTES, CheckedText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.lake.dataset import Dataset
    from towpath.lake.source_spec import SourceSpec
    from towpath.lake.sources.location import StoredFile

TABLE_ROWS = 50_000
TABLE_BYTES = 32 << 20
KINDS: dict[str, Any] = {
    "bool": bool,
    # Some write a whole number as 1.0.
    "int64": int | float,
    "float64": float,
    "decimal": Decimal,
    "string": str,
    # Read by Arrow, which refuses what it would have to round.
    "timestamp": str,
    "date": str,
    "binary": bytes,
    "list<float64>": list[float | None],
}
# No line may be longer.
LINE_BYTES = 16 << 20


def read_json_lines(dataset: Dataset, file: StoredFile, spec: SourceSpec) -> Iterator[pa.Table]:
    r"""Read JSON Lines in the contract's types: an object a line, its fields named as the columns.

    A field that is not there is missing, as is ``null``. Times are text with their zone, dates
    text, decimals numbers or text, bytes text in base64.

    Raises:
        Contract: the file does not fit the contract; file, line, column and value are named.
        Invalid: a time without a zone.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.lake.dataset import Column, Dataset
        >>> from towpath.lake.source_spec import SourceSpec
        >>> from towpath.lake.sources.location import find_files
        >>> trips = Dataset("trips", (Column("id", "int64", nullable=True),))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "trips.jsonl"
        ...     _ = path.write_text('{"id": 7}\n{}\n')
        ...     file = find_files(path.name, path.parent)[0]
        ...     tables = read_json_lines(trips, file, SourceSpec(path=path.name))
        ...     [table["id"].to_pylist() for table in tables]
        [[7, None]]
    """
    decoder = msgspec.json.Decoder(_row_type(dataset))
    with unpacked(file) as raw:
        text = CheckedText(raw, file.origin, encoding=spec.encoding)
        for lines in _gathered(_lines(text, file.origin)):
            rows = [_decoded(dataset, decoder, line) for line in lines]
            yield _table(dataset, rows, lines)


def _gathered(lines: Iterator[JsonLine]) -> Iterator[list[JsonLine]]:
    """Gather as many lines as make a table."""
    waiting: list[JsonLine] = []
    size = 0
    for line in lines:
        waiting.append(line)
        size += len(line.text)
        if len(waiting) == TABLE_ROWS or size > TABLE_BYTES:
            yield waiting
            waiting, size = [], 0
    if waiting:
        yield waiting


def _decoded(dataset: Dataset, decoder: msgspec.json.Decoder[Any], line: JsonLine) -> Any:  # noqa: ANN401 - a row of any columns
    """Decode a line, or say why it cannot be."""
    try:
        return decoder.decode(line.text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise line_fault(dataset, line, str(error)) from error


def _row_type(dataset: Dataset) -> type[msgspec.Struct]:
    """Make the type that a line is decoded into: strict, and without unknown fields."""
    fields = [
        (f"c{place}", KINDS[column.dtype.partition("(")[0]] | None, None)
        for place, column in enumerate(dataset.columns)
    ]
    names = {f"c{place}": name for place, name in enumerate(dataset.names)}
    return msgspec.defstruct("Row", fields, rename=names, forbid_unknown_fields=True, gc=False)


def _lines(text: CheckedText, origin: str) -> Iterator[JsonLine]:
    """Cut the text into lines; empty ones are left out."""
    number, rest = 0, b""
    while chunk := text.read(CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            number += 1
            if line and not line.isspace():
                yield JsonLine(origin, number, line)
        if len(rest) > LINE_BYTES:
            raise long_line(origin, number + 1)
    if rest and not rest.isspace():
        yield JsonLine(origin, number + 1, rest)


def _table(dataset: Dataset, rows: list[Any], lines: list[JsonLine]) -> pa.Table:
    """Turn rows into columns."""
    columns = []
    for place, field in enumerate(arrow_schema(dataset)):
        values = list(map(attrgetter(f"c{place}"), rows))
        try:
            columns.append(converted(values, field.type))
        except MISFITS as error:
            raise value_fault(dataset.columns[place], values, lines) from error
    return pa.table(columns, schema=arrow_schema(dataset))
