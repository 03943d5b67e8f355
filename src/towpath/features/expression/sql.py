"""Expressions written as SQL: what engines have in common, and how their templates are filled."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from towpath.features.expression.tree import COLUMN, CONSTANT, Expression

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Through these a NaN passes; anything else must be given NULL in its place.
PASS_NAN = {
    *("+", "-", "*", "/", "%", "negate", "abs", "exp", "floor", "ceil", "trunc", "round"),
    *("case", "cast", "sqrt", "ln", "log2", "log10", "sin", "cos"),
}
NEVER_NAN = {CONSTANT, "cast", "try_cast", "coalesce", "nullif", "greatest", "least"}
GUARD = "CASE WHEN {1} = 0 THEN NULL ELSE {0} %s {1} END"
SHARED: dict[str, str] = {
    **{sign: f"({{0}} {sign} {{1}})" for sign in ("+", "-", "*", "=", "<>", "<", "<=", ">", ">=")},
    "/": GUARD % "/",
    "%": GUARD % "%",
    "negate": "(-{0})",
    "and": "({0} AND {1})",
    "or": "({0} OR {1})",
    "not": "(NOT {0})",
    "||": "({0} || {1})",
    "like": "({0} LIKE {1})",
    "is null": "({0} IS NULL)",
    "nullif": "CASE WHEN {0} = {1} THEN NULL ELSE {0} END",
    "abs": "abs({0})",
    "sqrt": "CASE WHEN {0} >= 0 THEN sqrt({0}) END",
    "exp": "exp({0})",
    "ln": "CASE WHEN {0} > 0 THEN ln({0}) END",
    "log2": "CASE WHEN {0} > 0 THEN log2({0}) END",
    "log10": "CASE WHEN {0} > 0 THEN log10({0}) END",
    "sin": "CASE WHEN abs({0}) < CAST('Infinity' AS DOUBLE) THEN sin({0}) END",
    "cos": "CASE WHEN abs({0}) < CAST('Infinity' AS DOUBLE) THEN cos({0}) END",
    "power": "CASE WHEN abs({1}) < CAST('Infinity' AS DOUBLE) THEN power({0}, {1}) END",
    "floor int64": "{0}",
    "ceil int64": "{0}",
    "trunc int64": "{0}",
    "round int64": "{0}",
    "round": "CASE WHEN abs({0}) < 4503599627370496e0 THEN round({0}) ELSE {0} END",
    "round/2": "CASE WHEN abs({0}) < 4503599627370496e0 THEN round({0} * {1}) / {1} ELSE {0} END",
    "lower": "translate({0}, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')",
    "upper": "translate({0}, 'abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ')",
    "length": "CAST(length({0}) AS BIGINT)",
    "replace": "replace({0}, {1}, {2})",
    "contains": "contains({0}, {1})",
    "epoch_us": "{0}",
    "cast int64 float64": "CAST({0} AS DOUBLE)",
    "cast bool float64": "CAST(CAST({0} AS BIGINT) AS DOUBLE)",
    "cast bool int64": "CAST({0} AS BIGINT)",
}
VARIADIC = {"coalesce", "greatest", "least"}


class Dialect(NamedTuple):
    """How an engine writes what differs.

    Args:
        templates: SQL by the name of a function, alone or with the type of its first argument or
            the number of its arguments; ``{0}`` stands for the first argument.
        columns: how a column of a stored type is brought to that of expressions; "" for all else.
        types: the engine's name of each type.
        quoted: writes a column's name.
        text: writes a text.
        pattern: writes the pattern of LIKE.
        once: lets a name stand for a value: of the value, the name and what is computed with it.
        without_nan: NULL in place of NaN.
    """

    templates: Mapping[str, str]
    columns: Mapping[str, str]
    types: Mapping[str, str]
    quoted: Callable[[str], str]
    text: Callable[[str], str]
    pattern: Callable[[str], str]
    once: str
    without_nan: str


def write(expression: Expression, dialect: Dialect) -> str:
    """Write an expression as one SQL expression that is never NaN.

    Example:
        >>> from towpath.features.expression.bind import bind
        >>> from towpath.features.expression.duckdb import DUCKDB
        >>> write(bind("late AND NOT known", (("late", "bool"), ("known", "bool"))), DUCKDB)
        '("late" AND (NOT "known"))'
    """
    return _Writer(dialect).known(expression)


class _Writer:
    """Writes one expression."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._names = (f"_x{number}" for number in count())

    def known(self, expression: Expression) -> str:
        """Write a part with NULL in place of NaN."""
        if expression.dtype != "float64" or expression.name in NEVER_NAN:
            return self._write(expression)
        plain = expression.name in {COLUMN, CONSTANT}
        return self._fill(self._dialect.without_nan, [(self._write(expression), plain)])

    def _write(self, expression: Expression) -> str:
        """Write a part, which may be NaN."""
        if expression.name == COLUMN:
            return self._column(expression)
        if expression.name == CONSTANT:
            return self._constant(expression)
        write = self._write if expression.name in PASS_NAN else self.known
        given = [write(one) for one in expression.arguments]
        if expression.name == "case":
            return _case(given)
        if expression.name == "in":
            return f"({given[0]} IN ({', '.join(given[1:])}))"
        if expression.name in VARIADIC:
            return given[0] if len(given) == 1 else f"{expression.name}({', '.join(given)})"
        if expression.name == "like":
            pattern = self._dialect.pattern(str(expression.arguments[1].value))
            given[1] = self._dialect.text(pattern)
        plain = (one.name in {COLUMN, CONSTANT} for one in expression.arguments)
        return self._fill(self._template(expression), list(zip(given, plain, strict=True)))

    def _template(self, expression: Expression) -> str:
        """Find the SQL of a function for the arguments that it has."""
        name, first = expression.name, expression.arguments[0]
        found = {**SHARED, **self._dialect.templates}
        keys: tuple[str, ...] = (
            f"{name}/{len(expression.arguments)}",
            f"{name} {first.dtype}",
            name,
        )
        if name in {"cast", "try_cast"}:
            keys = (f"cast {first.dtype} {expression.dtype}", *keys)
        return next(found[key] for key in keys if key in found)

    def _fill(self, template: str, given: Sequence[tuple[str, bool]]) -> str:
        """Fill a template; what it uses more than once, and is not plain, gets a name."""
        named: list[tuple[str, str]] = []
        texts: list[str] = []
        for place, (text, plain) in enumerate(given):
            if plain or template.count(f"{{{place}}}") <= 1:
                texts.append(text)
                continue
            named.append((text, next(self._names)))
            texts.append(named[-1][1])
        sql = template.format(*texts)
        for text, name in reversed(named):
            sql = self._dialect.once.format(value=text, name=name, result=sql)
        return sql

    def _column(self, expression: Expression) -> str:
        """Write a column, brought to its type."""
        columns = self._dialect.columns
        form = columns.get(expression.stored) or columns[expression.dtype]
        return form.format(self._dialect.quoted(str(expression.value)))

    def _constant(self, expression: Expression) -> str:
        """Write a constant."""
        value = expression.value
        if isinstance(value, str):
            return self._dialect.text(value)
        kind = self._dialect.types[expression.dtype]
        return (
            f"CAST(NULL AS {kind})" if value is None else f"CAST('{str(value).lower()}' AS {kind})"
        )


def _case(given: Sequence[str]) -> str:
    """Write CASE."""
    turns = zip(given[:-1:2], given[1::2], strict=True)
    written = " ".join(f"WHEN {condition} THEN {value}" for condition, value in turns)
    return f"CASE {written} ELSE {given[-1]} END"
