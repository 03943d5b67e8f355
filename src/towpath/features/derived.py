"""Derived features: functions of other values, the same code in training and at request time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from towpath.core.errors import Contract, Invalid
from towpath.core.name import checked_name
from towpath.core.record import Record

Array = npt.NDArray[np.generic]
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

    Args:
        name: the feature's name.
        inputs: names of its inputs, in the order of the function's parameters.
        dtype: type of the result.
        function: the vectorised function.

    Example:
        >>> Derived("double", ("x",), "float64", lambda x: x * 2).inputs
        ('x',)
    """

    name: str
    inputs: tuple[str, ...]
    dtype: DerivedType
    function: Callable[..., Array]

    def __post_init__(self) -> None:
        """Check name and inputs."""
        checked_name(self.name, "feature")
        if not self.inputs:
            message = f"The derived feature {self.name!r} has no inputs."
            raise Invalid(message, hint="Name at least one column or feature.")


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
    found = np.asarray(feature.function(*(columns[name] for name in feature.inputs)))
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
