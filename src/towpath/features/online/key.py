"""Keys of the online store: how an entity's values are written as bytes, and checked before."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import TYPE_CHECKING, cast

import msgspec

from towpath.core.errors import Invalid
from towpath.core.instant import parse_instant, to_micros
from towpath.features.online import LONGEST_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

HASHED = b"\xc1"
PYTHON_TYPES: dict[str, type] = {
    "bool": bool,
    "int64": int,
    "float64": float,
    "string": str,
    "timestamp": int,
}

_encode = msgspec.msgpack.Encoder().encode


def encode_key(values: Sequence[object]) -> bytes:
    """Write the parts of a key as bytes; distinct keys give distinct bytes.

    A key longer than a store can hold is replaced by its SHA-256.

    Example:
        >>> encode_key(("UA", 7)) == encode_key(("UA", 7))
        True
    """
    encoded = _encode(tuple(values))
    if len(encoded) <= LONGEST_KEY:
        return encoded
    return HASHED + hashlib.sha256(encoded).digest()


def row_keys(columns: Sequence[Sequence[object]], rows: int) -> list[bytes | None]:
    """Encode the key of each row, None where a part of it is missing.

    Args:
        columns: values of each part of the key.
        rows: how many there are.

    Example:
        >>> row_keys([["UA", None]], 2) == [encode_key(["UA"]), None]
        True
    """
    if not columns:
        return [encode_key(())] * rows
    if rows == 1:
        parts = [column[0] for column in columns]
        return [None if None in parts else encode_key(parts)]
    for column in columns:
        if None in column:
            each = zip(*columns, strict=True)
            return [None if None in part else encode_key(part) for part in each]
    keys = list(map(_encode, zip(*columns, strict=True)))
    if max(map(len, keys), default=0) > LONGEST_KEY:
        return [encode_key(part) for part in zip(*columns, strict=True)]
    return cast("list[bytes | None]", keys)


def coerce(value: object, dtype: str, name: str) -> object:
    """Return a caller's value as the type of its column: times as microseconds, dates as text.

    Raises:
        Invalid: the value is of another type, or a time without zone.

    Example:
        >>> coerce("1970-01-01T00:00:01Z", "timestamp", "at")
        1000000
        >>> coerce(2, "float64", "fare")
        2.0
    """
    if value is None or type(value) is PYTHON_TYPES.get(dtype):
        return value
    if dtype == "date":
        return _date_text(value, name)
    if dtype == "timestamp" and isinstance(value, str | datetime):
        return to_micros(parse_instant(value) if isinstance(value, str) else value)
    if dtype == "float64" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    message = f"{name!r} is {value!r}, which is not {dtype}."
    raise Invalid(message, hint=f"Give a value of type {dtype}.", name=name)


def _date_text(value: object, name: str) -> str:
    """Return a date as ISO 8601, the form in which the store's keys hold it."""
    try:
        found = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, date) or isinstance(found, datetime):
        message = f"{name!r} is {value!r}, which is not a date."
        raise Invalid(message, hint="Give it as 2013-10-01.", name=name)
    return found.isoformat()


def coerce_all(values: Sequence[object], dtype: str, name: str) -> list[object]:
    """Return a caller's values as the type of their column.

    Raises:
        Invalid: as for ``coerce``.

    Example:
        >>> coerce_all([2, None], "float64", "fare")
        [2.0, None]
    """
    kind = PYTHON_TYPES.get(dtype)
    if {*map(type, values)} == {kind}:
        return list(values)
    return [coerce(value, dtype, name) for value in values]
