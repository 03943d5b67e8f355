"""Expressions as SQL of DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.features.expression.sql import Dialect, write

if TYPE_CHECKING:
    from towpath.features.expression.tree import Expression

DAY = 86_400_000_000
HOUR = DAY // 24
# The day since 1970, of days that began before it too: // rounds towards 0.
DAYS = f"({{0}} // {DAY} - CASE WHEN {{0}} % {DAY} < 0 THEN 1 ELSE 0 END)"
DATE = f"(DATE '1970-01-01' + CAST({DAYS} AS INTEGER))"
WEEKDAY = f"((({DAYS} + 3) % 7 + 7) % 7)"


def _rest(unit: int) -> str:
    """Write what is left of a time after whole units."""
    return f"(({{0}} % {unit} + {unit}) % {unit})"


def _fitting(wide: str) -> str:
    """Write a number of 128 bits as one of 64, or NULL."""
    return f"TRY_CAST({wide} AS BIGINT)"


def _start(unit: str) -> str:
    """Write the start of a month and the like."""
    first = f"CAST(date_trunc('{unit}', {DATE}) AS DATE) - DATE '1970-01-01'"
    return _fitting(f"CAST({first} AS HUGEINT) * {DAY}")


NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{{1,4}})?"
TEMPLATES: dict[str, str] = {
    **{
        f"{sign} int64": _fitting(f"CAST({{0}} AS HUGEINT) {sign} CAST({{1}} AS HUGEINT)")
        for sign in ("+", "-", "*")
    },
    "% int64": "CASE WHEN {1} = 0 THEN NULL WHEN {1} = -1 THEN {0} - {0} ELSE {0} % {1} END",
    "negate int64": _fitting("-CAST({0} AS HUGEINT)"),
    "abs int64": _fitting("abs(CAST({0} AS HUGEINT))"),
    "sign": "CAST(sign({0}) AS BIGINT)",
    "floor": "floor({0})",
    "ceil": "ceil({0})",
    "trunc": "trunc({0})",
    "trim": "trim({0}, ' ')",
    "ltrim": "ltrim({0}, ' ')",
    "rtrim": "rtrim({0}, ' ')",
    "substring/2": "substring({0}, {1})",
    "substring/3": "substring({0}, {1}, {2})",
    "left": "left({0}, {1})",
    "right": "right({0}, {1})",
    "split_part": "split_part({0}, {1}, {2})",
    "strpos": "CAST(strpos({0}, {1}) AS BIGINT)",
    "starts_with": "starts_with({0}, {1})",
    "ends_with": "ends_with({0}, {1})",
    "year": f"CAST(year({DATE}) AS BIGINT)",
    "quarter": f"CAST(quarter({DATE}) AS BIGINT)",
    "month": f"CAST(month({DATE}) AS BIGINT)",
    "day": f"CAST(day({DATE}) AS BIGINT)",
    "dayofyear": f"CAST(dayofyear({DATE}) AS BIGINT)",
    "week": f"CAST(week({DATE}) AS BIGINT)",
    "isodow": f"({WEEKDAY} + 1)",
    "hour": f"({_rest(DAY)} // {HOUR})",
    "minute": f"({_rest(HOUR)} // 60000000)",
    "second": f"({_rest(60_000_000)} // 1000000)",
    "date_trunc hour": _fitting(f"CAST({{0}} AS HUGEINT) - {_rest(HOUR)}"),
    "date_trunc day": _fitting(f"CAST({DAYS} AS HUGEINT) * {DAY}"),
    "date_trunc week": _fitting(f"CAST({DAYS} - {WEEKDAY} AS HUGEINT) * {DAY}"),
    **{f"date_trunc {unit}": _start(unit) for unit in ("month", "quarter", "year")},
    "cast float64 int64": (
        "CASE WHEN {0} >= -9223372036854775808e0 AND {0} < 9223372036854775808e0 "
        "THEN CAST(trunc({0}) AS BIGINT) END"
    ),
    "cast int64 string": "CAST({0} AS VARCHAR)",
    "cast bool string": "CAST({0} AS VARCHAR)",
    "cast string int64": (
        "CASE WHEN regexp_full_match({0}, '[+-]?[0-9]{{1,19}}') THEN TRY_CAST({0} AS BIGINT) END"
    ),
    "cast string float64": (
        f"CASE WHEN regexp_full_match({{0}}, '{NUMBER}') "
        "AND abs(TRY_CAST({0} AS DOUBLE)) < CAST('Infinity' AS DOUBLE) "
        "THEN TRY_CAST({0} AS DOUBLE) END"
    ),
}


def _quoted(name: str) -> str:
    """Write a column's name."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _text(text: str) -> str:
    """Write a text."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


DUCKDB = Dialect(
    templates=TEMPLATES,
    columns={
        "bool": "{0}",
        "int64": "CAST({0} AS BIGINT)",
        "float64": "CAST({0} AS DOUBLE)",
        "string": "CAST({0} AS VARCHAR)",
        "timestamp": "epoch_us({0})",
        "date": _fitting(f"CAST({{0}} - DATE '1970-01-01' AS HUGEINT) * {DAY}"),
    },
    types={
        "bool": "BOOLEAN",
        "int64": "BIGINT",
        "float64": "DOUBLE",
        "string": "VARCHAR",
        "timestamp": "BIGINT",
    },
    quoted=_quoted,
    text=_text,
    pattern=str,
    once="list_transform([{value}], lambda {name}: {result})[1]",
    without_nan="CASE WHEN isnan({0}) THEN NULL ELSE {0} END",
)


def duckdb_sql(expression: Expression) -> str:
    """Write an expression as SQL of DuckDB; a time is a BIGINT of microseconds.

    Example:
        >>> from towpath.features.expression.bind import bind
        >>> print(duckdb_sql(bind("km > 100", (("km", "int64"),))))
        (CAST("km" AS BIGINT) > CAST('100' AS BIGINT))
    """
    return write(expression, DUCKDB)
