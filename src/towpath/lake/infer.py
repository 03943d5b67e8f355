"""Drafts a contract from data, to be read and edited by a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from towpath.core.errors import Contract, Invalid
from towpath.lake.checks.unique import find_copies
from towpath.lake.column_types import arrow_type, dtype_of
from towpath.lake.dataset import Column, Dataset
from towpath.lake.source_spec import SourceSpec
from towpath.lake.sources.csv import CSV_SUFFIXES
from towpath.lake.untyped import read_untyped

if TYPE_CHECKING:
    from typing import Any

    import pyarrow as pa

KEY_TYPES = ("int64", "string")


def infer(source: Path | str | SourceSpec, name: str, *, root: Path = Path()) -> Dataset:
    r"""Draft the contract of files, or of a table or query of a database.

    A column is nullable if a value is missing. A text is a timestamp only where every time has its
    zone; one without is left a string, for nobody but its owner knows the zone. A lone timestamp
    that is never missing becomes the event time. The key is a whole number or string that is never
    missing nor repeated: one named ``id``, or ``..._id``, or the first.

    Decimals are drafted from Parquet and databases: the numbers of a CSV are float64. Ranges and
    lists of values are not drafted, for the next file may hold others.

    Args:
        source: a file, folder, glob or ``s3://`` URL, or a definition that says more; all of the
            files is read, of a database the first 200,000 rows.
        name: the dataset's name.
        root: folder from which paths start.

    Raises:
        NotFound: nothing is there.
        Contract: there are no rows, or they cannot be read.
        Invalid: another kind of file, an illegal column name, or a type without a place in
            contracts.
        Denied: the source may not be read.
        Unavailable: the bucket or database does not answer.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "trips.csv").write_text("trip_id,fare\n7,1.5\n8,\n")
        ...     trips = infer("trips.csv", "trips", root=Path(folder))
        >>> trips.key, trips.column("fare").dtype, trips.column("fare").nullable
        (('trip_id',), 'float64', True)
    """
    if isinstance(source, Path):
        source = source.as_posix()
    spec = SourceSpec(path=source) if isinstance(source, str) else source
    table = read_untyped(spec, root)
    origin = spec.path or spec.table or "The query"
    if table.num_rows == 0:
        message = f"{origin} has no rows."
        raise Contract(message, hint="Draft the contract from a source with data.", file=origin)
    text = spec.path.lower().endswith(CSV_SUFFIXES)
    columns = tuple(_column(origin, field, table, text=text) for field in table.schema)
    times = [one.name for one in columns if one.dtype == "timestamp" and not one.nullable]
    plain = spec == SourceSpec(path=spec.path or "-")
    return Dataset(
        name,
        columns,
        key=_key(columns, table),
        event_time=times[0] if len(times) == 1 else "",
        source=spec.path if plain else spec,
    )


def _column(origin: str, field: pa.Field[Any], table: pa.Table, *, text: bool) -> Column:
    """Draft one column; in a text anything without a type of its own is a string."""
    dtype = dtype_of(field.type) or ("string" if text else "")
    if not dtype:
        message = f"Column {field.name!r} of {origin} is {field.type}, which no contract can name."
        raise Invalid(message, hint="Convert it; give times without a zone their zone.")
    return Column(field.name, dtype, nullable=table[field.name].null_count > 0)


def _key(columns: tuple[Column, ...], table: pa.Table) -> tuple[str, ...]:
    """Name the column that identifies a row, if there is such."""
    kinds = {
        one.name: arrow_type(one.dtype)
        for one in columns
        if one.dtype in KEY_TYPES and not one.nullable
    }
    likely = sorted(kinds, key=lambda name: (name != "id", not name.endswith("_id")))
    for name in likely:
        # An uint64 may not fit, but stays apart from the others.
        values = table[name].cast(kinds[name], safe=False)
        if not len(find_copies([values]).rows):
            return (name,)
    return ()
