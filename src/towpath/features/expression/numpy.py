"""Expressions computed with NumPy, whole columns in training and a row at request time."""

from __future__ import annotations

import operator
import re
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from towpath.features.expression import numpy_number, numpy_text, numpy_time
from towpath.features.expression.tree import COLUMN, CONSTANT, Expression
from towpath.features.expression.vector import FILLERS, Array, Mask, Vector, vector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Functions that are missing where an argument is; they are given values that mean nothing there.
STRICT: dict[str, Callable[..., Array | tuple[Array, Mask]]] = {
    **numpy_number.FUNCTIONS,
    **numpy_text.FUNCTIONS,
    **numpy_time.FUNCTIONS,
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "not": np.logical_not,
}


def evaluate(expression: Expression, columns: Mapping[str, Vector], *, rows: int) -> Vector:
    """Compute an expression of so many rows. A zero that is present has no sign.

    Example:
        >>> from towpath.features.expression.bind import bind
        >>> from towpath.features.expression.vector import vector_from
        >>> half = bind("x / 2", (("x", "int64"),))
        >>> found = evaluate(half, {"x": vector_from([3, None], "int64")}, rows=2)
        >>> found.values[0].item(), found.present.tolist()
        (1.5, [True, False])
    """
    with np.errstate(all="ignore"):
        values, present = _evaluate(expression, columns, rows)
        # A view of memory that others hold is never handed on.
        return Vector(values + 0.0 if expression.dtype == "float64" else values, present)


def _evaluate(expression: Expression, columns: Mapping[str, Vector], rows: int) -> Vector:
    """Compute a part."""
    if expression.name == COLUMN:
        return columns[str(expression.value)]
    if expression.name == CONSTANT:
        return _constant(expression, rows)
    given = [_evaluate(one, columns, rows) for one in expression.arguments]
    if expression.name in SPECIAL:
        return SPECIAL[expression.name](given)
    if expression.name in LISTED:
        return LISTED[expression.name](expression, given[0])
    return _strict(expression, given)


def _strict(expression: Expression, given: Sequence[Vector]) -> Vector:
    """Compute a function that is missing where an argument is."""
    function = STRICT[_key(expression)]
    present = reduce(np.logical_and, (one.present for one in given))
    found = function(*(one.values for one in given))
    if isinstance(found, tuple):
        return vector(found[0], present & found[1])
    return vector(found, present)


def _key(expression: Expression) -> str:
    """Name the function for the types of an expression's arguments."""
    first = expression.arguments[0].dtype
    if expression.name in {"cast", "try_cast"}:
        return f"cast {first} {expression.dtype}"
    typed = f"{expression.name} {first}"
    return typed if typed in STRICT else expression.name


def _constant(expression: Expression, rows: int) -> Vector:
    """Repeat a constant."""
    filler, kind = FILLERS[expression.dtype]
    value: Any = filler if expression.value is None else expression.value
    present = np.full(rows, expression.value is not None, dtype=np.bool_)
    return Vector(np.full(rows, value, dtype=kind), present)


def _and(given: Sequence[Vector]) -> Vector:
    """Give false if either is, else nothing if either is missing."""
    one, other = given
    false = (one.present & ~one.values) | (other.present & ~other.values)
    return Vector(one.values & other.values, (one.present & other.present) | false)


def _or(given: Sequence[Vector]) -> Vector:
    """Give true if either is, else nothing if either is missing."""
    one, other = given
    true = one.values | other.values
    return Vector(true, (one.present & other.present) | true)


def _is_null(given: Sequence[Vector]) -> Vector:
    """Tell where a value is missing."""
    present = given[0].present
    return Vector(~present, np.ones(present.size, dtype=np.bool_))


def _coalesce(given: Sequence[Vector]) -> Vector:
    """Give the first that is present."""
    return reduce(lambda one, other: _choose(one.present, one, other), given)


def _case(given: Sequence[Vector]) -> Vector:
    """Give the value of the first condition that is true."""
    found = given[-1]
    for place in range(len(given) - 3, -1, -2):
        condition = given[place]
        found = _choose(condition.values & condition.present, given[place + 1], found)
    return found


def _nullif(given: Sequence[Vector]) -> Vector:
    """Give the first where it is not equal to the second."""
    one, other = given
    same = one.present & other.present & np.equal(one.values, other.values)
    return vector(one.values, one.present & ~same)


def _extreme(better: Callable[[Array, Array], Array]) -> Callable[[Sequence[Vector]], Vector]:
    """Make a function that gives the best of those that are present."""

    def choose(one: Vector, other: Vector) -> Vector:
        take = one.present & (~other.present | better(one.values, other.values))
        return _choose(take, one, other)

    return lambda given: reduce(choose, given)


def _choose(take: Mask, one: Vector, other: Vector) -> Vector:
    """Give one column where it is taken, else the other."""
    values = np.where(take, one.values, other.values)
    return Vector(values, np.where(take, one.present, other.present))


def _in(expression: Expression, given: Vector) -> Vector:
    """Tell where a value is one of a list."""
    listed = [one.value for one in expression.arguments[1:]]
    if given.values.dtype == object:
        known = set(listed)
        found = numpy_text.each(lambda text: text in known, np.bool_, given.values)
    else:
        found = np.isin(given.values, np.array(listed, dtype=given.values.dtype))
    return vector(found, given.present)


def _like(expression: Expression, given: Vector) -> Vector:
    """Tell where a text is like a pattern."""
    matches = _pattern(str(expression.arguments[1].value)).fullmatch
    found = numpy_text.each(lambda text: matches(text) is not None, np.bool_, given.values)
    return vector(found, given.present)


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> re.Pattern[str]:
    """Write a pattern as a regular expression."""
    signs = {"%": ".*", "_": "."}
    return re.compile("".join(signs.get(one, re.escape(one)) for one in pattern), re.DOTALL)


# Functions of one value and of constants.
LISTED: dict[str, Callable[[Expression, Vector], Vector]] = {"in": _in, "like": _like}
SPECIAL: dict[str, Callable[[Sequence[Vector]], Vector]] = {
    "and": _and,
    "or": _or,
    "is null": _is_null,
    "coalesce": _coalesce,
    "case": _case,
    "nullif": _nullif,
    "greatest": _extreme(operator.ge),
    "least": _extreme(operator.le),
}
