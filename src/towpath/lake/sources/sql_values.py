"""Values as a database's driver gives them, as Arrow arrays."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyarrow as pa

from towpath.core.errors import Contract, TowpathError
from towpath.lake.column_types import arrow_type, is_text
from towpath.lake.sources.misfit import MEND, misfit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.lake.dataset import Column

# SQLite keeps these as text.
READ_FROM_TEXT = ("decimal", "timestamp", "date")
EXPECTED: dict[str, tuple[type, ...]] = {
    "bool": (bool, int),
    "int64": (int, float),
    "float64": (int, float),
    "decimal": (int, Decimal, str),
    "string": (str,),
    "timestamp": (datetime, str),
    "date": (date, str),
    "binary": (bytes,),
    "list<float64>": (list,),
}
MISFITS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError)


def array_of(values: Sequence[Any], column: Column, *, origin: str, seen: int = 0) -> pa.Array[Any]:
    """Make an array of a column's values, in the type that they have.

    Where the contract says timestamp, date or decimal, text is read as such; where it says bool,
    so are 0 and 1, and where it says string, so are UUIDs: not every database has these types.

    Args:
        values: what the driver gave.
        column: the contract's column.
        origin: what messages call the table or query.
        seen: rows that were fetched before.

    Raises:
        Contract: a value is of another type than the others.
        Invalid: the text of a time has no zone.

    Example:
        >>> from towpath.lake.dataset import Column
        >>> array_of(["1.50", None], Column("fare", "decimal(9,2)"), origin="rows")[0].as_py()
        Decimal('1.50')
    """
    try:
        return _array(values, column)
    except MISFITS as error:
        raise _misfit(values, column, (origin, seen), str(error)) from error


def _array(values: Sequence[Any], column: Column) -> pa.Array[Any]:
    """Make the array, or let Arrow say why not."""
    kind = column.dtype.partition("(")[0]
    known = next((one for one in values if one is not None), None)
    if kind == "string" and isinstance(known, UUID):
        values = [None if one is None else str(one) for one in values]
    if kind == "bool" and type(known) is int:
        values = [None if one is None else _flag(one) for one in values]
    found: pa.Array[Any] = pa.array(values)
    texts = kind in READ_FROM_TEXT and is_text(found.type)
    return found.cast(arrow_type(column.dtype)) if texts else found


def _flag(value: object) -> bool:
    """Return what 0 or 1 stands for."""
    if value not in {0, 1}:
        message = f"{value} is neither 0 nor 1"
        raise pa.ArrowInvalid(message)
    return bool(value)


def _misfit(
    values: Sequence[Any], column: Column, place: tuple[str, int], reason: str
) -> TowpathError:
    """Find the first value that is not of the column's type."""
    expected = EXPECTED[column.dtype.partition("(")[0]]
    for row, value in enumerate(values, start=place[1] + 1):
        if value is None:
            continue
        try:
            _array([value], column)
            fits = isinstance(value, expected)
        except MISFITS:
            fits = False
        if not fits:
            return misfit(column, str(value), where=f"{place[0]}, row {row}", line=row)
    message = f"Column {column.name!r} of {place[0]} is not {column.dtype}: {reason}."
    return Contract(message, hint=MEND, column=column.name)
