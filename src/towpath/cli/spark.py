"""``towpath spark``: a cluster of Spark on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from towpath.cli.exit import FINDINGS
from towpath.cli.output import console, json_option, open_workspace, print_json

if TYPE_CHECKING:
    from towpath.spark.cluster import ClusterStatus

FOLDER = "spark"


@click.group()
def spark() -> None:
    """A cluster of Spark on this machine: a master and workers."""


@spark.command()
@json_option
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--cores", default=1, show_default=True, type=click.IntRange(1), help="Of each.")
@click.option("--memory", default="2g", show_default=True, help="Of each worker.")
def up(*, workers: int, cores: int, memory: str, as_json: bool) -> None:
    """Start a master and workers that listen on this machine alone, and print their URL.

    A cluster that runs already is left as it is; one that lost a process is started anew.

    \b
    Examples:
      towpath spark up --workers 2
      TOWPATH_ENGINE=$(towpath spark up --json | jq -r .cluster.url) towpath run train
    """
    import os

    from towpath.spark.cluster import start_cluster

    size = {"workers": workers, "cores": cores}
    _show(start_cluster(_folder(), os.environ, **size, memory=memory), as_json=as_json)


@spark.command()
@json_option
def status(*, as_json: bool) -> None:
    """Show whether the cluster runs, with all of its workers.

    \b
    Examples:
      towpath spark status
      towpath spark status --json
    """
    from towpath.spark.cluster import cluster_status

    found = cluster_status(_folder())
    if found is not None:
        _show(found, as_json=as_json)
    elif as_json:
        print_json(None)
    else:
        console().print("No cluster runs. Start one: towpath spark up")
    if found is None or found.state != "running":
        raise click.exceptions.Exit(FINDINGS)


@spark.command()
def down() -> None:
    """Stop the cluster's processes, and no others.

    \b
    Examples:
      towpath spark down
    """
    from towpath.spark.cluster import stop_cluster

    count = stop_cluster(_folder())
    console().print(f"stopped {count} processes" if count else "No cluster runs.")


def _folder() -> Path:
    """Return the folder of the project's cluster."""
    return Path(open_workspace().state) / FOLDER


def _show(found: ClusterStatus, *, as_json: bool) -> None:
    """Print where the cluster is and what is left of it."""
    if as_json:
        print_json(found)
        return
    colour = "green" if found.state == "running" else "red"
    whole = len(found.cluster.daemons) - 1
    out = console()
    out.print(f"[{colour}]{found.state}[/]  [bold]{found.cluster.url}[/]", soft_wrap=True)
    out.print(f"workers {found.workers} of {whole}, cores {found.cores}", soft_wrap=True)
    for name in found.applications:
        out.print(f"running: {name}", soft_wrap=True)
    if found.state != "running":
        out.print("[green]fix:[/] towpath spark up", soft_wrap=True)
    else:
        out.print(f'[dim]use it: engine = "{found.cluster.url}" in towpath.toml[/]', soft_wrap=True)
