"""Expressions as SQL of Spark, the same whether its ANSI mode is on or off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.features.expression.sql import Dialect, write

if TYPE_CHECKING:
    from towpath.features.expression.tree import Expression

DAY = 86_400_000_000
HOUR = DAY // 24
# The day since 1970, of days that began before it too: DIV rounds towards 0.
DAYS = f"({{0}} DIV {DAY}L - CASE WHEN {{0}} % {DAY}L < 0L THEN 1L ELSE 0L END)"
# A date has no time zone, whereas Spark takes parts of a time in that of the session.
DATE = f"date_from_unix_date(CAST({DAYS} AS INT))"
WEEKDAY = f"((({DAYS} + 3L) % 7L + 7L) % 7L)"


def _rest(unit: int) -> str:
    """Write what is left of a time after whole units."""
    return f"(({{0}} % {unit}L + {unit}L) % {unit}L)"


def _guarded(whole: str) -> str:
    """Write a function that Spark gives as a BIGINT, which only some floats fit."""
    return f"CASE WHEN abs({{0}}) < 4503599627370496e0 THEN CAST({whole} AS DOUBLE) ELSE {{0}} END"


def _start(unit: str) -> str:
    """Write the start of a month and the like."""
    return f"try_multiply(CAST(unix_date(trunc({DATE}, '{unit}')) AS BIGINT), {DAY}L)"


NUMBER = r"^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]{{1,4}})?\\z"
TEMPLATES: dict[str, str] = {
    "+ int64": "try_add({0}, {1})",
    "- int64": "try_subtract({0}, {1})",
    "* int64": "try_multiply({0}, {1})",
    "negate int64": "try_subtract(0L, {0})",
    "abs int64": "CASE WHEN {0} < 0L THEN try_subtract(0L, {0}) ELSE {0} END",
    "sign": "CAST(signum({0}) AS BIGINT)",
    "floor": _guarded("floor({0})"),
    "ceil": _guarded("ceil({0})"),
    "trunc": _guarded("CAST({0} AS BIGINT)"),
    "trim": "trim(BOTH ' ' FROM {0})",
    "ltrim": "trim(LEADING ' ' FROM {0})",
    "rtrim": "trim(TRAILING ' ' FROM {0})",
    "substring/2": "substring({0}, CAST({1} AS INT))",
    "substring/3": "substring({0}, CAST({1} AS INT), CAST({2} AS INT))",
    "left": "left({0}, CAST({1} AS INT))",
    "right": "right({0}, CAST({1} AS INT))",
    "split_part": "split_part({0}, {1}, CAST({2} AS INT))",
    "strpos": "CAST(instr({0}, {1}) AS BIGINT)",
    "starts_with": "startswith({0}, {1})",
    "ends_with": "endswith({0}, {1})",
    "year": f"CAST(year({DATE}) AS BIGINT)",
    "quarter": f"CAST(quarter({DATE}) AS BIGINT)",
    "month": f"CAST(month({DATE}) AS BIGINT)",
    "day": f"CAST(day({DATE}) AS BIGINT)",
    "dayofyear": f"CAST(dayofyear({DATE}) AS BIGINT)",
    "week": f"CAST(weekofyear({DATE}) AS BIGINT)",
    "isodow": f"({WEEKDAY} + 1L)",
    "hour": f"({_rest(DAY)} DIV {HOUR}L)",
    "minute": f"({_rest(HOUR)} DIV 60000000L)",
    "second": f"({_rest(60_000_000)} DIV 1000000L)",
    "date_trunc hour": f"try_subtract({{0}}, {_rest(HOUR)})",
    "date_trunc day": f"try_multiply({DAYS}, {DAY}L)",
    "date_trunc week": f"try_multiply({DAYS} - {WEEKDAY}, {DAY}L)",
    "date_trunc month": _start("MM"),
    "date_trunc quarter": _start("QUARTER"),
    "date_trunc year": _start("YEAR"),
    "cast float64 int64": (
        "CASE WHEN {0} >= -9223372036854775808e0 AND {0} < 9223372036854775808e0 "
        "THEN CAST({0} AS BIGINT) END"
    ),
    "cast int64 string": "CAST({0} AS STRING)",
    "cast bool string": "CAST({0} AS STRING)",
    "cast string int64": (
        r"CASE WHEN {0} RLIKE '^[+-]?[0-9]{{1,19}}\\z' THEN try_cast({0} AS BIGINT) END"
    ),
    "cast string float64": (
        f"CASE WHEN {{0}} RLIKE '{NUMBER}' "
        "AND abs(try_cast({0} AS DOUBLE)) < CAST('Infinity' AS DOUBLE) "
        "THEN try_cast({0} AS DOUBLE) END"
    ),
}


def _quoted(name: str) -> str:
    """Write a column's name."""
    doubled = name.replace("`", "``")
    return f"`{doubled}`"


def _text(text: str) -> str:
    r"""Write a text; a $ might begin a variable.

    Example:
        >>> _text("a'$")
        "'a\\'\\u0024'"
    """
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("$", "\\u0024")
    return f"'{escaped}'"


def _pattern(pattern: str) -> str:
    """Write a pattern, in which a backslash would take the next sign as it is."""
    return pattern.replace("\\", "\\\\")


SPARK = Dialect(
    templates=TEMPLATES,
    columns={
        "bool": "{0}",
        "int64": "CAST({0} AS BIGINT)",
        "float64": "CAST({0} AS DOUBLE)",
        "string": "{0}",
        "timestamp": "unix_micros({0})",
        "date": f"try_multiply(CAST(unix_date({{0}}) AS BIGINT), {DAY}L)",
    },
    types={
        "bool": "BOOLEAN",
        "int64": "BIGINT",
        "float64": "DOUBLE",
        "string": "STRING",
        "timestamp": "BIGINT",
    },
    quoted=_quoted,
    text=_text,
    pattern=_pattern,
    once="transform(array({value}), {name} -> {result})[0]",
    without_nan="nanvl({0}, CAST(NULL AS DOUBLE))",
)


def spark_sql(expression: Expression) -> str:
    """Write an expression as SQL of Spark; a time is a BIGINT of microseconds.

    Example:
        >>> from towpath.features.expression.bind import bind
        >>> spark_sql(bind("km > 100", (("km", "int64"),)))
        "(CAST(`km` AS BIGINT) > CAST('100' AS BIGINT))"
    """
    return write(expression, SPARK)
