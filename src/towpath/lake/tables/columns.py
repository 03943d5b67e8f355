"""Which columns a write may bring: those that are stored, in their types, and new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from towpath.core.errors import Conflict, Invalid
from towpath.lake.tables import SEQUENCE

if TYPE_CHECKING:
    from collections.abc import Callable

WHOLE = "Ingest it whole, with mode overwrite, to change its columns."
SAME: tuple[Callable[[pa.DataType], bool], ...] = (
    pa.types.is_boolean,
    pa.types.is_signed_integer,
    pa.types.is_float32,
    pa.types.is_float64,
    pa.types.is_date32,
    pa.types.is_decimal128,
)
SIMILAR: tuple[tuple[Callable[[pa.DataType], bool], pa.DataType], ...] = (
    (pa.types.is_unsigned_integer, pa.int64()),
    (pa.types.is_float16, pa.float32()),
    (pa.types.is_date64, pa.date32()),
    (pa.types.is_string, pa.string()),
    (pa.types.is_large_string, pa.string()),
    (pa.types.is_string_view, pa.string()),
    (pa.types.is_binary, pa.binary()),
    (pa.types.is_large_binary, pa.binary()),
    (pa.types.is_fixed_size_binary, pa.binary()),
)


def storable(dataset: str, schema: pa.Schema) -> pa.Schema:
    """Return the columns as a Delta table keeps them: all nullable, times in microseconds.

    Raises:
        Invalid: a column has a type that no Delta table holds, is there twice, or is ``_seq``; it
            is named.

    Example:
        >>> storable("trips", pa.schema([("id", pa.int64()), ("note", pa.large_string())]))
        id: int64
        note: string
    """
    for name in schema.names:
        if name == SEQUENCE or schema.names.count(name) > 1:
            what = "is given by the lake" if name == SEQUENCE else "is there twice"
            message = f"Column {name!r} of the rows for dataset {dataset!r} {what}."
            raise Invalid(message, hint="Leave it out.", dataset=dataset, column=name)
    return pa.schema(
        [pa.field(field.name, _storable(dataset, field, field.type)) for field in schema]
    )


def _storable(dataset: str, field: pa.Field[Any], kind: pa.DataType) -> pa.DataType:
    """Return the type that a value of this type is stored in."""
    if any(known(kind) for known in SAME):
        return kind
    for known, stored in SIMILAR:
        if known(kind):
            return stored
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", None if kind.tz is None else "UTC")
    if pa.types.is_dictionary(kind):
        return _storable(dataset, field, kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_storable(dataset, field, kind.value_type))
    message = f"Column {field.name!r} of dataset {dataset!r} cannot be stored as {kind}."
    hint = "Give it one of the types that a contract knows."
    raise Invalid(message, hint=hint, dataset=dataset, column=field.name)


def evolved(dataset: str, stored: pa.Schema, given: pa.Schema) -> pa.Schema:
    """Return the stored columns and after them those that the given rows bring.

    Args:
        dataset: for messages.
        stored: the columns in the table, without ``_seq``.
        given: the storable columns of the rows.

    Raises:
        Conflict: a column is missing from the rows or has another type; it is named.

    Example:
        >>> old, new = pa.schema([("a", pa.int64())]), pa.schema([("b", pa.string())])
        >>> evolved("trips", old, pa.schema([*new, *old])).names
        ['a', 'b']
    """
    for field in stored:
        place = given.get_field_index(field.name)
        if place < 0:
            what = f"is stored with column {field.name!r}, which the rows lack"
            raise _conflict(dataset, what, field.name, "removed")
        kind = given.field(place).type
        if kind != field.type:
            what = f"stores column {field.name!r} as {field.type}, not as {kind}"
            raise _conflict(dataset, what, field.name, "type")
    return pa.schema([*stored, *(field for field in given if field.name not in stored.names)])


def without_sequence(schema: pa.Schema) -> pa.Schema:
    """Return the columns that a write gives."""
    return pa.schema([field for field in schema if field.name != SEQUENCE])


def sequenced(schema: pa.Schema) -> pa.Schema:
    """Return the columns of a data file: those of a write, then ``_seq``."""
    return schema.append(pa.field(SEQUENCE, pa.int64()))


def ordered(schema: pa.Schema) -> pa.Schema:
    """Return stored columns with ``_seq`` as the last, wherever the log has it."""
    return schema if SEQUENCE not in schema.names else sequenced(without_sequence(schema))


def fitted(dataset: str, rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Bring rows into the order and types of a table's columns.

    Raises:
        Invalid: a value does not fit its column.
    """
    try:
        return rows.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, KeyError) as error:
        message = f"The rows for dataset {dataset!r} do not fit its columns: {error}."
        hint = "Give every piece the same columns, and values that microseconds and int64 hold."
        raise Invalid(message, hint=hint, dataset=dataset) from error


def _conflict(dataset: str, what: str, column: str, change: str) -> Conflict:
    """Refuse a change of columns."""
    message = f"Dataset {dataset!r} {what}."
    return Conflict(message, hint=WHOLE, dataset=dataset, column=column, change=change)
