"""The functions and operators that a row expression may use: the allow-list."""

from __future__ import annotations

import msgspec

from towpath.core.record import Record
from towpath.features.expression.tree import Dtype

NUMBERS: tuple[Dtype, ...] = ("int64", "float64")
ORDERED: tuple[Dtype, ...] = ("int64", "float64", "string", "timestamp", "bool")
GREATEST_PLACES = 15
MOST_CHARACTERS = 1_000_000
UNITS = ("hour", "day", "week", "month", "quarter", "year")
Form = tuple[tuple[Dtype, ...], Dtype]


class Function(Record, frozen=True):
    """A function or an operator of the allow-list.

    Args:
        name: as it is written.
        meaning: what it returns, where that is not plain.
        forms: types of its arguments, with that of its result; the first that fits is taken.
        alike: types that any number of arguments may have, all the same one.
        result: type of the result of arguments that are alike; empty for their own.
        fewest: least number of arguments that are alike.
        most: greatest number of them.
        written: arguments that must be written out, by place: least and greatest number, or for
            a text its least length.
        operator: whether it is one, and so not called by name.

    Example:
        >>> FUNCTIONS["sqrt"].forms
        ((('float64',), 'float64'),)
    """

    name: str
    meaning: str = ""
    forms: tuple[Form, ...] = ()
    alike: tuple[Dtype, ...] = ()
    result: Dtype | None = None
    fewest: int = 1
    most: int = 100
    written: dict[int, tuple[int, int]] = msgspec.field(default_factory=dict)
    operator: bool = False


def _form(result: Dtype, *arguments: Dtype) -> Form:
    """Write a form with its result first."""
    return arguments, result


def _number(name: str, meaning: str = "") -> Function:
    """Make a function of one float."""
    return Function(name, meaning, (_form("float64", "float64"),))


def _whole(name: str, meaning: str) -> Function:
    """Make a function that keeps whole numbers and rounds others."""
    return Function(name, meaning, (_form("int64", "int64"), _form("float64", "float64")))


def _text(name: str, meaning: str = "") -> Function:
    """Make a function of one text."""
    return Function(name, meaning, (_form("string", "string"),))


def _part(name: str, meaning: str = "") -> Function:
    """Make a function that takes a whole number from a time."""
    return Function(name, meaning, (_form("int64", "timestamp"),))


def _arithmetic(name: str, meaning: str) -> Function:
    """Make an operator of two numbers of one type."""
    return Function(name, meaning, alike=NUMBERS, fewest=2, most=2, operator=True)


def _comparison(name: str) -> Function:
    """Make an operator that compares two values of one type."""
    meaning = "texts by their characters' numbers, false before true"
    return Function(name, meaning, alike=ORDERED, result="bool", fewest=2, most=2, operator=True)


def _logic(name: str, meaning: str, count: int) -> Function:
    """Make an operator of truth values."""
    return Function(name, meaning, alike=("bool",), fewest=count, most=count, operator=True)


def _test(name: str, meaning: str) -> Function:
    """Make a function that looks for one text in another."""
    return Function(name, meaning, (_form("bool", "string", "string"),))


