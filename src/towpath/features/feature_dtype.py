"""The type of a feature, from the type of the column that it reads."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from towpath.core.errors import Invalid
from towpath.features.view import Aggregate, Latest, Value

PLAIN = ("bool", "int64", "float64", "string", "timestamp")
NUMBERS = ("bool", "int64", "float64")
SUMMED = {"bool": "int64", "int64": "int64", "float64": "float64"}
DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
# Values are computed in 64 bits, which hold any whole number of so many digits.
MOST_DIGITS = 18
DIGITS_OF_A_SUM = 19
LEAST, GREATEST = -(2**63), 2**63 - 1


def feature_dtype(feature: Aggregate | Latest, dtype: str, subject: str) -> str:
    """Return the type of a feature.

    A count or distinct is int64; mean, std and share are float64; sum, min and max of booleans are
    int64; a sum of a ``decimal(p,s)`` is a ``decimal(19,s)``; a last_k is a ``list<...>``; anything
    else is of its column's type.

    Args:
        feature: the feature.
        dtype: the type of the column that it reads; whatever if it reads none.
        subject: what to name in an error, such as ``View 'carrier'``.

    Raises:
        Invalid: the function cannot be computed of values of that type.

    Example:
        >>> from datetime import timedelta
        >>> paid = Aggregate("sum", "fare", timedelta(days=1))
        >>> feature_dtype(paid, "decimal(9,2)", "View 'taxi'")
        'decimal(19,2)'
        >>> feature_dtype(Aggregate("last_k", "fare", None, k=2), "float64", "View 'taxi'")
        'list<float64>'
    """
    if not feature.column:
        return "int64"
    _check_column(feature.column, dtype, subject)
    if isinstance(feature, Latest) or feature.function in {"first", "last"}:
        return dtype
    if feature.function in {"count", "distinct"}:
        return "int64"
    if feature.function == "last_k":
        return f"list<{dtype}>"
    if feature.function == "share":
        _check_value(feature, dtype, subject)
        return "float64"
    return _numeric(feature, dtype, subject)


def scale_of(dtype: str) -> int | None:
    """Return how many digits a decimal has after its point; None for any other type.

    Example:
        >>> scale_of("decimal(9,2)"), scale_of("int64")
        (2, None)
    """
    found = DECIMAL.fullmatch(dtype)
    return int(found[2]) if found else None


def whole_value(value: Value, dtype: str) -> int | float | str | None:
    """Return a value in the form in which a column of a type holds it, or None if it cannot.

    A decimal is held as a whole number of its smallest unit, a boolean as 0 or 1.

    Example:
        >>> whole_value("1.50", "decimal(9,2)"), whole_value("late", "int64")
        (150, None)
    """
    if isinstance(value, bool) or dtype == "bool":
        return int(value) if isinstance(value, bool) and dtype == "bool" else None
    if dtype == "string":
        return value if isinstance(value, str) else None
    if dtype == "float64":
        return float(value) if isinstance(value, int | float) else None
    if dtype == "int64":
        return value if isinstance(value, int) and LEAST <= value <= GREATEST else None
    scale = scale_of(dtype)
    return None if scale is None else _units(value, scale)


def _units(value: Value, scale: int) -> int | None:
    """Return a decimal as a whole number of its smallest unit."""
    try:
        units = Decimal(str(value)).scaleb(scale)
    except InvalidOperation:
        return None
    if not units.is_finite() or units != units.to_integral_value():
        return None
    return int(units) if LEAST <= units <= GREATEST else None


def _check_column(name: str, dtype: str, subject: str) -> None:
    """Refuse a column that no feature can be made of."""
    decimal = DECIMAL.fullmatch(dtype)
    if decimal and int(decimal[1]) > MOST_DIGITS:
        message = f"{subject} reads the column {name!r}, a {dtype} of more than 18 digits."
        raise Invalid(message, hint=f"Declare it with at most {MOST_DIGITS} digits.")
    if not decimal and dtype not in PLAIN:
        message = f"{subject} reads the column {name!r}: a {dtype} cannot be a feature."
        hint = "Declare it as a timestamp." if dtype == "date" else "Choose another column."
        raise Invalid(message, hint=hint)


def _check_value(feature: Aggregate, dtype: str, subject: str) -> None:
    """Refuse the share of a value that no row can have."""
    if feature.value is None or whole_value(feature.value, dtype) is None:
        message = (
            f"{subject} takes the share of {feature.value!r} in {feature.column!r}, which is "
            f"{dtype}."
        )
        raise Invalid(message, hint="Give a value of the column's type; a time has no share.")


def _numeric(feature: Aggregate, dtype: str, subject: str) -> str:
    """Return the type of a feature that only numbers have."""
    scale = scale_of(dtype)
    if dtype not in NUMBERS and scale is None:
        message = f"{subject} takes the {feature.function} of {feature.column!r}, which is {dtype}."
        raise Invalid(message, hint="Aggregate int64, float64, decimal or bool columns, or count.")
    if feature.function in {"mean", "std"}:
        return "float64"
    if scale is None:
        return SUMMED[dtype]
    return f"decimal({DIGITS_OF_A_SUM},{scale})" if feature.function == "sum" else dtype
