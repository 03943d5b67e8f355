"""What is made of what, down to columns: from datasets to features, models and endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.catalog.backend import Row
    from towpath.catalog.database import Database

# An edge at a whole object (no column) goes for each of its columns, and asking for a whole
# object asks for all of them. Steps are not counted when there is no depth to keep: then an edge
# that was walked is not walked again, and in either case a cycle ends.
WALK = """
    WITH RECURSIVE walked (id, kind, name, version, part, steps) AS (
        SELECT e.id, e.{far}_kind, e.{far}_name, e.{far}_version, e.{far}_column, CAST(1 AS BIGINT)
        FROM lineage_edges AS e
        WHERE e.{near}_kind = ? AND e.{near}_name = ? AND e.{near}_version = ?
            AND (e.{near}_column IN ('', ?) OR CAST(? AS TEXT) = '')
        UNION
        SELECT e.id, e.{far}_kind, e.{far}_name, e.{far}_version, e.{far}_column,
            w.steps + CAST(? AS BIGINT)
        FROM walked AS w JOIN lineage_edges AS e
            ON e.{near}_kind = w.kind AND e.{near}_name = w.name AND e.{near}_version = w.version
            AND (e.{near}_column IN ('', w.part) OR w.part = '')
        WHERE w.steps < ?
    )
    SELECT e.* FROM lineage_edges AS e WHERE e.id IN (SELECT id FROM walked) ORDER BY e.id
"""
UPSTREAM = WALK.format(near="down", far="up")
DOWNSTREAM = WALK.format(near="up", far="down")

# What runs read ends at the run, which has no version either.
DEFINED = "SELECT * FROM lineage_edges WHERE down_version = '' AND down_kind <> 'run'"
FORGET = "DELETE FROM lineage_edges WHERE down_kind = ? AND down_name = ? AND down_version = ''"
ADD = (
    "INSERT INTO lineage_edges (up_kind, up_name, up_version, up_column,"
    " down_kind, down_name, down_version, down_column) VALUES {marks} ON CONFLICT DO NOTHING"
)
EDGES_AT_ONCE = 200
VERSIONS = """
    SELECT up_version AS version FROM lineage_edges WHERE up_kind = ? AND up_name = ?
    UNION SELECT down_version FROM lineage_edges WHERE down_kind = ? AND down_name = ?
"""


class Node(Record, frozen=True, order=True):
    """An object, one version of it, or one of its columns.

    Args:
        kind: such as ``dataset``, ``feature_view``, ``model``, ``endpoint`` or ``run``.
        name: its name.
        column: its column or feature; empty for the whole object.
        version: the version that a run read or wrote; empty in what definitions say.

    Example:
        >>> str(Node("dataset", "flights", "dep_delay"))
        'dataset/flights.dep_delay'
        >>> str(Node("model", "delay", version="3"))
        'model/delay@3'
    """

    kind: str
    name: str
    column: str = ""
    version: str = ""

    def __str__(self) -> str:
        """Write it on one line."""
        version = f"@{self.version}" if self.version else ""
        return f"{self.kind}/{self.name}{version}{'.' if self.column else ''}{self.column}"


class Edge(Record, frozen=True, order=True):
    """One step of making.

    Args:
        upstream: what is used.
        downstream: what is made of it.
    """

    upstream: Node
    downstream: Node


class Graph(Record, frozen=True):
    """Nodes and the edges between them, each once and in order.

    Args:
        nodes: the one that was asked for, if it has edges, and all that were reached.
        edges: the ways to them.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def record_edges(
    db: Database, edges: Sequence[Edge], *, replaced: Sequence[tuple[str, str]] = ()
) -> None:
    """Keep how objects are made, all or nothing; call it where their definitions are registered.

    All that was known of how the downstream objects are made is replaced.

    Args:
        db: the catalog.
        edges: what definitions say; their nodes have no version.
        replaced: kind and name of more objects to forget: removed ones, and those that are made
            of nothing any more.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.catalog.database import Database
        >>> delay = Node("dataset", "flights", "delay")
        >>> late = Node("feature_view", "carrier", "late")
        >>> with (
        ...     tempfile.TemporaryDirectory() as folder,
        ...     Database.open("sqlite:catalog.db", Path(folder)) as db,
        ... ):
        ...     record_edges(db, [Edge(delay, late), Edge(late, Node("model", "delay"))])
        ...     [str(node) for node in downstream(db, Node("dataset", "flights")).nodes]
        ['dataset/flights.delay', 'feature_view/carrier.late', 'model/delay']
    """
    wanted: dict[tuple[str, str], set[Edge]] = {one: set() for one in replaced}
    for edge in edges:
        wanted.setdefault((edge.downstream.kind, edge.downstream.name), set()).add(edge)
    with db.transaction() as connection:
        known = _defined(db)
        changed = [one for one in wanted if wanted[one] != known.get(one, set())]
        for one in sorted(changed):
            connection.execute(FORGET, one)
        _add(db, sorted(edge for one in changed for edge in wanted[one]))


