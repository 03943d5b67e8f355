"""Changes of a contract that break what reads the dataset, and what they would break."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from towpath.catalog.lineage import Edge, Node, downstream, has_lineage
from towpath.core.errors import Conflict
from towpath.core.event import Event, Value
from towpath.core.record import Record, from_json
from towpath.project.check import dependents
from towpath.project.lineage import edges
from towpath.project.load import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from towpath.catalog.database import Database
    from towpath.catalog.definitions import Definition
    from towpath.lake.dataset import Dataset
    from towpath.project.load import Project

Kind = Literal["removed", "dtype", "required", "key", "event_time"]
Graph = dict[tuple[str, str], list[Edge]]
HINT = (
    "Add a new column beside the old one, or remove what depends on it first, or let it break: "
    "towpath apply --allow-breaking"
)
READERS = ("feature_view", "feature_set", "model", "endpoint")


class Breaking(Record, frozen=True):
    """One change of a contract that something reads.

    Args:
        dataset: the dataset's name.
        change: ``removed``, ``dtype`` or ``required`` of a column; ``key`` or ``event_time`` of
            the whole dataset.
        message: what changes, in words.
        affects: the features, models and endpoints that read it, such as ``model/delay``.
        column: the column's name; empty for the whole dataset.
        where: file and line of the dataset.
    """

    dataset: str
    change: Kind
    message: str
    affects: tuple[str, ...]
    column: str = ""
    where: str = ""


class KnownColumn(Record, frozen=True, forbid_unknown_fields=False):
    """What counts of a column that was registered, by this release or an earlier one."""

    name: str
    dtype: str
    nullable: bool = False


class Known(Record, frozen=True, forbid_unknown_fields=False):
    """What counts of a contract that was registered, by this release or an earlier one."""

    columns: tuple[KnownColumn, ...]
    key: tuple[str, ...] = ()
    event_time: str = ""


def breaking_changes(
    project: Project, db: Database, registered: Sequence[Definition]
) -> tuple[Breaking, ...]:
    """Find the changes of registered contracts that break what reads them.

    Args:
        project: the definitions as they are written, each fitting the others.
        db: the catalog.
        registered: the definitions that are registered.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.catalog.database import Database
        >>> from towpath.catalog.definitions import Definition
        >>> from towpath.core.instant import EPOCH
        >>> from towpath.project.load import Project
        >>> body = '{"name": "trips", "columns": [{"name": "fare", "dtype": "int64"}]}'
        >>> trips = Definition("dataset", "trips", "v1", body, EPOCH, "ada")
        >>> with (
        ...     tempfile.TemporaryDirectory() as folder,
        ...     Database.open("sqlite:catalog.db", Path(folder)) as db,
        ... ):
        ...     breaking_changes(Project(Path(folder)), db, [trips])
        ()
    """
    told = [
        (one.name, *difference)
        for one in registered
        if one.kind == "dataset" and one.name in project.datasets
        for difference in differences(from_json(one.body, Known), project.datasets[one.name])
    ]
    graph = written_graph(project) if told else {}
    found = [
        Breaking(
            name,
            change,
            message,
            readers(project, db, Node("dataset", name, column), graph=graph),
            column=column,
            where=project.where("dataset", name),
        )
        for name, change, column, message in told
    ]
    return tuple(one for one in found if one.affects)


def differences(before: Known, after: Dataset) -> Iterator[tuple[Kind, str, str]]:
    """Yield what a reader of the old contract cannot rely on any more: kind, column, in words.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> before = Known((KnownColumn("fare", "int64", nullable=True),))
        >>> after = Dataset("trips", (Column("fare", "float64"),))
        >>> [(kind, column) for kind, column, _ in differences(before, after)]
        [('dtype', 'fare'), ('required', 'fare')]
    """
    now = {column.name: column for column in after.columns}
    for column in before.columns:
        subject = f"The column {after.name}.{column.name}"
        if column.name not in now:
            yield "removed", column.name, f"{subject} is removed"
            continue
        new = now[column.name]
        if new.dtype != column.dtype:
            words = f"{subject} changes from {column.dtype} to {new.dtype}"
            yield "dtype", column.name, words
        if column.nullable and not new.nullable:
            yield "required", column.name, f"{subject} may not be missing any more"
    if before.key != after.key:
        words = (
            f"The key of {after.name} changes from {_listed(before.key)} to {_listed(after.key)}"
        )
        yield "key", "", words
    if before.event_time != after.event_time:
        old, new_time = before.event_time or "none", after.event_time or "none"
        yield "event_time", "", f"The event_time of {after.name} changes from {old} to {new_time}"


def refusal(found: Sequence[Breaking]) -> Conflict:
    """Return the error that lists what would break, and what to do about it."""
    lines = [f"{one.message}, which breaks {', '.join(one.affects)}." for one in found]
    return Conflict("\n".join(lines), where=found[0].where, hint=HINT, breaking=found)


def allowed(breaking: Breaking, *, actor: str, at: datetime) -> Event:
    """Return the event that says who let a breaking change through."""
    data: dict[str, Value] = {
        "change": breaking.change,
        "column": breaking.column,
        "message": breaking.message,
        "affects": list(breaking.affects),
    }
    return Event(at, actor, "dataset.breaking_allowed", f"dataset/{breaking.dataset}", data)


def readers(
    project: Project, db: Database, node: Node, *, graph: Graph | None = None
) -> tuple[str, ...]:
    """Name the features, models and endpoints that read a column, or any column of a dataset.

    Both the project as it is written and what is registered are asked; what the project does
    not define any more is left out. Where an earlier release registered the project, without
    lineage, all that depends on the dataset is named.

    Args:
        project: the definitions as they are written.
        db: the catalog.
        node: a dataset or one of its columns.
        graph: the edges that the project writes, where they are known already.
    """
    nodes = {*_walked(written_graph(project) if graph is None else graph, node)}
    nodes |= {*downstream(db, node).nodes}
    names = {f"{one.kind}/{one.name}" for one in nodes}
    if not has_lineage(db):
        names |= {*dependents(project, node.kind, node.name)}
    defined = [f"{kind}/{name_of(one)}" for kind, one in project.definitions() if kind in READERS]
    return tuple(name for name in defined if name in names)


def written_graph(project: Project) -> Graph:
    """Return the edges that a project's definitions say, by the object where they start."""
    graph: Graph = {}
    for _, record in project.definitions():
        for edge in edges(project, record):
            graph.setdefault((edge.upstream.kind, edge.upstream.name), []).append(edge)
    return graph


def _walked(graph: Graph, node: Node) -> Iterator[Node]:
    """Yield what is reached from a node; an edge at a whole object goes for each column."""
    waiting, seen = [node], {node}
    for here in waiting:
        for edge in graph.get((here.kind, here.name), ()):
            start, end = edge.upstream.column, edge.downstream
            if (not start or not here.column or start == here.column) and end not in seen:
                seen.add(end)
                waiting.append(end)
                yield end


def _listed(names: tuple[str, ...]) -> str:
    """Write the columns of a key."""
    return ", ".join(names) or "none"