OVERFLOW = "missing where the result does not fit 64 bits"
COUNT = (0, MOST_CHARACTERS)
FROM_ONE = (1, MOST_CHARACTERS)
LISTED = (
    _arithmetic("+", OVERFLOW),
    _arithmetic("-", OVERFLOW),
    _arithmetic("*", OVERFLOW),
    Function(
        "/",
        "always a float64; missing where the divisor is 0",
        (_form("float64", "float64", "float64"),),
        operator=True,
    ),
    _arithmetic("%", "has the sign of the dividend; missing where the divisor is 0"),
    Function("negate", "the sign -", alike=NUMBERS, most=1, operator=True),
    *(_comparison(name) for name in ("=", "<>", "<", "<=", ">", ">=")),
    _logic("and", "false if either is, else missing if either is", 2),
    _logic("or", "true if either is, else missing if either is", 2),
    _logic("not", "missing stays missing", 1),
    Function(
        "||",
        "missing if either text is",
        (_form("string", "string", "string"),),
        operator=True,
    ),
    Function(
        "like",
        "% stands for any characters, _ for one; there is no escape",
        (_form("bool", "string", "string"),),
        written={1: COUNT},
        operator=True,
    ),
    _number("sqrt", "missing below 0"),
    _number("exp"),
    _number("ln", "the natural logarithm; missing at 0 and below"),
    _number("log2", "missing at 0 and below"),
    _number("log10", "missing at 0 and below"),
    _number("sin", "of radians; missing at an infinity"),
    _number("cos", "of radians; missing at an infinity"),
    Function(
        "power",
        "missing for a negative number to a broken exponent, and for an infinite exponent",
        (_form("float64", "float64", "float64"),),
    ),
    Function("pi", "3.141592653589793", (_form("float64"),)),
    Function("abs", OVERFLOW, alike=NUMBERS, most=1),
    Function("sign", "-1, 0 or 1", (_form("int64", "int64"), _form("int64", "float64"))),
    _whole("floor", "the next whole number below, of the same type"),
    _whole("ceil", "the next whole number above, of the same type"),
    _whole("trunc", "the next whole number towards 0, of the same type"),
    Function(
        "round",
        "halves away from 0; to so many places, 0 to 15, after scaling by a power of ten",
        (
            _form("int64", "int64"),
            _form("float64", "float64"),
            _form("float64", "float64", "int64"),
        ),
        written={1: (0, GREATEST_PLACES)},
    ),
    Function("greatest", "of those that are not missing", alike=ORDERED),
    Function("least", "of those that are not missing", alike=ORDERED),
    Function("coalesce", "the first that is not missing", alike=ORDERED),
    Function("nullif", "missing where both are equal", alike=ORDERED, fewest=2, most=2),
    _text("lower", "A to Z alone; other letters stay"),
    _text("upper", "a to z alone; other letters stay"),
    _text("trim", "without spaces, and only those, at both ends"),
    _text("ltrim", "without spaces at the start"),
    _text("rtrim", "without spaces at the end"),
    Function("length", "in characters (Unicode code points)", (_form("int64", "string"),)),
    Function(
        "substring",
        "from the character of that number, counted from 1; the third says how many at most",
        (
            _form("string", "string", "int64"),
            _form("string", "string", "int64", "int64"),
        ),
        written={1: FROM_ONE, 2: COUNT},
    ),
    Function(
        "left", "the first characters", (_form("string", "string", "int64"),), written={1: COUNT}
    ),
    Function(
        "right", "the last characters", (_form("string", "string", "int64"),), written={1: COUNT}
    ),
    Function(
        "replace",
        "the second text by the third, everywhere",
        (_form("string", "string", "string", "string"),),
        written={1: FROM_ONE, 2: COUNT},
    ),
    Function(
        "split_part",
        "the part of that number, counted from 1, between separators; empty beyond the last",
        (_form("string", "string", "string", "int64"),),
        written={1: FROM_ONE, 2: FROM_ONE},
    ),
    Function(
        "strpos",
        "where it first stands, from 1; 0 for nowhere",
        (_form("int64", "string", "string"),),
    ),
    _test("starts_with", "the second text is at the start of the first"),
    _test("ends_with", "the second text is at the end of the first"),
    _test("contains", "the second text is in the first"),
    _part("year"),
    _part("quarter"),
    _part("month"),
    _part("day", "of the month"),
    _part("hour"),
    _part("minute"),
    _part("second", "whole seconds"),
    _part("isodow", "day of the week: Monday is 1, Sunday 7"),
    _part("dayofyear"),
    _part("week", "of the year, by ISO 8601"),
    _part("epoch_us", "microseconds since 1970"),
    Function(
        "date_trunc",
        f"start of the {', '.join(UNITS[:-1])} or {UNITS[-1]}; weeks start on Monday",
        (_form("timestamp", "string", "timestamp"),),
        written={0: COUNT},
    ),
)
FUNCTIONS = {one.name: one for one in LISTED}
# What people write for something that there is, or should not.
INSTEAD = {
    "avg": "an aggregate of a view",
    "ceiling": "ceil",
    "char_length": "length",
    "concat": "||, or coalesce(x, '') where a part may be missing",
    "count": "an aggregate of a view",
    "current_date": "the column of the prediction time",
    "current_timestamp": "the column of the prediction time",
    "date_part": "year, month, day, hour and the like",
    "datediff": "epoch_us(later) - epoch_us(earlier)",
    "day_of_week": "isodow (Monday is 1, Sunday 7)",
    "dayofweek": "isodow (Monday is 1, Sunday 7)",
    "dow": "isodow (Monday is 1, Sunday 7)",
    "epoch": "epoch_us(x) / 1000000",
    "extract": "year, month, day, hour and the like",
    "ifnull": "coalesce",
    "iff": "if",
    "instr": "strpos",
    "isnan": "IS NULL: NaN is missing",
    "isnull": "IS NULL",
    "len": "length",
    "locate": "strpos",
    "log": "ln, log2 or log10",
    "max": "greatest, or an aggregate of a view",
    "min": "least, or an aggregate of a view",
    "mod": "%",
    "now": "the column of the prediction time",
    "nvl": "coalesce",
    "position": "strpos",
    "pow": "power",
    "random": "a column that holds it",
    "regexp_matches": "LIKE, contains, starts_with or ends_with",
    "substr": "substring",
    "sum": "an aggregate of a view",
    "truncate": "trunc",
    "weekday": "isodow (Monday is 1, Sunday 7)",
    "weekofyear": "week",
}
