"""Derived features: functions of other values, the same code in training and at request time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from towpath.core.errors import Contract, Invalid
from towpath.core.name import checked_name
from towpath.core.record import Record
from towpath.features.arrays import Array
from towpath.features.expression.numpy import evaluate as evaluate_expression

if TYPE_CHECKING:
    from towpath.features.expression.tree import Expression
    from towpath.features.expression.vector import Vector

DerivedType = Literal["int64", "float64", "bool", "string"]
NUMPY_TYPES: dict[str, type[np.generic]] = {
    "int64": np.int64,
    "float64": np.float64,
    "bool": np.bool_,
}


class Derived(Record, frozen=True):
    """A feature computed from columns of the spine, features of views and earlier derived ones.

    The function receives one-dimensional NumPy arrays of equal length, whole columns in training
    and a single element when serving, and returns one array of that length. It must treat each row
    by itself. Strings arrive as object arrays with None where missing, floats as float64 with NaN,
    timestamps as int64 microseconds UTC. Integers, booleans and timestamps that may be missing (a
    nullable column, a min, max or latest value, another derived feature) always arrive as float64
    with NaN. A NaN or None that is returned is a missing value.

    In place of a function it may have a row expression in SQL, which ``derived_sql`` makes.

    Args:
        name: the feature's name.
        inputs: names of its inputs, in the order of the function's parameters.
        dtype: type of the result; empty where it follows from the expression.
        function: the vectorised function.
        sql: a row expression over the inputs.

    Raises:
        Invalid: no inputs, or not either a function with a type or an expression.

    Example:
        >>> Derived("double", ("x",), "float64", lambda x: x * 2).inputs
        ('x',)
    """

    name: str
    inputs: tuple[str, ...]
    dtype: DerivedType | Literal[""] = ""
    function: Callable[..., Array] | None = None
    sql: str = ""

    def __post_init__(self) -> None:
        """Check the name, the inputs, and that one thing tells how to compute it."""
        checked_name(self.name, "feature")
        if not self.inputs:
            message = f"The derived feature {self.name!r} has no inputs."
            raise Invalid(message, hint="Name at least one column or feature.")
        if bool(self.sql) == (self.function is not None) or bool(self.sql) == bool(self.dtype):
            message = f"The derived feature {self.name!r} has not one way to be computed."
            hint = "Give it a function and the type of its result, or make it with derived_sql."
            raise Invalid(message, hint=hint)


def derived(
    *, inputs: tuple[str, ...], dtype: DerivedType, name: str = ""
) -> Callable[[Callable[..., Array]], Derived]:
    """Make a derived feature of the decorated function, named as the function.

    Example:
        >>> @derived(inputs=("at",), dtype="int64")
        ... def hour(at):
        ...     return at // 3_600_000_000 % 24
        >>> hour.name
        'hour'
    """

    def decorate(function: Callable[..., Array]) -> Derived:
        return Derived(name or function.__name__, inputs, dtype, function)

    return decorate


def derived_sql(name: str, sql: str) -> Derived:
    """Make a derived feature of a row expression; its inputs and its type follow from the text.

    Whole numbers stay whole, whether one may be missing or not.

    Raises:
        Invalid: the text is no row expression, or reads no column.

    Example:
        >>> derived_sql("speed", "distance / nullif(hours, 0)").inputs
        ('distance', 'hours')
    """
    # What reads SQL costs a tenth of a second to load, which few features need.
    from towpath.features.expression.parse import parse
    from towpath.features.expression.tree import column_names

    try:
        inputs = column_names(parse(sql))
    except Invalid as error:
        raise _not_taken(name, error) from error
    return Derived(name, inputs, sql=sql)


def bind_sql(feature: Derived, types: Mapping[str, str]) -> Expression:
    """Hold a derived feature's expression against the types of what it may read.

    Raises:
        Invalid: it reads what there is not, or types do not fit.

    Example:
        >>> bind_sql(derived_sql("late", "delay > 15"), {"delay": "float64"}).dtype
        'bool'
    """
    from towpath.features.expression.bind import bind

    try:
        bound = bind(feature.sql, tuple(types.items()))
    except Invalid as error:
        raise _not_taken(feature.name, error) from error
    if bound.dtype == "timestamp":
        message = f"The derived feature {feature.name!r} is a time."
        raise Invalid(message, hint="Take its microseconds with epoch_us(...), or a part of it.")
    return bound


def derived_dtype(feature: Derived, types: Mapping[str, str]) -> str:
    """Return the type of a derived feature, given those of what it may read.

    Raises:
        Invalid: its expression does not fit them.

    Example:
        >>> derived_dtype(derived_sql("twice", "seats * 2"), {"seats": "int64"})
        'int64'
    """
    return bind_sql(feature, types).dtype if feature.sql else feature.dtype


def evaluate_sql(
    expression: Expression, columns: Mapping[str, Vector], *, rows: int
) -> tuple[Array, Array]:
    """Compute a derived feature of its expression, as ``evaluate`` does of its function.

    Example:
        >>> from towpath.features.expression.vector import vector_from
        >>> twice = bind_sql(derived_sql("twice", "x * 2"), {"x": "int64"})
        >>> evaluate_sql(twice, {"x": vector_from([2, None], "int64")}, rows=2)[0].tolist()
        [4, 0]
    """
    values, present = evaluate_expression(expression, columns, rows=rows)
    if values.dtype == object:
        values = np.where(present, values, np.array(None, dtype=object))
    return values, present


def evaluate(feature: Derived, columns: Mapping[str, Array], *, rows: int) -> tuple[Array, Array]:
    """Compute a derived feature; return its values and where they are present.

    Values are NumPy arrays of the declared type (object for strings).

    Raises:
        Contract: the function does not return one value a row, or not of the declared type.

    Example:
        >>> double = Derived("double", ("x",), "int64", lambda x: x * 2)
        >>> evaluate(double, {"x": np.array([1.0, np.nan])}, rows=2)[1].tolist()
        [True, False]
    """
    function = cast("Callable[..., Array]", feature.function)
    found = np.asarray(function(*(columns[name] for name in feature.inputs)))
    if found.shape != (rows,):
        message = (
            f"The derived feature {feature.name!r} returned shape {found.shape} for {rows} rows."
        )
        raise Contract(message, hint="Return one value a row.")
    if feature.dtype == "string":
        return _strings(feature, found.astype(object))
    return _numbers(feature, found)


def as_input(values: Array, present: Array) -> Array:
    """Give a derived feature's result the form in which it feeds the next one."""
    if values.dtype == object:
        return values
    return np.where(present, values.astype(np.float64), np.nan)


