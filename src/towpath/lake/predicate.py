"""SQL predicates over the rows of a table: one boolean expression each, run by DuckDB."""

from __future__ import annotations

import json
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
def checked_predicate(predicate: str, columns: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return the columns that a predicate reads, if it is one that may run.

    Args:
        predicate: one boolean SQL expression over a row.
        columns: name and type of each column of the table.

    Raises:
        Invalid: not one expression, not boolean, an unknown column, or one that does more than
            look at a row (a subquery, an aggregate, a file, a random number).

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
        functions = {str(name).lower() for kind, name in found if kind == "FUNCTION"}
        for name in sorted(functions & _volatile(database)):
            raise _refused(predicate, f"the function {name} does more than look at a row")
        database.register(ROWS, schema.empty_table())
        try:
            # An aggregate is refused in WHERE alone.
            database.execute(_filter(predicate))
            result = database.execute(_select(predicate)).description[0][1]
        except duckdb.Error as error:
            raise _refused(predicate, _first_line(error)) from error
    if str(result) != "BOOLEAN":
        raise _refused(predicate, f"it is {result}, not true or false")
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
            yield str(tree["class"]), names[-1]
        for one in tree.values():
            yield from _nodes(one)


def _volatile(database: duckdb.DuckDBPyConnection) -> set[str]:
    """Name the functions that give another answer each time, or do something."""
    query = "SELECT function_name FROM duckdb_functions() WHERE stability = 'VOLATILE'"
    return {str(name).lower() for (name,) in database.execute(query).fetchall()}


def _first_line(error: Exception) -> str:
    """Shorten what the engine says."""
    return str(error).partition("\n")[0].rstrip(".")


def _refused(predicate: str, problem: str) -> Invalid:
    """Say why a predicate is not taken."""
    message = f"{predicate!r} is no predicate: {problem.rstrip('.')}."
    return Invalid(message, hint=HINT, predicate=predicate)
