"""Row expressions of any shape, written out."""

from __future__ import annotations

from hypothesis import strategies as st

# What has a value of a type, in terms of others; none of it needs a library for its last bit.
FORMS: dict[str, tuple[str, ...]] = {
    "int64": (
        *(
            "({int64} + {int64})",
            "({int64} - {int64})",
            "({int64} * {int64})",
            "({int64} % {int64})",
        ),
        *("abs({int64})", "(- {int64})", "sign({float64})", "CAST({float64} AS BIGINT)"),
        *("length({string})", "strpos({string}, {string})", "TRY_CAST({string} AS BIGINT)"),
        *(
            "year({timestamp})",
            "isodow({timestamp})",
            "epoch_us({timestamp})",
            "CAST({bool} AS BIGINT)",
        ),
        *("coalesce({int64}, {int64})", "nullif({int64}, {int64})", "week({timestamp})"),
        *("if({bool}, {int64}, {int64})", "greatest({int64}, {int64})"),
    ),
    "float64": (
        *("({float64} + {float64})", "({float64} - {float64})", "({float64} * {float64})"),
        *("({float64} / {float64})", "({int64} / {int64})", "({float64} % {float64})"),
        *("round({float64}, 2)", "floor({float64})", "sqrt({float64})", "abs({float64})"),
        *("least({float64}, {float64})", "coalesce({float64}, {float64})", "(- {float64})"),
        *(
            "CASE WHEN {bool} THEN {float64} WHEN {bool} THEN {float64} END",
            "CAST({int64} AS DOUBLE)",
        ),
        *("nullif({float64}, {float64})", "TRY_CAST({string} AS DOUBLE)", "trunc({float64})"),
    ),
    "bool": (
        *("({bool} AND {bool})", "({bool} OR {bool})", "(NOT {bool})", "({int64} < {int64})"),
        *("({float64} >= {float64})", "({float64} = {int64})", "({string} <= {string})"),
        *("({float64} IS NULL)", "({string} LIKE '%a_')", "contains({string}, {string})"),
        *(
            "({timestamp} < {timestamp})",
            "({int64} IN (1, 2, 7))",
            "({float64} BETWEEN 0 AND {int64})",
        ),
    ),
    "string": (
        *(
            "({string} || {string})",
            "lower({string})",
            "trim({string})",
            "substring({string}, 2, 2)",
        ),
        *("CAST({int64} AS VARCHAR)", "coalesce({string}, {string})", "right({string}, 3)"),
        *(
            "if({bool}, {string}, {string})",
            "replace({string}, 'a', 'bb')",
            "CAST({bool} AS VARCHAR)",
        ),
    ),
    "timestamp": (
        *("date_trunc('month', {timestamp})", "date_trunc('week', {timestamp})"),
        *("coalesce({timestamp}, {timestamp})", "if({bool}, {timestamp}, {timestamp})"),
    ),
}
LEAVES: dict[str, tuple[str, ...]] = {
    "int64": ("a", "b", "3", "-1", "0", "9223372036854775807"),
    "float64": ("x", "y", "fee", "0.1", "-2.5", "1e300"),
    "bool": ("p", "q", "true"),
    "string": ("s", "t", "'a'", "'é,😀'", "''"),
    "timestamp": ("at", "day", "timestamp '2012-02-29T23:59:59Z'"),
}
DEEPEST = 4


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """Draw an expression that reads some column or none."""

    def write(dtype: str, depth: int) -> str:
        if depth == DEEPEST or draw(st.booleans()):
            return draw(st.sampled_from(LEAVES[dtype]))
        parts = draw(st.sampled_from(FORMS[dtype])).split("{")
        return parts[0] + "".join(
            write(kind, depth + 1) + rest for kind, rest in (one.split("}", 1) for one in parts[1:])
        )

    return write(draw(st.sampled_from(sorted(FORMS))), 0)