def _not_taken(name: str, error: Invalid) -> Invalid:
    """Say which feature an expression is of."""
    message = f"The derived feature {name!r}: {error.message}"
    return Invalid(message, hint=error.hint)


def _strings(feature: Derived, found: Array) -> tuple[Array, Array]:
    """Check strings; None and NaN are missing."""
    present = np.array([value is not None and value == value for value in found], dtype=bool)  # noqa: PLR0124 - only NaN differs from itself
    for value in found[present]:
        if not isinstance(value, str):
            raise _not_declared(feature, f"{value!r}")
    strings = [value if here else None for value, here in zip(found, present, strict=True)]
    return np.array(strings, dtype=object), present


def _numbers(feature: Derived, found: Array) -> tuple[Array, Array]:
    """Bring numbers to the declared type if that changes none of them; NaN is missing."""
    kind = NUMPY_TYPES[feature.dtype]
    if found.dtype.kind not in "biuf":
        raise _not_declared(feature, str(found.dtype))
    present = ~np.isnan(found) if found.dtype.kind == "f" else np.ones(len(found), dtype=bool)
    if found.dtype == kind:
        return found, present
    if kind is np.float64:
        return found.astype(kind), present
    found = np.where(present, found, 0)
    with np.errstate(invalid="ignore"):
        cast = found.astype(kind)
    changed = found[cast != found]
    if changed.size:
        raise _not_declared(feature, str(changed[0]))
    return cast, present


def _not_declared(feature: Derived, returned: str) -> Contract:
    """Say that a function returned what its feature cannot hold."""
    message = f"The derived feature {feature.name!r} returned {returned}, not {feature.dtype}."
    return Contract(message, hint="Return values of the declared type, NaN or None where missing.")
