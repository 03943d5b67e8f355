"""``towpath lineage``: what something is made of, and what is made of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from towpath.cli.output import console, json_option, open_workspace, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.tree import Tree

    from towpath.catalog.lineage import Edge, Graph, Node

WIDTH = 500


@click.command()
@json_option
@click.argument("name")
@click.option("--up", is_flag=True, help="Only what it is made of.")
@click.option("--down", is_flag=True, help="Only what is made of it.")
@click.option("--depth", type=click.IntRange(min=1), help="At most so many steps away.")
@click.option("--columns", is_flag=True, help="Show columns and features, not whole objects.")
def lineage(*, as_json: bool, name: str, up: bool, down: bool, **shown: int | bool | None) -> None:
    """Show what NAME is made of and what is made of it: datasets, features, models, endpoints.

    NAME is an object (flights, model/delay), one of its columns (flights.dep_delay), or a version
    that a run made (model/delay@3), which shows the versions of the data that it was made from.

    \b
    Examples:
      towpath lineage flights.dep_delay --down
      towpath lineage model/delay --up --columns
      towpath lineage model/delay@3 --up
      towpath lineage planes --json
    """
    from towpath.catalog.lineage import downstream, upstream
    from towpath.steps.catalog import node_of

    both = up == down
    with open_workspace() as workspace:
        node = node_of(workspace, name)
        depth = shown["depth"]
        graphs = {
            "upstream": upstream(workspace.catalog, node, depth=depth) if up or both else None,
            "downstream": downstream(workspace.catalog, node, depth=depth)
            if down or both
            else None,
        }
    if as_json:
        print_json({"node": node, **{one: graph for one, graph in graphs.items() if graph}})
        return
    for title, graph in graphs.items():
        if graph is not None:
            columns = bool(shown["columns"]) or bool(node.column)
            _print(node, graph, up=title == "upstream", columns=columns)


def _print(node: Node, graph: Graph, *, up: bool, columns: bool) -> None:
    """Draw one direction as a tree."""
    from rich.tree import Tree

    what = _counts(node, graph)
    verb = "is made of" if up else "goes into"
    tree = Tree(f"[bold]{node}[/] {verb} {what or 'nothing that is registered'}")
    ways = Ways(graph.edges, up=up, columns=columns)
    ways.grow(tree, node if columns else node.replace(column=""))
    # A name that is cut off cannot be copied.
    console().print(tree, width=WIDTH, crop=False, no_wrap=True)


def _counts(node: Node, graph: Graph) -> str:
    """Count what was reached, by kind."""
    reached = {(one.kind, one.name, one.version) for one in graph.nodes}
    counts = Counter(kind for kind, *_ in reached - {(node.kind, node.name, node.version)})
    told = sorted(counts.items())
    return ", ".join(f"{many} {kind.replace('_', ' ')}{'s' * (many > 1)}" for kind, many in told)


class Ways:
    """The steps of a graph in one direction, drawn each once.

    Args:
        edges: the graph's.
        up: whether to go from what is made to what it is made of.
        columns: whether columns are told apart.
    """

    def __init__(self, edges: Sequence[Edge], *, up: bool, columns: bool) -> None:
        """Order the edges by the object where they start."""
        self._steps: dict[tuple[str, str, str], dict[tuple[str, Node], None]] = {}
        self._drawn: set[Node] = set()
        for edge in edges:
            near, far = (edge.downstream, edge.upstream) if up else (edge.upstream, edge.downstream)
            if not columns:
                near, far = near.replace(column=""), far.replace(column="")
            if near != far:
                start = (near.kind, near.name, near.version)
                self._steps.setdefault(start, {})[near.column, far] = None

    def grow(self, tree: Tree, node: Node) -> None:
        """Add what comes next; what has more behind it and was drawn before is only named."""
        self._drawn.add(node)
        for following in self._after(node):
            if following in self._drawn and self._after(following):
                tree.add(f"{following} [dim](as above)[/]")
            else:
                self.grow(tree.add(str(following)), following)

    def _after(self, node: Node) -> list[Node]:
        """Return the next nodes; an edge at a whole object goes for each of its columns."""
        steps = self._steps.get((node.kind, node.name, node.version), {})
        wanted = {"", node.column}
        return sorted({far for column, far in steps if column in wanted or not node.column})
