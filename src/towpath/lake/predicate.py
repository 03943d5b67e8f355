"""SQL predicates over the rows of a table: one boolean expression each, run by DuckDB."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa

from towpath.core.errors import Contract, Invalid
from towpath.lake.column_types import arrow_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

# No file, network or extension can be reached, and the statement SET is refused once locked.
SEALED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "memory_limit": "1GB",
    "temp_directory": "",
}
LOCK = ("SET TimeZone = 'UTC'", "SET lock_configuration = true")
ROWS, ROW = "rows", "_row"
# What an expression over one row is made of: no subquery, window, star or parameter.
NODES = {
    "BETWEEN",
    "CASE",
    "CAST",
    "COLLATE",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "FUNCTION",
    "LAMBDA",
    "LAMBDA_REF",
    "OPERATOR",
    "TYPE",
}
# What the engine calls constant, though another day or another release of it answers otherwise, and
# the words that stand for a function where no column has their name.
PASSING = {
    "current_localtime",
    "current_localtimestamp",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "version",
}
WORD = re.compile(r"\w+")
HINT = "Write one true-or-false expression over the row's columns, such as arrived >= departed."


@contextmanager
def sealed() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty database of its own that reaches nothing outside.

    It lives for one use: a process may be forked from this one, which the engine's threads do not
    survive.

    Example:
        >>> with sealed() as database:
        ...     database.execute("SELECT 1 + 1").fetchall()
        [(2,)]
    """
    connection = duckdb.connect(":memory:", config=SEALED)
    try:
        for statement in LOCK:
            connection.execute(statement)
        yield connection
    finally:
        connection.close()


@lru_cache(maxsize=1024)
def checked_predicate(
    predicate: str, columns: tuple[tuple[str, str], ...], *, lasting: bool = True
) -> tuple[str, ...]:
    """Return the columns that a predicate reads, if it is one that may run.

    Args:
        predicate: one boolean SQL expression over a row.
        columns: name and type of each column of the table.
        lasting: whether it must say the same of a row forever, as a contract does; else it may ask
            for the time.

    Raises:
        Invalid: not one expression, not boolean, an unknown column, one that does more than look
            at a row (a subquery, an aggregate, a file, a random number, the time), or one that
            can be computed for no row.

    Example:
        >>> checked_predicate("fare >= 0 OR kind = 'refund'", (("fare", "float64"),
        ...                                                    ("kind", "string")))
        ('fare', 'kind')
    """
    if any(kind == duckdb.token_type.comment for _, kind in _tokens(predicate)):
        raise _refused(predicate, "it holds a comment")
    schema = pa.schema([(name, arrow_type(dtype)) for name, dtype in columns])
    with sealed() as database:
        found = list(_nodes(_expression(database, predicate)))
        for kind, _ in found:
            if kind not in NODES:
                raise _refused(predicate, f"it holds a {kind.lower().replace('_', ' ')}")
        own = {name.lower() for name, _ in columns}
        called = {str(name).lower() for kind, name in found if kind in {"FUNCTION", "COLUMN_REF"}}
        for name in sorted((called - own) & _unsteady(database, lasting=lasting)):
            raise _refused(predicate, f"the function {name} does more than look at a row")
        _try(database, predicate, schema)
    read = {str(name).lower() for kind, name in found if kind == "COLUMN_REF"}
    return tuple(name for name, _ in columns if name in read)


def failing_rows(table: pa.Table, predicates: Mapping[str, str]) -> dict[str, NDArray[np.int64]]:
    """Find the rows that do not satisfy each predicate, in one pass; NULL does not satisfy.

    Args:
        table: the rows.
        predicates: checked predicates by name.

    Raises:
        Contract: a predicate cannot be computed for a value.

    Example:
        >>> failing_rows(pa.table({"fare": [1.0, -1.0, None]}), {"paid": "fare >= 0"})
        {'paid': array([1, 2])}
    """
    numbered = table.append_column(ROW, pa.array(np.arange(table.num_rows)))
    names = [f"_{place}" for place in range(len(predicates))]
    query = _failing(dict(zip(names, predicates.values(), strict=True)))
    with sealed() as database:
        database.register(ROWS, numbered)
        try:
            found = database.sql(query).to_arrow_table()
        except duckdb.Error as error:
            shown = "; ".join(f"{name}: {text}" for name, text in predicates.items())
            message = f"The rows cannot be held against a predicate: {_first_line(error)} ({shown})"
            hint = "Mend the data, or write TRY_CAST where a value may not fit."
            raise Contract(message, hint=hint) from error
    rows = found[ROW].to_numpy()
    masks = (found[name].to_numpy(zero_copy_only=False) for name in names)
    return {name: np.sort(rows[mask]) for name, mask in zip(predicates, masks, strict=True)}


