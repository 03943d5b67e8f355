"""``towpath data history``: how the versions of a dataset came to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from towpath.cli.data.overview import MINUTE
from towpath.cli.data.text import COUNT, short, size
from towpath.cli.output import console, json_option, open_workspace, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.lake.history import Change

SHOWN_SOURCE = 48


@click.command()
@json_option
@click.argument("name")
@click.option(
    "--limit", type=COUNT, default=20, show_default=True, help="At most so many versions."
)
def history(*, as_json: bool, name: str, limit: int) -> None:
    """List the versions of a dataset, the newest first: when, what, who and where from.

    \b
    Examples:
      towpath data history flights
      towpath data history flights --limit 100 --json
    """
    from towpath.lake.history import history as tell
    from towpath.steps.table import file_sizes

    with open_workspace() as workspace:
        versions = workspace.lake[name].versions()
        changes = tell(workspace.catalog, versions, file_sizes(workspace, name))
    if as_json:
        print_json(changes[:limit])
        return
    if not changes:
        console().print(f"{name} has no data yet. [green]next:[/] towpath data ingest {name}")
        return
    for one in changes[:limit]:
        _print(one, workspace.root)
    if len(changes) > limit:
        console().print(f"[dim]and {len(changes) - limit:,} older: --limit {len(changes)}[/]")


def _print(change: Change, root: Path) -> None:
    """Print a version on a line, and below it how it came to be."""
    out = console()
    more = f" ({change.added:+,})" if change.added else ""
    told = "[red]vacuumed[/]" if change.vacuumed else size(change.size)
    head = f"[bold]version {change.version}[/]  {change.at:{MINUTE}}"
    out.print(f"{head}  {change.rows:,} rows{more}  {told}")
    source = change.source.removeprefix(f"{root}/")
    parts = [
        f"{label}{value}"
        for label, value in (
            ("", change.how),
            ("by ", change.actor),
            ("from ", short(source, SHOWN_SOURCE)),
        )
        if value
    ]
    if change.rejected:
        parts.append(f"({change.rejected:,} rejected)")
    if parts:
        out.print(f"  {' '.join(parts)}", markup=False, soft_wrap=True)
