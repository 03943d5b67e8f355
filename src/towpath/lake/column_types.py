"""The types that a contract can name, and what they are in Arrow."""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import cast

import pyarrow as pa

from towpath.core.errors import Invalid, did_you_mean
from towpath.core.instant import parse_instant

Bound = int | float | str
BoundValue = int | float | Decimal | date | datetime

PLAIN: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
    "binary": pa.binary(),
    "list<float64>": pa.list_(pa.float64()),
}
DECIMAL = re.compile(r"decimal\((\d{1,2}),(\d{1,2})\)")
MOST_DIGITS = 38
LEAST_INT, GREATEST_INT = -(2**63), 2**63 - 1
BOUNDED = "Give bounds to int64, float64, decimal, date and timestamp columns only."


def arrow_type(dtype: str) -> pa.DataType:
    """Return the Arrow type of a contract's type.

    Raises:
        Invalid: a contract knows no such type.

    Example:
        >>> arrow_type("decimal(9,2)")
        Decimal128Type(decimal128(9, 2))
        >>> arrow_type("timestamp")
        TimestampType(timestamp[us, tz=UTC])
    """
    if dtype in PLAIN:
        return PLAIN[dtype]
    decimal = DECIMAL.fullmatch(dtype)
    if decimal is None:
        message = f"There is no type {dtype!r}."
        raise Invalid(message, hint=did_you_mean(dtype, [*PLAIN, "decimal(9,2)"]))
    precision, scale = int(decimal[1]), int(decimal[2])
    if not 1 <= precision <= MOST_DIGITS or scale > precision:
        message = f"The type {dtype!r} cannot be: it has {precision} digits, {scale} of them after."
        hint = f"A decimal(p,s) has 1 to {MOST_DIGITS} digits p, at most p of them after the point."
        raise Invalid(message, hint=hint)
    return pa.decimal128(precision, scale)


def dtype_of(arrow: pa.DataType) -> str | None:
    """Return the contract's type that holds values of an Arrow type, or None for none.

    Example:
        >>> dtype_of(pa.int8()), dtype_of(pa.large_string()), dtype_of(pa.timestamp("us"))
        ('int64', 'string', None)
        >>> dtype_of(pa.decimal128(9, 2)), dtype_of(pa.list_(pa.float32()))
        ('decimal(9,2)', 'list<float64>')
    """
    if pa.types.is_decimal(arrow):
        precision, scale = arrow.precision, arrow.scale
        fits = 1 <= precision <= MOST_DIGITS and 0 <= scale <= precision
        return f"decimal({precision},{scale})" if fits else None
    kinds = (
        ("bool", pa.types.is_boolean(arrow)),
        ("int64", pa.types.is_integer(arrow)),
        ("float64", pa.types.is_floating(arrow)),
        ("timestamp", pa.types.is_timestamp(arrow) and arrow.tz is not None),
        ("date", pa.types.is_date(arrow)),
        ("string", is_text(arrow) or pa.types.is_null(arrow)),
        ("binary", is_bytes(arrow)),
        ("list<float64>", is_number_list(arrow)),
    )
    return next((dtype for dtype, fits in kinds if fits), None)


def is_text(arrow: pa.DataType) -> bool:
    """Tell whether values are text, plain or by dictionary.

    Example:
        >>> is_text(pa.dictionary(pa.int8(), pa.string()))
        True
    """
    if pa.types.is_dictionary(arrow):
        arrow = arrow.value_type
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_kind(arrow) for is_kind in kinds)


def is_bytes(arrow: pa.DataType) -> bool:
    """Tell whether values are bytes.

    Example:
        >>> is_bytes(pa.large_binary())
        True
    """
    types = pa.types
    kinds = (
        types.is_binary,
        types.is_large_binary,
        types.is_binary_view,
        types.is_fixed_size_binary,
    )
    return any(is_kind(arrow) for is_kind in kinds) and not types.is_decimal(arrow)


def is_number_list(arrow: pa.DataType) -> bool:
    """Tell whether values are lists of numbers.

    Example:
        >>> is_number_list(pa.list_(pa.int64(), 3))
        True
    """
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(is_kind(arrow) for is_kind in kinds):
        return False
    item = cast("pa.ListType[pa.DataType]", arrow).value_type
    return bool(pa.types.is_integer(item) or pa.types.is_floating(item) or pa.types.is_null(item))


def bound_value(dtype: str, bound: Bound) -> BoundValue:
    """Read the least or greatest value of a column, exactly.

    Args:
        dtype: the column's type.
        bound: a number, or text for a date (2013-10-01), a time with its zone, or a decimal.

    Raises:
        Invalid: the bound is no value of the type.

    Example:
        >>> bound_value("decimal(9,2)", "0.10")
        Decimal('0.10')
        >>> bound_value("date", "2013-10-01")
        datetime.date(2013, 10, 1)
    """
    value: BoundValue | None
    if dtype.startswith("decimal"):
        value = _decimal(dtype, bound)
    elif dtype in {"date", "timestamp"}:
        value = _moment(dtype, bound)
    elif dtype in {"int64", "float64"}:
        value = _number(dtype, bound)
    else:
        raise Invalid(f"A {dtype} has no minimum or maximum.", hint=BOUNDED)
    if value is None:
        message = f"The bound {bound!r} is no value of the type {dtype}."
        hint = "Write a number; for a date 2013-10-01, for a timestamp 2013-10-01T08:30:00Z."
        raise Invalid(message, hint=hint)
    return value


def _number(dtype: str, bound: Bound) -> int | float | None:
    """Read a number, or return None."""
    if isinstance(bound, str | bool) or not math.isfinite(bound):
        return None
    if dtype == "float64":
        return float(bound)
    whole = int(bound)
    return whole if whole == bound and LEAST_INT <= whole <= GREATEST_INT else None


def _decimal(dtype: str, bound: Bound) -> Decimal | None:
    """Read a decimal that the type holds without rounding, or return None."""
    arrow = cast("pa.Decimal128Type[int, int]", arrow_type(dtype))
    try:
        value = Decimal(str(bound))
    except InvalidOperation:
        return None
    if not value.is_finite():
        return None
    _, digits, exponent = value.normalize().as_tuple()
    places = max(-int(exponent), 0)
    before = max(len(digits) + int(exponent), 0)
    return value if places <= arrow.scale and before <= arrow.precision - arrow.scale else None


def _moment(dtype: str, bound: Bound) -> date | datetime | None:
    """Read a day or a time with its zone, or return None."""
    if not isinstance(bound, str):
        return None
    try:
        return parse_instant(bound) if dtype == "timestamp" else date.fromisoformat(bound)
    except ValueError:
        return None