def record_run(
    db: Database, run: str, *, reads: Sequence[Node] = (), writes: Sequence[Node] = ()
) -> None:
    """Keep which versions a run read and wrote; what is known already stays.

    Args:
        db: the catalog.
        run: the run's id.
        reads: nodes with a version, such as ``Node("dataset", "flights", version="12")``.
        writes: nodes with a version.
    """
    node = Node("run", run)
    edges = [Edge(one, node) for one in reads] + [Edge(node, one) for one in writes]
    with db.transaction():
        _add(db, edges)


def upstream(db: Database, node: Node, *, depth: int | None = None) -> Graph:
    """Return what a node is made of, over at most so many edges."""
    return _walk(db, UPSTREAM, node, depth)


def downstream(db: Database, node: Node, *, depth: int | None = None) -> Graph:
    """Return what is made of a node, over at most so many edges."""
    return _walk(db, DOWNSTREAM, node, depth)


def has_lineage(db: Database) -> bool:
    """Tell whether definitions were ever registered with what they are made of."""
    return bool(db.query(DEFINED + " LIMIT 1"))


def recorded_versions(db: Database, kind: str, name: str) -> tuple[str, ...]:
    """Return the versions of an object that runs read or wrote, the longest numbers last."""
    rows = db.query(VERSIONS, (kind, name, kind, name))
    return tuple(sorted((row["version"] for row in rows), key=lambda one: (len(one), one)))


def _defined(db: Database) -> dict[tuple[str, str], set[Edge]]:
    """Return the edges that definitions say, by the object that is made."""
    found: dict[tuple[str, str], set[Edge]] = {}
    for row in db.query(DEFINED):
        edge = Edge(_node(row, "up"), _node(row, "down"))
        found.setdefault((edge.downstream.kind, edge.downstream.name), set()).add(edge)
    return found


def _add(db: Database, edges: Sequence[Edge]) -> None:
    """Add the edges that are not known, inside a transaction, many with one statement."""
    with db.transaction() as connection:
        for start in range(0, len(edges), EDGES_AT_ONCE):
            some = edges[start : start + EDGES_AT_ONCE]
            marks = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * len(some))
            ends = [one for edge in some for one in (edge.upstream, edge.downstream)]
            values = [
                text for one in ends for text in (one.kind, one.name, one.version, one.column)
            ]
            connection.execute(ADD.format(marks=marks), values)


def _walk(db: Database, sql: str, node: Node, depth: int | None) -> Graph:
    """Follow edges from a node."""
    step, limit = (0, 2) if depth is None else (1, depth)
    start = (node.kind, node.name, node.version, node.column, node.column)
    rows = db.query(sql, [*start, step, limit]) if limit > 0 else []
    edges = sorted(Edge(_node(row, "up"), _node(row, "down")) for row in rows)
    nodes = sorted({node for edge in edges for node in (edge.upstream, edge.downstream)})
    return Graph(tuple(nodes), tuple(edges))


def _node(row: Row, end: str) -> Node:
    """Read one end of an edge."""
    return Node(
        kind=row[f"{end}_kind"],
        name=row[f"{end}_name"],
        column=row[f"{end}_column"],
        version=row[f"{end}_version"],
    )
