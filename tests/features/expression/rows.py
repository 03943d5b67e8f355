"""Rows of edges, and expressions over them that use every function."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import product

import pyarrow as pa

LEAST, GREATEST = -(2**63), 2**63 - 1
INF, NAN = float("inf"), float("nan")
DAY = 86_400_000_000
WHOLES = (
    *(None, 0, 1, -1, 2, -2, 3, 7, -7, 10, 60, LEAST, LEAST + 1, GREATEST, GREATEST - 1),
    *(2**53 + 1, -(2**53) - 1, 3_037_000_500, -3_037_000_500, 2**32, 1_000_000_007),
)
FLOATS = (
    *(None, NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, 2.675, 1.005),
    *(0.49999999999999994, -0.49999999999999994, 4503599627370495.5, 4503599627370497.0),
    *(9.223372036854775e18, 2.0**63, -(2.0**63), -9.3e18, 1e300, -1e300, 5e-324, 1e-9, 0.1, 1e22),
)
TEXTS = (
    *(None, "", "a", "A", "abc", "aBc,d,,e", " a ", "\ta\n", "\u00a0a ", "ÀÉß", "İ", "e\u0301x"),
    *("😀b", "%", "a_c", "a\\b", "a'b", "$", "${a}", "12", "+5", "-7", " 12 ", "1_000", "12\n"),
    *("1.5", ".5", "1e3", "1e999", "-1e-400", "9223372036854775807", "9223372036854775808"),
    *("-9223372036854775808", "0012", "nan", "Infinity", "1d", "0x1F", "aaa", "٣", "\U0010ffff"),
)
TIMES = (
    *(None, 0, -1, 1, DAY - 1, DAY, -DAY, -DAY - 1, 1_356_998_400_000_000, 1_330_473_600_123_456),
    *(951_782_399_999_999, 951_782_400_000_000, 4_107_542_399_999_999, 1_483_228_799_999_999),
    *(-62_135_596_800_000_000, -62_135_596_800_000_001, 253_402_300_799_999_999),
    *(-9_000_000_000_000_000_001, 9_000_000_000_000_000_001, 1_230_768_000_000_000),
    *(1_104_537_600_000_000 + 6 * DAY * one for one in range(0, 800, 97)),
)
DATES = (None, date(1970, 1, 1), date(2012, 2, 29), date(1, 1, 1), date(9999, 12, 31))
DECIMALS = (None, Decimal("0.10"), Decimal("-9999999.99"), Decimal("0.00"), Decimal("2.67"))
COLUMNS = (
    *(("a", "int64"), ("b", "int64"), ("x", "float64"), ("y", "float64"), ("s", "string")),
    *(("t", "string"), ("at", "timestamp"), ("p", "bool"), ("q", "bool"), ("day", "date")),
    ("fee", "decimal(9,2)"),
)


KINDS = {
    **dict.fromkeys(("a", "b", "at"), pa.int64()),
    **dict.fromkeys(("x", "y"), pa.float64()),
    **dict.fromkeys(("s", "t"), pa.string()),
    **dict.fromkeys(("p", "q"), pa.bool_()),
    "day": pa.date32(),
    "fee": pa.decimal128(9, 2),
}


def edge_rows() -> pa.Table:
    """Every pair of the edges of each type, the shorter columns repeated."""
    pairs: dict[tuple[str, str], list[tuple[object, object]]] = {
        ("a", "b"): list(product(WHOLES, WHOLES)),
        ("x", "y"): list(product(FLOATS, FLOATS)),
        ("s", "t"): list(product(TEXTS, ("a", "b", ",", "", None, "😀", "%", " "))),
        ("p", "q"): list(product((None, True, False), (None, True, False))),
        ("at", "day"): [(at, DATES[place % len(DATES)]) for place, at in enumerate(TIMES)],
        ("fee", "fee"): [(fee, fee) for fee in DECIMALS],
    }
    count = max(len(values) for values in pairs.values())
    found: dict[str, list[object]] = {}
    for names, values in pairs.items():
        for place, name in enumerate(names):
            found[name] = [values[row % len(values)][place] for row in range(count)]
    columns = {name: pa.array(found[name], KINDS[name]) for name, _ in COLUMNS}
    return pa.table({**columns, "at": columns["at"].cast(pa.timestamp("us", "UTC"))})


# One list for each function and operator; the key is its name.
EXPRESSIONS: dict[str, tuple[str, ...]] = {
    "+": ("a + b", "x + y", "a + x", "x + 0"),
    "-": ("a - b", "x - y", "x - a"),
    "*": ("a * b", "x * y", "0 * x"),
    "/": ("a / b", "x / y", "x / a", "1 / (1 / (x / y))"),
    "%": ("a % b", "x % y", "a % -1"),
    "negate": ("-a", "-x"),
    "=": ("a = b", "x = y", "s = t", "p = q", "a = x", "at = '2013-01-01'", "x - x = 0"),
    "<>": ("a <> b", "x != y", "s <> t"),
    "<": ("a < b", "x < y", "s < t", "p < q", "at < timestamp '2000-03-01T00:00:00Z'"),
    "<=": ("a <= b", "x <= y", "s <= t", "day <= date '2012-02-29'", "fee <= 0.10"),
    ">": ("a > b", "x > y", "s > t", "fee > 0.1", "x / y > 0"),
    ">=": ("a >= b", "x >= y", "s >= t", "a BETWEEN -1 AND b", "x NOT BETWEEN y AND 1e9"),
    "and": ("p AND q", "a > 0 AND x > 0"),
    "or": ("p OR q", "a > 0 OR x > 0"),
    "not": ("NOT p", "NOT x > y"),
    "||": ("s || t", "s || '$''\\'"),
    "like": ("s LIKE 'a%'", "s LIKE '_b'", "s LIKE '%\\%'", "s NOT LIKE '%_,%'", "s LIKE '%\n'"),
    "in": (
        "a IN (1, 2, -9223372036854775808)",
        "x IN (0, 0.5)",
        "s NOT IN ('a', '')",
        "p IN (true)",
    ),
    "is null": ("a IS NULL", "x IS NOT NULL", "s IS NULL", "x - x IS NULL", "x * 0 IS NULL"),
    "case": (
        "CASE WHEN p THEN x WHEN q THEN y END",
        "CASE a WHEN 1 THEN s ELSE t END",
        "if(a > 0, a, x)",
        "coalesce(CASE WHEN p THEN x END, 7.5)",
    ),
    "cast": (
        *("CAST(x AS BIGINT)", "CAST(a AS DOUBLE)", "CAST(p AS BIGINT)", "CAST(p AS DOUBLE)"),
        *("CAST(a AS VARCHAR)", "CAST(p AS VARCHAR)", "CAST(x / y AS BIGINT)"),
    ),
    "try_cast": ("TRY_CAST(s AS BIGINT)", "TRY_CAST(s AS DOUBLE)", "TRY_CAST(trim(s) AS BIGINT)"),
    "sqrt": ("sqrt(x)", "sqrt(a)", "sqrt(x) IS NULL"),
    "exp": ("exp(x)", "exp(x) > 0"),
    "ln": ("ln(x)", "ln(x * y)"),
    "log2": ("log2(x)",),
    "log10": ("log10(x)", "log10(a)"),
    "sin": ("sin(x)", "sin(x / y) IS NULL"),
    "cos": ("cos(x)", "cos(2 * pi() * a / 7)"),
    "power": ("power(x, y)", "power(x, 2)", "power(x - x, 0)"),
    "pi": ("pi()", "pi() * a"),
    "abs": ("abs(a)", "abs(x)"),
    "sign": ("sign(a)", "sign(x)", "sign(x / y)"),
    "floor": ("floor(x)", "floor(a)", "floor(x / y)"),
    "ceil": ("ceil(x)", "ceil(a)"),
    "trunc": ("trunc(x)", "trunc(a)", "trunc(a / b)"),
    "round": ("round(x)", "round(x, 2)", "round(a)", "round(x * y, 1)", "round(x, 15)"),
    "greatest": ("greatest(a, b)", "greatest(x, y, 0)", "greatest(s, t)", "greatest(p, q)"),
    "least": ("least(a, b)", "least(x / y, 5)", "least(at, day)"),
    "coalesce": ("coalesce(a, b)", "coalesce(x, y, 1)", "coalesce(s, 'none')", "coalesce(p)"),
    "nullif": ("nullif(a, b)", "nullif(x, 0)", "nullif(s, t)", "nullif(x / y, y)"),
    "lower": ("lower(s)",),
    "upper": ("upper(s)",),
    "trim": ("trim(s)",),
    "ltrim": ("ltrim(s)",),
    "rtrim": ("rtrim(s)",),
    "length": ("length(s)",),
    "substring": ("substring(s, 2)", "substring(s, 1, 2)", "substring(s, 3, 0)"),
    "left": ("left(s, 2)", "left(s, 0)"),
    "right": ("right(s, 2)", "right(s, 0)"),
    "replace": ("replace(s, 'a', 'éé')", "replace(s, 'aa', '')"),
    "split_part": ("split_part(s, ',', 1)", "split_part(s, ',', 3)", "split_part(s, 'aB', 2)"),
    "strpos": ("strpos(s, t)", "strpos(s, 'b')"),
    "starts_with": ("starts_with(s, t)",),
    "ends_with": ("ends_with(s, t)",),
    "contains": ("contains(s, t)",),
    "year": ("year(at)", "year(day)"),
    "quarter": ("quarter(at)",),
    "month": ("month(at)", "month(day)"),
    "day": ("day(at)",),
    "hour": ("hour(at)",),
    "minute": ("minute(at)",),
    "second": ("second(at)",),
    "isodow": ("isodow(at)", "isodow(day)"),
    "dayofyear": ("dayofyear(at)",),
    "week": ("week(at)",),
    "epoch_us": ("epoch_us(at)", "epoch_us(at) - epoch_us(day)"),
    "date_trunc": tuple(
        f"date_trunc('{unit}', at)" for unit in ("hour", "day", "week", "month", "quarter", "year")
    ),
}
