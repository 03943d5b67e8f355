"""``towpath monitor``: what endpoints did, and whether it was good."""

from __future__ import annotations

import click

from towpath.cli.output import console, json_option, open_workspace, print_json, print_table
from towpath.cli.step import run_step


@click.group()
def monitor() -> None:
    """Monitors: list, replay the past, watch performance and drift."""


@monitor.command("list")
@json_option
def list_monitors(*, as_json: bool) -> None:
    """List the monitors.

    \b
    Examples:
      towpath monitor list
      towpath monitor list --json
    """
    with open_workspace() as workspace:
        monitors = tuple(workspace.project.monitors.values())
    if as_json:
        print_json(monitors)
        return
    rows = [(one.name, one.endpoint, one.every, ", ".join(one.to), one.owner) for one in monitors]
    print_table("Monitors", ("name", "endpoint", "every", "tells", "owner"), rows)


@monitor.command()
@json_option
@click.argument("endpoint")
@click.option("--from", "start", required=True, help="First prediction time.")
@click.option("--until", required=True, help="End of the prediction times.")
def replay(*, as_json: bool, endpoint: str, start: str, until: str) -> None:
    """Predict every row of a past interval, each as of its own prediction time.

    \b
    Examples:
      towpath monitor replay delay --from 2013-10-01 --until 2014-01-01
      towpath monitor replay delay --from 2013-10-01 --until 2013-10-08 --json
    """
    run_step("endpoint.replay", as_json=as_json, endpoint=endpoint, start=start, until=until)


@monitor.command()
@json_option
@click.argument("name")
@click.option("--from", "start", required=True, help="Start of the first window.")
@click.option("--until", required=True, help="End of the last window.")
def watch(*, as_json: bool, name: str, start: str, until: str) -> None:
    """Score a monitor's windows as labels became known, and look for drift.

    \b
    Examples:
      towpath monitor watch delay --from 2013-10-01 --until 2014-01-01
      towpath monitor watch delay --from 2013-10-01 --until 2014-01-01 --json
    """
    result = run_step("monitor.watch", as_json=as_json, monitor=name, start=start, until=until)
    if not as_json:
        console().print(f"[green]next:[/] open {result['report']}", soft_wrap=True)
