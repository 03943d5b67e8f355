"""What a step read and wrote as tables of OpenLineage, with columns and where they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.catalog.lineage import Node
from towpath.catalog.openlineage import Origin, Table, TableColumn
from towpath.core.instant import EPOCH
from towpath.core.plugins import scheme
from towpath.core.settings import local_path
from towpath.project.assets import asset
from towpath.project.lineage import edges
from towpath.steps.training_set import training_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.core.record import Record
    from towpath.project.load import Project
    from towpath.steps.touched import Touched
    from towpath.workspace import Workspace

Makers = dict[Node, list[Node]]


def inputs_of(workspace: Workspace, found: Touched) -> tuple[Table, ...]:
    """Describe what a step read."""
    return tuple(_table(workspace, node) for node in found.reads)


def outputs_of(workspace: Workspace, found: Touched) -> tuple[Table, ...]:
    """Describe what a step wrote, each column with the columns of datasets that it is made of."""
    makers = _makers(workspace.project) if found.writes else {}
    tables = []
    for node in found.writes:
        table = _table(workspace, node)
        made = {
            column.name: _origins(workspace, _defined(workspace, node, column.name), makers)
            for column in table.columns
        }
        tables.append(table.replace(made_of={name: of for name, of in made.items() if of}))
    return tuple(tables)


def _table(workspace: Workspace, node: Node) -> Table:
    """Describe one version: what lies in the lake by its place, all else as the project's own."""
    columns = _columns(workspace.project, _defined(workspace, node))
    if node.kind not in {"dataset", "training_set"}:
        name = f"{node.kind}/{node.name}"
        return Table(workspace.settings.name, name, columns=columns, version=node.version)
    lake = _lake(workspace)
    name = training_table(node.name) if node.kind == "training_set" else node.name
    return Table(lake, name, uri=f"{lake}/{name}", columns=columns, version=node.version)


def _lake(workspace: Workspace) -> str:
    """Return the lake's URL, the same from wherever it is looked at, without parameters."""
    url = workspace.settings.lake
    if scheme(url) == "file":
        return local_path(url, workspace.root).resolve().as_uri()
    return url.partition("?")[0].rstrip("/")


def _defined(workspace: Workspace, node: Node, column: str = "") -> Node:
    """Return what definitions call what a run touched: a training set is of a feature set."""
    models = workspace.project.models
    if node.kind == "training_set" and node.name in models:
        return Node("feature_set", models[node.name].features, column)
    # A model is made as a whole, whatever it predicts.
    return Node(node.kind, node.name, "" if node.kind == "model" else column)


def _columns(project: Project, node: Node) -> tuple[TableColumn, ...]:
    """Return the columns that a definition gives an object."""
    groups: dict[str, dict[str, Record]] = {
        "dataset": {**project.datasets},
        "feature_view": {**project.views},
        "feature_set": {**project.feature_sets},
        "model": {**project.models},
    }
    record = groups.get(node.kind, {}).get(node.name)
    if record is None:
        return ()
    found = asset(project, node.kind, record, at=EPOCH).columns
    return tuple(TableColumn(one.name, one.dtype, one.doc) for one in found)


def _makers(project: Project) -> Makers:
    """Return what each feature and model is made of."""
    found: Makers = {}
    records = (*project.views.values(), *project.feature_sets.values(), *project.models.values())
    for record in records:
        for edge in edges(project, record):
            found.setdefault(edge.downstream, []).append(edge.upstream)
    return found


def _origins(workspace: Workspace, node: Node, makers: Makers) -> tuple[Origin, ...]:
    """Name the columns of datasets that something is made of, over all features between."""
    lake = _lake(workspace)
    found = {one for one in _upstream(node, makers) if one.kind == "dataset" and one.column}
    return tuple(Origin(lake, one.name, one.column) for one in sorted(found))


def _upstream(node: Node, makers: Makers) -> Iterator[Node]:
    """Yield all that something is made of."""
    waiting, seen = [node], {node}
    for one in waiting:
        for maker in makers.get(one, ()):
            if maker not in seen:
                seen.add(maker)
                waiting.append(maker)
                yield maker
