"""SELECT over the tables of a lake: read-only, of checked files, run by DuckDB."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb

from towpath.core.errors import Contract, Invalid
from towpath.lake.intake import INGESTED_AT
from towpath.lake.predicate import sealed
from towpath.lake.tables import SEQUENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from towpath.lake.dataset import Dataset
    from towpath.lake.lake import Lake

# What a SELECT over tables is made of, besides expressions: no table function, file, sample,
# DESCRIBE, PIVOT or recursion.
PARTS = {
    "ASCENDING",
    "BASE_TABLE",
    "CTE_NODE",
    "DESCENDING",
    "DISTINCT_MODIFIER",
    "EMPTY",
    "EXPRESSION_LIST",
    "JOIN",
    "LIMIT_MODIFIER",
    "ORDER_DEFAULT",
    "ORDER_MODIFIER",
    "SELECT_NODE",
    "SET_OPERATION_NODE",
    "SUBQUERY",
}
# Words that DuckDB reads as functions of the moment or of the session.
MOMENTS = {
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "user",
}
ALL_COLUMNS = {"STAR", "POSITIONAL_REFERENCE"}
SYSTEM = (INGESTED_AT, SEQUENCE)
HINT = (
    'Write one SELECT over datasets, such as SELECT id, "at" FROM orders WHERE paid; '
    'words of SQL such as "at" are quoted.'
)


def select(lake: Lake, query: str, *, versions: Mapping[str, int] | None = None) -> pa.Table:
    """Run one SELECT over the datasets of a lake.

    Nothing else can be reached: no file, network, setting or clock. The same query over the same
    versions sees the same rows.

    Args:
        lake: its datasets are the tables.
        query: the SELECT.
        versions: which version of a dataset is read; the latest of those that are not named.

    Raises:
        Invalid: not one SELECT, or one that does more than read datasets.
        NotFound: no such dataset, or no data yet.
        Contract: the query cannot be computed for the rows.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import pyarrow as pa
        >>> from towpath.catalog.database import Database
        >>> from towpath.core.clock import SystemClock
        >>> from towpath.lake.dataset import Column, Dataset
        >>> from towpath.lake.lake import Lake
        >>> from towpath.lake.tables.delta import DeltaTableStore
        >>> trips = Dataset("trips", (Column("id", "int64"),))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     db = Database.open("sqlite:catalog.db", Path(folder))
        ...     store = DeltaTableStore("file:lake", Path(folder), db)
        ...     lake = Lake(store, db, {"trips": trips}, clock=SystemClock())
        ...     report = lake.ingest("trips", pa.table({"id": [1, 2]}))
        ...     select(lake, "SELECT id * 10 AS ten FROM trips")["ten"].to_pylist()
        [10, 20]
    """
    with sealed() as database:
        tree = _statement(database, query)
        tables = _tables(database, query, tree)
        for name in tables:
            table = lake[name]
            columns = _wanted(tree, table.dataset)
            database.register(name, table.scan(columns, version=(versions or {}).get(name)))
        try:
            found: pa.Table = database.sql(query).to_arrow_table()
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            raise _refused(query, _first_line(error)) from error
        except duckdb.Error as error:
            message = f"The query cannot be computed: {_first_line(error)} ({query})"
            raise Contract(message, hint="Mend the query or the data.") from error
    return found


def queried(lake: Lake, query: str) -> tuple[str, ...]:
    """Name the datasets that a SELECT reads.

    Raises:
        Invalid: not one SELECT, or one that does more than read datasets.
        NotFound: no such dataset.
    """
    with sealed() as database:
        names = _tables(database, query, _statement(database, query))
    return tuple(lake[name].dataset.name for name in names)


def _statement(database: duckdb.DuckDBPyConnection, query: str) -> object:
    """Parse one SELECT and return its tree."""
    text = database.execute("SELECT json_serialize_sql(?)", [query]).fetchall()[0][0]
    tree = json.loads(text)
    if tree["error"]:
        raise _refused(query, str(tree["error_message"]))
    if len(tree["statements"]) != 1:
        raise _refused(query, "it is not one statement")
    statement: object = tree["statements"][0]["node"]
    return statement


def _tables(database: duckdb.DuckDBPyConnection, query: str, tree: object) -> tuple[str, ...]:
    """Return the tables that a tree reads, if it does nothing else."""
    known = _changing(database)
    tables: dict[str, None] = {}
    ctes: set[str] = set()
    for node in _nodes(tree):
        if "cte_map" in node:
            ctes |= {str(one["key"]).lower() for one in _listed(node["cte_map"])}
        if "class" not in node and "type" in node:
            _check_part(query, node)
        name = str(node.get("function_name", ""))
        if name.lower() in known or _moment(node):
            raise _refused(query, f"{name or 'the time of the query'} has another value each time")
        if node.get("type") == "BASE_TABLE":
            tables[str(node["table_name"]).lower()] = None
    return tuple(name for name in tables if name not in ctes)


def _check_part(query: str, node: Mapping[str, object]) -> None:
    """Refuse what is no part of a plain SELECT, and tables outside the lake."""
    kind = str(node["type"])
    if kind not in PARTS:
        raise _refused(query, f"it holds a {kind.lower().replace('_', ' ')}")
    if node.get("sample"):
        raise _refused(query, "it draws a sample")
    if node.get("schema_name") or node.get("catalog_name") or node.get("at_clause"):
        raise _refused(query, f"the table {node.get('table_name')!r} is no dataset's")


def _moment(node: Mapping[str, object]) -> bool:
    """Tell whether a column's name stands for the time or the session."""
    names = node.get("column_names")
    return isinstance(names, list) and len(names) == 1 and str(names[0]).lower() in MOMENTS


def _wanted(tree: object, dataset: Dataset) -> list[str]:
    """Return the columns of a dataset that a tree may read; one at least, to count rows by."""
    named: set[str] = set()
    known = {*dataset.names, *SYSTEM}
    every = False
    for node in _nodes(tree):
        every |= node.get("class") in ALL_COLUMNS or node.get("ref_type") == "NATURAL"
        for key in ("column_names", "using_columns"):
            parts = node.get(key)
            names = [str(one).lower() for one in parts] if isinstance(parts, list) else []
            named.update(names)
            # A name that is no column may be that of the table, which stands for a whole row.
            every |= len(names) == 1 and names[0] not in known
    plain = list(dataset.names) if every else [one for one in dataset.names if one in named]
    return [*plain, *(one for one in SYSTEM if one in named)] or [dataset.names[0]]


def _nodes(tree: object) -> Iterator[dict[str, object]]:
    """Walk a tree and yield every node."""
    if isinstance(tree, list):
        for one in tree:
            yield from _nodes(one)
    if isinstance(tree, dict):
        yield tree
        for one in tree.values():
            yield from _nodes(one)


def _listed(ctes: object) -> list[dict[str, object]]:
    """Return the entries of a map of common table expressions."""
    return list(ctes["map"]) if isinstance(ctes, dict) else []


def _changing(database: duckdb.DuckDBPyConnection) -> set[str]:
    """Name the functions whose answer depends on more than what they are given."""
    query = (
        "SELECT function_name FROM duckdb_functions()"
        " WHERE stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY') AND function_name <> 'error'"
    )
    return {str(name).lower() for (name,) in database.execute(query).fetchall()}


def _first_line(error: Exception) -> str:
    """Shorten what the engine says."""
    return str(error).partition("\n")[0].rstrip(".")


def _refused(query: str, problem: str) -> Invalid:
    """Say why a query is not taken."""
    return Invalid(f"{query!r} is no query: {problem.rstrip('.')}.", hint=HINT, query=query)
