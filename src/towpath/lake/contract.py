"""Brings tables to the columns and types of a contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.errors import Contract, Invalid, did_you_mean
from towpath.lake.column_types import arrow_type, is_bytes, is_number_list, is_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from towpath.lake.dataset import Column, Dataset

    Values = pa.ChunkedArray[Any]


def _is_number(dtype: pa.DataType) -> bool:
    """Tell whether values are whole or real numbers."""
    return bool(_is_exact(dtype) or pa.types.is_floating(dtype))


def _is_exact(dtype: pa.DataType) -> bool:
    """Tell whether values are whole numbers or decimals."""
    return bool(pa.types.is_integer(dtype) or pa.types.is_decimal(dtype))


ACCEPTED: dict[str, Callable[[pa.DataType], bool]] = {
    "bool": pa.types.is_boolean,
    "int64": _is_number,
    "float64": _is_number,
    "decimal": _is_exact,
    "string": is_text,
    "timestamp": pa.types.is_timestamp,
    "date": pa.types.is_date,
    "binary": is_bytes,
    "list<float64>": is_number_list,
}
# An int64 has at most this many digits.
INT_DIGITS = 19


def arrow_schema(dataset: Dataset) -> pa.Schema:
    """Return the contract's columns as an Arrow schema.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> arrow_schema(Dataset("trips", (Column("at", "timestamp"),))).field("at").type
        TimestampType(timestamp[us, tz=UTC])
    """
    return pa.schema([(column.name, arrow_type(column.dtype)) for column in dataset.columns])


def check_names(dataset: Dataset, names: Iterable[str], *, origin: str) -> None:
    """Refuse columns that are missing, unknown or given twice.

    Raises:
        Contract: the names are not those of the contract.
    """
    given = list(names)
    for name in given:
        if name not in dataset.names:
            message = f"{origin} has the column {name!r}, dataset {dataset.name!r} has not."
            raise Contract(message, hint=did_you_mean(name, dataset.names), column=name)
        if given.count(name) > 1:
            message = f"{origin} has the column {name!r} twice."
            raise Contract(message, hint="Remove or rename one of the two.", column=name)
    for name in dataset.names:
        if name not in given:
            message = f"{origin} lacks the column {name!r} of dataset {dataset.name!r}."
            hint = "Add it to the data, or take it out of the contract."
            raise Contract(message, hint=hint, column=name)


def conform(dataset: Dataset, table: pa.Table, *, origin: str) -> pa.Table:
    """Return the table with the contract's columns, in order, in the contract's types.

    A NaN is a missing value. Nothing is rounded, cut or read from text.

    Raises:
        Contract: columns or types are not those of the contract.
        Invalid: a timestamp has no time zone.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("miles", "float64", nullable=True),))
        >>> rows = pa.table({"miles": [1.5, float("nan")]})
        >>> conform(trips, rows, origin="rows")["miles"].to_pylist()
        [1.5, None]
    """
    check_names(dataset, table.column_names, origin=origin)
    columns = [_cast(column, table[column.name], origin) for column in dataset.columns]
    return pa.Table.from_arrays(columns, schema=arrow_schema(dataset))


def _cast(column: Column, values: Values, origin: str) -> Values:
    """Bring one column to the contract's type without changing a value."""
    given, wanted = values.type, arrow_type(column.dtype)
    where = f"Column {column.name!r} of {origin}"
    if pa.types.is_null(given):
        return values.cast(wanted)
    if not ACCEPTED[column.dtype.partition("(")[0]](given):
        message = f"{where} is {given}, the contract says {column.dtype}."
        raise Contract(message, hint="Convert the data or mend the contract.", column=column.name)
    if pa.types.is_timestamp(given) and given.tz is None:
        message = f"{where} holds times without a time zone."
        hint = "Give them one, such as UTC, before they are ingested."
        raise Invalid(message, hint=hint, column=column.name)
    if pa.types.is_floating(given):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, given), values)
    if pa.types.is_integer(given) and pa.types.is_decimal(wanted):
        # Straight to the contract's digits is refused even where every value fits.
        values = values.cast(pa.decimal256(INT_DIGITS + wanted.scale, wanted.scale))
    try:
        return values.cast(wanted)
    except pa.ArrowInvalid as error:
        message = f"{where} does not fit {column.dtype}: {error}."
        hint = "Convert the data or mend the contract."
        raise Contract(message, hint=hint, column=column.name) from error
