"""Columns of keys as Feast's clients send them: checked, and read as the types they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from towpath.core.errors import Invalid, TowpathError, did_you_mean
from towpath.core.instant import parse_instant, to_micros

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.features.server.source import Given
    from towpath.lake.dataset import Column

ROWS_LIMIT = 5000
LARGEST = 2**63
PYTHON_TYPES: dict[str, type] = {
    "bool": bool,
    "int64": int,
    "float64": float,
    "string": str,
    "date": str,
}


def checked_columns(
    given: Mapping[str, Sequence[object]], columns: Sequence[Column], *, known: Sequence[str]
) -> Given:
    """Return the columns that are needed, each value as its column's type; times as microseconds.

    A whole number may also be given as text or as a float, as clients without integers do.

    Args:
        given: values by name.
        columns: what is needed.
        known: other names that may be given.

    Raises:
        Invalid: a column is missing or unknown, lengths differ, there are no rows or too many, or
            a value is null or of another type; only needed columns are named.

    Example:
        >>> from towpath.lake.dataset import Column
        >>> checked_columns({"car": ["7", 8.0]}, (Column("car", "int64"),), known=())
        {'car': [7, 8]}
    """
    if _plain(given, columns):
        return {one.name: list(given[one.name]) for one in columns}
    needed = {one.name: one for one in columns}
    if given.keys() == needed.keys():
        known = ()
    for name in given:
        if name not in needed and name not in known:
            message = f"The key {name!r} is not one that these features are found by."
            raise Invalid(message, hint=did_you_mean(name, needed), keys=list(needed))
    for name, column in needed.items():
        if name not in given and not column.nullable:
            message = f"The key {name!r} is missing."
            raise Invalid(message, hint=f"Give {', '.join(needed)}.", keys=list(needed))
    rows = _rows(given, list(needed))
    return {
        name: _column(one, given[name]) if name in given else [None] * rows
        for name, one in needed.items()
    }


def _plain(given: Mapping[str, Sequence[object]], columns: Sequence[Column]) -> bool:
    """Tell whether just the columns are given, and nothing of them has to be read or refused."""
    if len(given) != len(columns):
        return False
    rows = 0
    for one in columns:
        values, kind = given.get(one.name, ()), PYTHON_TYPES.get(one.dtype)
        rows = rows or len(values)
        if len(values) != rows or {*map(type, values)} != {kind}:
            return False
        if kind is int and not _fit(values):
            return False
    return 0 < rows <= ROWS_LIMIT


def _rows(given: Mapping[str, Sequence[object]], needed: list[str]) -> int:
    """Return how many rows there are."""
    lengths = {name: len(values) for name, values in given.items()}
    counts = set(lengths.values())
    if len(counts) > 1:
        shown = ", ".join(f"{name} {count}" for name, count in lengths.items())
        message = f"The keys have different numbers of values: {shown}."
        raise Invalid(message, hint="Give one value of each key for each row.", keys=needed)
    rows = counts.pop() if counts else 0
    if not 0 < rows <= ROWS_LIMIT:
        message = f"The request has {rows} rows."
        hint = f"Give 1 to {ROWS_LIMIT} values of {', '.join(needed) or 'a key'}."
        raise Invalid(message, hint=hint, keys=needed)
    return rows


def _column(column: Column, values: Sequence[object]) -> list[object]:
    """Read one column; one that is as it should be is taken as it is."""
    kind = PYTHON_TYPES.get(column.dtype)
    if set(map(type, values)) == {kind} and (kind is not int or _fit(values)):
        return list(values)
    return [_value(column, one, row) for row, one in enumerate(values)]


def _fit(values: Sequence[object]) -> bool:
    """Tell whether whole numbers have 64 bits at most."""
    numbers = cast("Sequence[int]", values)
    return min(numbers) >= -LARGEST and max(numbers) < LARGEST


def _value(column: Column, value: object, row: int) -> object:
    """Read one value."""
    if value is None and column.nullable:
        return None
    found: object = None
    try:
        found = _read(column.dtype, value)
    except (ValueError, OverflowError, TowpathError):
        found = None
    if found is None:
        shown = "null" if value is None else repr(value)
        message = f"The key {column.name!r} is {shown} in row {row}, which is not {column.dtype}."
        hint = f"Give a value of type {column.dtype}."
        raise Invalid(message, hint=hint, key=column.name, row=row)
    return found


def _read(dtype: str, value: object) -> object:
    """Return a value of a type, None if it is of another."""
    if isinstance(value, bool) or value is None:
        return value if dtype == "bool" else None
    if dtype == "int64" and isinstance(value, int | float | str):
        number = int(value)
        whole = isinstance(value, str) or number == value
        return number if whole and -LARGEST <= number < LARGEST else None
    if dtype == "float64" and isinstance(value, int | float | str):
        return float(value)
    if dtype == "timestamp" and isinstance(value, str):
        return to_micros(parse_instant(value))
    return value if type(value) is PYTHON_TYPES.get(dtype) else None
