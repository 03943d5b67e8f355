"""Features by brute force: one label at a time, every event looked at, sums as exact fractions.

It shares nothing with the engines but the definitions of views.
"""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from towpath.features.view import Aggregate, FeatureView, Latest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TIME, SEQUENCE, CAME = "_t", "_seq", "_came"
MICROSECOND = timedelta(microseconds=1)

Row = dict[str, Any]


def features(
    view: FeatureView,
    events: Sequence[Row],
    key: Mapping[str, object],
    at: int | None,
    *,
    visible_after: int | None = None,
) -> Row:
    """Return each feature of a view for one label.

    Args:
        view: what to compute.
        events: values by the view's names, with ``_t``, ``_seq`` and, to be as served, ``_came``.
        key: the label's value of each key.
        at: the label's time in microseconds; None for a label without.
        visible_after: as served: microseconds after the label's time up to which rows came.
    """
    if at is None:
        return {one.name: None for one in view.features}
    known = sorted(
        (
            row
            for row in events
            if row[TIME] is not None
            and all(key[name] is not None and row[name] == key[name] for name in view.keys)
            and (visible_after is None or _came(row, at + visible_after))
        ),
        key=lambda row: (row[TIME], row[SEQUENCE]),
    )
    return {one.name: _feature(one, view, known, at) for one in view.features}


def _came(row: Row, limit: int) -> bool:
    return row[CAME] is not None and row[CAME] <= limit


def _feature(one: Aggregate | Latest, view: FeatureView, known: Sequence[Row], at: int) -> object:
    if isinstance(one, Latest):
        oldest = None if view.ttl is None else at - view.ttl // MICROSECOND
        found = [
            row for row in known if row[TIME] <= at and (oldest is None or row[TIME] >= oldest)
        ]
        return _value(found[-1][one.column]) if found else None
    width = math.inf if one.window is None else one.window // MICROSECOND
    if one.exclude_current:
        seen = [row for row in known if at - width <= row[TIME] < at]
    else:
        seen = [row for row in known if at - width < row[TIME] <= at]
    if not one.column:
        return len(seen)
    values = [value for row in seen if (value := _value(row[one.column])) is not None]
    return _aggregate(one, values)


def _value(value: Any) -> Any:  # noqa: ANN401 - a value of any column
    """Return a value, NaN as missing."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _aggregate(one: Aggregate, values: list[Any]) -> object:
    rules: dict[str, Callable[[list[Any]], object]] = {
        "count": len,
        "sum": _total,
        "distinct": lambda found: len(set(found)),
        "mean": lambda found: _missing(_real(_total(found)) / len(found)),
        "min": min,
        "max": max,
        "std": _deviation,
        "first": lambda found: found[0],
        "last": lambda found: found[-1],
        "last_k": lambda found: found[::-1][: one.k],
        "share": lambda found: found.count(_wanted(one, found)) / len(found),
    }
    if not values and one.function not in ("count", "sum", "distinct"):
        return None
    return rules[one.function](values)


def _wanted(one: Aggregate, values: list[Any]) -> object:
    return Decimal(str(one.value)) if isinstance(values[0], Decimal) else one.value


def _total(values: list[Any]) -> Any:  # noqa: ANN401 - a number of the values' type
    """Add exactly; floats are rounded once, at the end."""
    if not values or not isinstance(values[0], float):
        return sum(values)
    infinite = {value for value in values if math.isinf(value)}
    if infinite:
        return _missing(sum(infinite))
    exact = sum(map(Fraction, values), Fraction())
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _real(total: object) -> Any:  # noqa: ANN401 - what a float is divided from
    return total if total is not None else math.nan


def _missing(number: float) -> float | None:
    return None if math.isnan(number) else number


def _deviation(values: list[Any]) -> float | None:
    """Return the sample's standard deviation from exact fractions."""
    if len(values) < 2 or any(isinstance(one, float) and math.isinf(one) for one in values):
        return None
    exact = [Fraction(value) for value in values]
    mean = sum(exact, Fraction()) / len(exact)
    variance = sum(((one - mean) ** 2 for one in exact), Fraction()) / (len(exact) - 1)
    # The square root of a fraction, of enough digits to be rounded once.
    scale = 2**400
    root = math.isqrt(variance.numerator * scale // variance.denominator)
    return float(Fraction(root, 2**200))
