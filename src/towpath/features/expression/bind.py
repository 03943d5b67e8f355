"""A written expression held against columns: names found, types fitted, constants checked."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from towpath.core.errors import Invalid, did_you_mean
from towpath.core.instant import parse_instant, to_micros
from towpath.features.expression.function import FUNCTIONS, INSTEAD, UNITS
from towpath.features.expression.parse import parse
from towpath.features.expression.tree import (
    COLUMN,
    CONSTANT,
    Dtype,
    Expression,
    Node,
    Scalar,
    refused,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.features.expression.function import Function

# A condition and two values.
IF = 3
LEAST, GREATEST = -(2**63), 2**63 - 1
# Digits of a decimal that a float64 tells apart.
EXACT_DIGITS = 15
CASTS: dict[str, tuple[Dtype, ...]] = {
    "bool": ("bool", "int64", "float64", "string"),
    "int64": ("int64", "float64", "string"),
    "float64": ("float64", "int64"),
    "string": ("string",),
    "timestamp": ("timestamp",),
}
FROM_TEXT: tuple[Dtype, ...] = ("int64", "float64")
Columns = tuple[tuple[str, str], ...]


@lru_cache(maxsize=1024)
def bind(text: str, columns: Columns) -> Expression:
    """Read an expression over columns.

    Args:
        text: the expression in SQL.
        columns: name and type of each column, as contracts name types.

    Raises:
        Invalid: it is no expression, names an unknown column or function, or types do not fit.

    Example:
        >>> bind("distance / nullif(hours, 0)", (("distance", "int64"), ("hours", "float64"))).dtype
        'float64'
    """
    found = _Binder(text, dict(columns)).bind(parse(text))
    if found.name == CONSTANT and found.value is None:
        raise refused(text, "it is always missing", hint="Compute it of a column.")
    return found


class _Binder:
    """Fits the types of one expression."""

    def __init__(self, text: str, columns: Mapping[str, str]) -> None:
        self._text = text
        self._columns = columns

    def bind(self, node: Node) -> Expression:
        """Fit a part, and all below it."""
        if node.name == COLUMN:
            return self._column(node)
        if node.name == CONSTANT:
            return self._constant(node)
        given = tuple(self.bind(one) for one in node.arguments)
        special = {
            "between": self._between,
            "case": self._case,
            "cast": self._cast,
            "if": self._case,
            "in": self._in,
            "is null": _is_null,
            "try_cast": self._cast,
        }
        return special.get(node.name, self._call)(node, given)

    def _column(self, node: Node) -> Expression:
        """Find a column."""
        name = str(node.value)
        stored = self._columns.get(name)
        if stored is None:
            hint = did_you_mean(name, self._columns)
            raise self._refused(node, f"there is no column {name!r}", hint)
        if stored in CASTS:
            return Expression(COLUMN, cast("Dtype", stored), name, stored)
        if stored == "date":
            return Expression(COLUMN, "timestamp", name, stored)
        digits = stored.removeprefix("decimal(").partition(",")[0]
        if digits.isdecimal() and int(digits) <= EXACT_DIGITS:
            return Expression(COLUMN, "float64", name, stored)
        problem = f"the column {name!r} is {stored}, which no expression reads"
        hint = f"Use columns of {', '.join(CASTS)}, date, or decimals of {EXACT_DIGITS} digits."
        raise self._refused(node, problem, hint)

    def _constant(self, node: Node) -> Expression:
        """Find the type of a constant; one that is missing takes any."""
        value = node.value
        if isinstance(value, bool):
            return Expression(CONSTANT, "bool", value)
        if isinstance(value, int):
            if not LEAST <= value <= GREATEST:
                hint = "Write it as a float, with a point."
                raise self._refused(node, f"{value} does not fit 64 bits", hint)
            return Expression(CONSTANT, "int64", value)
        if isinstance(value, float):
            return Expression(CONSTANT, "float64", value)
        return Expression(CONSTANT, "string", value)

    def _between(self, node: Node, given: Sequence[Expression]) -> Expression:
        """Fit a value and the two that it may be between, or equal to."""
        low = self._call(node.replace(name=">="), given[:2])
        high = self._call(node.replace(name="<="), (given[0], given[2]))
        return Expression("and", "bool", arguments=(low, high))

    def _cast(self, node: Node, arguments: Sequence[Expression]) -> Expression:
        """Fit a cast."""
        (given,) = arguments
        wanted = cast("Dtype", "timestamp" if node.value == "date" else node.value)
        if wanted == "timestamp" and _is_text(given):
            return self._time(given, node)
        if _is_missing(given):
            return given.replace(dtype=wanted)
        if given.dtype == wanted and node.value != "date":
            return given
        if given.dtype == "string" and wanted in FROM_TEXT and node.name == "cast":
            hint = "Write TRY_CAST, which gives null where the text is no number."
            raise self._refused(node, "a text may be no number", hint)
        if given.dtype == "string" and wanted in FROM_TEXT:
            return Expression("try_cast", wanted, arguments=(given,))
        if wanted not in CASTS[given.dtype] or node.value == "date":
            allowed = ", ".join(CASTS[given.dtype])
            hint = f"A {given.dtype} is cast to {allowed}; date_trunc('day', x) cuts a time."
            raise self._refused(node, f"a {given.dtype} cannot be cast to {node.value}", hint)
        return _converted(given, wanted)

    def _case(self, node: Node, given: Sequence[Expression]) -> Expression:
        """Fit conditions and values."""
        if node.name == "if" and len(given) != IF:
            raise self._refused(node, f"if is given {len(given)} arguments", "It takes three.")
        conditions = [self._as(one, "bool", node) for one in given[:-1:2]]
        values, dtype = self._alike(node, [*given[1::2], given[-1]])
        arguments: list[Expression] = []
        for condition, value in zip(conditions, values, strict=False):
            arguments += (condition, value)
        return Expression("case", dtype, arguments=(*arguments, values[-1]))

    def _in(self, node: Node, given: Sequence[Expression]) -> Expression:
        """Fit a value and a list of constants."""
        for one, written in zip(given[1:], node.arguments[1:], strict=True):
            if one.name != CONSTANT or _is_missing(one):
                hint = "Write the values out, without null; else compare with = and OR."
                raise self._refused(written, "the list of IN holds more than constants", hint)
        alike, _ = self._alike(node, given)
        return Expression("in", "bool", arguments=tuple(alike))

    def _call(self, node: Node, given: Sequence[Expression]) -> Expression:
        """Fit an operator or a function."""
        function = self._known(node)
        self._check_written(node, function, given)
        if function.alike:
            return self._call_alike(node, function, given)
        for takes, result in function.forms:
            fitted = _fitted(given, takes)
            if fitted is not None:
                return self._finished(node, Expression(node.name, result, arguments=fitted))
        forms = " or ".join(f"({', '.join(takes)})" for takes, _ in function.forms)
        problem = f"{_shown(node.name)} is given ({', '.join(one.dtype for one in given)})"
        raise self._refused(node, problem, f"It takes {forms}.")

    def _known(self, node: Node) -> Function:
        """Find a function; operators have no name that can be called."""
        if node.name in FUNCTIONS:
            return FUNCTIONS[node.name]
        names = [one.name for one in FUNCTIONS.values() if not one.operator]
        instead = INSTEAD.get(node.name)
        hint = f"Use {instead}." if instead else did_you_mean(node.name, [*names, "if"])
        raise self._refused(node, f"there is no function {node.name!r}", hint)

    def _call_alike(
        self, node: Node, function: Function, given: Sequence[Expression]
    ) -> Expression:
        """Fit a function whose arguments have one type."""
        if not function.fewest <= len(given) <= function.most:
            problem = f"{_shown(node.name)} is given {len(given)} arguments"
            hint = f"It takes {function.fewest} to {function.most}."
            raise self._refused(node, problem, hint)
        arguments, dtype = self._alike(node, given)
        if dtype not in function.alike:
            problem = f"{_shown(node.name)} is given {dtype}"
            hint = f"It takes {' or '.join(function.alike)}{TIME_HINT.get(dtype, '')}."
            raise self._refused(node, problem, hint)
        return Expression(node.name, function.result or dtype, arguments=tuple(arguments))

    def _alike(self, node: Node, given: Sequence[Expression]) -> tuple[list[Expression], Dtype]:
        """Bring values to one type."""
        known: set[Dtype] = {one.dtype for one in given if not _is_missing(one)}
        if known == {"int64", "float64"}:
            known = {"float64"}
        if known == {"string", "timestamp"}:
            known = {"timestamp"}
        if len(known) > 1:
            problem = f"{_shown(node.name)} is given {' and '.join(sorted(known))}"
            raise self._refused(node, problem, "Bring all to one type with CAST.")
        dtype: Dtype = next(iter(known), "string")
        return [self._as(one, dtype, node) for one in given], dtype

    def _as(self, given: Expression, dtype: Dtype, node: Node) -> Expression:
        """Bring a value to a type that is wanted of it."""
        if dtype == "timestamp" and _is_text(given):
            return self._time(given, node)
        fitted = _fitted((given,), (dtype,))
        if fitted is None:
            problem = f"{_shown(node.name)} is given {given.dtype} in place of {dtype}"
            raise self._refused(node, problem, "Compare or cast it.")
        return fitted[0]

    def _time(self, given: Expression, node: Node) -> Expression:
        """Read a time that is written out; without a zone, it is in UTC."""
        try:
            value = to_micros(parse_instant(str(given.value)))
        except ValueError as error:
            hint = "Write it as '2013-10-01' or '2013-10-01T08:30:00Z'."
            raise self._refused(node, f"{given.value!r} is no time", hint) from error
        return Expression(CONSTANT, "timestamp", value)

    def _check_written(self, node: Node, function: Function, given: Sequence[Expression]) -> None:
        """Check the arguments that must be constants."""
        for place, (least, most) in function.written.items():
            if place >= len(given):
                continue
            one = given[place]
            if one.name != CONSTANT or _is_missing(one):
                problem = f"argument {place + 1} of {_shown(node.name)} is not written out"
                raise self._refused(node, problem, "Write a constant.")
            size = len(one.value) if isinstance(one.value, str) else one.value
            if not least <= cast("float", size) <= most:
                problem = f"argument {place + 1} of {_shown(node.name)} is {one.value!r}"
                raise self._refused(node, problem, f"Give {least} or more, at most {most}.")

    def _finished(self, node: Node, call: Expression) -> Expression:
        """Do what only one function needs."""
        if call.name == "pi":
            return Expression(CONSTANT, call.dtype, math.pi)
        if call.name == "round" and len(call.arguments) > 1:
            # Engines differ in how they round to places, not in how they scale by a power of ten.
            scale = Expression(CONSTANT, "float64", 10.0 ** cast("int", call.arguments[1].value))
            return call.replace(arguments=(call.arguments[0], scale))
        if call.name == "date_trunc":
            unit = str(call.arguments[0].value)
            if unit not in UNITS:
                raise self._refused(node, f"there is no unit {unit!r}", did_you_mean(unit, UNITS))
            return call.replace(name=f"date_trunc {unit}", arguments=call.arguments[1:])
        return call

    def _refused(self, node: Node, problem: str, hint: str = "") -> Invalid:
        """Say what does not fit, and where."""
        return refused(self._text, problem, at=node.at, hint=hint)


TIME_HINT = {"timestamp": ": take epoch_us(x) of a time", "bool": ": CAST(x AS BIGINT) is 0 or 1"}


def _is_null(node: Node, given: Sequence[Expression]) -> Expression:
    """Fit a value that may be missing."""
    return Expression(node.name, "bool", arguments=tuple(given))


def _is_missing(given: Expression) -> bool:
    """Tell whether a value is NULL as it was written."""
    return given.name == CONSTANT and given.value is None


def _is_text(given: Expression) -> bool:
    """Tell whether a value is a text as it was written."""
    return given.name == CONSTANT and isinstance(given.value, str)


def _fitted(given: Sequence[Expression], takes: Sequence[Dtype]) -> tuple[Expression, ...] | None:
    """Bring arguments to the types that are taken, if nothing is lost by it."""
    if len(given) != len(takes):
        return None
    found: list[Expression] = []
    for one, dtype in zip(given, takes, strict=True):
        if _is_missing(one):
            found.append(one.replace(dtype=dtype))
        elif one.dtype == dtype:
            found.append(one)
        elif (one.dtype, dtype) == ("int64", "float64"):
            found.append(_converted(one, dtype))
        else:
            return None
    return tuple(found)


def _converted(given: Expression, dtype: Dtype) -> Expression:
    """Convert a value; a constant at once."""
    value: Scalar = given.value
    if given.name == CONSTANT and given.dtype == "int64" and dtype == "float64":
        return Expression(CONSTANT, dtype, float(cast("int", value)))
    return Expression("cast", dtype, arguments=(given,))


def _shown(name: str) -> str:
    """Return how a function or an operator is spoken of."""
    return {"negate": "the sign -"}.get(name, name)
