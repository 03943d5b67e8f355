"""Rows of a dataset as clients push them: columns or rows in JSON, or an Arrow stream."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, cast

import msgspec
import pyarrow as pa

from towpath.core.errors import Invalid
from towpath.lake.column_types import arrow_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from towpath.lake.dataset import Column, Dataset

# What Feast's client names the event time and the time of writing.
EVENT_TIME, CREATED = "event_timestamp", "created"
# A time that is no time of this world is an error of the operating system.
WRONG = (pa.ArrowInvalid, pa.ArrowTypeError, ArithmeticError, OSError, TypeError, ValueError)
# Names of columns may be no UTF-8 either.
UNREADABLE = (pa.ArrowException, OSError, UnicodeDecodeError)
STREAM_HINT = "Send what pyarrow.ipc.new_stream writes."
NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def table_of(dataset: Dataset, columns: Mapping[str, Sequence[object]]) -> pa.Table:
    """Return rows that are given by column in JSON, in the contract's types.

    The event time may be called ``event_timestamp``, and a column ``created`` is passed over, as
    Feast's client sends them.

    Raises:
        Invalid: columns of different lengths, or a value of another type.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("km", "float64"), Column("at", "timestamp")),
        ...                 event_time="at")
        >>> rows = {"km": [5], "event_timestamp": ["2026-01-01T00:00:00"]}
        >>> table_of(trips, rows)["km"].to_pylist()
        [5.0]
    """
    known = {one.name: one for one in dataset.columns}
    arrays: dict[str, pa.Array[pa.Scalar[pa.DataType]]] = {}
    for given, values in columns.items():
        name = given
        if given not in known and given == EVENT_TIME:
            name = dataset.event_time
        elif given not in known and given == CREATED:
            continue
        if name in arrays:
            message = f"The event time is given twice, as {name!r} and as {given!r}."
            raise Invalid(message, hint="Give one of them.")
        arrays[name] = _array(known[name], values) if name in known else pa.nulls(len(values))
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
        message = f"The columns have different numbers of values: {shown}."
        raise Invalid(message, hint="Give a value of each column for each row.")
    return pa.table(arrays)


def columns_of(rows: Sequence[Mapping[str, object]]) -> dict[str, list[object]]:
    """Return rows by column, None where one has no such value.

    Example:
        >>> columns_of([{"a": 1}, {"b": 2}])
        {'a': [1, None], 'b': [None, 2]}
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def stream_of(body: bytes) -> pa.Table:
    """Return the rows of an Arrow stream.

    Raises:
        Invalid: it is none, or its bytes are not what its columns' types say, such as UTF-8.
    """
    try:
        found = pa.ipc.open_stream(body).read_all()
        names = found.column_names
    except UNREADABLE as error:
        message = f"The body is no Arrow stream: {error}."
        raise Invalid(message, hint=STREAM_HINT) from None
    for name, column in zip(names, found.columns, strict=True):
        try:
            column.validate(full=True)
        except UNREADABLE as error:
            message = f"The column {name!r} of the Arrow stream is damaged: {error}."
            raise Invalid(message, hint=STREAM_HINT) from None
    return found


def _array(column: Column, values: Sequence[object]) -> pa.Array[pa.Scalar[pa.DataType]]:
    """Return one column in its type."""
    read = READERS.get(column.dtype.partition("(")[0], _as_given)
    try:
        plain = [None if one is None else read(one) for one in values]
        return pa.array(cast("list[str | None]", plain), arrow_type(column.dtype))
    except WRONG as error:
        message = f"The column {column.name!r} is not {column.dtype}: {error}."
        raise Invalid(message, hint=f"Give values of type {column.dtype}.") from None


def _as_given(value: object) -> object:
    """Leave a value to Arrow."""
    return value


def _instant(value: object) -> datetime:
    """Read a time; without zone, or in seconds since 1970, as Feast's client writes it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    found = datetime.fromisoformat(cast("str", value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _date(value: object) -> date:
    """Read a date."""
    return date.fromisoformat(cast("str", value))


def _whole(value: object) -> int:
    """Read a whole number, which Arrow would cut from any other."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise TypeError(f"{value!r} is no whole number")
    return int(value)


def _real(value: object) -> float:
    """Read a number, or the name of what is none."""
    found = NUMBERS.get(value, value) if isinstance(value, str) else value
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise TypeError(f"{value!r} is no number")
    return float(found)


def _decimal(value: object) -> Decimal:
    """Read a decimal from its text."""
    return Decimal(cast("str", value))


READERS: dict[str, Callable[[object], object]] = {
    "timestamp": _instant,
    "date": _date,
    "int64": _whole,
    "float64": _real,
    "decimal": _decimal,
    "binary": lambda value: msgspec.convert(value, bytes),
}