def _try(database: duckdb.DuckDBPyConnection, predicate: str, schema: pa.Schema) -> None:
    """Run a predicate over no row and over one of nulls."""
    nulls = [pa.nulls(1, field.type) for field in schema]
    try:
        database.register(ROWS, schema.empty_table())
        # An aggregate is refused in WHERE alone.
        database.execute(_filter(predicate))
        result = database.execute(_select(predicate)).description[0][1]
        if str(result) != "BOOLEAN":
            raise _refused(predicate, f"it is {result}, not true or false")
        # What cannot be computed for nulls, such as a number compared with a word, never can be.
        database.register(ROWS, pa.Table.from_arrays(nulls, schema=schema))
        database.execute(_filter(predicate)).fetchall()
    except duckdb.Error as error:
        raise _refused(predicate, _first_line(error)) from error


# The texts below hold a predicate as it was given: by then it is known to be one expression, and
# the database that it runs in holds nothing else and reaches nothing.


def _select(predicate: str) -> str:
    """Write the query that computes a predicate."""
    return f"SELECT (\n{predicate}\n) FROM {ROWS}"  # noqa: S608


def _filter(predicate: str) -> str:
    """Write the query that filters by a predicate."""
    return f"SELECT 1 FROM {ROWS} WHERE ({predicate}) IS NOT TRUE"  # noqa: S608


def _failing(predicates: Mapping[str, str]) -> str:
    """Write the query that returns the rows that some predicate is not true of."""
    marks = ", ".join(f"({one}) IS NOT TRUE AS {name}" for name, one in predicates.items())
    marked = f"SELECT {ROW}, {marks} FROM {ROWS}"  # noqa: S608
    return f"SELECT * FROM ({marked}) WHERE {' OR '.join(predicates)}"  # noqa: S608


def _tokens(predicate: str) -> list[tuple[int, object]]:
    """Split a predicate into its words."""
    try:
        return list(duckdb.tokenize(predicate))
    except duckdb.Error as error:
        raise _refused(predicate, _first_line(error)) from error


def _expression(database: duckdb.DuckDBPyConnection, predicate: str) -> object:
    """Parse a predicate on its own and return its tree."""
    if not predicate.strip():
        raise _refused(predicate, "it is empty")
    query = [_select(predicate)]
    text = database.execute("SELECT json_serialize_sql(?)", query).fetchall()[0][0]
    tree = json.loads(text)
    if tree["error"]:
        raise _refused(predicate, str(tree["error_message"]))
    selected = [one["node"].get("select_list", []) for one in tree["statements"]]
    if len(selected) != 1 or len(selected[0]) != 1:
        raise _refused(predicate, "it is more than one expression")
    return selected[0][0]


def _nodes(tree: object) -> Iterator[tuple[str, object]]:
    """Walk a tree: the class of each node, with the function or column that it names."""
    if isinstance(tree, list):
        for one in tree:
            yield from _nodes(one)
    if isinstance(tree, dict):
        if "class" in tree:
            names = tree.get("column_names") or [tree.get("function_name")]
            # The age of one time is counted from now. Releases differ in what they call arguments.
            given = tree.get("arguments") or tree.get("children") or ()
            since_now = str(names[-1]).lower() == "age" and len(given) == 1
            yield str(tree["class"]), "now" if since_now else names[-1]
        for one in tree.values():
            yield from _nodes(one)


def _unsteady(database: duckdb.DuckDBPyConnection, *, lasting: bool) -> set[str]:
    """Name the functions that give another answer each time, or at another time, or do something.

    Args:
        database: where they are asked for.
        lasting: whether one may not even answer otherwise at another time.
    """
    query = "SELECT lower(function_name), stability, macro_definition FROM duckdb_functions()"
    known = database.execute(query).fetchall()
    kinds = {"VOLATILE", "CONSISTENT_WITHIN_QUERY"} if lasting else {"VOLATILE"}
    found = {name for name, stability, _ in known if stability in kinds}
    found |= PASSING if lasting else set()
    macros = {name: set(WORD.findall(text.lower())) for name, _, text in known if text}
    while more := {name for name, words in macros.items() if words & found} - found:
        found |= more
    return found


def _first_line(error: Exception) -> str:
    """Shorten what the engine says."""
    return str(error).partition("\n")[0].rstrip(".")


def _refused(predicate: str, problem: str) -> Invalid:
    """Say why a predicate is not taken."""
    message = f"{predicate!r} is no predicate: {problem.rstrip('.')}."
    return Invalid(message, hint=HINT, predicate=predicate)
