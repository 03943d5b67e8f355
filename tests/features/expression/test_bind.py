"""What is a row expression, what is not, and where in its text the cause stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.features.expression.rows import COLUMNS

from towpath.core.errors import Invalid
from towpath.features.expression.bind import bind
from towpath.features.expression.function import FUNCTIONS, INSTEAD, Function

PAGE = Path(__file__).parents[3] / "docs/reference/expressions.md"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("aa + 1", r"no column 'aa' \(at character 1\).*Did you mean"),
        ("1 + distence", r"no column 'distence' \(at character 5\)"),
        ("'é😀' || nope", r"no column 'nope' \(at character 9\)"),
        ('"A" + 1', "no column 'A'"),
        ("sqroot(x)", r"no function 'sqroot' \(at character 1\).*Did you mean 'sqrt'"),
        ("x + log(x)", r"no function 'log' \(at character 5\). Use ln, log2 or log10"),
        ("dayofweek(at)", "Use isodow .Monday is 1"),
        ("sum(x)", "Use an aggregate of a view"),
        ("a + s", r"\+ is given int64 and string.*CAST"),
        ("at - at", "- is given timestamp.*epoch_us"),
        ("p + p", r"\+ is given bool.*CAST"),
        ("NOT a", "not is given int64"),
        ("s = 1", "= is given int64 and string"),
        ("at > 'noon'", "'noon' is no time.*2013-10-01"),
        ("sqrt(s)", r"sqrt is given \(string\).*takes \(float64\)"),
        ("sqrt(x, x)", r"sqrt is given \(float64, float64\)"),
        ("nullif(x)", "nullif is given 1 arguments"),
        ("if(p, x)", "if is given 2 arguments"),
        ("if(x, x, x)", "float64 in place of bool"),
        ("round(x, a)", "argument 2 of round is not written out"),
        ("round(x, 16)", "argument 2 of round is 16"),
        ("substring(s, 0)", "argument 2 of substring is 0"),
        ("split_part(s, '', 1)", "argument 2 of split_part is ''"),
        ("date_trunc('decade', at)", "no unit 'decade'"),
        ("a IN (b)", "IN holds more than constants"),
        ("a IN (1, NULL)", "IN holds more than constants"),
        ("CAST(s AS BIGINT)", "may be no number.*TRY_CAST"),
        ("CAST(x AS VARCHAR)", "float64 cannot be cast to string"),
        ("CAST(at AS DATE)", "date_trunc"),
        ("CAST(x AS DECIMAL(9, 2))", "no cast to DECIMAL"),
        ("9223372036854775808", "does not fit 64 bits"),
        ("1e999", "too large"),
        ("NULL", "always missing"),
        ("-'a'", "has no sign"),
        ("a ILIKE 'x'", "not among what it may hold"),
        ("a IS TRUE", "not among"),
        ("(SELECT 1)", "not among|cannot be read"),
        ("sum(x) OVER ()", "not among"),
        ("t.a", "not among"),
        ("a[1]", "not among"),
        ("count(*)", "not among"),
        ("a & b", "not among"),
        ("INTERVAL '1 day'", "not among"),
        ("$1", "no column"),
        ("?", "not among"),
        ("x y", "cannot be read near 'y'"),
        ("a, b", "cannot be read near ','"),
        ("a; b", "more than one"),
        ("a +", "cannot be read"),
        ("'abc", "quotation"),
        ("  ", "empty"),
        ("a --2", "comment"),
        ("a /* b */ + 1", "comment"),
        ("a\0", "character 0"),
        ("DROP TABLE x", "cannot be read"),
        ("(" * 500 + "a" + ")" * 500, "too deeply"),
        (" + ".join(["a"] * 500), "too deeply"),
        ("a + " * 6000 + "a", "longer than"),
    ],
)
def test_what_is_no_expression_is_refused_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(Invalid, match=f"(?s)no row expression: .*({problem})"):
        bind(text, COLUMNS)


@pytest.mark.parametrize("stored", ["binary", "list<float64>", "decimal(16,2)"])
def test_a_column_that_no_expression_reads_is_refused(stored: str) -> None:
    with pytest.raises(Invalid, match=re.escape(f"the column 'c' is {stored}")):
        bind("c IS NULL", (("c", stored),))


@pytest.mark.parametrize(
    ("text", "dtype", "columns"),
    [
        ("a + x", "float64", ("a", "x")),
        ("A + b", "int64", ("a", "b")),
        ('"x" > 0', "bool", ("x",)),
        ("CASE WHEN p THEN 1 ELSE 2.5 END", "float64", ("p",)),
        ("coalesce(NULL, s)", "string", ("s",)),
        ("date_trunc('day', at)", "timestamp", ("at",)),
        ("fee::BIGINT", "int64", ("fee",)),
        ("b < a AND a < b", "bool", ("b", "a")),
    ],
)
def test_types_and_columns_follow_from_the_text(
    text: str, dtype: str, columns: tuple[str, ...]
) -> None:
    found = bind(text, COLUMNS)
    assert (found.dtype, found.columns) == (dtype, columns)


@pytest.mark.parametrize("name", ["set", "at", "end", "order", "date", "count", "window", "if"])
def test_a_column_may_be_named_as_a_word_of_sql(name: str) -> None:
    assert bind(f'"{name}" > 0', ((name, "int64"),)).columns == (name,)


def row_of(function: Function) -> str:
    """Write the row that a function has on the page."""
    forms = [f"{', '.join(takes) or 'nothing'} → {result}" for takes, result in function.forms]
    if function.alike:
        kinds = "any type" if len(function.alike) > 2 else " or ".join(function.alike)
        number = "one" if function.most == 1 else "two" if function.most == 2 else "several"
        forms = [f"{number} of {kinds} → {function.result or 'the same'}"]
    if function.alike == ("bool",):
        forms = [f"{number} of bool → bool"]
    name = function.name.replace("|", "\\|")
    return f"| `{name}` | {'; '.join(forms)} | {function.meaning} |"


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda one: str(one.name))
def test_every_function_has_its_row_on_the_page(function: Function) -> None:
    assert row_of(function) in PAGE.read_text(encoding="utf-8").splitlines()


def test_what_to_use_instead_is_not_what_there_is() -> None:
    assert sorted(INSTEAD.keys() & {*FUNCTIONS, "if"}) == []
